//! The error of a call: two lines and an exit code. Nothing here is on the common path, so it may
//! allocate.

use std::ffi::CStr;
use std::io::Write;

use nix::errno::Errno;

use crate::exit;
use crate::printable::printable;

/// Why the command was not started, or why `--heal` failed. It has two lines. The caller prints the
/// program's name before each.
#[derive(Debug)]
pub struct ExecError {
    code: u8,
    wrong: String,
    remedy: String,
}

impl ExecError {
    /// The error for a wrong call: what is wrong, and what was expected.
    pub fn call(wrong: impl Into<String>, remedy: impl Into<String>) -> ExecError {
        ExecError::new(exit::WRONG, wrong, remedy)
    }

    /// The error if the kernel or the state of the system does not allow the call: what is wrong,
    /// and what to do.
    pub fn kernel(wrong: impl Into<String>, remedy: impl Into<String>) -> ExecError {
        ExecError::new(exit::REFUSED, wrong, remedy)
    }

    fn new(code: u8, wrong: impl Into<String>, remedy: impl Into<String>) -> ExecError {
        ExecError {
            code,
            wrong: wrong.into(),
            remedy: remedy.into(),
        }
    }

    /// Print the lines to standard error. Returns the exit code.
    pub fn print(&self) -> i32 {
        let text = format!("netns-exec: {}\nnetns-exec: {}\n", self.wrong, self.remedy);
        // If printing fails, there is nowhere to report that
        let _ = std::io::stderr().write_all(text.as_bytes());
        self.code.into()
    }
}

impl std::fmt::Display for ExecError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{}", self.wrong, self.remedy)
    }
}

/// The error if the command could not be executed.
#[cold]
#[inline(never)]
pub fn not_run(command: &CStr, why: Errno) -> ExecError {
    let name = shown(command);
    match why {
        Errno::ENOENT if name.contains('/') => ExecError::new(
            exit::NOT_FOUND,
            format!(
                "cannot run {name}: it does not exist, or the interpreter that it names does not"
            ),
            "expected the path of a program",
        ),
        Errno::ENOENT => ExecError::new(
            exit::NOT_FOUND,
            format!("cannot run {name}: it is in no directory of PATH"),
            "expected a program; install it, or write its complete path",
        ),
        why => ExecError::new(
            exit::CANNOT_RUN,
            format!("cannot run {name}: {}", reason(why)),
            "expected a program that may be run",
        ),
    }
}

/// The C library's text for an error. nix has its own texts, and some of them are unusual.
pub fn reason(why: Errno) -> String {
    let text = std::io::Error::from_raw_os_error(why as i32).to_string();
    match text.split_once(" (os error") {
        Some((text, _)) => text.into(),
        None => text,
    }
}

/// A word for a message, with unprintable characters escaped.
pub fn shown(word: &CStr) -> String {
    printable(&word.to_string_lossy())
}
