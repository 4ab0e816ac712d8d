//! Prepares the programs that netns-setup runs: what they must not inherit from it, and when they
//! must end. Nothing else belongs here, because this is the only code of netns-setup that runs
//! between fork and exec.

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{getpid, getppid};

/// Unblock all signals for the program. It inherits those that the calling thread blocks, and a
/// program that stays could then not be ended with TERM (sigprocmask(2)).
#[allow(unsafe_code)]
pub fn unheld(command: &mut Command) -> &mut Command {
    let release = || Ok(SigSet::empty().thread_set_mask()?);
    // SAFETY: between fork and exec, only functions that are safe in a signal handler may be
    // called. sigprocmask(2) is (signal-safety(7)), and nothing is allocated.
    unsafe { command.pre_exec(release) }
}

/// Kill the program as soon as the thread that waits for it ends. Rules that are still being loaded
/// when netns-setup is killed must not come after those of the next call.
#[allow(unsafe_code)]
pub fn mortal(command: &mut Command) -> &mut Command {
    let parent = getpid();
    let bind = move || {
        set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have ended before that
        if getppid() == parent {
            Ok(())
        } else {
            Err(Errno::ESRCH.into())
        }
    };
    // SAFETY: as above; prctl(2) and getppid(2) are bare system calls.
    unsafe { command.pre_exec(bind) }
}
