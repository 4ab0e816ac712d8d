//! The command line of netns-setup in, its exit code out. What a verb does is `setup`'s, and
//! what is printed of that is `print`'s.

mod print;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};

use netns_services::conf::Trust;
use netns_services::exit;
use netns_services::name::NetnsName;
use netns_services::setup::error::{Error, Outcome, Result};
use netns_services::setup::report::event::{Events, Printer};
use netns_services::setup::verb::{Form, Names, Printed, Verb};
use netns_services::setup::{self, Call, enter_host};
use print::{JsonOfChanges, JsonOfState, Script, Text};

#[cfg(target_env = "musl")]
#[global_allocator]
static MEMORY: netns_services::allocator::Memory = netns_services::allocator::Memory::new();

/// The folder of the settings, if no other is said.
const CONF_DIR: &str = "/etc/conf.d";

/// Make network namespaces what their settings say, and take them down again
#[derive(Debug, Parser, PartialEq)]
#[command(version, max_term_width = 80)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,

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
    let names = names.iter().map(ToString::to_string).collect();
    let verb = match *verb {
        "up" => Verb::Up(Printed::of(names)),
        "down" => Verb::Down {
            names: Printed::of(names),
            force: false,
            kill: false,
        },
        "reload" => Verb::Reload(Printed::of(names)),
        "check" => Verb::Check(Printed::of(names)),
        "may-go" => Verb::MayGo(Names::of(names)),
        "may-come" => Verb::MayCome(Names::of(names)),
        "watch" => Verb::Watch(Names::of(names)),
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
    let printer: Arc<dyn Printer> = match cli.verb.form() {
        Form::Text => Arc::new(Text),
        Form::Script => Arc::new(Script::default()),
        Form::JsonOfState => Arc::new(JsonOfState::default()),
        Form::JsonOfChanges => Arc::new(JsonOfChanges::default()),
    };
    let events = Events::to(printer);
    match call(cli, events.clone()) {
        Ok(call) => {
            let outcome = setup::run(&call);
            events.finish(&call.names);
            code(outcome)
        }
        Err(error) => {
            events.failed(None, &error);
            code(error.outcome)
        }
    }
}

fn call(cli: Cli, events: Events) -> Result<Call> {
    let named_dir = (cli.conf_dir != Path::new(CONF_DIR)).then_some(cli.conf_dir.as_path());
    let at = enter_host::go(named_dir)?;
    let names = match cli.verb.names() {
        [] => setup::all(&cli.conf_dir)?,
        names => names
            .iter()
            .map(|name| named(name))
            .collect::<Result<_>>()?,
    };
    Ok(Call {
        conf_dir: cli.conf_dir,
        verbose: cli.verbose,
        quiet: cli.quiet,
        moves_my_connection: cli.yes_move_my_connection,
        verb: cli.verb,
        names,
        at,
        trust: Trust::ROOT,
        events,
    })
}

fn code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Done => exit::DONE,
        Outcome::Differs => exit::DIFFERS,
        Outcome::Wrong => exit::WRONG,
        Outcome::Refused => exit::REFUSED,
    }
}

fn named(text: &str) -> Result<NetnsName> {
    let wrong = |why: String| {
        Error::wrong([
            format!("{text:?} is not a name for a namespace: {why}"),
            "expected letters, digits, _ and -, at most 64, such as mgmt".into(),
        ])
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
            print::err(&lines);
            exit::WRONG
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
