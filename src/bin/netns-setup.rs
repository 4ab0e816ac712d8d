//! The command line of netns-setup in, its exit code out. What a verb does is `setup`'s.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use netns_services::conf::Trust;
use netns_services::exit;
use netns_services::name::NetnsName;
use netns_services::setup::{self, Call, Occupants, Trial, Verb, complain, enter_host};

#[cfg(all(target_env = "musl", feature = "allocator"))]
#[global_allocator]
static MEMORY: netns_services::allocator::Memory = netns_services::allocator::Memory::new();

/// The folder of the settings, if no other is said.
const CONF_DIR: &str = "/etc/conf.d";

/// Make network namespaces what their settings say, and take them down again
#[derive(Debug, Parser, PartialEq)]
#[command(version, max_term_width = 80)]
struct Cli {
    #[command(subcommand)]
    verb: VerbArgs,

    /// The folder of the settings, netns and netns.NAME
    #[arg(long, value_name = "DIR", default_value = CONF_DIR, global = true)]
    conf_dir: PathBuf,

    /// Move even the link that carries your own connection
    #[arg(long, global = true)]
    yes_move_my_connection: bool,

    /// Print also what already held, with = before it
    #[arg(short, long, global = true)]
    verbose: bool,

    /// Print no changes: log them
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
}

#[derive(Debug, PartialEq, Subcommand)]
enum VerbArgs {
    /// Make it so: create the namespace, bring in links, addresses, routes
    Up(NameArgs),
    /// Give back what was moved, take away what was made
    Down {
        #[command(flatten)]
        names: NameArgs,
        /// Even with processes inside: they are listed, and stay where they are
        #[arg(long, conflicts_with = "kill")]
        force: bool,
        /// End the processes inside first
        #[arg(long)]
        kill: bool,
    },
    /// As up, and take away what is no longer asked for; never through down
    Reload(NameArgs),
    /// Print what reload would do
    Plan {
        #[command(flatten)]
        names: NameArgs,
        /// The bare commands, for sh to run
        #[arg(long)]
        script: bool,
    },
    /// Check the settings and, as root, the rule files
    Check(NameArgs),
    /// Print what there is, and how it differs from the settings (exit code 1)
    Status {
        #[command(flatten)]
        names: NameArgs,
        /// For a program to read
        #[arg(long)]
        json: bool,
    },
    /// Name every leak and drift, and what to do (exit code 1)
    Doctor {
        #[command(flatten)]
        names: NameArgs,
        /// For a program to read
        #[arg(long)]
        json: bool,
    },
    /// As reload, and undo it unless it is confirmed in time
    Try(TrialArgs),
    /// Keep what is being tried
    Confirm {
        /// The namespaces
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    #[command(hide = true)]
    KeepTrial(TrialArgs),
    /// Say whether down would cut a connection (exit code 100); nothing is done
    MayGo(NameArgs),
    /// Say whether up would be refused (exit codes 100, 111); nothing is done
    MayCome(NameArgs),
    /// Up, then stay: TERM ends it and leaves all as it is, HUP reloads
    Watch(NameArgs),
}

#[derive(Args, Debug, PartialEq)]
struct TrialArgs {
    /// The namespace
    #[arg(value_name = "NAME")]
    name: String,

    /// How long it is waited for, from when all is made
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=86400))]
    within: u64,

    /// Start this service inside, too; without confirm it is back where it was
    #[arg(long, value_name = "SERVICE")]
    with: Vec<String>,
}

impl TrialArgs {
    fn split(self, verb: impl Fn(Trial) -> Verb) -> (Verb, NameArgs) {
        let names = vec![self.name];
        let trial = Trial {
            within: Duration::from_secs(self.within),
            with: self.with,
        };
        (verb(trial), NameArgs { names, all: false })
    }
}

#[derive(Args, Debug, PartialEq)]
struct NameArgs {
    /// The namespaces, in this order
    #[arg(
        value_name = "NAME",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    names: Vec<String>,

    /// All that have settings, or that netns-setup has set up
    #[arg(long)]
    all: bool,
}

fn main() -> ExitCode {
    if let Ok(filter) = env::var("NETNS_LOG") {
        env_logger::Builder::new()
            .parse_filters(&filter)
            .format_timestamp(None)
            .init();
    }
    ExitCode::from(match parsed() {
        Ok(cli) => run(cli),
        Err(error) => usage(&error),
    })
}

fn parsed() -> Result<Cli, clap::Error> {
    let words: Vec<OsString> = env::args_os().collect();
    match plain(&words) {
        Some(cli) => Ok(cli),
        None => parsed_by_clap(words),
    }
}

/// What init scripts call: a verb, and names behind it. clap would read the same out of it
/// (a test holds the two together), and take a quarter of all the instructions of an `up`.
fn plain(words: &[OsString]) -> Option<Cli> {
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
    let names = NameArgs {
        names: names.iter().map(|name| name.to_string()).collect(),
        all: false,
    };
    let verb = match *verb {
        "up" => VerbArgs::Up(names),
        "down" => VerbArgs::Down {
            names,
            force: false,
            kill: false,
        },
        "reload" => VerbArgs::Reload(names),
        "check" => VerbArgs::Check(names),
        "may-go" => VerbArgs::MayGo(names),
        "may-come" => VerbArgs::MayCome(names),
        "watch" => VerbArgs::Watch(names),
        _ => return None,
    };
    Some(Cli {
        verb,
        conf_dir: CONF_DIR.into(),
        yes_move_my_connection: false,
        verbose: false,
        quiet,
    })
}

/// What clap has built is left to the end of the process: to take it to pieces would be
/// a good part of all its work.
fn parsed_by_clap(words: Vec<OsString>) -> Result<Cli, clap::Error> {
    let mut command = ManuallyDrop::new(Cli::command());
    let matches = command.try_get_matches_from_mut(words)?;
    let mut matches = ManuallyDrop::new(matches);
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

fn run(cli: Cli) -> u8 {
    let (verb, names) = match cli.verb {
        VerbArgs::Up(names) => (Verb::Up, names),
        VerbArgs::Reload(names) => (Verb::Reload, names),
        VerbArgs::Check(names) => (Verb::Check, names),
        VerbArgs::Watch(names) => (Verb::Watch, names),
        VerbArgs::MayGo(names) => (Verb::MayGo, names),
        VerbArgs::MayCome(names) => (Verb::MayCome, names),
        VerbArgs::Try(tried) => tried.split(Verb::Try),
        VerbArgs::KeepTrial(tried) => tried.split(Verb::KeepTrial),
        VerbArgs::Confirm { names } => (Verb::Confirm, NameArgs { names, all: false }),
        VerbArgs::Plan { names, script } => (Verb::Plan { script }, names),
        VerbArgs::Status { names, json } => (Verb::Status { json }, names),
        VerbArgs::Doctor { names, json } => (Verb::Doctor { json }, names),
        VerbArgs::Down { names, force, kill } => {
            let inside = match (force, kill) {
                (_, true) => Occupants::Kill,
                (true, false) => Occupants::Leave,
                (false, false) => Occupants::Refuse,
            };
            (Verb::Down(inside), names)
        }
    };
    let named_dir = (cli.conf_dir != Path::new(CONF_DIR)).then_some(cli.conf_dir.as_path());
    let at = match enter_host::go(named_dir) {
        Ok(at) => at,
        Err((lines, code)) => return complain(&lines, code),
    };
    let parsed = match names.all {
        true => setup::all(&cli.conf_dir),
        false => names.names.iter().map(|name| named(name)).collect(),
    };
    match parsed {
        Ok(names) => setup::run(&Call {
            conf_dir: cli.conf_dir,
            verbose: cli.verbose,
            quiet: cli.quiet,
            moves_my_connection: cli.yes_move_my_connection,
            verb,
            names,
            at,
            trust: Trust::ROOT,
        }),
        Err(lines) => complain(&lines, exit::WRONG),
    }
}

fn named(text: &str) -> Result<NetnsName, Vec<String>> {
    let wrong = |why| {
        vec![
            format!("{text:?} is not a name for a namespace: {why}"),
            "expected letters, digits, _ and -, at most 64, such as mgmt".into(),
        ]
    };
    text.parse().map_err(wrong)
}

/// Help and version are success; clap's complaints get our exit code.
fn usage(error: &clap::Error) -> u8 {
    let text = error.to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = write!(io::stdout(), "{text}");
            exit::DONE
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = write!(io::stderr(), "{text}");
            exit::WRONG
        }
        _ => {
            let text = text.trim_start_matches("error: ");
            let lines = text.lines().filter(|line| !line.is_empty());
            let lines: Vec<_> = lines.map(|line| line.trim().into()).collect();
            complain(&lines, exit::WRONG)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_without_clap_is_what_clap_reads() {
        let verbs = "up down reload plan check status doctor try confirm keep-trial may-go may-come watch \
                     help UP u";
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
                        let words = [&["netns-setup"], quiet, &[verb, first], second].concat();
                        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
                        let Some(plain) = plain(&words) else { continue };
                        assert_eq!(Some(plain), parsed_by_clap(words.clone()).ok(), "{words:?}");
                        read += 1;
                    }
                }
            }
        }
        assert!(read >= 2 * 7 * 4, "{read}");
        assert_eq!(plain(&["netns-setup".into(), "up".into()]), None);
    }
}
