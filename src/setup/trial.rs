//! `try` and `confirm`: settings that are taken back unless they are confirmed in time. A
//! process of its own does all of it, from before the first change: it hangs on no terminal
//! and no connection, and whoever called may be killed. It holds the namespace's lock all
//! the time. Only the file `trial` is spoken through: who takes it away first has decided.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio, id};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, setsid, write};

use super::apply::Work;
use super::failure::{Failure, Why};
use super::follow::follow;
use super::locked::locked_then;
use super::tried::{begin, file, running};
use super::{Call, checked, complain, ready, with_settings};
use crate::exit;
use crate::name::NetnsName;
use crate::plan::Rest;

/// How often it is looked whether it has been confirmed.
const LOOK: Duration = Duration::from_millis(50);

/// Start the process that does it, and pass on what it says until all is made.
pub fn try_out(call: &Call, within: Duration) -> u8 {
    if let Err(code) = checked(call) {
        return code;
    }
    match started(call, within) {
        Ok(code) => code,
        Err(e) => complain(
            &[
                format!("cannot start the process that would undo it: {e}"),
                "it takes /proc; nothing was changed".into(),
            ],
            exit::REFUSED,
        ),
    }
}

fn started(call: &Call, within: Duration) -> io::Result<u8> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new("/proc/self/exe");
    command.arg0("netns-setup").current_dir("/");
    command
        .arg("--conf-dir")
        .arg(fs::canonicalize(&call.conf_dir)?);
    command.args(["keep-trial", "--within", &within.as_secs().to_string()]);
    command.args(call.names.iter().map(ToString::to_string));
    command.args(call.verbose.then_some("--verbose"));
    let mut child = command
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // It has the other end
    drop(command);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(|| stdout.map(|mut from| io::copy(&mut from, &mut io::stdout())));
        scope.spawn(|| stderr.map(|mut from| io::copy(&mut from, &mut io::stderr())));
    });
    let mut code = [exit::REFUSED];
    let _ = ours.read(&mut code);
    Ok(code[0])
}

/// What that process does.
pub fn keep(call: &Call, within: Duration) -> u8 {
    detach();
    let code = with_settings(call, |want| {
        let name = &want.name;
        let (code, changed) = locked_then(call, want, Rest::Goes, |work| wait(work, name, within));
        if code != exit::DONE {
            return code;
        }
        follow(call, name, changed);
        // Of what holds services, only that which can be told at once is tried
        ready::wait(want)
    });
    tell(code);
    code
}

/// From whoever called, and whatever may happen to him.
fn detach() {
    let _ = setsid();
    let _ = SigSet::all().thread_block();
    let _ = fs::write("/proc/self/comm", "netns-setup");
    // A terminal that nobody reads from must not hold it up
    for descriptor in [io::stdout().as_fd(), io::stderr().as_fd()] {
        let _ = fcntl(descriptor, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
    }
}

/// The exit code to the one who called; nothing more is said.
fn tell(code: u8) {
    let _ = io::stdout().flush();
    let _ = write(io::stdin(), &[code]);
    if let Ok(nothing) = File::options().read(true).write(true).open("/dev/null") {
        let _ = dup2_stdin(&nothing);
        let _ = dup2_stdout(&nothing);
        let _ = dup2_stderr(&nothing);
    }
}

/// All is made: wait until it is confirmed, or undo it.
fn wait(work: &mut Work, name: &NetnsName, within: Duration) -> Result<(), Failure> {
    if !work.has_changed() {
        return Ok(());
    }
    let until = Instant::now() + within;
    begin(name, id(), within)
        .map_err(|e| work.fail(Why::Broken("cannot note that it is tried", e)))?;
    let lines = [
        format!("{name}: undone in {} s, unless you type", within.as_secs()),
        format!("netns-setup confirm {name}"),
    ];
    complain(&lines, exit::DONE);
    tell(exit::DONE);
    let ends = ends();
    while Instant::now() < until && !has_come(&ends) {
        if !file(name).exists() {
            return Ok(());
        }
        sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
    }
    match fs::remove_file(file(name)) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        _ => {
            let late = io::Error::from(ErrorKind::TimedOut);
            Err(work.fail(Why::Broken("it was not confirmed", late)))
        }
    }
}

/// What asks it to end, as the machine's shutdown does: it is undone then, at once. All
/// signals are held, so one that came while it was made is there still.
fn ends() -> nix::Result<SignalFd> {
    let ends = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    SignalFd::with_flags(&ends, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
}

fn has_come(ends: &nix::Result<SignalFd>) -> bool {
    let come = ends.as_ref().map(SignalFd::read_signal);
    matches!(come, Ok(Ok(Some(_))))
}

/// What is tried stays.
pub fn confirm(name: &NetnsName) -> u8 {
    let confirmed = match running(name) {
        Some(_) => fs::remove_file(file(name)),
        None => Err(ErrorKind::NotFound.into()),
    };
    let lines = match confirmed {
        Ok(()) => return exit::DONE,
        Err(e) if e.kind() == ErrorKind::NotFound => [
            format!("{name}: nothing is tried now that could be confirmed"),
            format!("netns-setup status {name} shows what holds"),
        ],
        Err(e) => [
            format!("{name}: cannot confirm it: {e}"),
            "it takes root, and a /run that can be written to".into(),
        ],
    };
    complain(&lines, exit::WRONG)
}
