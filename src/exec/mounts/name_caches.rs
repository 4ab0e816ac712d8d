//! What would answer questions about names from the host's network, hidden: the sockets
//! of nscd, systemd-resolved and avahi are files, and files know no network namespace.

use std::ffi::CStr;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::libc;
use nix::unistd::{AccessFlags, access, faccessat};

use crate::exec::error::{ExecError, reason};
use crate::exec::syscall;

/// Their folders, for a socket may be made anew.
const FOLDERS: [&CStr; 3] = [
    c"/var/run/nscd",
    c"/run/systemd/resolve",
    c"/run/avahi-daemon",
];

/// Hides those that are there, in a mount namespace of our own.
pub fn hide(mark: &CStr) -> Result<(), ExecError> {
    for folder in FOLDERS {
        match access(folder, AccessFlags::F_OK) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => (),
            _ if is_musl() => return Ok(()),
            _ => cover(folder, mark).map_err(|why| {
                let wrong = format!("cannot hide {}: {}", folder.to_string_lossy(), reason(why));
                ExecError::kernel(
                    wrong,
                    "expected a directory of the host's resolver; --net-only leaves it as it is",
                )
            })?,
        }
    }
    Ok(())
}

fn cover(folder: &CStr, mark: &CStr) -> Result<(), Errno> {
    let settings = [(c"source", mark), (c"mode", c"0755"), (c"size", c"4k")];
    let flags = libc::MOUNT_ATTR_RDONLY
        | libc::MOUNT_ATTR_NOSUID
        | libc::MOUNT_ATTR_NODEV
        | libc::MOUNT_ATTR_NOEXEC;
    let empty = syscall::new_mount(c"tmpfs", &settings, flags as u32)?;
    syscall::attach(empty.as_fd(), folder, true)
}

/// musl asks none of them about hosts, and only a daemon like nscd about users.
pub fn is_musl() -> bool {
    let arch = std::env::consts::ARCH;
    let loader = format!("/lib/ld-musl-{arch}.so.1");
    let is_there =
        |path: &str| faccessat(AT_FDCWD, path, AccessFlags::F_OK, AtFlags::empty()).is_ok();
    is_there(&loader) && !is_there("/etc/ld.so.cache")
}
