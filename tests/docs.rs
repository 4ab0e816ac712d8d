//! The documentation matches the project: the pages, the settings files and README are
//! compared with the table of settings, the programs' --help and the Makefile.
//! tests/examples.rs has the examples; tests/scripts.rs runs mandoc on the pages.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use netns_services::definitions::links;
use netns_services::definitions::option::ValueKind;
use netns_services::definitions::settings::{Scope, all};
use tree::text;

const SETUP: &str = env!("CARGO_BIN_EXE_netns-setup");
const EXEC: &str = env!("CARGO_BIN_EXE_netns-exec");

/// The parts of a page that follow `.Sh NAME`, up to the next section.
fn section(page: &str, name: &str) -> String {
    let page = text(page);
    let head = format!(".Sh {name}\n");
    let (_, rest) = page
        .split_once(&head)
        .unwrap_or_else(|| panic!("no {head}"));
    rest.split("\n.Sh ").next().unwrap_or("").to_string()
}

/// The items of a list, `.It MACRO HEAD`, each with its text; the items of inner lists belong
/// to the outer item.
fn items(section: &str, macro_: &str) -> Vec<(String, String)> {
    let start = format!(".It {macro_} ");
    let mut items: Vec<(String, String)> = Vec::new();
    for line in section.lines() {
        if let Some(head) = line.strip_prefix(&start) {
            items.push((head.into(), String::new()));
        } else if let Some((_, said)) = items.last_mut() {
            *said += line;
            said.push('\n');
        }
    }
    items
}

/// The default of a setting, as its page says it.
fn default_in_page(said: &str) -> &str {
    let (_, default) = said.split_once("Default:").unwrap_or(("", "not said"));
    let default = default.trim_start();
    if default.starts_with("none") {
        return "";
    }
    let (_, word) = default.split_once(".Li ").unwrap_or(("", default));
    word.split(' ').next().unwrap_or("").trim()
}

#[test]
fn the_page_lists_every_setting_with_its_default_and_no_other() {
    for (of, name) in [
        (Scope::Namespace, "SETTINGS OF THE NAMESPACE"),
        (Scope::Link, "SETTINGS OF A LINK"),
    ] {
        let section = section("man/netns.5", name);
        let page = items(&section, "Va");
        let page: Vec<_> = page
            .iter()
            .map(|(head, said)| (head.clone(), default_in_page(said)))
            .collect();
        let code = all().filter(|var| var.of == of);
        let code: Vec<_> = code.map(|var| (var.pattern(), var.default)).collect();
        assert_eq!(BTreeMap::from_iter(page), BTreeMap::from_iter(code));
    }
}

#[test]
fn the_settings_file_shows_every_setting_with_its_default_and_no_other() {
    let file = text("conf.d/netns");
    let shown = file
        .lines()
        .filter_map(|line| line.strip_prefix('#')?.split_once('='));
    let shown = shown
        .filter(|(name, _)| !name.contains(' '))
        .map(|(name, value)| {
            const EXAMPLES: [&str; 11] = [
                "eth1", "veth0", "br0", "mac0", "vxlan0", "vlan0", "gre0", "bond0", "vrf0", "tap0",
                "wg0",
            ];
            let link = EXAMPLES.iter().find_map(|link| {
                let key = name.strip_suffix(link)?;
                Some((format!("{key}IF"), value.replace(link, "IF")))
            });
            link.unwrap_or((name.into(), value.into()))
        });
    let code = all().map(|var| (var.pattern(), format!("\"{}\"", var.default)));
    assert_eq!(BTreeMap::from_iter(shown), BTreeMap::from_iter(code));
}

/// Each word that a value can be, and the limits of a number that has its own.
#[test]
fn the_page_says_what_the_value_of_each_option_can_be() {
    let section = section("man/netns.5", "SETTINGS OF A LINK");
    let page = BTreeMap::from_iter(items(&section, "Va"));
    let options = links::TYPES.iter().flat_map(|of| of.options);
    let options = options.chain(links::ATTRIBUTES);
    let of_types = options.map(|option| (option, format!("{}_IF", option.key)));
    let of_ports = links::PORT.iter();
    let of_ports = of_ports.map(|option| (option, String::from("port_IF")));
    let mut faults = Vec::new();
    for (option, item) in of_types.chain(of_ports) {
        let said = &page[&item];
        let has = |word: &str| {
            let mut words = said.split([' ', ',', '\n']);
            words.any(|said| said.trim_end_matches('.') == word)
        };
        let mut words = vec![option.word.to_string()];
        words.retain(|_| item == "port_IF");
        match option.form {
            ValueKind::Words(known) => words.extend(known.iter().map(|(word, _)| word.to_string())),
            ValueKind::Switch => words.extend(["on", "off"].map(String::from)),
            ValueKind::Number(first @ 1.., last) => {
                words.extend([first, last].map(|n| n.to_string()));
            }
            _ => {}
        }
        let unsaid = words.into_iter().filter(|word| !has(word));
        faults.extend(unsaid.map(|word| format!("{item} does not say {word}")));
    }
    tree::none(faults);
}

#[test]
fn the_types_of_links_are_told_of() {
    let links = section("man/netns.5", "SETTINGS OF A LINK");
    let (_, types) = items(&links, "Va")
        .into_iter()
        .find(|(name, _)| name == "type_IF")
        .unwrap();
    let page: BTreeSet<String> = items(&types, "Li")
        .into_iter()
        .map(|(word, _)| word)
        .collect();
    assert_eq!(page, links::words().map(String::from).collect());
    let file = text("conf.d/netns");
    let (before, _) = file.split_once("\n#type_").unwrap();
    let said = before.rsplit("\n\n").next().unwrap();
    for word in links::words() {
        assert!(said.contains(&format!("\"{word}\"")), "{word}: {said}");
    }
}

#[test]
fn the_commands_of_the_readme_are_there() {
    let makefile = text("Makefile");
    let targets: BTreeSet<_> = makefile
        .lines()
        .filter_map(|l| l.split_once(':'))
        .map(|(t, _)| t)
        .collect();
    let readme = text("README.md");
    let mut made = Vec::new();
    for line in readme
        .lines()
        .filter_map(|line| line.strip_prefix("    make"))
    {
        let target = line.trim_start().split(' ').next().unwrap_or("");
        let target = if target.is_empty() || target == "#" {
            "all"
        } else {
            target
        };
        assert!(targets.contains(target), "make {target}");
        made.push(target);
    }
    for target in ["all", "demo", "test", "install", "uninstall"] {
        assert!(made.contains(&target), "make {target} is not in the README");
    }
}

/// The options, as `-v` and `--verbose`, and the verbs that a --help lists.
fn helped(program: &str, words: &[&str]) -> BTreeSet<String> {
    let out = Command::new(program)
        .args(words)
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(out.stdout).unwrap();
    let mut found = BTreeSet::new();
    let mut verbs = false;
    for line in help.lines() {
        verbs = (verbs && line.starts_with(' ')) || line == "Commands:";
        let words = line.split([' ', ',', '=']).filter(|word| !word.is_empty());
        let options = line.trim_start().starts_with('-');
        if options && line.starts_with(' ') {
            found.extend(words.take_while(|w| w.starts_with('-')).map(String::from));
        } else if verbs && line.starts_with("  ") && !line.starts_with("   ") {
            found.extend(words.take(1).map(String::from));
        }
    }
    found
}

/// The options, as `-v` and `--verbose`, and the verbs that a page lists.
fn documented(page: &str) -> BTreeSet<String> {
    let page = section(page, "DESCRIPTION");
    let options = items(&page, "Fl").into_iter().flat_map(|(head, _)| {
        let names = head
            .split(" , Fl ")
            .map(|name| name.split(' ').next().unwrap().to_string());
        names.map(|name| format!("-{name}")).collect::<Vec<_>>()
    });
    let verbs = items(&page, "Cm").into_iter().map(|(head, _)| head);
    options.chain(verbs).collect()
}

#[test]
fn the_pages_and_the_help_of_the_programs_name_the_same_options_and_verbs() {
    let mut helped_by_setup = helped(SETUP, &[]);
    helped_by_setup.remove("help");
    let verbs = helped_by_setup
        .clone()
        .into_iter()
        .filter(|word| !word.starts_with('-'));
    for verb in verbs {
        helped_by_setup.extend(helped(SETUP, &[&verb]));
    }
    assert_eq!(documented("man/netns-setup.8"), helped_by_setup);
    assert_eq!(documented("man/netns-exec.8"), helped(EXEC, &[]));
}

#[test]
fn the_pages_have_one_table_of_exit_codes() {
    let codes = |page: &str| {
        let section = section(page, "EXIT STATUS");
        let numbers = section.lines().filter_map(|line| line.strip_prefix(".It "));
        numbers
            .map(|number| number.parse().unwrap())
            .collect::<Vec<u8>>()
    };
    assert_eq!(codes("man/netns-setup.8"), [0, 1, 100, 111]);
    assert_eq!(codes("man/netns-exec.8"), [100, 111, 126, 127]);
}

/// The pages for developers.
fn pages_for_developers() -> Vec<String> {
    let of_docs = |path: &String| path.starts_with("docs/");
    let mut pages: Vec<String> = tree::files().into_iter().filter(of_docs).collect();
    pages.extend(["ARCHITECTURE.md", "CONTRIBUTING.md"].map(String::from));
    pages
}

/// The parts between backquotes, or between double quotes.
fn spans(line: &str, quote: char) -> impl Iterator<Item = &str> {
    line.split(quote).skip(1).step_by(2)
}

fn is_there(path: &str) -> bool {
    std::path::Path::new(tree::ROOT).join(path).exists()
}

/// The paths of the project that a text names, without patterns.
fn paths(text: &str) -> BTreeSet<String> {
    let folders: BTreeSet<String> = tree::files()
        .iter()
        .filter_map(|path| Some(path.split_once('/')?.0.to_string()))
        .collect();
    let in_path = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
    let words = text.split(|c: char| !in_path(c) && c != '*');
    let words = words.map(|word| word.trim_end_matches(['.', '-']));
    let ours = words.filter(|word| {
        let folder = word.split_once('/').map(|(folder, _)| folder);
        folder.is_some_and(|folder| folders.contains(folder))
    });
    let is_pattern = |word: &&str| {
        ["NAME", "VERB", "SERVICE", "*"]
            .iter()
            .any(|p| word.contains(p))
    };
    ours.filter(|word| !is_pattern(word))
        .map(String::from)
        .collect()
}

/// The paths of src that a text names without `src/`, as rows of a table do.
fn below_src(text: &str) -> BTreeSet<String> {
    let words = spans(text, '`').filter_map(|word| Some((word, word.split_once('/')?.0)));
    let ours = words.filter(|(_, folder)| is_there(&format!("src/{folder}")) && !folder.is_empty());
    ours.map(|(word, _)| format!("src/{word}")).collect()
}

#[test]
fn pages_for_developers_name_files_that_are_there() {
    let mut faults = Vec::new();
    for page in pages_for_developers() {
        let said = text(&page);
        let mut named = paths(&said);
        if page == "ARCHITECTURE.md" {
            named.extend(below_src(&said));
        }
        let missing = named.into_iter().filter(|path| !is_there(path));
        faults.extend(missing.map(|path| format!("{page}: there is no {path}")));
        // A link is relative to its page
        let above = page.rsplit_once('/').map_or("", |(above, _)| above);
        for link in said.split("](").skip(1) {
            let link = link.split(')').next().unwrap_or("");
            let is_ours = !link.starts_with("https://");
            if is_ours && !is_there(format!("{above}/{link}").trim_start_matches('/')) {
                faults.push(format!("{page}: there is no {link}"));
            }
        }
    }
    tree::none(faults);
}

/// The sections of a page below a heading of the third level, with what follows it.
fn traps(page: &str) -> impl Iterator<Item = (&str, &str)> {
    page.split("\n### ").skip(1).map(|trap| {
        let (heading, said) = trap.split_once('\n').unwrap_or((trap, ""));
        (heading, said.split("\n## ").next().unwrap_or(""))
    })
}

/// Whether the file has the name: in Rust, it is defined there.
fn has(file: &str, name: &str) -> bool {
    let said = text(file);
    let kinds = ["fn", "const", "static", "struct", "enum"];
    let defined = |kind: &str| {
        let head = format!("{kind} {name}");
        let mut after = said.split(&head).skip(1);
        after.any(|after| after.starts_with(|c: char| !c.is_alphanumeric() && c != '_'))
    };
    match file.ends_with(".rs") {
        true => kinds.into_iter().any(defined),
        false => said.contains(name),
    }
}

/// The faults of a line of files, each with names or texts that must be in it.
fn not_in_their_files(line: &str) -> Vec<String> {
    let (mut faults, mut file) = (Vec::new(), None);
    for name in spans(line, '`') {
        if is_there(name) {
            file = Some(name);
        } else if !file.is_some_and(|file| has(file, name)) {
            faults.push(format!("{name} is not in {}", file.unwrap_or("any file")));
        }
    }
    for said in line.split(';') {
        let file = spans(said, '`')
            .find(|name| is_there(name))
            .unwrap_or("Makefile");
        let missing = spans(said, '"').filter(|said| !text(file).contains(said));
        faults.extend(missing.map(|said| format!("\"{said}\" is not in {file}")));
    }
    faults
}

/// The names in a line of tests are names of tests, and its scenarios are run by one of
/// `tests`.
fn not_run(line: &str, tests: &[(String, String)]) -> Vec<String> {
    let (mut faults, mut file) = (Vec::new(), "");
    for name in spans(line, '`') {
        if let Some((_, scenario)) = name.rsplit_once('/') {
            file = name;
            let is_run = |scenario| tests.iter().any(|(_, text)| text.contains(scenario));
            if scenario
                .strip_suffix(".sh")
                .is_some_and(|name| !is_run(name))
            {
                faults.push(format!("{name} is run by no test"));
            }
        } else if !text(file).contains(&format!("fn {name}(")) {
            faults.push(format!("{name} is no test of {file}"));
        }
    }
    faults
}

/// The faults in the last lines of a trap.
fn wrong_of_trap(said: &str, tests: &[(String, String)]) -> Vec<String> {
    let of = |head: &str| -> Vec<&str> {
        let lines = said.lines();
        lines.filter_map(|line| line.strip_prefix(head)).collect()
    };
    let (code, test) = (of("- Code: "), of("- Test: "));
    let ([code], [test]) = (&code[..], &test[..]) else {
        return vec!["expected a line Code and a line Test".into()];
    };
    let wrong = [
        not_in_their_files(code),
        not_in_their_files(test),
        not_run(test, tests),
    ];
    wrong.concat()
}

#[test]
fn each_trap_has_its_code_and_its_test() {
    let is_rust = |path: &String| path.starts_with("tests/") && path.ends_with(".rs");
    let tests = tree::texts(tree::files().into_iter().filter(is_rust).collect());
    let mut faults = Vec::new();
    for page in pages_for_developers() {
        let said = text(&page);
        for (trap, said) in traps(&said).filter(|_| page.starts_with("docs/")) {
            let wrong = wrong_of_trap(said, &tests).into_iter();
            faults.extend(wrong.map(|wrong| format!("{page}: {trap}: {wrong}")));
        }
    }
    tree::none(faults);
}

#[test]
fn the_picture_of_the_code_has_all_of_it() {
    let page = text("ARCHITECTURE.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    let drawn: BTreeSet<&str> = rows
        .filter_map(|row| row.split(" | ").next())
        .flat_map(|cell| spans(cell, '`'))
        .collect();
    let files = tree::files();
    let top = files.iter().filter_map(|path| path.strip_prefix("src/"));
    let top: BTreeSet<String> = top
        .map(|path| match path.split_once('/') {
            Some((folder, _)) => format!("{folder}/"),
            None => path.to_string(),
        })
        .filter(|path| path != "lib.rs")
        .collect();
    tree::none(
        top.into_iter()
            .filter(|path| !drawn.contains(&path[..]))
            .collect(),
    );
    let lines = page.lines().count();
    assert!(lines <= 120, "{lines} lines, and one page is 120");
}

#[test]
fn the_picture_of_the_state_directory_has_all_of_it() {
    // Words that are in one of the files, and are not the name of a file
    let words = ["bind", "overlay", " dns"];
    let page = text("ARCHITECTURE.md");
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let code = text("src/state_dir.rs");
    let consts = code.lines().filter(|line| line.starts_with("pub const "));
    let names = consts.filter_map(|line| spans(line, '"').next());
    let names = names.filter(|name| !name.starts_with('/') && !words.contains(name));
    let is_drawn = |name: &&str| {
        let mut files = rows.iter().flat_map(|row| spans(row, '`'));
        files.any(|file| {
            file.split('/')
                .any(|part| part.trim_start_matches("NAME.") == *name)
        })
    };
    let missing: Vec<String> = names
        .filter(|name| !is_drawn(name))
        .map(String::from)
        .collect();
    tree::none(missing);
}

#[test]
fn the_commands_that_developers_are_told_are_there() {
    let makefile = text("Makefile");
    let is_target = |target: &str| makefile.contains(&format!("\n{target}:"));
    let page = text("CONTRIBUTING.md");
    let told = page
        .lines()
        .filter_map(|line| line.strip_prefix("    make"));
    let target = |told: &str| told.split('#').next().unwrap_or("").trim().to_string();
    let missing = told
        .map(target)
        .filter(|of| !of.is_empty() && !is_target(of));
    tree::none(missing.map(|target| format!("make {target}")).collect());
}
