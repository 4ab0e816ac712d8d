//! Netlink (netlink(7)): sockets, requests and answers. The callers know what the messages mean.

pub mod attr;
pub mod generic;
pub mod message;
pub mod query;
pub mod response;
pub mod socket;

use nix::errno::Errno;

use crate::os_error::OsError;

impl OsError {
    /// Whether this is the kernel's error `errno`.
    pub(crate) fn is(&self, errno: Errno) -> bool {
        self.errno.raw_os_error() == Some(errno as i32)
    }
}
