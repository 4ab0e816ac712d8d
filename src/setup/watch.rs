//! `watch`: up, then stay. TERM ends it and leaves all as it is; HUP reads the settings
//! again and reloads.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Call, checked, complain, up};
use crate::exit;

/// Stay until TERM or INT. If it cannot be brought up, that is the exit code.
pub fn watch(call: &Call) -> u8 {
    let code = super::with_settings(call, |want| up::up(call, want));
    if code != exit::DONE {
        return code;
    }
    match stay(call) {
        Ok(()) => exit::DONE,
        Err(e) => complain(&[format!("cannot wait for signals: {e}")], exit::REFUSED),
    }
}

fn stay(call: &Call) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let of = |kind| {
        let _inside = runtime.enter();
        signal(kind)
    };
    let mut term = of(SignalKind::terminate())?;
    let mut int = of(SignalKind::interrupt())?;
    let mut hup = of(SignalKind::hangup())?;
    // Wrong settings, or a refusal, are said, and what was stays
    while runtime.block_on(hung_up(&mut term, &mut int, &mut hup)) {
        if let Ok(wants) = checked(call) {
            for want in &wants {
                up::reload(call, want);
            }
        }
    }
    Ok(())
}

/// Whether it is to go on.
async fn hung_up(term: &mut Signal, int: &mut Signal, hup: &mut Signal) -> bool {
    tokio::select! {
        _ = term.recv() => false,
        _ = int.recv() => false,
        _ = hup.recv() => true,
    }
}
