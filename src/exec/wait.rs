//! Waits until netns-setup has made a namespace ready, up to a time limit. The kernel wakes this
//! process; it does not poll.
//!
//! It uses dnotify (`F_NOTIFY`), because closing an inotify descriptor takes 10 to 30 ms: the
//! kernel waits there for every task that may still use its watches, and would delay the command.
//! If the kernel has no dnotify, like Alpine's for virtual machines, it uses inotify.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag};
use nix::libc;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::unistd::getpid;

use super::error::{ExecError, reason, shown};
use super::join::named;
use super::path_buf::StackPath;
use super::ready::{Readiness, readiness};
use super::syscall;
use crate::state_dir;

/// Wait until the namespace is ready. The signal mask is restored before the return.
#[cold]
#[inline(never)]
pub fn until_ready(name: &CStr, limit: Duration) -> Result<(), ExecError> {
    let refused = |why| {
        let wrong = format!("cannot wait for {}: {}", shown(name), reason(why));
        ExecError::kernel(
            wrong,
            "expected a kernel with CONFIG_DNOTIFY or CONFIG_INOTIFY_USER; or omit --wait",
        )
    };
    let mut woken_by = SigSet::empty();
    woken_by.add(Signal::SIGIO);
    let before = woken_by
        .thread_swap_mask(SigmaskHow::SIG_BLOCK)
        .map_err(refused)?;
    let ready = until(name, limit, &woken_by, refused);
    // The directories are closed, so no more signals follow those that are pending now
    while syscall::await_signal(&woken_by, Duration::ZERO).is_ok() {}
    before.thread_set_mask().map_err(refused)?;
    ready
}

fn until(
    name: &CStr,
    limit: Duration,
    woken_by: &SigSet,
    refused: impl Fn(Errno) -> ExecError,
) -> Result<(), ExecError> {
    let end = Instant::now() + limit;
    loop {
        // Read the state after the watches are set: an earlier change sends no signal
        let _watched = watch(name).map_err(&refused)?;
        let namespace = named(name).ok();
        let now = readiness(name, namespace.as_ref().map(AsFd::as_fd))?;
        if let Readiness::Whole = now {
            return Ok(());
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(too_late(name, limit, &now));
        }
        match syscall::await_signal(woken_by, left) {
            Ok(()) | Err(Errno::EAGAIN | Errno::EINTR) => (),
            Err(why) => return Err(refused(why)),
        }
    }
}

/// Watch the namespace's state directory and the directories above it. The directories above are
/// watched first, so that a directory that does not exist yet appears in one that is watched
/// already.
fn watch(name: &CStr) -> Result<Vec<OwnedFd>, Errno> {
    let of_name = StackPath::of(&[state_dir::STATE.as_bytes(), b"/", name.to_bytes()])?;
    let of_all = StackPath::of(&[state_dir::STATE.as_bytes()])?;
    let folders = [c"/run", of_all.as_c(), of_name.as_c()];
    match by_dnotify(&folders) {
        // dnotify is not built in, or is turned off (fs.dir-notify-enable)
        Err(Errno::EINVAL) => by_inotify(&folders),
        watched => watched,
    }
}

/// Watch with dnotify. The kernel sends SIGIO once for each directory, when an entry is created.
fn by_dnotify(folders: &[&CStr]) -> Result<Vec<OwnedFd>, Errno> {
    const DN_CREATE: i32 = 4;
    let mut watched = Vec::new();
    for folder in folders {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        match syscall::open_file(AT_FDCWD, folder, flags.bits()) {
            Ok(folder) => {
                syscall::control(folder.as_fd(), libc::F_NOTIFY, DN_CREATE)?;
                watched.push(folder);
            }
            Err(Errno::ENOENT | Errno::ENOTDIR) => (),
            Err(why) => return Err(why),
        }
    }
    Ok(watched)
}

/// Watch with inotify. The kernel sends SIGIO for the same entries.
#[cold]
fn by_inotify(folders: &[&CStr]) -> Result<Vec<OwnedFd>, Errno> {
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC)?;
    syscall::control(inotify.as_fd(), libc::F_SETOWN, getpid().as_raw())?;
    syscall::control(inotify.as_fd(), libc::F_SETFL, libc::O_ASYNC)?;
    let appears = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
    for folder in folders {
        match inotify.add_watch(*folder, appears | AddWatchFlags::IN_ONLYDIR) {
            Ok(_) | Err(Errno::ENOENT | Errno::ENOTDIR) => (),
            Err(why) => return Err(why),
        }
    }
    Ok(vec![inotify.into()])
}

fn too_late(name: &CStr, limit: Duration, now: &Readiness) -> ExecError {
    let name = shown(name);
    let remedy = match now {
        Readiness::Foreign => {
            format!(
                "nothing has started it: rc-service netns.{name} start, or on runit: sv up netns-{name}"
            )
        }
        _ => format!("to see what is missing, run netns-setup status {name}"),
    };
    ExecError::kernel(
        format!("{name} is not ready after {} s", limit.as_secs_f64()),
        remedy,
    )
}
