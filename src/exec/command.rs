//! Becomes the command. Returns only if that fails.
//!
//! PATH is searched here, because the C libraries search it differently. They also differ in what
//! they do with a script without `#!`.

use std::ffi::{CStr, CString};

use nix::errno::Errno;

use super::argv::{self, Words};
use super::error::{self, ExecError};
use super::path_buf::StackPath;

/// The directories to search if PATH is not set, as in glibc and ip(8).
const DEFAULT_PATH: &CStr = c"/bin:/usr/bin";

/// Become this command, as execvp(3) does. A command without a `/` is searched for in PATH.
pub fn become_command(words: Words) -> Errno {
    let name = words.get(0).unwrap_or(c"");
    if name.to_bytes().is_empty() {
        return Errno::ENOENT;
    }
    if name.to_bytes().contains(&b'/') {
        return run(name, words);
    }
    let path = argv::variable(c"PATH").unwrap_or(DEFAULT_PATH);
    let mut denied = None;
    for folder in path.to_bytes().split(|&b| b == b':') {
        let folder = if folder.is_empty() { b"." } else { folder };
        let why = match StackPath::of(&[folder, b"/", name.to_bytes()]) {
            Ok(program) => run(program.as_c(), words),
            Err(_) => run_far(folder, name, words),
        };
        match why {
            Errno::EACCES => denied = Some(Errno::EACCES),
            Errno::ENOENT | Errno::ENOTDIR | Errno::ENAMETOOLONG => (),
            why => return why,
        }
    }
    denied.unwrap_or(Errno::ENOENT)
}

/// Become a login shell: the caller's own shell, or sh. A login shell is started with a first
/// argument that begins with `-` (login(1)).
#[cold]
#[inline(never)]
pub fn become_shell() -> ExecError {
    let own = argv::variable(c"SHELL").filter(|shell| shell.to_bytes().starts_with(b"/"));
    let shell = own.unwrap_or(c"/bin/sh");
    let mut parts = shell.to_bytes().rsplit(|&b| b == b'/');
    let name = parts.next().unwrap_or_default();
    let why = match StackPath::of(&[b"-", name]) {
        Ok(first) => Words::NONE.behind(&[first.as_c()], |all| argv::execve(shell, all)),
        Err(why) => why,
    };
    error::not_run(shell, why)
}

/// As [`run`], for a path that is too long for the buffer on the stack.
#[cold]
#[inline(never)]
fn run_far(folder: &[u8], name: &CStr, words: Words) -> Errno {
    let path = CString::new([folder, b"/", name.to_bytes()].concat());
    path.map_or(Errno::ENOENT, |program| run(&program, words))
}

/// Execute the program. POSIX says that a script without `#!` is run by sh.
fn run(program: &CStr, words: Words) -> Errno {
    match argv::execve(program, words) {
        Errno::ENOEXEC => {
            let shell = c"/bin/sh";
            words
                .from(1)
                .behind(&[shell, program], |all| argv::execve(shell, all))
        }
        why => why,
    }
}
