//! The namespace's own view of /sys. Only below /sys/class and /sys/devices does sysfs
//! show each network namespace something else, so a new sysfs is laid over these two, and
//! all the rest stays: the cgroups, debugfs, bpf, what is mounted there and how.
//!
//! The new mounts' source, `netns-exec:NAME`, marks the mount namespace as ours.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::sys::statfs::statfs;
use nix::sys::statvfs::FsFlags;

use super::mountinfo;
use super::refusal::{Refusal, reason, shown};
use super::sys;
use super::text::Text;

/// Both, and where they are in sysfs.
const VIEWS: [(&CStr, &CStr); 2] = [(c"class", c"/sys/class"), (c"devices", c"/sys/devices")];

/// What a mark begins with; the namespace's name follows.
pub const MARK: &[u8] = b"netns-exec:";

/// Lays the new sysfs over the old one, in a mount namespace that is private already and
/// for the network namespace that the process has joined. Without a /sys there is
/// nothing to do.
pub fn mount(name: &CStr) -> Result<(), Refusal> {
    let flags = match statfs(c"/sys") {
        Ok(old) => mount_flags(old.flags()),
        Err(Errno::ENOENT) => return Ok(()),
        Err(why) => return Err(refused(name, "/sys", why)),
    };
    let mark = Text::of(&[MARK, name.to_bytes()])
        .ok_or(Errno::ENAMETOOLONG)
        .map_err(|why| refused(name, "/sys", why))?;
    let kept = below_views().map_err(|why| refused(name, "/sys", why))?;
    let new =
        sys::new_mount(c"sysfs", mark.as_c(), flags).map_err(|why| refused(name, "/sys", why))?;
    for (part, over) in VIEWS {
        sys::clone_mount(new.as_fd(), part, false)
            .and_then(|view| sys::attach(view.as_fd(), over, false))
            .map_err(|why| refused(name, &over.to_string_lossy(), why))?;
    }
    for (mount, point) in kept {
        // What belongs to a link that this namespace does not have has no place here.
        match sys::attach(mount.as_fd(), &point, false) {
            Ok(()) | Err(Errno::ENOENT) => (),
            Err(why) => return Err(refused(name, &point.to_string_lossy(), why)),
        }
    }
    Ok(())
}

/// Copies of what is mounted below the two views, which containers do (lxcfs).
fn below_views() -> Result<Vec<(OwnedFd, std::ffi::CString)>, Errno> {
    let mut kept: Vec<(OwnedFd, std::ffi::CString)> = Vec::new();
    mountinfo::each(c"/proc/self/mountinfo", |mount| {
        let is_below = |above: &CStr| {
            let rest = mount.point.strip_prefix(above.to_bytes());
            rest.is_some_and(|rest| rest.first() == Some(&b'/'))
        };
        if !VIEWS.iter().any(|(_, over)| is_below(over))
            || kept.iter().any(|(_, top)| is_below(top))
        {
            return Ok(());
        }
        let point = std::ffi::CString::new(mount.point).map_err(|_| Errno::EINVAL)?;
        kept.push((sys::clone_mount(AT_FDCWD, &point, true)?, point));
        Ok::<(), Errno>(())
    })?;
    Ok(kept)
}

/// The flags of a mount as mount_setattr(2) and fsmount(2) name them.
fn mount_flags(of: FsFlags) -> u32 {
    use nix::libc::{MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY};
    let pairs = [
        (FsFlags::ST_RDONLY, MOUNT_ATTR_RDONLY),
        (FsFlags::ST_NOSUID, MOUNT_ATTR_NOSUID),
        (FsFlags::ST_NODEV, MOUNT_ATTR_NODEV),
        (FsFlags::ST_NOEXEC, MOUNT_ATTR_NOEXEC),
    ];
    let set = pairs.iter().filter(|(flag, _)| of.contains(*flag));
    set.fold(0, |all, (_, attribute)| all | *attribute as u32)
}

fn refused(name: &CStr, what: &str, why: Errno) -> Refusal {
    Refusal::kernel(
        format!("{}: cannot mount {what}: {}", shown(name), reason(why)),
        "expected Linux 5.12 or newer, root, and a namespace of this user namespace",
    )
}
