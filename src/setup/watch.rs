//! `watch`: up, then stay. TERM ends it and leaves all as it is; HUP reads the settings
//! again and reloads.

use std::io;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Call, checked, complain, up, with_settings};
use crate::exit;

/// The signals that mean something to it.
struct Signals {
    runtime: Runtime,
    term: Signal,
    int: Signal,
    hup: Signal,
}

/// Stay until TERM or INT. If it cannot be brought up, that is the exit code.
pub fn watch(call: &Call) -> u8 {
    // Before anything else: a HUP while it comes up is a reload, and not the end
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(e) => return complain(&[format!("cannot wait for signals: {e}")], exit::REFUSED),
    };
    let code = with_settings(call, |want| up::up(call, want));
    if code != exit::DONE {
        return code;
    }
    // Wrong settings, or a refusal, are said, and what was stays
    while signals.hung_up() {
        for want in checked(call).unwrap_or_default() {
            up::reload(call, &want);
        }
    }
    exit::DONE
}

impl Signals {
    fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let inside = runtime.enter();
        let term = signal(SignalKind::terminate())?;
        let int = signal(SignalKind::interrupt())?;
        let hup = signal(SignalKind::hangup())?;
        drop(inside);
        Ok(Signals {
            runtime,
            term,
            int,
            hup,
        })
    }

    /// Wait for one; whether it was HUP.
    fn hung_up(&mut self) -> bool {
        let Signals {
            runtime,
            term,
            int,
            hup,
        } = self;
        runtime.block_on(async {
            tokio::select! {
                biased;
                _ = term.recv() => false,
                _ = int.recv() => false,
                _ = hup.recv() => true,
            }
        })
    }
}
