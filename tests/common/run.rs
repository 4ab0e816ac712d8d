//! The result of a command in a sandbox, and a command that still runs.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};

use super::{LIMIT, wait_until};

/// What a command did.
#[derive(Debug)]
pub struct Run {
    /// The command, for messages.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// A process in the background of a sandbox; killed when dropped. Drop it before the sandbox:
/// the kernel does not end a pid namespace while one of its processes is a zombie.
pub struct Background {
    /// The process. Its standard input, output and error are pipes.
    pub child: Child,
}

impl Run {
    /// The exit code; 128 plus the number of the signal, if a signal ended it.
    pub fn exit_code(&self) -> i32 {
        let signal = || 128 + self.status.signal().unwrap_or(0);
        self.status.code().unwrap_or_else(signal)
    }

    /// Panics unless the exit code is 0.
    #[track_caller]
    pub fn ok(self) -> Run {
        self.code(0)
    }

    /// Panics unless the exit code is this.
    #[track_caller]
    pub fn code(self, expected: i32) -> Run {
        let got = self.exit_code();
        assert!(
            got == expected,
            "{self}\nexpected exit code {expected}, got {got}"
        );
        self
    }

    /// Panics unless the standard output is exactly this.
    #[track_caller]
    pub fn stdout(self, expected: &str) -> Run {
        same(&self, "standard output", expected, &self.stdout);
        self
    }

    /// Panics unless the standard error is exactly this.
    #[track_caller]
    pub fn stderr(self, expected: &str) -> Run {
        same(&self, "standard error", expected, &self.stderr);
        self
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Run {
            command,
            status,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "{command}\n{status}\n-- standard output:\n{stdout}-- standard error:\n{stderr}--"
        )
    }
}

impl Background {
    /// The next line of its standard output, without its end; empty at the end.
    pub fn line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        let Some(out) = self.child.stdout.as_mut() else {
            return String::new();
        };
        while out.read(&mut byte).is_ok_and(|n| n == 1) && byte != *b"\n" {
            line.push(byte[0]);
        }
        String::from_utf8_lossy(&line).into_owned()
    }

    /// Writes to its standard input.
    pub fn say(&mut self, text: &str) {
        let input = self.child.stdin.as_mut().expect("it is a pipe");
        input.write_all(text.as_bytes()).expect("it reads");
    }

    /// Its process id, as the machine (not the sandbox) numbers it.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Waits until it has ended, at most [`LIMIT`], and returns its exit code; `None` if a
    /// signal ended it or it still runs.
    pub fn ended(&mut self) -> Option<i32> {
        drop(self.child.stdin.take());
        wait_until(LIMIT, || ended(&mut self.child));
        self.child
            .try_wait()
            .ok()
            .flatten()
            .and_then(|status| status.code())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn ended(child: &mut Child) -> bool {
    child.try_wait().is_ok_and(|status| status.is_some())
}

#[track_caller]
fn same(run: &Run, what: &str, expected: &str, got: &str) {
    assert!(
        got == expected,
        "{run}\n{what}: expected\n{expected}\n{what}: got\n{got}"
    );
}
