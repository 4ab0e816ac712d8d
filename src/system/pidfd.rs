//! Processes by descriptor, and their sockets. The kernel soon reuses the id of a process that has
//! ended, but a descriptor always refers to the same process.
//!
//! The unsafe code is sound for this reason: the ioctl takes no argument. The descriptor that it
//! returns is new, and nothing else owns it.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::signal::Signal;
use rustix::process::{self, Pid, PidfdFlags, PidfdGetfdFlags};

mod ioctl {
    nix::ioctl_none_bad!(netns_of_socket, nix::libc::SIOCGSKNS);
}

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

/// The network namespace of a socket, which is a file descriptor of a process: SIOCGSKNS.
pub fn netns_of_socket(process: &OwnedFd, descriptor: RawFd) -> io::Result<File> {
    let copy = copy(process, descriptor)?;
    // SAFETY: see the head of this file.
    let netns = unsafe { OwnedFd::from_raw_fd(ioctl::netns_of_socket(copy.as_raw_fd())?) };
    Ok(netns.into())
}
