//! resolvconf(8) inside a namespace. A VPN client calls it to set name servers, and would set those
//! of the host, because its database is a directory, and directories do not depend on the network
//! namespace. Inside, that directory is read-only, and our own program (libexec/resolvconf) covers
//! the host's. It keeps the client's name servers in the namespace's state directory, in the file
//! [`crate::state_dir::SERVERS`]. While a client has set any, that file is mounted over
//! /etc/resolv.conf, above all other mounts there.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::mount::{MntFlags, umount2};
use nix::unistd::{AccessFlags, access};

use super::is_at;
use super::mountinfo::{self, OWN};
use crate::exec::error::{ExecError, reason};
use crate::exec::path_buf::StackPath;
use crate::exec::syscall;
use crate::state_dir;

/// The database of Debian's resolvconf and of openresolv.
const DATABASE: &CStr = c"/run/resolvconf/.";

/// The possible paths of the program. Two of them may be the same file.
const PROGRAMS: [&CStr; 3] = [
    c"/sbin/resolvconf",
    c"/usr/sbin/resolvconf",
    c"/usr/bin/resolvconf",
];

const RESOLV_CONF: &CStr = c"/etc/resolv.conf";

/// Protect the host's resolvconf from programs inside, and show the name servers that a client
/// inside has set, in a mount namespace of our own. Without a resolvconf on the host, it takes five
/// system calls.
pub fn mount(name: &CStr) -> Result<(), ExecError> {
    let refused = |why| {
        ExecError::kernel(
            format!("cannot hide the host's resolvconf: {}", reason(why)),
            "expected /run/resolvconf to be a directory; --net-only leaves it as it is",
        )
    };
    match syscall::clone_read_only(AT_FDCWD, DATABASE) {
        Ok(database) => {
            syscall::attach(database.as_fd(), DATABASE, true).map_err(refused)?;
            syscall::leave_open(database);
        }
        Err(Errno::ENOENT | Errno::ENOTDIR) => (),
        Err(why) => return Err(refused(why)),
    }
    for program in PROGRAMS {
        if access(program, AccessFlags::F_OK).is_ok() {
            cover(program).map_err(refused)?;
        }
    }
    show(name).map_err(|why| {
        ExecError::kernel(
            format!(
                "cannot show the name servers that a client inside has set: {}",
                reason(why)
            ),
            "expected the host to have an /etc/resolv.conf, empty or not",
        )
    })
}

/// Mount our program over the host's.
#[cold]
#[inline(never)]
fn cover(program: &CStr) -> Result<(), Errno> {
    let ours = installed("resolvconf");
    if !ours.exists() {
        return Ok(());
    }
    let ours = CString::new(ours.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    let ours = syscall::clone_read_only(AT_FDCWD, &ours)?;
    match is_at(program, &ours)? {
        Some(true) => Ok(()),
        _ => syscall::attach(ours.as_fd(), program, false),
    }
}

/// Where `make` says that the files of ours go that are not programs for users. It is compiled in:
/// no environment can name another directory to a program that runs as root.
const LIBEXECDIR: &str = match option_env!("NETNS_LIBEXECDIR") {
    Some(directory) => directory,
    None => "/usr/libexec",
};

/// The path of a file of ours that is not a program for users.
#[cold]
pub fn installed(file: &str) -> PathBuf {
    Path::new(LIBEXECDIR).join("netns-services").join(file)
}

/// Show the client's name servers, if there are any. A client may set or remove them at the same
/// time. It then enters all mount namespaces with our mark, and this one has the mark already. So
/// it is enough to check once more after the last mount.
fn show(name: &CStr) -> Result<(), Errno> {
    let path = path(name)?;
    let mut is_shown = false;
    while access(path.as_c(), AccessFlags::F_OK).is_ok() != is_shown {
        is_shown = if is_shown {
            umount2(RESOLV_CONF, OFF).map(|()| false)?
        } else {
            match source(name)? {
                Some(servers) => {
                    syscall::attach(servers.as_fd(), RESOLV_CONF, false).map(|()| true)?
                }
                None => false,
            }
        };
    }
    Ok(())
}

const OFF: MntFlags = MntFlags::MNT_DETACH.union(MntFlags::UMOUNT_NOFOLLOW);

/// A detached copy of the mount of the client's name servers, if there are any.
pub fn source(name: &CStr) -> Result<Option<OwnedFd>, Errno> {
    match syscall::clone_read_only(AT_FDCWD, path(name)?.as_c()) {
        Ok(servers) => Ok(Some(servers)),
        Err(Errno::ENOENT) => Ok(None),
        Err(why) => Err(why),
    }
}

/// Whether /etc/resolv.conf shows these name servers.
pub fn is_shown(servers: &OwnedFd) -> Result<bool, Errno> {
    Ok(is_at(RESOLV_CONF, servers)? == Some(true))
}

/// Mount these name servers, unless /etc/resolv.conf shows them. Returns whether they were mounted.
pub fn show_again(servers: &OwnedFd) -> Result<bool, Errno> {
    if is_shown(servers)? {
        Ok(false)
    } else {
        syscall::attach(servers.as_fd(), RESOLV_CONF, false).map(|()| true)
    }
}

/// Unmount the name servers that a client had set, and all mounts over them. Returns whether there
/// were any.
pub fn take_off(name: &CStr) -> Result<bool, Errno> {
    let mut points = 0;
    let mut lowest = None;
    mountinfo::each(OWN, |mount| {
        if mount.point == RESOLV_CONF.to_bytes() {
            if lowest.is_none() && is_of_client(name.to_bytes(), mount.root) {
                lowest = Some(points);
            }
            points += 1;
        }
        Ok::<(), Errno>(())
    })?;
    let Some(lowest) = lowest else {
        return Ok(false);
    };
    for _ in lowest..points {
        umount2(RESOLV_CONF, OFF)?;
    }
    Ok(true)
}

/// Whether the root of a mount is the file of a client's name servers, even if it is deleted.
pub fn is_of_client(name: &[u8], root: &[u8]) -> bool {
    let root = root.strip_suffix(b"//deleted").unwrap_or(root);
    let file = [
        b"/netns-services/",
        name,
        b"/",
        state_dir::SERVERS.as_bytes(),
    ]
    .concat();
    root.ends_with(&file)
}

fn path(name: &CStr) -> Result<StackPath, Errno> {
    let folder = state_dir::STATE.as_bytes();
    StackPath::of(&[
        folder,
        b"/",
        name.to_bytes(),
        b"/",
        state_dir::SERVERS.as_bytes(),
    ])
}
