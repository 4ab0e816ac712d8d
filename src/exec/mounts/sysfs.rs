//! The namespace's own view of /sys. In sysfs, only /sys/class and /sys/devices differ between
//! network namespaces. So a new sysfs is mounted over these two, and everything else stays: the
//! cgroups, debugfs, bpf, and other mounts with their options. The new mounts carry the mark.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{fstat, stat};
use nix::sys::statfs::statfs;
use nix::sys::statvfs::FsFlags;

use super::mountinfo::{self, OWN};
use crate::exec::args::To;
use crate::exec::error::{ExecError, reason};
use crate::exec::path_buf::is_in;
use crate::exec::syscall;

const CLASS: &CStr = c"/sys/class";
const TREE: &CStr = c"/sys/devices";

/// Mount the new sysfs over the old one, in a mount namespace of our own, for the network namespace
/// that the process has joined. With `covered`, mounts below the two directories are mounted again.
/// Without a /sys there is nothing to do.
pub fn lay_over(to: To, mark: &CStr, covered: bool) -> Result<(), ExecError> {
    let refused = |what: &CStr, why| refused(to, &what.to_string_lossy(), why);
    let old = match statfs(c"/sys") {
        Ok(old) => old.flags(),
        Err(Errno::ENOENT) => return Ok(()),
        Err(why) => return Err(refused(c"/sys", why)),
    };
    let kept = if covered {
        below_views().map_err(|why| refused(c"/sys", why))?
    } else {
        Vec::new()
    };
    // The new sysfs stays mounted below the view of /sys/class, where it is hidden. Unmounting it
    // would take longer than everything here, because the kernel would wait for every processor
    // to release it
    let flags = mount_flags(old);
    match new_sysfs(CLASS, mark, flags) {
        // /sys is empty, as in a chroot: mount a sysfs there first, which stays visible
        Err(Errno::ENOENT) => {
            new_sysfs(c"/sys", mark, flags).and_then(|()| new_sysfs(CLASS, mark, flags))
        }
        mounted => mounted,
    }
    .map_err(|why| refused(c"/sys", why))?;
    for (part, over) in [(c"/sys/class/devices", TREE), (c"/sys/class/class", CLASS)] {
        view(part, over, old.contains(FsFlags::ST_RDONLY)).map_err(|why| refused(over, why))?;
    }
    for (mount, point) in kept {
        match syscall::attach(mount.as_fd(), &point, false) {
            // A mount that belongs to a link which this namespace does not have is omitted
            Ok(()) | Err(Errno::ENOENT) => (),
            Err(why) => return Err(refused(&point, why)),
        }
    }
    Ok(())
}

/// Whether the sysfs at /sys/class shows the network namespace that this process is in. A network
/// namespace has only one sysfs, so its device number is the same for each mount of it.
#[cold]
pub fn is_of_this_network() -> bool {
    let seen = stat(CLASS).map(|seen| seen.st_dev);
    let own = syscall::new_mount(c"sysfs", &[], 0)
        .and_then(fstat)
        .map(|own| own.st_dev);
    matches!((seen, own), (Ok(seen), Ok(own)) if seen == own)
}

fn new_sysfs(over: &CStr, mark: &CStr, flags: MsFlags) -> Result<(), Errno> {
    mount(Some(mark), over, Some(c"sysfs"), flags, None::<&CStr>)
}

fn view(part: &CStr, over: &CStr, read_only: bool) -> Result<(), Errno> {
    let view = syscall::clone_mount(AT_FDCWD, part, false)?;
    if read_only {
        syscall::set_read_only(view.as_fd())?;
    }
    syscall::attach(view.as_fd(), over, false).map(|()| syscall::leave_open(view))
}

/// Copies of the mounts below the two directories, which containers have (lxcfs). A sysfs there,
/// which containers have too, is omitted, because it would show links of the host.
fn below_views() -> Result<Vec<(OwnedFd, CString)>, Errno> {
    let mut kept: Vec<(OwnedFd, CString)> = Vec::new();
    mountinfo::each(OWN, |mount| {
        let below = |above: &CStr| {
            let rest = mount.point.strip_prefix(above.to_bytes());
            rest.is_some_and(|rest| rest.first() == Some(&b'/'))
        };
        let is_kept = kept
            .iter()
            .any(|(_, top)| is_in(mount.point, top.to_bytes()));
        if (below(CLASS) || below(TREE)) && !is_kept && mount.kind != b"sysfs" {
            let point = CString::new(mountinfo::unescaped(mount.point));
            let point = point.map_err(|_| Errno::EINVAL)?;
            kept.push((syscall::clone_mount(AT_FDCWD, &point, true)?, point));
        }
        Ok::<(), Errno>(())
    })?;
    Ok(kept)
}

/// The flags of the old mount for the new one, except read-only: mount(2) would set that for all
/// mounts of the namespace's sysfs.
fn mount_flags(of: FsFlags) -> MsFlags {
    let pairs = [
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
    ];
    let set = pairs.iter().filter(|(flag, _)| of.contains(*flag));
    set.fold(MsFlags::empty(), |all, (_, flag)| all | *flag)
}

fn refused(to: To, what: &str, why: Errno) -> ExecError {
    let remedy = match why {
        Errno::ENOSYS => "expected Linux 5.12 or newer",
        Errno::EPERM => {
            "expected the user namespace that owns the network namespace, and a /sys that no container has covered in part; type netns-exec --net-only, which mounts none"
        }
        _ => "expected a /sys that sysfs can be mounted over; --net-only needs none",
    };
    ExecError::kernel(
        format!("{to}: cannot mount {what}: {}", reason(why)),
        remedy,
    )
}
