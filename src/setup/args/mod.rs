//! The command line of netns-setup: parses the arguments into a verb with its options. Returns the
//! help text or an error instead, if the arguments ask for help or are wrong.

mod usage;
pub mod verb;

use std::ffi::OsString;
use std::mem::ManuallyDrop;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser};

use super::error::Error;
use verb::{Options, SHARED, TAKES, Verb};

/// Make network namespaces what their settings say, and take them down again
#[derive(Debug, Parser)]
#[command(
    name = "netns-setup",
    version,
    max_term_width = 80,
    after_help = "\
Exit codes: 0 done, or already so; 1 status or doctor found a difference; 100 wrong call or\n\
wrong settings: trying again does not help; 111 the kernel refused, or something is missing:\n\
trying again may help. netns-setup VERB --help has the options of a verb."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// A command line that runs no verb.
#[derive(Debug)]
pub enum Other {
    /// A help text or the version was requested.
    Help(String),
    /// There is no verb. The text is the help.
    Nothing(String),
    /// The command line is wrong.
    Wrong(Error),
}

/// Read a command line, the program's name first.
///
/// # Errors
/// [`Other`], if no verb is to be run.
pub fn read(words: Vec<OsString>) -> Result<Verb, Other> {
    match plain(&words) {
        Some(verb) => Ok(verb),
        None => read_by_clap(verb_first(words)),
    }
}

/// The command line as clap knows it: each verb shows the options that it takes.
pub fn command() -> Command {
    Cli::command().mut_subcommands(|verb| {
        let takes = taken_by(verb.get_name());
        let hides = |id: &str| SHARED.contains(&id) && !takes.contains(&id);
        let mut usage = format!("netns-setup {} [OPTIONS]", verb.get_name());
        if takes.contains(&"names") {
            usage.push_str(match verb.get_name() {
                "try" | "keep-trial" => " <NAME>",
                "status" => " [NAME]...",
                _ => " <NAME>...",
            });
        }
        if takes.contains(&"all") {
            usage.push_str(" | --all");
        }
        verb.override_usage(usage).mut_args(|arg| {
            let hidden = hides(arg.get_id().as_str());
            arg.hide(hidden)
        })
    })
}

fn taken_by(verb: &str) -> &'static [&'static str] {
    let mut all = TAKES.iter();
    all.find(|(name, _)| *name == verb)
        .map_or(&[], |(_, takes)| takes)
}

/// Read what init scripts call: a verb, then names. clap gives the same result (a test compares
/// them), but takes a quarter of all instructions of an `up`.
fn plain(words: &[OsString]) -> Option<Verb> {
    let words = words.iter().skip(1).map(|word| word.to_str());
    let words: Vec<&str> = words.collect::<Option<_>>()?;
    let (quiet, words) = match words.split_first()? {
        (&"--quiet", rest) => (true, rest),
        _ => (false, &words[..]),
    };
    let (verb, names) = words.split_first()?;
    if names.is_empty() || names.iter().any(|name| name.starts_with('-')) {
        return None;
    }
    if quiet && !taken_by(verb).contains(&"quiet") {
        return None;
    }
    let names = names.iter().map(ToString::to_string).collect();
    let options = Options {
        quiet,
        ..Options::of(names)
    };
    Some(match *verb {
        "up" => Verb::Up(options),
        "down" => Verb::Down {
            options,
            force: false,
            kill: false,
        },
        "reload" => Verb::Reload(options),
        "check" => Verb::Check(options),
        "may-go" => Verb::MayGo(options),
        "may-come" => Verb::MayCome(options),
        "watch" => Verb::Watch(options),
        _ => return None,
    })
}

/// Move options that stand before the verb behind it.
fn verb_first(mut words: Vec<OsString>) -> Vec<OsString> {
    let mut place = 1;
    while let Some(word) = words.get(place).and_then(|word| word.to_str()) {
        match word {
            "-h" | "--help" | "-V" | "--version" | "--" => return words,
            "--conf-dir" => place += 2,
            word if word.starts_with('-') => place += 1,
            _ => break,
        }
    }
    if (2..words.len()).contains(&place) {
        words[1..=place].rotate_right(1);
    }
    words
}

/// clap's structures are never freed: freeing them would take a considerable part of clap's run
/// time.
fn read_by_clap(words: Vec<OsString>) -> Result<Verb, Other> {
    let mut command = ManuallyDrop::new(command());
    let matches = command.try_get_matches_from_mut(&words);
    let matches = matches.map_err(|error| other(&error, &words))?;
    let mut matches = ManuallyDrop::new(matches);
    if let Some((verb, of)) = matches.subcommand() {
        usage::fits(verb, of).map_err(Other::Wrong)?;
    }
    let cli = Cli::from_arg_matches_mut(&mut matches);
    cli.map(|cli| cli.verb.or_list())
        .map_err(|error| other(&error, &words))
}

fn other(error: &clap::Error, words: &[OsString]) -> Other {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Other::Help(error.to_string()),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Other::Nothing(error.to_string()),
        _ => Other::Wrong(usage::error(error, words)),
    }
}

/// Returns true if the command line has this argument, and false for a default.
fn is_given(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        [&["netns-setup"], words]
            .concat()
            .iter()
            .map(OsString::from)
            .collect()
    }

    /// The verb, or the lines of the error.
    fn of(line: &str) -> Result<Verb, Vec<String>> {
        let line: Vec<&str> = line.split_whitespace().collect();
        read(words(&line)).map_err(|other| match other {
            Other::Wrong(error) => error.lines,
            Other::Help(text) | Other::Nothing(text) => vec![text],
        })
    }

    #[test]
    fn what_is_read_without_clap_is_what_clap_reads() {
        let verbs = "up down reload plan check list status doctor try confirm keep-trial may-go \
                     may-come watch help UP u";
        let others = [
            "blue",
            "",
            "-v",
            "--all",
            "--",
            "-",
            "--within=5",
            "help",
            "up",
        ];
        let mut read = 0;
        for verb in verbs.split_ascii_whitespace() {
            for first in others {
                for second in [&[][..], &["red"], &["-v"], &["--force"], &["red", "-"]] {
                    for quiet in [&[][..], &["--quiet"]] {
                        let words = words(&[quiet, &[verb, first], second].concat());
                        let Some(plain) = plain(&words) else { continue };
                        let by_clap = read_by_clap(verb_first(words.clone()));
                        assert_eq!(Some(plain), by_clap.ok(), "{words:?}");
                        read += 1;
                    }
                }
            }
        }
        assert!(read >= 2 * 6 * 4, "{read}");
        assert_eq!(plain(&words(&["up"])), None);
    }

    #[test]
    fn options_stand_before_the_verb_and_behind_it() {
        let same = [
            ("-v --conf-dir /tmp up mgmt", "up mgmt -v --conf-dir=/tmp"),
            ("--quiet down --force mgmt", "down mgmt --quiet --force"),
            ("--all -q reload", "reload -q --all"),
        ];
        for (before, behind) in same {
            assert_eq!(of(before), of(behind), "{before}");
            assert!(of(before).is_ok(), "{before}: {:?}", of(before));
        }
    }

    /// Every verb accepts the options in the table, and rejects the others with two lines.
    #[test]
    fn a_verb_takes_its_own_options_alone() {
        let words = [
            ("all", "--all"),
            ("json", "--json"),
            ("conf_dir", "--conf-dir=/tmp"),
            ("yes_move_my_connection", "--yes-move-my-connection"),
            ("verbose", "--verbose"),
            ("quiet", "--quiet"),
        ];
        assert_eq!(words.len() + 1, SHARED.len());
        for (verb, takes) in TAKES {
            let name = match takes {
                ["names", ..] => "mgmt",
                _ => "",
            };
            for (id, word) in words {
                let name = if id == "all" { "" } else { name };
                match of(&format!("{verb} {word} {name}")) {
                    Ok(_) => assert!(takes.contains(&id), "{verb} {word}"),
                    Err(lines) => {
                        assert!(!takes.contains(&id), "{verb} {word}: {lines:?}");
                        assert_eq!(
                            lines[0],
                            format!("{verb} takes no {}", word.split('=').next().unwrap())
                        );
                        assert_eq!(lines.len(), 2, "{lines:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_wrong_call_is_two_lines_the_second_of_which_can_be_typed() {
        let cases = [
            (
                "start mgmt",
                "there is no verb start",
                "type netns-setup up mgmt",
            ),
            (
                "stop mgmt",
                "there is no verb stop",
                "type netns-setup down mgmt",
            ),
            (
                "restart mgmt",
                "there is no verb restart",
                "type netns-setup reload mgmt",
            ),
            (
                "show",
                "there is no verb show",
                "type netns-setup status NAME",
            ),
            (
                "m",
                "there is no verb m",
                "netns-setup --help lists all verbs",
            ),
            ("ls", "there is no verb ls", "type netns-setup list"),
            (
                "realod mgmt",
                "there is no verb realod",
                "type netns-setup reload mgmt",
            ),
            (
                "frobnicate",
                "there is no verb frobnicate",
                "netns-setup --help lists all verbs",
            ),
            (
                "mgmt up",
                "the verb comes before the names",
                "type netns-setup up mgmt",
            ),
            (
                "up",
                "up takes the name of a namespace",
                "type netns-setup up NAME, or netns-setup up --all",
            ),
            (
                "confirm",
                "confirm takes the name of a namespace",
                "type netns-setup confirm NAME",
            ),
            ("try a b", "try takes one name", "type netns-setup try NAME"),
            (
                "list mgmt",
                "list takes no names",
                "type netns-setup list, or netns-setup status mgmt",
            ),
            (
                "up --al",
                "up takes no --al",
                "did you mean --all? netns-setup up --help lists its options",
            ),
            (
                "up --frob x",
                "up takes no --frob",
                "netns-setup up --help lists its options",
            ),
            (
                "up x --all",
                "up takes --all or names, and not both",
                "leave one of them out",
            ),
            (
                "down --kill --force x",
                "--kill and --force cannot be given together",
                "leave one of them out",
            ),
            (
                "try --within=0 x",
                "--within 0: expected a number of seconds, from 1 to 86400",
                "netns-setup try --help lists its options",
            ),
            (
                "try --within x",
                "--within x: expected a number of seconds, from 1 to 86400",
                "netns-setup try --help lists its options",
            ),
            (
                "up --conf-dir",
                "--conf-dir takes a value",
                "netns-setup up --help lists its options",
            ),
        ];
        for (line, wrong, hint) in cases {
            assert_eq!(of(line).unwrap_err(), [wrong, hint], "{line}");
        }
    }
}
