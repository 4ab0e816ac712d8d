//! The namespace's own view of /etc: each entry of `/etc/netns/NAME` is bound, read-only, over the
//! file of the same name in /etc. Nothing is ever created on the host.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::stat::{lstat, stat};

use super::etc_mode::Mode;
use super::etc_netns::{ALSO_READ, Folder, NAMES, NOT_FOR_ETC, is_dir, path};
use super::overlay;
use crate::exec::error::{ExecError, shown};
use crate::exec::path_buf::StackPath;
use crate::exec::syscall;

/// Bind all entries over /etc, in a mount namespace of our own.
pub fn mount(name: &CStr, mark: &CStr) -> Result<(), ExecError> {
    let folder = Folder::open(name)?;
    let mode = Mode::read(name)?;
    if mode.dns && !folder.as_ref().is_some_and(Folder::has_resolv_conf) {
        return Err(ExecError::kernel(
            format!(
                "{}/resolv.conf is gone, and netns_dns asks for it",
                path(name.to_bytes())
            ),
            format!("to write it again, run netns-setup up {}", shown(name)),
        ));
    }
    let Some(folder) = folder else {
        return Ok(());
    };
    if mode.overlay {
        return overlay::mount(&folder, mark);
    }
    let mut twin_is_missing = false;
    folder.each(|entry| {
        let (mount, is_folder) = folder.source(entry)?;
        match attach(&mount, entry, is_folder) {
            Err(Errno::ENOENT) => twin_is_missing |= NAMES.contains(&entry.to_bytes()),
            attached => attached.map_err(|why| folder.refused(entry, why))?,
        }
        syscall::leave_open(mount);
        Ok(())
    })?;
    match twin_is_missing {
        // Opened again, because the first descriptor has been read to its end
        true => Folder::open(name)?.map_or(Ok(()), |folder| overlay::mount(&folder, mark)),
        false => Ok(()),
    }
}

/// Attach the entry's mount over the file of the same name in /etc. If that is a symlink, a file
/// covers the symlink itself, so that its target may be replaced later. A directory covers the
/// target.
pub fn attach(mount: &OwnedFd, entry: &CStr, is_folder: bool) -> Result<(), Errno> {
    let twin = StackPath::of(&[b"/etc/", entry.to_bytes()])?;
    match syscall::attach(mount.as_fd(), twin.as_c(), false) {
        Err(Errno::ENOTDIR) if is_folder => syscall::attach(mount.as_fd(), twin.as_c(), true),
        attached => attached,
    }
}

/// Check whether the entries could be bound over /etc, without doing it. Of an `overlay`, which also
/// has entries of another kind than /etc, only the directory is checked.
pub fn could_mount(name: &CStr, overlay: bool) -> Result<(), ExecError> {
    let Some(folder) = Folder::open(name)?.filter(|_| !overlay) else {
        return Ok(());
    };
    folder.each(|entry| {
        let (_, is_folder) = folder.source(entry)?;
        let twin = StackPath::of(&[b"/etc/", entry.to_bytes()]);
        // As in attach: a file covers a symlink, a directory its target
        let twin = twin.and_then(|path| match is_folder {
            true => stat(path.as_c()),
            false => lstat(path.as_c()),
        });
        match twin {
            Ok(twin) if is_dir(&twin) != is_folder => Err(folder.refused(entry, Errno::ENOTDIR)),
            _ => Ok(()),
        }
    })
}

/// Whether nothing inside sees this entry, because /etc has no file of the same name to bind it
/// over. Always false for the entries that netns-setup reads. Also false for the files for name
/// lookup: if /etc lacks one of them, the directory is mounted over /etc as an overlay.
pub fn is_passed_over(entry: &str) -> bool {
    let known = NOT_FOR_ETC.iter().chain(&NAMES).chain(&ALSO_READ);
    let missing = |path: Result<StackPath, Errno>| {
        let there = path.and_then(|path| lstat(path.as_c()));
        matches!(there, Err(Errno::ENOENT))
    };
    !known.into_iter().any(|known| *known == entry.as_bytes())
        && missing(StackPath::of(&[b"/etc/", entry.as_bytes()]))
}
