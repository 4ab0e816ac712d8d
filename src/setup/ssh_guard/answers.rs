//! The third look at the caller's connections, after the changes: whether the other end still
//! acknowledges what they send. Firewall rules, MAC addresses and filters can stop packets that are
//! routed as before, and no plan shows that. What this call prints is sent over the connection of the
//! caller, so the kernel knows within a moment.

use std::fs::File;
use std::io::Write;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::unistd::{getpgrp, tcgetpgrp};

use crate::system::sockets::{Connection, Unacknowledged, unacknowledged};

/// How long sshd(8) may need to send what was printed.
const SENT: Duration = Duration::from_millis(100);

/// Interval at which the connections are looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// After so many timeouts in a row, nothing is acknowledged any more. In a local network, this takes
/// 1.5 seconds: the kernel waits 0.2 seconds at first, and then twice as long each time.
const TIMEOUTS: u32 = 3;

/// How long to wait for the first timeout. A connection may send so much that something is always
/// unacknowledged.
const FIRST: Duration = Duration::from_secs(3);

/// How long to wait for the last timeout.
const LAST: Duration = Duration::from_secs(15);

/// How long to wait for the carrier of a NIC. Some drivers restart the NIC for a new MTU, which takes
/// it some seconds.
pub(super) const CARRIER: Duration = Duration::from_secs(15);

/// Whether the other end answers: nothing had to be sent again.
pub(super) fn is_answered(connection: &Connection) -> bool {
    unacknowledged(connection).is_some_and(|state| state.timeouts == 0)
}

/// The first of the connections that is not answered any more. A connection that has ended or that
/// sends nothing shows nothing. Timeouts until now do not count unless each NIC `had_carrier`, and
/// neither do those while one `lacks_carrier`.
pub(super) fn unanswered(
    connections: &[Connection],
    had_carrier: bool,
    mut lacks_carrier: impl FnMut() -> bool,
) -> Option<&Connection> {
    if connections.is_empty() {
        return None;
    }
    print_nothing_visible();
    sleep(SENT);
    let begun = Instant::now();
    let mut counted_since = begun;
    let until_now = |connection| unacknowledged(connection).map_or(0, |state| state.timeouts);
    let mut before: Vec<u32> = match had_carrier {
        true => vec![0; connections.len()],
        false => connections.iter().map(until_now).collect(),
    };
    loop {
        let mut waits = false;
        for (connection, before) in connections.iter().zip(&mut before) {
            let state = unacknowledged(connection);
            let timeouts = state.as_ref().map_or(0, |state| state.timeouts);
            if timeouts > *before && begun.elapsed() < CARRIER && lacks_carrier() {
                (*before, counted_since) = (timeouts, Instant::now());
            }
            match verdict(state, *before, counted_since.elapsed()) {
                Verdict::Unanswered => return Some(connection),
                Verdict::Waits => waits = true,
                Verdict::ShowsNothing => {}
            }
        }
        if !waits {
            return None;
        }
        sleep(INTERVAL);
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Unanswered,
    Waits,
    ShowsNothing,
}

/// What the state of a connection shows, some time after the changes. `before` is the number of
/// timeouts in a row that show nothing.
fn verdict(state: Option<Unacknowledged>, before: u32, past: Duration) -> Verdict {
    match state {
        Some(state) if state.timeouts >= before.saturating_add(TIMEOUTS) => Verdict::Unanswered,
        Some(state) if state.timeouts > 0 && past >= LAST => Verdict::Unanswered,
        Some(state) if state.timeouts > 0 || state.bytes > 0 && past < FIRST => Verdict::Waits,
        _ => Verdict::ShowsNothing,
    }
}

/// Send something over the caller's connection, also if nothing is to be printed: a carriage return
/// to the terminal. A process in the background might be stopped by that (stty(1), tostop).
fn print_nothing_visible() {
    let Ok(mut terminal) = File::options().write(true).open("/dev/tty") else {
        return;
    };
    if tcgetpgrp(&terminal) == Ok(getpgrp()) {
        let _ = terminal.write_all(b"\r");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_timeouts_show_that_nothing_is_acknowledged() {
        let (now, later) = (Duration::ZERO, FIRST);
        for (bytes, timeouts, before, past, expected) in [
            (0, 0, 0, now, Verdict::ShowsNothing),
            (36, 0, 0, now, Verdict::Waits),
            // A transfer that goes on
            (70_000, 0, 0, later, Verdict::ShowsNothing),
            (36, 1, 0, later, Verdict::Waits),
            (36, 2, 0, LAST, Verdict::Unanswered),
            (36, TIMEOUTS, 0, now, Verdict::Unanswered),
            // The carrier is back, and nothing was sent since
            (36, TIMEOUTS, TIMEOUTS, later, Verdict::Waits),
            (36, TIMEOUTS + 1, TIMEOUTS, later, Verdict::Waits),
            (36, 2 * TIMEOUTS, TIMEOUTS, now, Verdict::Unanswered),
            (36, TIMEOUTS + 1, TIMEOUTS, LAST, Verdict::Unanswered),
            (0, 0, TIMEOUTS, later, Verdict::ShowsNothing),
        ] {
            let state = Some(Unacknowledged { bytes, timeouts });
            assert_eq!(
                verdict(state, before, past),
                expected,
                "{bytes} {timeouts} {before} {past:?}"
            );
        }
        assert_eq!(verdict(None, 0, now), Verdict::ShowsNothing);
    }
}
