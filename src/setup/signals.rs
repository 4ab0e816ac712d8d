//! Blocking signals during changes, so that none ends netns-setup half way, and checking for them
//! at safe points.

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Block HUP, INT and TERM until a verb has ended: when a link moves, the connection may break and
/// the terminal send HUP.
pub fn block_signals() -> SigSet {
    let blocked = SigSet::from_iter([Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM]);
    let _ = blocked.thread_block();
    blocked
}

/// A descriptor for TERM and INT while they are blocked, as the shutdown sends them. It also
/// reports a signal that arrived before.
pub fn ends() -> nix::Result<SignalFd> {
    let ends = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    SignalFd::with_flags(&ends, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
}

/// Returns true if one of these signals has arrived.
pub fn has_come(ends: &nix::Result<SignalFd>) -> bool {
    let signal = ends.as_ref().map(SignalFd::read_signal);
    matches!(signal, Ok(Ok(Some(_))))
}

/// Returns true if TERM or INT has arrived by now.
pub fn end_has_come() -> bool {
    has_come(&ends())
}
