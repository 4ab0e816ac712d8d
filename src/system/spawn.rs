//! Programs that netns-setup runs: what of it they must not inherit, and when they must
//! end. Nothing else belongs here: it is the one place of the kernel side where code runs
//! between fork and exec.

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{getpid, getppid};

/// Run with no signal held: what a thread blocks, its programs inherit, and one that stays
/// could not be ended by TERM then (sigprocmask(2)).
#[allow(unsafe_code)]
pub fn unheld(command: &mut Command) -> &mut Command {
    let release = || Ok(SigSet::empty().thread_set_mask()?);
    // SAFETY: between fork and exec only what is safe in a signal handler may be called, and
    // sigprocmask(2) is (signal-safety(7)); nothing is allocated.
    unsafe { command.pre_exec(release) }
}

/// Killed as soon as the thread that waits for it ends: rules that are still being loaded
/// when netns-setup was killed must not come after those of the next call.
#[allow(unsafe_code)]
pub fn mortal(command: &mut Command) -> &mut Command {
    let parent = getpid();
    let bind = move || {
        set_pdeathsig(Signal::SIGKILL)?;
        // It may have ended before
        if getppid() == parent {
            Ok(())
        } else {
            Err(Errno::ESRCH.into())
        }
    };
    // SAFETY: as above; prctl(2) and getppid(2) are bare system calls.
    unsafe { command.pre_exec(bind) }
}
