//! System calls that nix does not have, or has only with heap allocation. This module, `argv` and
//! `bpf` are the only ones of `exec` with unsafe code. The functions take numbers and references
//! and return results; what they are used for does not belong here.
//!
//! The safety argument, for all of them: every pointer passed to the kernel comes from a reference
//! that lives until the call returns, or is null where the call's man page allows that. A length is
//! that of the memory at the pointer. The kernel keeps none of the pointers. A descriptor that a
//! call returns is new and has no other owner.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_int};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::{from_mut, from_ref, null, null_mut};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::SigSet;

use super::path_buf::up_to_nul;

/// Whether the kernel gave this program privileges that its caller did not have (setuid, file
/// capabilities): getauxval(3), `AT_SECURE`.
pub fn is_secure() -> bool {
    // SAFETY: getauxval takes a number and reads memory of this process
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// A system call. Returns the kernel's error.
///
/// # Safety
///
/// The arguments must be valid according to the call's man page.
pub(super) unsafe fn call<const N: usize>(
    number: libc::c_long,
    arguments: [usize; N],
) -> Result<usize, Errno> {
    let a = |place: usize| arguments.get(place).copied().unwrap_or(0);
    // SAFETY: the caller's; the kernel does not read arguments that the call does not take
    let result = unsafe { libc::syscall(number, a(0), a(1), a(2), a(3), a(4)) };
    Errno::result(result).map(|value| value as usize)
}

/// As [`call`], for calls that return a new descriptor.
pub(super) unsafe fn open<const N: usize>(
    number: libc::c_long,
    arguments: [usize; N],
) -> Result<OwnedFd, Errno> {
    // SAFETY: the caller's; the descriptor has no other owner
    unsafe { call(number, arguments).map(|fd| OwnedFd::from_raw_fd(fd as c_int)) }
}

pub(super) fn text(text: &CStr) -> usize {
    text.as_ptr() as usize
}

pub(super) fn fd(fd: BorrowedFd) -> usize {
    fd.as_raw_fd() as usize
}

/// openat(2), with `O_CLOEXEC`. (musl's openat sets that flag a second time, with fcntl(2).)
pub fn open_file(folder: BorrowedFd, path: &CStr, flags: c_int) -> Result<OwnedFd, Errno> {
    let flags = (flags | libc::O_CLOEXEC) as usize;
    // SAFETY: see the head of this file
    unsafe { open(libc::SYS_openat, [fd(folder), text(path), flags]) }
}

/// Leave a descriptor open for execve(2), which closes it at less cost than a close(2).
pub fn leave_open(descriptor: OwnedFd) {
    std::mem::forget(descriptor);
}

/// close_range(2), `CLOSE_RANGE_CLOEXEC` (Linux 5.11): a program that is executed from now on gets
/// only the first three descriptors.
pub fn hand_down_nothing() -> Result<(), Errno> {
    let flags = libc::CLOSE_RANGE_CLOEXEC as usize;
    // SAFETY: see the head of this file; there is no pointer
    unsafe { call(libc::SYS_close_range, [3, u32::MAX as usize, flags]) }.map(drop)
}

/// fcntl(2), with a command that takes a number.
pub fn control(of: BorrowedFd, command: c_int, number: c_int) -> Result<(), Errno> {
    let arguments = [fd(of), command as usize, number as usize];
    // SAFETY: see the head of this file; there is no pointer
    unsafe { call(libc::SYS_fcntl, arguments) }.map(drop)
}

/// sigtimedwait(2): take one of these blocked signals, which is pending or arrives within `limit`.
pub fn await_signal(signals: &SigSet, limit: Duration) -> Result<(), Errno> {
    let limit = libc::timespec {
        tv_sec: limit.as_secs() as _,
        tv_nsec: limit.subsec_nanos() as _,
    };
    // SAFETY: see the head of this file; the null pointer means no siginfo
    Errno::result(unsafe { libc::sigtimedwait(signals.as_ref(), null_mut(), &limit) }).map(drop)
}

/// open_tree(2): a detached copy of the mount at `path`. A symlink at the end of the path is not
/// followed. With `all`, the mounts below it are copied too.
pub fn clone_mount(folder: BorrowedFd, path: &CStr, all: bool) -> Result<OwnedFd, Errno> {
    let recursive = if all { libc::AT_RECURSIVE } else { 0 };
    let flags = libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH | recursive;
    let flags = flags as usize | (libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC) as usize;
    // SAFETY: see the head of this file
    unsafe { open(libc::SYS_open_tree, [fd(folder), text(path), flags]) }
}

/// A read-only [`clone_mount`] with all mounts below it. Uses open_tree_attr(2) from Linux 6.15 on,
/// and before that the two calls that it combines.
pub fn clone_read_only(folder: BorrowedFd, path: &CStr) -> Result<OwnedFd, Errno> {
    const OPEN_TREE_ATTR: libc::c_long = 467;
    let read_only = [libc::MOUNT_ATTR_RDONLY, 0, 0, 0];
    let flags = libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    let flags = flags as usize | (libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC) as usize;
    let attributes = [read_only.as_ptr() as usize, size_of_val(&read_only)];
    let arguments = [fd(folder), text(path), flags, attributes[0], attributes[1]];
    // SAFETY: see the head of this file; struct mount_attr is four 64-bit numbers
    match unsafe { open(OPEN_TREE_ATTR, arguments) } {
        Err(Errno::ENOSYS) => {
            let mount = clone_mount(folder, path, true)?;
            set_read_only(mount.as_fd()).map(|()| mount)
        }
        mount => mount,
    }
}

/// mount_setattr(2): make a copy of a mount, and all mounts below it, read-only.
pub fn set_read_only(mount: BorrowedFd) -> Result<(), Errno> {
    let attributes = [libc::MOUNT_ATTR_RDONLY, 0, 0, 0];
    let (size, flags) = (
        size_of_val(&attributes),
        libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
    );
    let pointer = attributes.as_ptr() as usize;
    // SAFETY: see the head of this file; struct mount_attr is four 64-bit numbers
    unsafe {
        call(
            libc::SYS_mount_setattr,
            [fd(mount), text(c""), flags as usize, pointer, size],
        )
    }
    .map(drop)
}

/// move_mount(2): attach a detached mount at `path`. If the path ends in a symlink, the mount
/// covers the symlink itself, or with `follow` its target.
pub fn attach(mount: BorrowedFd, path: &CStr, follow: bool) -> Result<(), Errno> {
    let to = if follow {
        libc::MOVE_MOUNT_T_SYMLINKS
    } else {
        0
    };
    let flags = (libc::MOVE_MOUNT_F_EMPTY_PATH | to) as usize;
    let here = libc::AT_FDCWD as usize;
    // SAFETY: see the head of this file
    unsafe {
        call(
            libc::SYS_move_mount,
            [fd(mount), text(c""), here, text(path), flags],
        )
    }
    .map(drop)
}

/// fsopen(2) to fsmount(2): a new, detached mount of the file system `kind` with these settings.
/// `flags` are `MOUNT_ATTR_...`.
pub fn new_mount(kind: &CStr, settings: &[(&CStr, &CStr)], flags: u32) -> Result<OwnedFd, Errno> {
    // SAFETY: see the head of this file; fsconfig(2) takes null pointers for a command
    unsafe {
        let made = open(
            libc::SYS_fsopen,
            [text(kind), libc::FSOPEN_CLOEXEC as usize],
        )?;
        let made = made.as_raw_fd() as usize;
        for (key, value) in settings {
            let set = libc::FSCONFIG_SET_STRING as usize;
            call(libc::SYS_fsconfig, [made, set, text(key), text(value), 0])?;
        }
        call(
            libc::SYS_fsconfig,
            [made, libc::FSCONFIG_CMD_CREATE as usize, 0, 0, 0],
        )?;
        open(
            libc::SYS_fsmount,
            [made, libc::FSMOUNT_CLOEXEC as usize, flags as usize],
        )
    }
}

/// getdents64(2): read the next entries of a directory into `buffer`. Returns their length in
/// bytes.
pub fn entries(folder: BorrowedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    let room = [buffer.as_mut_ptr() as usize, buffer.len()];
    // SAFETY: see the head of this file
    unsafe { call(libc::SYS_getdents64, [fd(folder), room[0], room[1]]) }
}

/// getcwd(2): the working directory.
pub fn working_folder(buffer: &mut [u8]) -> Result<&CStr, Errno> {
    let room = [buffer.as_mut_ptr() as usize, buffer.len()];
    // SAFETY: see the head of this file
    unsafe { call(libc::SYS_getcwd, room)? };
    up_to_nul(buffer).ok_or(Errno::ENAMETOOLONG)
}

/// statx(2) of a directory: whether it is a mount point, and the ID of its mount in the form that
/// listmount(2) takes (from Linux 6.8 on).
pub fn mount_of(folder: &CStr) -> Result<(bool, Option<u64>), Errno> {
    const UNIQUE: u32 = 0x4000; // STATX_MNT_ID_UNIQUE
    // SAFETY: zero is valid for a structure of numbers; and see the head of this file
    let told = unsafe {
        let mut told: libc::statx = std::mem::zeroed();
        let (here, flags) = (libc::AT_FDCWD as usize, libc::AT_SYMLINK_NOFOLLOW as usize);
        let room = from_mut(&mut told) as usize;
        call(
            libc::SYS_statx,
            [here, text(folder), flags, UNIQUE as usize, room],
        )?;
        told
    };
    let is_root = told.stx_attributes & libc::STATX_ATTR_MOUNT_ROOT as u64 != 0;
    Ok((
        is_root,
        (told.stx_mask & UNIQUE != 0).then_some(told.stx_mnt_id),
    ))
}

/// listmount(2): the IDs of the mounts below a mount. Returns their number. If `room` is full,
/// there may be more.
pub fn mounts_below(mount: u64, room: &mut [u64]) -> Result<usize, Errno> {
    const LISTMOUNT: libc::c_long = 458;
    let asked: [u64; 3] = [24, mount, 0]; // struct mnt_id_req: size, mount, last mount seen
    let (pointer, length) = (room.as_mut_ptr() as usize, room.len());
    // SAFETY: see the head of this file
    unsafe { call(LISTMOUNT, [from_ref(&asked) as usize, pointer, length, 0]) }
}

/// statmount(2): the mount point of a mount.
pub fn mount_point(mount: u64, buffer: &mut [u8]) -> Result<&[u8], Errno> {
    const STATMOUNT: libc::c_long = 457;
    const POINT: u64 = 0x10; // STATMOUNT_MNT_POINT
    let asked = [24, mount, POINT];
    let (pointer, length) = (buffer.as_mut_ptr() as usize, buffer.len());
    // SAFETY: see the head of this file
    unsafe { call(STATMOUNT, [from_ref(&asked) as usize, pointer, length, 0])? };
    // struct statmount: the offset of the mount point is at 108, relative to the strings at 512
    let start = buffer[108..112].try_into().map_or(0, u32::from_ne_bytes);
    let rest = buffer.get(512 + start as usize..).unwrap_or(&[]);
    let point = up_to_nul(rest).map(CStr::to_bytes);
    point.ok_or(Errno::ENAMETOOLONG)
}

/// pidfd_open(2).
pub fn open_process(pid: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: see the head of this file
    unsafe { open(libc::SYS_pidfd_open, [pid as usize, 0]) }
}

/// pidfd_send_signal(2) with signal 0: whether the process still exists.
pub fn is_there(process: BorrowedFd) -> bool {
    // SAFETY: see the head of this file; signal 0 has no siginfo
    unsafe {
        call(
            libc::SYS_pidfd_send_signal,
            [fd(process), 0, null::<u8>() as usize, 0],
        )
        .is_ok()
    }
}

/// getsockopt(2), `SO_BINDTOIFINDEX`, of a new socket: the interface index that the kernel binds
/// new sockets of this process to, or 0.
pub fn born_bound_to() -> Result<u32, Errno> {
    const BIND_TO_IFINDEX: usize = 62;
    let socket = socket(libc::AF_INET, libc::SOCK_DGRAM)?;
    let (mut link, mut size) = (0u32, 4u32);
    let room = [from_mut(&mut link) as usize, from_mut(&mut size) as usize];
    let level = libc::SOL_SOCKET as usize;
    let arguments = [fd(socket.as_fd()), level, BIND_TO_IFINDEX, room[0], room[1]];
    // SAFETY: see the head of this file
    unsafe { call(libc::SYS_getsockopt, arguments)? };
    Ok(link)
}

/// socket(2), with protocol 0, which for netlink is `NETLINK_ROUTE`.
pub fn socket(family: c_int, kind: c_int) -> Result<OwnedFd, Errno> {
    let kind = (kind | libc::SOCK_CLOEXEC) as usize;
    // SAFETY: see the head of this file
    unsafe { open(libc::SYS_socket, [family as usize, kind, 0]) }
}
