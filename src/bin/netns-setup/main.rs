//! The program netns-setup: parses its command line, and ends with its exit code. `setup` runs the
//! verb, `print` prints what the verb reports.

mod print;

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use netns_services::exit;
use netns_services::name::NetnsName;
use netns_services::setup::args::verb::{CONF_DIR, Form, Verb};
use netns_services::setup::args::{self, Other};
use netns_services::setup::error::{Error, Outcome, Result};
use netns_services::setup::report::event::{Events, Printer};
use netns_services::setup::{self, Call, enter_host};
use print::{JsonOfChanges, JsonOfState, Script, Text};

#[cfg(all(target_env = "musl", feature = "allocator"))]
#[global_allocator]
static MEMORY: netns_services::allocator::Memory = netns_services::allocator::Memory::new();

fn main() -> ExitCode {
    if let Ok(filter) = env::var("NETNS_LOG") {
        env_logger::Builder::new()
            .parse_filters(&filter)
            .format_timestamp(None)
            .init();
    }
    ExitCode::from(match args::read(env::args_os().collect()) {
        Ok(verb) => run(verb),
        Err(Other::Help(text)) => {
            let _ = write!(io::stdout(), "{text}");
            exit::DONE
        }
        Err(Other::Nothing(text)) => {
            let _ = write!(io::stderr(), "{text}");
            exit::WRONG
        }
        Err(Other::Wrong(error)) => {
            print::err(&error.lines);
            code(error.outcome)
        }
    })
}

fn run(verb: Verb) -> u8 {
    let printer: Arc<dyn Printer> = match verb.form() {
        Form::Text => Arc::new(Text),
        Form::Script => Arc::new(Script::default()),
        Form::JsonOfState => Arc::new(JsonOfState::default()),
        Form::JsonOfChanges => Arc::new(JsonOfChanges::default()),
    };
    let events = Events::to(printer);
    match call(verb, events.clone()) {
        Ok(call) => {
            let outcome = setup::run(&call);
            events.finish(&call.names);
            match print::lost() {
                Some(e) if call.verb.only_prints() => {
                    print::err(&[format!("cannot write to standard output: {e}")]);
                    exit::REFUSED
                }
                _ => code(outcome),
            }
        }
        Err(error) => code(events.failed(None, &error)),
    }
}

fn call(verb: Verb, events: Events) -> Result<Call> {
    let options = verb.options();
    let named_dir = (options.conf_dir != Path::new(CONF_DIR)).then_some(&*options.conf_dir);
    let trust = verb.trust();
    let at = enter_host::go(named_dir)?;
    let names = match &options.names[..] {
        [] => setup::all(&options.conf_dir, trust)?,
        names => names
            .iter()
            .map(|name| named(name))
            .collect::<Result<_>>()?,
    };
    Ok(Call {
        conf_dir: options.conf_dir.clone(),
        verbose: options.verbose,
        quiet: options.quiet,
        moves_my_connection: options.yes_move_my_connection,
        names,
        at,
        trust,
        events,
        callers: OnceLock::new(),
        verb,
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
