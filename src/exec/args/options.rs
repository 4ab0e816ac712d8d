//! Parses a command line with options, with clap.

use std::ffi::{CStr, CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use clap::Parser;
use clap::error::{ContextKind, ErrorKind};

use super::{ExecCall, Request, To};
use crate::exec::args;
use crate::exec::argv::Words;
use crate::exec::error::{ExecError, shown};
use crate::printable::printable;

/// The hint for a wrong call.
pub const USAGE: &str =
    "expected netns-exec [OPTIONS] NAME [--] COMMAND [ARGUMENT...]; netns-exec --help says more";

/// Run a command inside a network namespace.
///
/// The process joins the namespace and becomes the command: same process ID, no child, no
/// parent that stays. Inside, /sys shows the namespace's links, and the files in
/// /etc/netns/NAME cover those of the same name in /etc. An error ends the call: the
/// command never runs elsewhere. Without a command, on a terminal, it is a login shell.
#[derive(Parser)]
#[command(
    name = "netns-exec",
    version,
    override_usage = "netns-exec [OPTIONS] NAME [[--] COMMAND [ARGUMENT...]]\n       \
                      netns-exec [OPTIONS] --pid PID|--path FILE|--host [[--] COMMAND [ARGUMENT...]]\n       \
                      netns-exec --heal NAME",
    after_help = "Exit codes: 100 wrong call; 111 the namespace is missing or not ready, or the kernel\n\
                  rejects it; 126 the command cannot run; 127 command not found; otherwise the command's own."
)]
struct Options {
    /// Join the namespace that the process PID is in
    #[arg(long, value_name = "PID", group = "to")]
    pid: Option<OsString>,
    /// Join the namespace that FILE refers to
    #[arg(long, value_name = "FILE", group = "to")]
    path: Option<OsString>,
    /// Go back to the network and the mounts of process 1
    #[arg(long, group = "to")]
    host: bool,
    /// Join the network alone: leave /sys, /etc and all mounts as they are
    #[arg(long)]
    net_only: bool,
    /// Bind the command's sockets to this VRF of the namespace, as ip vrf exec does
    #[arg(long, value_name = "VRF")]
    vrf: Option<OsString>,
    /// Set NETNS_NAME to the namespace's name for the command
    #[arg(long, conflicts_with = "to")]
    env: bool,
    /// Wait this long for the namespace to be ready
    #[arg(long, value_name = "SECONDS", conflicts_with = "to")]
    wait: Option<String>,
    /// Restore the files of /etc/netns/NAME for all processes inside
    #[arg(long, value_name = "NAME", exclusive = true)]
    heal: Option<OsString>,
    /// The namespace, the command and the command's arguments
    #[arg(
        value_name = "NAME [--] COMMAND [ARGUMENT...]",
        trailing_var_arg = true
    )]
    words: Vec<OsString>,
}

/// Parse the words. The first is the program's own name.
#[cold]
#[inline(never)]
pub fn read(words: Words<'static>) -> Result<Request, ExecError> {
    let given = (0..words.count()).filter_map(|place| words.get(place));
    let given = given.map(|word| OsString::from_vec(word.to_bytes().to_vec()));
    let options = match Options::try_parse_from(given) {
        Ok(options) => options,
        Err(error)
            if error.kind() == ErrorKind::DisplayHelp
                || error.kind() == ErrorKind::DisplayVersion =>
        {
            return Ok(Request::Text(error.render().to_string()));
        }
        Err(error) => return Err(wrong(&error)),
    };
    if let Some(name) = options.heal {
        let name = leak(name)?;
        args::check_name(name)?;
        return Ok(Request::Heal(name));
    }
    // The words that clap left are the last of the command line
    let rest = words.from(words.count() - options.words.len());
    let (to, command) = match (options.pid, options.path, options.host) {
        (Some(pid), ..) => (To::Pid(number(pid)?), rest),
        (_, Some(path), _) => (To::Path(leak(path)?), rest),
        (.., true) => (To::Host, rest),
        _ => {
            let name = rest
                .get(0)
                .ok_or_else(|| ExecError::call("no namespace is named", USAGE))?;
            args::check_name(name)?;
            (To::Name(name), rest.from(1))
        }
    };
    Ok(Request::Command(ExecCall {
        to,
        command: args::command(words, command)?,
        net_only: options.net_only,
        env: options.env,
        vrf: options.vrf.map(leak).transpose()?,
        wait: options.wait.as_deref().map(seconds).transpose()?,
    }))
}

/// The word, with a lifetime until the process ends.
fn leak(word: OsString) -> Result<&'static CStr, ExecError> {
    let word = CString::new(word.into_vec());
    let word = word.map_err(|_| ExecError::call("a word has a NUL in it", USAGE))?;
    Ok(Box::leak(word.into_boxed_c_str()))
}

fn number(word: OsString) -> Result<&'static CStr, ExecError> {
    let word = leak(word)?;
    let digits = word.to_bytes().iter().all(u8::is_ascii_digit);
    if !digits || word.to_bytes().is_empty() || word.to_bytes().len() > 10 {
        let wrong = format!("--pid \"{}\" is not the number of a process", shown(word));
        return Err(ExecError::call(
            wrong,
            "expected a number, such as --pid 812",
        ));
    }
    Ok(word)
}

fn seconds(word: &str) -> Result<Duration, ExecError> {
    let wrong = || {
        let wrong = format!("--wait \"{}\" is not a number of seconds", printable(word));
        ExecError::call(
            wrong,
            "expected 0 to 1000000, such as --wait 10 or --wait 0.5",
        )
    };
    match word.parse::<f64>() {
        Ok(seconds) if (0.0..=1e6).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(wrong()),
    }
}

/// Convert clap's message to our form: one line, and what was expected.
fn wrong(error: &clap::Error) -> ExecError {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let remedy = match error.get(ContextKind::SuggestedArg) {
        Some(near) => format!("did you mean {near}? netns-exec --help says more"),
        None => USAGE.into(),
    };
    ExecError::call(printable(first.trim_start_matches("error: ")), remedy)
}
