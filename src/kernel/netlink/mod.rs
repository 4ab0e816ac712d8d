//! Talking netlink (netlink(7)): sockets, requests and answers. What the messages mean is
//! for others.

pub mod attr;
pub mod generic;
pub mod message;
pub mod query;
pub mod response;
pub mod socket;

use nix::errno::Errno;

use crate::os_error::OsError;

impl OsError {
    /// It is this error of the kernel's.
    pub(crate) fn is(&self, errno: Errno) -> bool {
        self.errno.raw_os_error() == Some(errno as i32)
    }
}
