//! The namespace's own view of /sys. Only below /sys/class and /sys/devices does sysfs
//! show each network namespace something else, so a new sysfs is laid over these two, and
//! all the rest stays: the cgroups, debugfs, bpf, what is mounted there and how. The new
//! mounts carry the mark.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::libc;
use nix::sys::statfs::statfs;
use nix::sys::statvfs::FsFlags;

use super::call::To;
use super::marks::OWN;
use super::mountinfo;
use super::refusal::{Refusal, reason};
use super::sys;
use super::text::is_in;

/// Both, and where they are in sysfs.
const VIEWS: [(&CStr, &CStr); 2] = [(c"class", c"/sys/class"), (c"devices", c"/sys/devices")];

/// Lays the new sysfs over the old one, in a mount namespace of our own and for the
/// network namespace that the process has joined. Where something is mounted below the
/// two (`covered`), it is put back. Without a /sys there is nothing to do.
pub fn mount(to: To, mark: &CStr, covered: bool) -> Result<(), Refusal> {
    let refused = |what: &CStr, why| refused(to, &what.to_string_lossy(), why);
    let flags = match statfs(c"/sys") {
        Ok(old) => mount_flags(old.flags()),
        Err(Errno::ENOENT) => return Ok(()),
        Err(why) => return Err(refused(c"/sys", why)),
    };
    let kept = match covered {
        true => below_views().map_err(|why| refused(c"/sys", why))?,
        false => Vec::new(),
    };
    let new = sys::new_mount(c"sysfs", &[(c"source", mark)], flags);
    let new = new.map_err(|why| refused(c"/sys", why))?;
    // All of it goes out of sight below the first: were it dropped, the kernel would wait
    // for every processor to have forgotten it, which takes longer than all the rest.
    let [(_, hidden), _] = VIEWS;
    let empty = match sys::attach(new.as_fd(), hidden, false) {
        Err(Errno::ENOENT) => true,
        attached => attached
            .map(|()| false)
            .map_err(|why| refused(hidden, why))?,
    };
    if empty {
        // An empty /sys, as in a chroot: there it is to be seen.
        sys::attach(new.as_fd(), c"/sys", false).map_err(|why| refused(c"/sys", why))?;
    }
    for (part, over) in VIEWS {
        sys::clone_mount(new.as_fd(), part, false)
            .and_then(|view| sys::attach(view.as_fd(), over, false))
            .map_err(|why| refused(over, why))?;
    }
    for (mount, point) in kept {
        match sys::attach(mount.as_fd(), &point, false) {
            // What belongs to a link that this namespace does not have has no place here.
            Ok(()) | Err(Errno::ENOENT) => (),
            Err(why) => return Err(refused(&point, why)),
        }
    }
    Ok(())
}

/// Copies of what is mounted on or below the two, as containers do it (lxcfs).
#[cold]
#[inline(never)]
fn below_views() -> Result<Vec<(OwnedFd, CString)>, Errno> {
    let mut kept: Vec<(OwnedFd, CString)> = Vec::new();
    mountinfo::each(OWN, |mount| {
        let below =
            |above: &CStr| is_in(mount.point, above.to_bytes()) && mount.point != above.to_bytes();
        let is_kept = kept
            .iter()
            .any(|(_, top)| is_in(mount.point, top.to_bytes()));
        if VIEWS.iter().any(|(_, over)| below(over)) && !is_kept {
            let point =
                CString::new(mountinfo::unescaped(mount.point)).map_err(|_| Errno::EINVAL)?;
            kept.push((sys::clone_mount(AT_FDCWD, &point, true)?, point));
        }
        Ok::<(), Errno>(())
    })?;
    Ok(kept)
}

/// The flags of a mount as fsmount(2) names them.
fn mount_flags(of: FsFlags) -> u32 {
    let pairs = [
        (FsFlags::ST_RDONLY, libc::MOUNT_ATTR_RDONLY),
        (FsFlags::ST_NOSUID, libc::MOUNT_ATTR_NOSUID),
        (FsFlags::ST_NODEV, libc::MOUNT_ATTR_NODEV),
        (FsFlags::ST_NOEXEC, libc::MOUNT_ATTR_NOEXEC),
        (FsFlags::ST_NOATIME, libc::MOUNT_ATTR_NOATIME),
        (FsFlags::ST_NODIRATIME, libc::MOUNT_ATTR_NODIRATIME),
    ];
    let set = pairs.iter().filter(|(flag, _)| of.contains(*flag));
    set.fold(0, |all, (_, attribute)| all | *attribute as u32)
}

fn refused(to: To, what: &str, why: Errno) -> Refusal {
    let remedy = match why {
        Errno::ENOSYS => "expected Linux 5.12 or newer",
        Errno::EPERM => {
            "a sysfs for it belongs to the user namespace that made it; --net-only does without"
        }
        _ => "expected a /sys that sysfs can be mounted over; --net-only does without",
    };
    Refusal::kernel(
        format!("{to}: cannot mount {what}: {}", reason(why)),
        remedy,
    )
}
