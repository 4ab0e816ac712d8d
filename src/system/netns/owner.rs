//! The owner of a network namespace: root, or a user who created it in a user namespace of their
//! own. Such a user has all rights over what is in it, even if another user has configured it.
//!
//! The unsafe code is sound for this reason: each ioctl gets no argument, or the address of a
//! number that lives until the call returns. A descriptor that one returns is new, and nothing else
//! owns it (ioctl_ns(2)).

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

/// The id of the user that has rights over a network namespace through a user namespace of their
/// own, or through one above it. `None` if only root has.
pub fn user_of(netns: &File) -> io::Result<Option<u32>> {
    let own = File::open("/proc/self/ns/user")?;
    // SAFETY: the ioctl takes no argument.
    let mut owning = opened(unsafe { ioctl::user_namespace(netns.as_raw_fd()) })?;
    while !is_same(&owning, &own) {
        let mut user = 0;
        // SAFETY: the number outlives the call, which writes it and nothing else.
        unsafe { ioctl::owner(owning.as_raw_fd(), &raw mut user) }?;
        if user != 0 {
            return Ok(Some(user));
        }
        // SAFETY: the ioctl takes no argument.
        owning = opened(unsafe { ioctl::parent(owning.as_raw_fd()) })?;
    }
    Ok(None)
}

fn opened(descriptor: nix::Result<c_int>) -> io::Result<File> {
    // SAFETY: the ioctl has just created the descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor?) }.into())
}
