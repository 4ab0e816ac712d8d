//! When to check a namespace: computes the time of the next check from events and outcomes. The
//! first event leads to a check at once, later ones after a pause, which grows while events keep
//! coming. A failed change is retried. This module has no clock of its own, and sets no time while
//! there is nothing to do.

use std::time::{Duration, Instant};

/// Time from one check to the next: most changes come in bursts, and our own changes cause events,
/// too.
pub const PAUSE: Duration = Duration::from_millis(250);

/// Time from a check that found nothing to do to the next one. It doubles up to [`PAUSE`] while
/// such checks follow each other.
const SHORT: Duration = Duration::from_millis(25);

/// The longest pause, used while repairs do not last.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Time until a failed change is retried: the first time, and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RepairOutcome {
    /// The namespace matched its settings.
    AsWanted,
    /// A difference was repaired.
    Repaired,
    /// A change failed that may succeed later without any event.
    Refused,
}

/// The times of the next checks.
#[derive(Debug)]
pub struct Pace {
    /// The earliest time to handle an event that is not handled yet.
    due: Option<Instant>,
    /// The end of the current pause.
    pause_ends: Option<Instant>,
    pause: Duration,
    /// As `pause`, after a check that found nothing to do.
    calm: Duration,
    /// The time of the last check.
    last_check: Option<Instant>,
    /// The time of the last repair.
    last_repair: Option<Instant>,
    /// The time of the next retry, and the wait before it.
    retry: Option<(Instant, Duration)>,
}

impl Pace {
    /// No event has happened yet.
    pub fn new() -> Self {
        Pace {
            due: None,
            pause_ends: None,
            pause: PAUSE,
            calm: SHORT,
            last_check: None,
            last_repair: None,
            retry: None,
        }
    }

    /// An event happened, and can be handled from this time on.
    pub fn happened(&mut self, from: Instant) {
        self.due = Some(self.due.map_or(from, |due| due.min(from)));
    }

    /// The time of the next check, if there is one.
    pub fn moment(&self) -> Option<Instant> {
        let due = self
            .due
            .map(|due| self.pause_ends.map_or(due, |r| r.max(due)));
        let retry = self.retry.map(|(then, _)| then);
        [due, retry].into_iter().flatten().min()
    }

    /// Record a check and its result.
    pub fn record(&mut self, now: Instant, outcome: RepairOutcome) {
        self.due = None;
        if outcome == RepairOutcome::Repaired {
            let swarm = |then| now.duration_since(then) <= self.pause * 2;
            self.pause = if self.last_repair.is_some_and(swarm) {
                (self.pause * 2).min(LONGEST_PAUSE)
            } else {
                PAUSE
            };
            self.last_repair = Some(now);
        }
        let again = |then| now.duration_since(then) <= self.calm * 4;
        self.calm = if self.last_check.is_some_and(again) {
            (self.calm * 2).min(PAUSE)
        } else {
            SHORT
        };
        self.last_check = Some(now);
        let calm = outcome == RepairOutcome::AsWanted;
        self.pause_ends = Some(now + if calm { self.calm } else { self.pause });
        self.retry = (outcome == RepairOutcome::Refused).then(|| {
            let wait = self.retry.map_or(RETRY.0, |(_, last)| last * 2);
            let wait = wait.min(RETRY.1);
            (now + wait, wait)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_first_event_is_looked_at_at_once_and_those_after_it_together() {
        let (mut pace, start) = (Pace::new(), Instant::now());
        assert_eq!(pace.moment(), None);
        pace.happened(start);
        assert_eq!(pace.moment(), Some(start));
        pace.record(start, RepairOutcome::Repaired);
        assert_eq!(pace.moment(), None);
        pace.happened(start + MS);
        pace.happened(start + 2 * MS);
        assert_eq!(pace.moment(), Some(start + PAUSE));
        pace.record(start + PAUSE, RepairOutcome::AsWanted);
        assert_eq!(pace.moment(), None);
        let later = start + 10 * PAUSE;
        pace.happened(later);
        assert_eq!(pace.moment(), Some(later));
    }

    #[test]
    fn where_there_is_no_end_of_it_the_pauses_grow_and_where_there_is_they_do_not() {
        let (mut pace, mut now) = (Pace::new(), Instant::now());
        let mut looks = 0;
        let end = now + Duration::from_secs(60);
        while now < end {
            pace.happened(now);
            now = pace.moment().unwrap();
            pace.record(now, RepairOutcome::Repaired);
            looks += 1;
        }
        assert!(looks < 20, "{looks} looks in a minute");
        now += Duration::from_secs(60);
        pace.happened(now);
        assert_eq!(pace.moment(), Some(now));
        pace.record(now, RepairOutcome::Repaired);
        pace.happened(now + MS);
        assert_eq!(pace.moment(), Some(now + PAUSE));
    }

    #[test]
    fn where_nothing_is_to_be_done_the_next_event_hardly_waits_unless_they_do_not_end() {
        let (mut pace, start) = (Pace::new(), Instant::now());
        pace.record(start, RepairOutcome::AsWanted);
        pace.happened(start + MS);
        assert_eq!(pace.moment(), Some(start + SHORT));
        let (mut now, mut looks) = (start, 0);
        while now < start + Duration::from_secs(60) {
            pace.happened(now + MS);
            now = pace.moment().unwrap();
            pace.record(now, RepairOutcome::AsWanted);
            looks += 1;
        }
        assert!(looks < 250, "{looks} looks in a minute");
    }

    #[test]
    fn what_was_refused_is_tried_again_ever_more_rarely_until_it_is_not() {
        let (mut pace, start) = (Pace::new(), Instant::now());
        let mut now = start;
        let mut waits = Vec::new();
        for _ in 0..8 {
            pace.record(now, RepairOutcome::Refused);
            let next = pace.moment().unwrap();
            waits.push((next - now).as_secs());
            now = next;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        pace.record(now, RepairOutcome::AsWanted);
        assert_eq!(pace.moment(), None);
    }
}
