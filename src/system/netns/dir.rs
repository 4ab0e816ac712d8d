//! The folder of all names of namespaces, `/run/netns`: made as iproute2 makes it, and
//! locked against it while a name comes or goes.

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

/// How long the lock is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// The folder, made ready as iproute2 does, and locked against it: a mount point of its
/// own that passes mounts on, so that namespaces made here are seen in mount namespaces
/// made before. The lock goes with the returned file.
///
/// Everybody can lock it, and would have the owner wait for ever. iproute2 has it for as long
/// as the mount takes: where that stands, and the lock is not to be had, it is done without.
pub(crate) fn prepare() -> io::Result<Option<Flock<File>>> {
    let folder = Path::new(state_dir::NAMESPACES);
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(folder)?;
    let lock = lock_within(PATIENCE)?;
    // Of the folder alone: what is in it are files, on which nothing is mounted, and to go
    // through them takes the longer the more there are.
    // EINVAL: not a mount point yet. Where / is private, as OpenRC and runit leave it,
    // that is the first time
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

/// The lock of the folder of all names; `None` if it is not to be had in this time.
fn lock_within(limit: Duration) -> io::Result<Option<Flock<File>>> {
    let folder = File::open(state_dir::NAMESPACES)?;
    match lock_until(folder, Instant::now() + limit, || false) {
        Err(e) if e.kind() == ErrorKind::TimedOut => Ok(None),
        lock => lock.map(Some),
    }
}

/// Who has the lock and does not give it back, as process ids; `None` if it is to be had.
pub fn locked_by() -> Option<Vec<i32>> {
    match lock_within(PATIENCE) {
        Ok(None) => {}
        _ => return None,
    }
    let mut pids = process::all().unwrap_or_default();
    pids.retain(|pid| has_lock(*pid));
    Some(pids)
}

/// Who took it may have ended, and left it to a process that he started: an open file tells
/// of its lock (proc_pid_fdinfo(5)).
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
