//! The mark by which a mount namespace of ours is recognized: mounts with the source `netns-exec:`
//! and the name of the namespace, one of them at /sys/class. Also removes the mounts of another
//! call.

use std::ffi::{CStr, CString};
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};
use nix::sys::stat::{fstat, stat};

use super::mountinfo::{self, Mount, OWN};
use super::{etc_netns, resolvconf};
use crate::exec::args::To;
use crate::exec::path_buf::{StackPath, is_in};
use crate::exec::syscall;

/// The prefix of every mark. The name or path of the joined namespace follows.
pub const MARK: &[u8] = b"netns-exec:";

/// What is mounted before the call mounts anything.
pub enum Before {
    /// No mount of ours.
    Host {
        /// Whether something is, or may be, mounted below /sys/class or /sys/devices.
        covered: bool,
    },
    /// All mounts of this call: they are marked for the same network namespace, and the process is
    /// in it.
    Inside,
    /// The mounts of another call, with their mark.
    Other(CString),
}

/// The mark of the namespace that the call joins.
pub fn mark(to: To) -> Result<StackPath, Errno> {
    match to {
        To::Name(name) => StackPath::of(&[MARK, name.to_bytes()]),
        To::Pid(pid) => StackPath::of(&[MARK, b"/proc/", pid.to_bytes(), b"/ns/net"]),
        To::Path(path) => StackPath::of(&[MARK, path.to_bytes()]),
        To::Host => StackPath::of(&[MARK]),
    }
}

/// Determine what is mounted, before anything is joined. It takes three system calls if nothing is
/// mounted below /sys, and one more for each such mount. Reading mountinfo would take a hundred
/// times as long as one of them.
pub fn look(mark: &CStr, namespace: BorrowedFd) -> Result<Before, Errno> {
    let (is_root, number) = match syscall::mount_of(c"/sys/class") {
        Ok(told) => told,
        Err(Errno::ENOENT) => return Ok(Before::Host { covered: true }),
        Err(why) => return Err(why),
    };
    let found = if is_root { marked_for()? } else { None };
    if let Some(found) = found {
        let same = same_network(namespace)? && found.to_bytes() == mark.to_bytes();
        return Ok(if same {
            Before::Inside
        } else {
            Before::Other(found)
        });
    }
    let covered = is_root || number.is_none_or(|number| below_views(number).unwrap_or(true));
    Ok(Before::Host { covered })
}

/// Whether anything is mounted at or below /sys/class or /sys/devices. `sys` is the ID of the mount
/// of /sys.
fn below_views(sys: u64) -> Result<bool, Errno> {
    let mut numbers = [0; 64];
    let count = syscall::mounts_below(sys, &mut numbers)?;
    if count == numbers.len() {
        return Ok(true);
    }
    let mut buffer = [0; 768];
    for number in &numbers[..count] {
        let point = syscall::mount_point(*number, &mut buffer)?;
        if is_in(point, b"/sys/class") || is_in(point, b"/sys/devices") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The mark of the mount that is visible at /sys/class, if it has one.
#[cold]
#[inline(never)]
pub fn marked_for() -> Result<Option<CString>, Errno> {
    let mut mark = None;
    mountinfo::each(OWN, |mount| {
        if mount.point == b"/sys/class" {
            let is_mark = mount.source.starts_with(MARK);
            mark = is_mark.then(|| mountinfo::unescaped(mount.source));
        }
        Ok::<(), Errno>(())
    })?;
    Ok(mark.and_then(|mark| CString::new(mark).ok()))
}

fn same_network(namespace: BorrowedFd) -> Result<bool, Errno> {
    let (own, asked) = (stat(c"/proc/thread-self/ns/net")?, fstat(namespace)?);
    Ok((own.st_dev, own.st_ino) == (asked.st_dev, asked.st_ino))
}

/// Remove all mounts of another call, in a mount namespace of our own: those with a mark, and those
/// over the files of /etc.
#[cold]
#[inline(never)]
pub fn take_off(mark: &CStr) -> Result<(), Errno> {
    let name = &mark.to_bytes()[MARK.len()..];
    let mut points = Vec::new();
    mountinfo::each(OWN, |mount| {
        if mount.source.starts_with(MARK) || is_bound(name, &mount) {
            points
                .push(CString::new(mountinfo::unescaped(mount.point)).map_err(|_| Errno::EINVAL)?);
        }
        Ok::<(), Errno>(())
    })?;
    for point in points.iter().rev() {
        match umount2(
            point.as_c_str(),
            MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW,
        ) {
            // It was removed together with the mount below it
            Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => (),
            Err(why) => return Err(why),
        }
    }
    Ok(())
}

/// Whether this mount is an entry of `/etc/netns/NAME`, or the name servers of a client, bound over
/// the file of the same name in /etc.
fn is_bound(name: &[u8], mount: &Mount) -> bool {
    let Some(entry) = mount.point.strip_prefix(b"/etc/") else {
        return false;
    };
    if entry.contains(&b'/') || name.contains(&b'/') {
        return false;
    }
    if resolvconf::is_of_client(name, mount.root) {
        return true;
    }
    // The root shows the path at the time of the bind, even if the file is deleted. If the entry
    // was a symlink, the root is the path of its target, and the files are compared.
    let root = mount.root.strip_suffix(b"//deleted").unwrap_or(mount.root);
    let twin = [b"/netns/", name, b"/", entry].concat();
    root.ends_with(&twin) || etc_netns::same_file(name, &mountinfo::unescaped(entry))
}
