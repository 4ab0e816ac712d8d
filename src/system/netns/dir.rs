//! The directory of all names of namespaces, `/run/netns`. It is created as iproute2 creates it,
//! and is locked against iproute2 while a name is added or deleted.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::Flock;
use nix::mount::{MsFlags, mount};

use super::NO_PATH;
use crate::state_dir;
use crate::system::file_lock::lock_until;
use crate::system::{process, procfs};

/// How long to wait for the lock.
const PATIENCE: Duration = Duration::from_secs(2);

/// Create and lock the directory as iproute2 does. It becomes a mount point of its own that
/// propagates mounts, so that new namespaces are visible in mount namespaces that exist already.
/// The lock is released when the returned file is closed.
///
/// Every user can lock the directory, and could make its owner wait for ever. iproute2 holds the
/// lock only while it makes the directory a mount point. So if it is a mount point already, and the
/// lock is not available, the work continues without the lock.
pub(crate) fn prepare() -> io::Result<Option<Flock<File>>> {
    let folder = Path::new(state_dir::NAMESPACES);
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(folder)?;
    let lock = lock_within(PATIENCE)?;
    // Not recursively: the mounts in the directory are on files, so there are no mounts below them,
    // and going through them takes longer the more there are.
    // EINVAL: the directory is not a mount point yet. Where / is private, as OpenRC and runit leave
    // it, this happens the first time
    let share = |more| mount(NO_PATH, folder, NO_PATH, MsFlags::MS_SHARED | more, NO_PATH);
    if share(MsFlags::empty()) == Err(Errno::EINVAL) {
        if lock.is_none() {
            let why = format!("another program has {} locked", state_dir::NAMESPACES);
            return Err(io::Error::new(ErrorKind::TimedOut, why));
        }
        mount(
            Some(folder),
            folder,
            NO_PATH,
            MsFlags::MS_BIND | MsFlags::MS_REC,
            NO_PATH,
        )?;
        mount(
            NO_PATH,
            folder,
            NO_PATH,
            MsFlags::MS_PRIVATE | MsFlags::MS_REC,
            NO_PATH,
        )?;
        share(MsFlags::MS_REC)?;
    }
    Ok(lock)
}

/// Lock the directory of all names. `None` if the lock is not available within `limit`.
fn lock_within(limit: Duration) -> io::Result<Option<Flock<File>>> {
    let folder = File::open(state_dir::NAMESPACES)?;
    match lock_until(folder, Instant::now() + limit, || false) {
        Err(e) if e.kind() == ErrorKind::TimedOut => Ok(None),
        lock => lock.map(Some),
    }
}

/// The ids of the processes that have the lock and do not release it. `None` if it is available, or
/// if another netns-setup has it: on a busy machine that can take longer, and it releases it.
pub fn locked_by() -> Option<Vec<i32>> {
    match lock_within(PATIENCE) {
        Ok(None) => {}
        _ => return None,
    }
    let mut pids = process::all().unwrap_or_default();
    pids.retain(|pid| has_lock(*pid));
    let at_work = process::running(&["netns-setup"]);
    let is_at_work = |pid: &i32| at_work.iter().any(|one| one.pid == *pid);
    (pids.is_empty() || !pids.iter().all(is_at_work)).then_some(pids)
}

/// Whether the process has the lock, which is shown for an open file (proc_pid_fdinfo(5)). It may
/// have inherited the lock from a process that has ended.
fn has_lock(pid: i32) -> bool {
    let open = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten();
    let is_folder = |entry: &fs::DirEntry| {
        fs::read_link(entry.path()).is_ok_and(|path| path == Path::new(state_dir::NAMESPACES))
    };
    open.flatten().filter(is_folder).any(|entry| {
        let number = entry.file_name().to_string_lossy().into_owned();
        let told = procfs::text(&format!("/proc/{pid}/fdinfo/{number}"));
        told.is_ok_and(|told| {
            told.lines()
                .any(|line| line.starts_with("lock:") && line.contains("FLOCK"))
        })
    })
}
