//! The completions of netns-setup are generated from the table that clap reads, and bash
//! completes with them. `UPDATE_GOLDEN=1` writes them.

#![allow(clippy::panic, clippy::unwrap_used)]

mod tree;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use clap::{Arg, Command as Clap};
use netns_services::setup::args::command;

/// The verbs, except `help` and those for programs.
fn verbs() -> Vec<Clap> {
    let all = command();
    let typed = all.get_subcommands().filter(|verb| !verb.is_hide_set());
    typed.cloned().collect()
}

/// The options that a verb shows.
fn options(verb: &Clap) -> Vec<Arg> {
    let options = verb.get_arguments().filter(|arg| arg.get_long().is_some());
    options.filter(|arg| !arg.is_hide_set()).cloned().collect()
}

fn takes_names(verb: &Clap) -> bool {
    let mut positional = verb.get_positionals();
    positional.any(|arg| !arg.is_hide_set())
}

fn long(option: &Arg) -> String {
    format!("--{}", option.get_long().unwrap())
}

fn takes_value(option: &Arg) -> bool {
    option.get_action().takes_values()
}

fn about(verb: &Clap) -> String {
    verb.get_about().unwrap().to_string()
}

fn help(option: &Arg) -> String {
    option.get_help().unwrap().to_string()
}

const MADE: &str =
    "Made from netns-setup's own options: UPDATE_GOLDEN=1 cargo test --test completions";
const LICENCE: &str = "# SPDX-License-Identifier: MIT OR Apache-2.0";

fn bash() -> String {
    let names: Vec<_> = verbs()
        .iter()
        .map(|verb| verb.get_name().to_string())
        .collect();
    let mut text = format!(
        "# bash's completion of netns-setup. {MADE}\n{LICENCE}\n\n\
         _netns_setup()\n{{\n\
         \tlocal word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}\n\
         \tlocal place file verb='' options='' names='' named=''\n\
         \tCOMPREPLY=()\n\
         \tfor ((place = 1; place < COMP_CWORD; place++)); do\n\
         \t\tcase ${{COMP_WORDS[place]}} in\n\
         \t\t--conf-dir | --within | --with) ((place++)) ;;\n\
         \t\t-*) ;;\n\
         \t\t*) verb=${{verb:-${{COMP_WORDS[place]}}}} ;;\n\
         \t\tesac\n\
         \tdone\n\
         \tcase $verb in\n\
         \t'') options='--help --version' names='{}' ;;\n",
        names.join(" ")
    );
    for verb in verbs() {
        let options: Vec<_> = options(&verb).iter().map(long).collect();
        let names = match takes_names(&verb) {
            true => " named=yes",
            false => "",
        };
        let options = [&options[..], &["--help".into()]].concat().join(" ");
        let _ = writeln!(text, "\t{}) options='{options}'{names} ;;", verb.get_name());
    }
    text + "\tesac\n\
        \tfor file in ${named:+/etc/conf.d/netns.*}; do\n\
        \t\t[ ! -e \"$file\" ] || names+=\" ${file#/etc/conf.d/netns.}\"\n\
        \tdone\n\
        \tcase $before in\n\
        \t--conf-dir) mapfile -t COMPREPLY < <(compgen -d -- \"$word\") ;;\n\
        \t--with) mapfile -t COMPREPLY < <(cd /etc/init.d && compgen -f -- \"$word\") ;;\n\
        \t--within) ;;\n\
        \t*)\n\
        \t\t[[ $word != -* ]] || names=$options\n\
        \t\tmapfile -t COMPREPLY < <(compgen -W \"$names\" -- \"$word\")\n\
        \t\t;;\n\
        \tesac\n\
        }\n\
        complete -F _netns_setup netns-setup\n"
}

/// A text in single quotes, for zsh and fish.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn zsh() -> String {
    let escaped = |text: String| {
        text.replace('[', "\\[")
            .replace(']', "\\]")
            .replace(':', "\\:")
    };
    let mut text = format!(
        "#compdef netns-setup\n# zsh's completion of netns-setup. {MADE}\n{LICENCE}\n\n\
         _netns_setup_names() {{\n\
         \tlocal -a names=(/etc/conf.d/netns.*(N:t))\n\
         \tnames=(${{names#netns.}})\n\
         \t_describe -t namespaces namespace names\n}}\n\n\
         _netns_setup_services() {{\n\
         \tlocal -a services=(/etc/init.d/*(N:t) /etc/sv/*(N:t))\n\
         \t_describe -t services service services\n}}\n\n\
         local state\nlocal -a verbs=(\n"
    );
    for verb in verbs() {
        let _ = writeln!(
            text,
            "\t{}",
            quoted(&format!("{}:{}", verb.get_name(), escaped(about(&verb))))
        );
    }
    text += ")\n_arguments -C \\\n\
             \t'(- *)'{-h,--help}'[print a summary]' \\\n\
             \t'(- *)'{-V,--version}'[print the version]' \\\n\
             \t'1:verb:->verb' \\\n\t'*::: :->rest'\n\n\
             case $state in\n\
             verb) _describe -t verbs verb verbs ;;\n\
             rest)\n\tcase $words[1] in\n";
    for verb in verbs() {
        let _ = write!(text, "\t{})\n\t\t_arguments", verb.get_name());
        for option in options(&verb) {
            let value = match (takes_value(&option), option.get_id().as_str()) {
                (false, _) => "",
                (true, "conf_dir") => ":directory:_files -/",
                (true, "with") => ":service:_netns_setup_services",
                (true, _) => ":seconds:",
            };
            let equals = if takes_value(&option) { "=" } else { "" };
            let line = format!(
                "{}{equals}[{}]{value}",
                long(&option),
                escaped(help(&option))
            );
            let _ = write!(text, " \\\n\t\t\t{}", quoted(&line));
        }
        if takes_names(&verb) {
            text += " \\\n\t\t\t'*:namespace:_netns_setup_names'";
        }
        text += "\n\t\t;;\n";
    }
    text + "\tesac\n\t;;\nesac\n"
}

fn fish() -> String {
    let mut text = format!(
        "# fish's completion of netns-setup. {MADE}\n{LICENCE}\n\n\
         function __netns_setup_names\n\
         \tfor file in /etc/conf.d/netns.*\n\
         \t\tstring replace -r '^.*/netns\\.' '' $file\n\
         \tend\nend\n\n\
         complete -c netns-setup -f\n\
         complete -c netns-setup -n __fish_use_subcommand -s h -l help -d 'Print a summary'\n\
         complete -c netns-setup -n __fish_use_subcommand -s V -l version -d 'Print the version'\n"
    );
    for verb in verbs() {
        let name = verb.get_name();
        let _ = writeln!(
            text,
            "complete -c netns-setup -n __fish_use_subcommand -a {name} -d {}",
            quoted(&about(&verb))
        );
        let seen = format!("complete -c netns-setup -n '__fish_seen_subcommand_from {name}'");
        for option in options(&verb) {
            let value = match (takes_value(&option), option.get_id().as_str()) {
                (false, _) => "",
                (true, "conf_dir") => " -x -a '(__fish_complete_directories)'",
                (true, "with") => " -x -a '(ls /etc/init.d /etc/sv 2>/dev/null)'",
                (true, _) => " -x",
            };
            let _ = writeln!(
                text,
                "{seen} -l {}{value} -d {}",
                option.get_long().unwrap(),
                quoted(&help(&option))
            );
        }
        if takes_names(&verb) {
            let _ = writeln!(text, "{seen} -a '(__netns_setup_names)'");
        }
    }
    text
}

#[test]
fn they_are_made_from_the_options() {
    let made = [
        ("netns-setup.bash", bash()),
        ("_netns-setup", zsh()),
        ("netns-setup.fish", fish()),
    ];
    for (file, text) in made {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("completions")
            .join(file);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let there = fs::read_to_string(&path).unwrap();
        assert!(
            there == text,
            "{file} is not what UPDATE_GOLDEN=1 would write"
        );
    }
}

/// What bash offers for the last word.
fn completed(words: &[&str]) -> Vec<String> {
    let script = format!(
        "source completions/netns-setup.bash; COMP_WORDS=(netns-setup {}); COMP_CWORD={}; \
         _netns_setup; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        words.len()
    );
    let mut bash = Command::new("bash");
    let out = bash
        .args(["-c", &script])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines()
        .filter(|line| !line.is_empty())
        .map(String::from)
        .collect()
}

#[test]
fn bash_completes_verbs_and_the_options_that_each_takes() {
    if !tree::is_asked("bash") {
        return;
    }
    assert_eq!(completed(&["re"]), ["reload"]);
    assert_eq!(completed(&["-v", "dow"]), ["down"]);
    assert_eq!(completed(&["down", "--f"]), ["--force"]);
    assert_eq!(
        completed(&["--conf-dir", "/etc", "down", "mgmt", "--k"]),
        ["--kill"]
    );
    assert_eq!(completed(&["up", "--f"]), [""; 0]);
    assert_eq!(completed(&["plan", "--s"]), ["--script"]);
    assert_eq!(completed(&["try", "--within", "1"]), [""; 0]);
}
