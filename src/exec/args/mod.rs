//! What the program was called with: words in, what was asked for out. The plain form is
//! read here by hand; whatever begins with an option is clap's, which costs more time than
//! all the rest of the program.

pub mod options;

use std::ffi::CStr;
use std::io::{IsTerminal, stdin};
use std::time::Duration;

use super::argv::Words;
use super::error::{ExecError, shown};
use super::syscall;

/// What was asked for.
pub enum Request {
    /// This text on standard output.
    Text(String),
    /// To bind again, where it is lost, what the namespace of this name has for /etc.
    Heal(&'static CStr),
    /// A command.
    Command(ExecCall),
}

/// A command, and where and how it is to run.
pub struct ExecCall {
    /// The namespace.
    pub to: To,
    /// The command and its arguments, at least one word; none is a login shell.
    pub command: Option<Words<'static>>,
    /// Leave the mounts as they are.
    pub net_only: bool,
    /// Tell the command the namespace's name in `NETNS_NAME`.
    pub env: bool,
    /// The VRF, inside, that the command's sockets are to be bound to.
    pub vrf: Option<&'static CStr>,
    /// Wait for the namespace to be ready, for this long.
    pub wait: Option<Duration>,
}

/// Which namespace.
#[derive(Clone, Copy)]
pub enum To {
    /// The one of this name, which [`check_name`] has seen.
    Name(&'static CStr),
    /// That of the process with this number, as text.
    Pid(&'static CStr),
    /// The one that this file is.
    Path(&'static CStr),
    /// That of the first process, and its mounts.
    Host,
}

/// Reads the words, the program's own name first.
pub fn read(words: Words<'static>) -> Result<Request, ExecError> {
    if syscall::is_secure() {
        return Err(ExecError::call(
            "it is installed setuid, or with file capabilities, and refuses to run so",
            "let doas or sudo run it; chmod u-s it, or setcap -r",
        ));
    }
    match words.get(1).map(CStr::to_bytes) {
        Some(b"--") => plain(words, words.from(2)),
        Some([b'-', ..]) => options::read(words),
        _ => plain(words, words.from(1)),
    }
}

/// `NAME [[--] COMMAND [ARGUMENT...]]`, the end of all the words.
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

/// The command of `[[--] COMMAND [ARGUMENT...]]`, the end of all the words.
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

/// Whether a call without a command is a person's, who wants a shell. A script's is not: in
/// `exec netns-exec mgmt -- $DAEMON` a variable is empty that should not be.
#[cold]
#[inline(never)]
fn is_typed(all: Words) -> bool {
    let mut words = (1..all.count()).filter_map(|place| all.get(place));
    words.all(|word| word != c"--") && stdin().is_terminal()
}

/// Other tools allow more in a name than netns-setup does. Whatever is one entry of a
/// folder, is no option and can be printed will do.
pub fn check_name(name: &CStr) -> Result<(), ExecError> {
    let bytes = name.to_bytes();
    let wrong = match bytes {
        b"" => "it is empty",
        b"." | b".." => "it is a folder's",
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
