//! Processes by descriptor, and the sockets in them: ids, which the kernel gives to others
//! soon, in; descriptors, which stay whose they are, out. What nix has no calls for.
//!
//! The argument for the unsafe code: the calls get numbers and null pointers alone; a
//! descriptor that one returns is new and owned by nobody else.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc::{self, c_int, c_long};
use nix::sys::signal::Signal;

mod ioctl {
    nix::ioctl_none_bad!(netns_of_socket, nix::libc::SIOCGSKNS);
}

/// pidfd_open(2), Linux 5.3.
pub fn open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: see the head of this file.
    let opened = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as c_long, 0 as c_long) };
    owned(opened)
}

/// pidfd_send_signal(2), Linux 5.1.
pub fn send(process: &OwnedFd, signal: Signal) -> io::Result<()> {
    let number = signal as c_int as c_long;
    let process = process.as_raw_fd() as c_long;
    let none = 0 as c_long;
    // SAFETY: see the head of this file; no siginfo is a null pointer.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process, number, none, none) };
    Ok(Errno::result(sent).map(drop)?)
}

/// A copy of what is behind a descriptor of a process: pidfd_getfd(2), Linux 5.6.
pub fn copy(process: &OwnedFd, descriptor: RawFd) -> io::Result<OwnedFd> {
    let (process, descriptor) = (process.as_raw_fd() as c_long, descriptor as c_long);
    // SAFETY: see the head of this file.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process, descriptor, 0 as c_long) })
}

/// The namespace that the socket behind a descriptor of a process is in: SIOCGSKNS.
pub fn netns_of_socket(process: &OwnedFd, descriptor: RawFd) -> io::Result<File> {
    let copy = copy(process, descriptor)?;
    // SAFETY: see the head of this file; the ioctl takes nothing.
    let netns = unsafe { ioctl::netns_of_socket(copy.as_raw_fd()) }?;
    Ok(owned(netns.into())?.into())
}

fn owned(descriptor: c_long) -> io::Result<OwnedFd> {
    let descriptor = Errno::result(descriptor)? as RawFd;
    // SAFETY: see the head of this file.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
