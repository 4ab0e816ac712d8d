//! Processes by descriptor. The kernel soon reuses the id of a process that has ended, but a
//! descriptor always refers to the same process.

use std::io::{self, ErrorKind};
use std::os::fd::{OwnedFd, RawFd};
use std::time::Duration;

use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{self, Pid, PidfdFlags, PidfdGetfdFlags};

/// Open a process: pidfd_open(2), Linux 5.3.
pub fn open(pid: i32) -> io::Result<OwnedFd> {
    let pid = Pid::from_raw(pid).ok_or(ErrorKind::InvalidInput)?;
    Ok(process::pidfd_open(pid, PidfdFlags::empty())?)
}

/// Send a signal to a process: pidfd_send_signal(2), Linux 5.1.
pub fn send(process: &OwnedFd, signal: Signal) -> io::Result<()> {
    let signal = process::Signal::from_named_raw(signal as i32).ok_or(ErrorKind::InvalidInput)?;
    Ok(process::pidfd_send_signal(process, signal)?)
}

/// Copy a file descriptor of a process: pidfd_getfd(2), Linux 5.6.
pub fn copy(process: &OwnedFd, descriptor: RawFd) -> io::Result<OwnedFd> {
    Ok(process::pidfd_getfd(
        process,
        descriptor,
        PidfdGetfdFlags::empty(),
    )?)
}

/// Wait until one of the processes has ended, or until the time is up. Returns at once if one of them
/// cannot be opened, because it has ended by then.
pub fn wait_for_any(pids: impl Iterator<Item = i32>, limit: Duration) -> io::Result<()> {
    let Ok(processes) = pids.map(open).collect::<io::Result<Vec<_>>>() else {
        return Ok(());
    };
    let mut ends: Vec<_> = processes
        .iter()
        .map(|process| PollFd::new(process, PollFlags::IN))
        .collect();
    let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
    match poll(&mut ends, Some(&limit)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
