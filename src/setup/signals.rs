//! Signals that are held while something is made: what ends netns-setup elsewhere must not
//! stop it half way, and is asked for where it may.

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// A connection that breaks because its link moves must not stop the move half way: the
/// terminal's HUP, and a TERM or INT, wait until a verb is through.
pub fn block_signals() -> SigSet {
    let blocked = SigSet::from_iter([Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM]);
    let _ = blocked.thread_block();
    blocked
}

/// What asks to end, as the machine's shutdown does: TERM and INT, where they are blocked. One
/// that came before is there still.
pub fn ends() -> nix::Result<SignalFd> {
    let ends = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    SignalFd::with_flags(&ends, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
}

/// One of them has come.
pub fn has_come(ends: &nix::Result<SignalFd>) -> bool {
    let come = ends.as_ref().map(SignalFd::read_signal);
    matches!(come, Ok(Ok(Some(_))))
}

/// One of them has come by now.
pub fn end_has_come() -> bool {
    has_come(&ends())
}
