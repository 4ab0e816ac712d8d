//! The network namespace that a socket of another process was opened in.
//!
//! The unsafe code is sound for this reason: the ioctl takes no argument. The descriptor that it
//! returns is new, and nothing else owns it.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::system::pidfd;

mod ioctl {
    nix::ioctl_none_bad!(netns_of_socket, nix::libc::SIOCGSKNS);
}

/// The network namespace of a socket, which is a file descriptor of a process: SIOCGSKNS.
pub fn netns_of_socket(process: &OwnedFd, descriptor: RawFd) -> io::Result<File> {
    let copy = pidfd::copy(process, descriptor)?;
    // SAFETY: see the head of this file.
    let netns = unsafe { OwnedFd::from_raw_fd(ioctl::netns_of_socket(copy.as_raw_fd())?) };
    Ok(netns.into())
}
