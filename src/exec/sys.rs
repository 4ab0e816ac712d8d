//! The system calls that nix does not have, and the words a program was called with:
//! the one place with unsafe code. Numbers and pointers of the kernel's in, results out;
//! what they are used for does not belong here.
//!
//! The argument for it, once: every pointer handed to the kernel comes from a reference
//! that lives until the call returns, or is null where the call's man page allows that;
//! lengths are those of the same slices; the kernel keeps none of them. A descriptor
//! that a call returns is new and owned by nobody else.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;

/// A part of what a program was called with: words, each ended by a NUL, and a null
/// pointer behind the last. It is what execve(2) takes, so nothing need be copied.
#[derive(Clone, Copy)]
pub struct Words(&'static [*const c_char]);

impl Words {
    /// The words that `main` was given.
    ///
    /// # Safety
    ///
    /// The arguments must be those of `main`: `count` pointers to NUL-ended words and a
    /// null pointer, which all stay as they are until the process ends.
    pub unsafe fn of_main(count: c_int, words: *const *const c_char) -> Words {
        let count = usize::try_from(count).unwrap_or(0);
        // SAFETY: the caller says that there are count words and a null pointer.
        Words(unsafe { std::slice::from_raw_parts(words, count + 1) })
    }

    /// How many.
    pub fn count(self) -> usize {
        self.0.len() - 1
    }

    /// The word at this place, counted from 0.
    pub fn get(self, place: usize) -> Option<&'static CStr> {
        let word = *self.0.get(place)?;
        // SAFETY: all but the last, which is null, are words ended by a NUL, see of_main.
        (!word.is_null()).then(|| unsafe { CStr::from_ptr(word) })
    }

    /// The words from this place on; none, if there are fewer.
    pub fn from(self, place: usize) -> Words {
        Words(&self.0[place.min(self.count())..])
    }
}

/// execvp(3): looks the first word up in PATH and becomes it, with all of the words.
/// It returns only if that failed.
pub fn execvp(words: Words) -> Errno {
    // SAFETY: Words is a list of words ended by a null pointer; see its type.
    unsafe { libc::execvp(words.0[0], words.0.as_ptr()) };
    Errno::last()
}

/// Whether the kernel gave this program rights its caller did not have (setuid, file
/// capabilities): getauxval(3), `AT_SECURE`.
pub fn is_secure() -> bool {
    // SAFETY: getauxval takes a number and reads memory that is the process's own.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// open_tree(2): a copy of the mount at `path`, attached nowhere. A symlink at its end is
/// not followed; with `all` what is mounted below is copied too.
pub fn clone_mount(folder: BorrowedFd, path: &CStr, all: bool) -> Result<OwnedFd, Errno> {
    let recursive = if all { libc::AT_RECURSIVE } else { 0 };
    let flags = libc::OPEN_TREE_CLONE
        | libc::OPEN_TREE_CLOEXEC
        | (libc::AT_SYMLINK_NOFOLLOW | recursive) as libc::c_uint;
    // SAFETY: see the head of this file.
    let result = unsafe {
        libc::syscall(
            libc::SYS_open_tree,
            folder.as_raw_fd(),
            path.as_ptr(),
            flags,
        )
    };
    descriptor(result)
}

/// mount_setattr(2): makes a copy of a mount, and all below it, read-only.
pub fn set_read_only(mount: BorrowedFd) -> Result<(), Errno> {
    // SAFETY: mount_attr is a structure of numbers, for which zero is a value.
    let mut attributes: libc::mount_attr = unsafe { std::mem::zeroed() };
    attributes.attr_set = libc::MOUNT_ATTR_RDONLY;
    // SAFETY: see the head of this file.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(result).map(drop)
}

/// move_mount(2): attaches a mount that is attached nowhere over `path`. A symlink at its
/// end is what is mounted over, unless `follow`.
pub fn attach(mount: BorrowedFd, path: &CStr, follow: bool) -> Result<(), Errno> {
    let to = if follow {
        libc::MOVE_MOUNT_T_SYMLINKS
    } else {
        0
    };
    // SAFETY: see the head of this file.
    let result = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::MOVE_MOUNT_F_EMPTY_PATH | to,
        )
    };
    Errno::result(result).map(drop)
}

/// fsopen(2) to fsmount(2): a new mount, attached nowhere, of the file system `kind`,
/// its source shown as `source`; `flags` are `MOUNT_ATTR_…`.
pub fn new_mount(kind: &CStr, source: &CStr, flags: u32) -> Result<OwnedFd, Errno> {
    // SAFETY: see the head of this file.
    let result = unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), libc::FSOPEN_CLOEXEC) };
    let made = descriptor(result)?;
    configure(&made, libc::FSCONFIG_SET_STRING, Some((c"source", source)))?;
    configure(&made, libc::FSCONFIG_CMD_CREATE, None)?;
    // SAFETY: see the head of this file.
    let result = unsafe {
        libc::syscall(
            libc::SYS_fsmount,
            made.as_raw_fd(),
            libc::FSMOUNT_CLOEXEC,
            flags,
        )
    };
    descriptor(result)
}

fn configure(
    made: &OwnedFd,
    what: libc::c_uint,
    pair: Option<(&CStr, &CStr)>,
) -> Result<(), Errno> {
    let (key, value) = pair.map_or((std::ptr::null(), std::ptr::null()), |(key, value)| {
        (key.as_ptr(), value.as_ptr())
    });
    // SAFETY: see the head of this file; fsconfig(2) takes null pointers for a command.
    let result =
        unsafe { libc::syscall(libc::SYS_fsconfig, made.as_raw_fd(), what, key, value, 0) };
    Errno::result(result).map(drop)
}

/// getdents64(2): reads the next entries of a folder into `buffer`, and how many bytes of
/// it they are.
pub fn entries(folder: BorrowedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: see the head of this file.
    let result = unsafe {
        libc::syscall(
            libc::SYS_getdents64,
            folder.as_raw_fd(),
            buffer.as_mut_ptr(),
            buffer.len(),
        )
    };
    Errno::result(result).map(|bytes| bytes as usize)
}

fn descriptor(result: libc::c_long) -> Result<OwnedFd, Errno> {
    // SAFETY: what these calls return is a descriptor of our own.
    Errno::result(result).map(|number| unsafe { OwnedFd::from_raw_fd(number as c_int) })
}
