//! Runs a program of the system in a namespace, with a text as its input. Returns what it prints,
//! or its error message about the text.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use super::spawn::mortal;
use super::thread::in_netns;
use crate::os_error::OsError;

/// Where to find the programs of the system.
pub(crate) const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// Whether the program is installed.
pub(crate) fn is_installed(program: &str) -> bool {
    let mut folders = PATH.split(':');
    folders.any(|folder| Path::new(folder).join(program).exists())
}

/// The program's error message, with the name of the file in place of that of the input.
fn said(file: &str, words: &str) -> String {
    let lines = words.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines
        .take_while(|line| !line.starts_with("Try `"))
        .take(2)
        .collect();
    match lines.first() {
        Some(first) if first.starts_with("/dev/stdin:") => first.replace("/dev/stdin", file),
        _ => format!("{file}: {}", lines.join("; ")),
    }
}

/// Run a program in the namespace with this input, and return what it prints. If it fails, this is
/// the message of the error, in which the input has the name `file`.
pub(crate) fn run(
    netns: &File,
    program: &str,
    args: &[&str],
    file: &str,
    input: &str,
) -> Result<String, OsError> {
    let done = in_netns(netns, || output(program, args, input));
    let done = done.map_err(|errno| OsError {
        message: (errno.kind() == ErrorKind::NotFound)
            .then(|| format!("there is no program {program}; install the package that has it")),
        errno,
    })?;
    match done {
        (true, printed) => Ok(printed),
        (false, words) => Err(OsError {
            errno: io::Error::from(ErrorKind::InvalidInput),
            message: Some(said(file, &words)),
        }),
    }
}

/// Whether the program succeeds, and what it prints on both of its outputs. These share a pipe: std
/// reads two pipes at once only with calls that end this program if the kernel refuses them.
pub(crate) fn output(program: &str, args: &[&str], input: &str) -> io::Result<(bool, String)> {
    let (said, end) = pipe2(OFlag::O_CLOEXEC)?;
    let mut command = Command::new(program);
    command
        .args(args)
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(end.try_clone()?)
        .stderr(end)
        .current_dir("/");
    let mut child = mortal(&mut command).spawn()?;
    // The command has the write end of the pipe open: without this, the read below would not end
    drop(command);
    // The program can fail and print an error before it has read all of its input
    let written = match child.stdin.take() {
        Some(mut stdin) => stdin.write_all(input.as_bytes()),
        None => Ok(()),
    };
    let mut bytes = Vec::new();
    let read = File::from(said).read_to_end(&mut bytes);
    let status = child.wait()?;
    read?;
    // A program that has received only a part of the rules may succeed with that
    if status.success() {
        written?;
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok((status.success(), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_not_got_all_of_its_input_has_not_loaded_it() {
        // More than fits into a pipe
        let input = "x".repeat(1 << 20);
        let run = |script: &str| output("sh", &["-c", script], &input).map_err(|e| e.kind());
        assert_eq!(run("exec <&-; sleep 0.1"), Err(ErrorKind::BrokenPipe));
        assert_eq!(run("echo no; exit 1"), Ok((false, "no\n".into())));
        assert_eq!(run("cat >/dev/null; echo yes"), Ok((true, "yes\n".into())));
    }
}
