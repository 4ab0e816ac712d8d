//! Parses the command line. The plain form is parsed here. A command line that begins with an
//! option is parsed by clap, which takes more time than all the rest of the program.

pub mod options;

use std::ffi::CStr;
use std::io::{IsTerminal, stdin};
use std::time::Duration;

use super::argv::Words;
use super::error::{ExecError, shown};
use super::syscall;

/// What the command line asks for.
pub enum Request {
    /// Print this text to standard output.
    Text(String),
    /// Restore the lost bind mounts of the namespace of this name.
    Heal(&'static CStr),
    /// Run a command.
    Command(ExecCall),
}

/// A command, and where and how to run it.
pub struct ExecCall {
    /// The namespace to join.
    pub to: To,
    /// The command and its arguments, at least one word. `None` is a login shell.
    pub command: Option<Words<'static>>,
    /// Leave the mounts unchanged.
    pub net_only: bool,
    /// Set `NETNS_NAME` to the namespace's name for the command.
    pub env: bool,
    /// The VRF in the namespace to bind the command's sockets to.
    pub vrf: Option<&'static CStr>,
    /// How long to wait for the namespace to be ready.
    pub wait: Option<Duration>,
}

/// A namespace to join.
#[derive(Clone, Copy)]
pub enum To {
    /// The namespace of this name, which [`check_name`] has checked.
    Name(&'static CStr),
    /// The namespace of the process with this PID, as text.
    Pid(&'static CStr),
    /// The namespace that this file refers to.
    Path(&'static CStr),
    /// The namespace of process 1, with its mounts.
    Host,
}

/// Parse the words. The first is the program's own name.
pub fn read(words: Words<'static>) -> Result<Request, ExecError> {
    if syscall::is_secure() {
        return Err(ExecError::call(
            "it is installed setuid, or with file capabilities, and does not run that way",
            "let doas or sudo run it; chmod u-s it, or setcap -r",
        ));
    }
    match words.get(1).map(CStr::to_bytes) {
        Some(b"--") => plain(words, words.from(2)),
        Some([b'-', ..]) => options::read(words),
        _ => plain(words, words.from(1)),
    }
}

/// Parse `NAME [[--] COMMAND [ARGUMENT...]]`, which is the end of `all`.
fn plain(all: Words<'static>, words: Words<'static>) -> Result<Request, ExecError> {
    let Some(name) = words.get(0) else {
        return Err(ExecError::call("no namespace is named", options::USAGE));
    };
    check_name(name)?;
    Ok(Request::Command(ExecCall {
        to: To::Name(name),
        command: command(all, words.from(1))?,
        net_only: false,
        env: false,
        vrf: None,
        wait: None,
    }))
}

/// The command of `[[--] COMMAND [ARGUMENT...]]`, which is the end of `all`.
pub fn command(
    all: Words<'static>,
    words: Words<'static>,
) -> Result<Option<Words<'static>>, ExecError> {
    let words = match words.get(0) {
        Some(word) if word == c"--" => words.from(1),
        _ => words,
    };
    match words.count() {
        0 if is_typed(all) => Ok(None),
        0 => Err(ExecError::call("no command is given", options::USAGE)),
        _ => Ok(Some(words)),
    }
}

/// Whether a person made this call without a command, to get a shell. In a script it is an error:
/// in `exec netns-exec mgmt -- $DAEMON` the variable may be empty by mistake.
#[cold]
#[inline(never)]
fn is_typed(all: Words) -> bool {
    let mut words = (1..all.count()).filter_map(|place| all.get(place));
    words.all(|word| word != c"--") && stdin().is_terminal()
}

/// Check a name. Other tools allow more in a name than netns-setup does, so this accepts every name
/// that can be an entry of a directory, is not an option and is printable.
pub fn check_name(name: &CStr) -> Result<(), ExecError> {
    let bytes = name.to_bytes();
    let wrong = match bytes {
        b"" => "it is empty",
        b"." | b".." => "it is the name of a directory",
        [b'-', ..] => "it begins with -, as an option does",
        _ if bytes.contains(&b'/') => "there is a / in it; --path takes the path of a namespace",
        _ if bytes.iter().any(u8::is_ascii_control) => "there is a control character in it",
        _ if bytes.len() > 255 => "it is longer than 255 bytes",
        _ => return Ok(()),
    };
    Err(ExecError::call(
        format!("\"{}\" is not a name for a namespace: {wrong}", shown(name)),
        "expected the name of an entry of /run/netns, such as mgmt",
    ))
}
