//! An overlay over all of /etc: the upper layer is a copy of `/etc/netns/NAME` in memory, the lower
//! layer the host's /etc. It works where /etc has no file of the same name, and it survives a
//! rename on the host. Later changes of the host may not be visible.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::Path;
use std::{fs, io};

use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::libc;

use super::etc_netns::{Folder, trust};
use super::mountinfo::{self, OWN};
use crate::exec::error::{ExecError, reason};
use crate::exec::path_buf::{StackPath, is_in};
use crate::exec::syscall;
use crate::state_dir;

/// Mount the overlay over /etc, in a mount namespace of our own.
#[cold]
#[inline(never)]
pub fn mount(folder: &Folder, mark: &CStr) -> Result<(), ExecError> {
    let mut entries = Vec::new();
    folder.each(|entry| {
        entries.push(entry.to_owned());
        Ok(())
    })?;
    // Copied before the overlay hides them
    let of_netns = copy(&CString::from(c"/etc/netns")).map_err(refused)?;
    let kept = below_etc(&entries).map_err(refused)?;

    // The layers need a path while the overlay is created. /etc/netns/NAME exists, so they are put
    // there
    let place = StackPath::of(&[state_dir::ETC.as_bytes(), b"/", folder.name().to_bytes()])
        .map_err(refused)?;
    let settings = [(c"source", mark), (c"mode", c"0755")];
    let memory = syscall::new_mount(c"tmpfs", &settings, 0).map_err(refused)?;
    syscall::attach(memory.as_fd(), place.as_c(), false).map_err(refused)?;
    let place = Path::new(OsStr::from_bytes(place.as_c().to_bytes()));
    let (upper, work) = (place.join("upper"), place.join("work"));
    fs::create_dir(&work).map_err(not_copied)?;
    fs::create_dir(&upper).map_err(not_copied)?;
    same_rights(Path::new("/etc"), &upper).map_err(not_copied)?;
    for entry in &entries {
        copy_entry(folder, entry, &upper)?;
    }

    let (upper, work) = (c_path(&upper)?, c_path(&work)?);
    let settings = [
        (c"source", mark),
        (c"lowerdir", c"/etc"),
        (c"upperdir", upper.as_c_str()),
        (c"workdir", work.as_c_str()),
    ];
    let flags = (libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV) as u32;
    let overlay = syscall::new_mount(c"overlay", &settings, flags).map_err(refused)?;
    syscall::attach(overlay.as_fd(), c"/etc", false).map_err(refused)?;
    syscall::attach(of_netns.as_fd(), c"/etc/netns", false).map_err(refused)?;
    for (mount, point) in kept {
        syscall::attach(mount.as_fd(), &point, false).map_err(refused)?;
    }
    Ok(())
}

/// Copies of the host's mounts below /etc, which an overlay does not show. Mounts at entries that
/// the namespace has itself are omitted.
fn below_etc(entries: &[CString]) -> Result<Vec<(OwnedFd, CString)>, Errno> {
    let mut kept: Vec<(OwnedFd, CString)> = Vec::new();
    mountinfo::each(OWN, |mount| {
        let point = mountinfo::unescaped(mount.point);
        let Some(rest) = point.strip_prefix(b"/etc/") else {
            return Ok(());
        };
        let is_own = entries.iter().any(|entry| is_in(rest, entry.to_bytes()));
        let is_kept = kept.iter().any(|(_, top)| is_in(&point, top.to_bytes()));
        if !is_own && !is_kept && !is_in(&point, state_dir::ETC.as_bytes()) {
            let point = CString::new(point).map_err(|_| Errno::EINVAL)?;
            kept.push((copy(&point)?, point));
        }
        Ok::<(), Errno>(())
    })?;
    Ok(kept)
}

fn copy(point: &CStr) -> Result<OwnedFd, Errno> {
    syscall::clone_mount(AT_FDCWD, point, true)
}

fn copy_entry(folder: &Folder, entry: &CStr, to: &Path) -> Result<(), ExecError> {
    let opened = folder.follow(entry)?;
    trust(nix::sys::stat::fstat(opened.as_fd()), || folder.path(entry))?;
    let from = format!("/proc/self/fd/{}", opened.as_raw_fd());
    let to = to.join(OsStr::from_bytes(entry.to_bytes()));
    copy_tree(Path::new(&from), &to).map_err(not_copied)
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    if fs::metadata(from)?.is_dir() {
        fs::create_dir(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let to = to.join(entry.file_name());
            if entry.file_type()?.is_symlink() {
                symlink(fs::read_link(entry.path())?, &to)?;
                let of = fs::symlink_metadata(entry.path())?;
                lchown(&to, Some(of.uid()), Some(of.gid()))?;
            } else {
                copy_tree(&entry.path(), &to)?;
            }
        }
    } else {
        fs::copy(from, to)?;
    }
    same_rights(from, to)
}

fn same_rights(of: &Path, to: &Path) -> io::Result<()> {
    let of = fs::metadata(of)?;
    chown(to, Some(of.uid()), Some(of.gid()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(of.mode() & 0o7777))
}

fn c_path(path: &Path) -> Result<CString, ExecError> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| refused(Errno::EINVAL))
}

fn not_copied(why: io::Error) -> ExecError {
    refused(Errno::from_raw(why.raw_os_error().unwrap_or(0)))
}

fn refused(why: Errno) -> ExecError {
    let remedy = match why {
        Errno::ENODEV => {
            "the kernel has no overlayfs: run modprobe overlay, or make resolv.conf, hosts and nsswitch.conf in the host's /etc"
        }
        _ => "expected Linux 5.12 or newer, and a directory that can be copied",
    };
    ExecError::kernel(
        format!("cannot mount an overlay over /etc: {}", reason(why)),
        remedy,
    )
}
