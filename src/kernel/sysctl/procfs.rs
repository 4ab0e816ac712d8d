//! `/proc/sys` for who looks at many new namespaces, one after the other. The kernel keeps,
//! in each procfs that is mounted, an entry for every namespace whose tables were looked at
//! there, all under one name, and goes through them to find one (proc_sys_compare): with a
//! thousand, that takes a fifth of all the time of an `up`. So a procfs is given up for a new
//! one, which is mounted nowhere, after a few.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

/// So many namespaces are looked at through one procfs.
const FEW: usize = 32;

/// How many namespaces this process has looked at, and the procfs of its own that it has for
/// that, from when there are more than a few.
static LOOKED_AT: Mutex<(usize, Option<OwnedFd>)> = Mutex::new((0, None));

/// Where the tables of the next new namespace are to be looked at; `None` for where everybody
/// does, as long as there are few, or where another procfs is refused.
pub(crate) fn of_the_next() -> Option<File> {
    let mut looked_at = LOOKED_AT.lock().unwrap_or_else(PoisonError::into_inner);
    let (count, own) = &mut *looked_at;
    if *count >= FEW && *count % FEW == 0 {
        *own = procfs().ok();
    }
    *count += 1;
    own.as_ref().and_then(|own| open(own, "sys").ok())
}

/// A file below them, or a folder.
pub(crate) fn open(tables: impl AsFd, path: &str) -> io::Result<File> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    Ok(openat(tables, path, flags, Mode::empty())?.into())
}

/// Linux 5.2.
fn procfs() -> io::Result<OwnedFd> {
    let kind = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&kind)?;
    let flags = FsMountFlags::FSMOUNT_CLOEXEC;
    Ok(fsmount(&kind, flags, MountAttrFlags::MOUNT_ATTR_RDONLY)?)
}
