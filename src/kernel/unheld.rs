//! Programs that are run while netns-setup holds signals, and must not hold them. Nothing
//! else belongs here: it is the one place of the kernel side where code runs between fork
//! and exec.

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::SigSet;

/// Run with no signal held: what a thread blocks, its programs inherit, and one that stays
/// could not be ended by TERM then (sigprocmask(2)).
#[allow(unsafe_code)]
pub fn unheld(command: &mut Command) -> &mut Command {
    let release = || Ok(SigSet::empty().thread_set_mask()?);
    // SAFETY: between fork and exec only what is safe in a signal handler may be called, and
    // sigprocmask(2) is (signal-safety(7)); nothing is allocated.
    unsafe { command.pre_exec(release) }
}
