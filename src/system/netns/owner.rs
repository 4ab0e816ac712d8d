//! Whose a network namespace is: root's, or a user's who made it with a user namespace of his
//! own. He has every right over all that is in it, whoever configured it.
//!
//! The argument for the unsafe code: each ioctl gets nothing, or the address of a number that
//! lives until the call returns; a descriptor that one returns is new and owned by nobody
//! else (ioctl_ns(2)).

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::libc::{c_int, uid_t};

use super::is_same;

mod ioctl {
    use super::uid_t;

    nix::ioctl_none!(user_namespace, 0xb7, 1);
    nix::ioctl_none!(parent, 0xb7, 2);
    nix::ioctl_read_bad!(owner, nix::request_code_none!(0xb7, 4), uid_t);
}

/// The user who has rights over a network namespace by a user namespace of his own, or of
/// one above it; `None` where they are all root's.
pub fn user_of(netns: &File) -> io::Result<Option<u32>> {
    let own = File::open("/proc/self/ns/user")?;
    // SAFETY: it takes no argument.
    let mut owning = opened(unsafe { ioctl::user_namespace(netns.as_raw_fd()) })?;
    while !is_same(&owning, &own) {
        let mut user = 0;
        // SAFETY: the number outlives the call, which writes it and nothing else.
        unsafe { ioctl::owner(owning.as_raw_fd(), &raw mut user) }?;
        if user != 0 {
            return Ok(Some(user));
        }
        // SAFETY: it takes no argument.
        owning = opened(unsafe { ioctl::parent(owning.as_raw_fd()) })?;
    }
    Ok(None)
}

fn opened(descriptor: nix::Result<c_int>) -> io::Result<File> {
    // SAFETY: the ioctl has just made it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor?) }.into())
}
