//! Hides the sockets of nscd, systemd-resolved and avahi, which would answer name lookups from the
//! host's network. These sockets are files, and files do not depend on the network namespace.

use std::ffi::CStr;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::libc;
use nix::unistd::{AccessFlags, access, faccessat};

use crate::exec::error::{ExecError, reason};
use crate::exec::syscall;

/// The directories of the sockets. A socket itself may be recreated.
const FOLDERS: [&CStr; 3] = [
    c"/var/run/nscd",
    c"/run/systemd/resolve",
    c"/run/avahi-daemon",
];

/// Hide the directories that exist, in a mount namespace of our own.
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

/// Whether the system uses musl. musl asks none of these daemons about hosts, and asks only a
/// daemon like nscd about users.
pub fn is_musl() -> bool {
    let arch = std::env::consts::ARCH;
    let loader = format!("/lib/ld-musl-{arch}.so.1");
    let is_there =
        |path: &str| faccessat(AT_FDCWD, path, AccessFlags::F_OK, AtFlags::empty()).is_ok();
    is_there(&loader) && !is_there("/etc/ld.so.cache")
}
