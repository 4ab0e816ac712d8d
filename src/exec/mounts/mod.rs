//! The private mount namespace of a command, with its view of /etc, /sys and /run.

pub mod bind_etc;
pub mod etc_mode;
pub mod etc_netns;
pub mod heal;
pub mod mark;
pub mod marked_processes;
pub mod mountinfo;
pub mod name_caches;
pub mod overlay;
pub mod resolvconf;
pub mod sysfs;

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::stat::{fstat, lstat};

/// Whether an open file is the file at this path. `None` if the path cannot be read.
pub fn is_at(path: &CStr, file: &OwnedFd) -> Result<Option<bool>, Errno> {
    let (file, seen) = (fstat(file)?, lstat(path));
    let same = seen.map(|seen| (seen.st_dev, seen.st_ino) == (file.st_dev, file.st_ino));
    Ok(same.ok())
}
