//! A namespace with `netns_wait` that cannot be brought up yet: watch waits for what it lacks, and
//! brings it up completely or not at all. `repair` handles it once it is up.

use std::time::Instant;

use super::backoff::RepairOutcome;
use super::watched::WatchedNetns;
use crate::model::build::{HoldServices, Want};
use crate::plan::Extras;
use crate::setup::cmd::up;
use crate::setup::dry_run::planned;
use crate::setup::error::{Outcome, Result};
use crate::setup::failure::Why;
use crate::setup::store::{self, Store};
use crate::setup::{Call, report};

impl WatchedNetns {
    /// Bring the namespace up, or wait until that is possible. An error if neither can be done.
    pub fn begin(call: &Call, want: Want) -> Result<Self> {
        let error = match up::begin_up(call, &want, &mut false) {
            Ok(()) => return Ok(WatchedNetns::new(want, false, &call.events)),
            Err(error) if error.outcome != Outcome::Refused => return Err(error),
            Err(error) => error,
        };
        let coming = !store::is_ready(&want.name);
        let planned = planned(&want, Extras::Keep);
        let waits = match coming {
            true => want.ready.hold != HoldServices::No,
            // The namespace is ready. If these settings can be planned, `up` failed only after its
            // changes. Otherwise earlier settings made it ready, and a watch with the new
            // settings could remove parts of it
            false => planned.is_ok(),
        };
        if !waits {
            return Err(error);
        }
        call.events.failed(Some(&want.name), &error);
        if coming {
            let line = format!(
                "{}: is not complete yet; it comes up as soon as it can",
                want.name
            );
            call.events.warning(&want.name, [line]);
        }
        let mut watched = WatchedNetns::new(want, coming, &call.events);
        if let Err(failure) = planned {
            watched.reported = report::why(&watched.want.name, &failure.why);
        }
        Ok(watched)
    }

    /// Check whether it can come up now. A dry run comes first, so that not every new NIC runs
    /// `netns_pre_up` and prints the errors of an up.
    pub(super) fn come_up(&mut self, call: &Call) {
        if store::is_ready(&self.want.name) {
            self.reread_settings(call);
            return self.report_up(call);
        }
        let outcome = match planned(&self.want, Extras::Keep) {
            Err(failure) => {
                let lines = report::why(&self.want.name, &failure.why);
                if lines != self.reported {
                    call.events.error(&self.want.name, lines.clone());
                    self.reported = lines;
                }
                match failure.why {
                    Why::Obstacles(_) => RepairOutcome::AsWanted,
                    _ => RepairOutcome::Refused,
                }
            }
            Ok(_) => {
                self.reread_settings(call);
                match up::begin_up(call, &self.want, &mut self.prepared) {
                    Ok(()) => return self.report_up(call),
                    Err(error) => {
                        call.events.failed(Some(&self.want.name), &error);
                        RepairOutcome::Refused
                    }
                }
            }
        };
        self.refresh();
        self.pace.record(Instant::now(), outcome);
    }

    fn report_up(&mut self, call: &Call) {
        let name = &self.want.name;
        call.events.notice(name, format!("{name}: has come up"));
        self.reported.clear();
        self.now_up(&call.events);
        self.pace.record(Instant::now(), RepairOutcome::Repaired);
        self.pace.happened(Instant::now());
    }

    /// Mark the namespace as not ready, so that nothing can join it. Returns false if that failed.
    pub(super) fn mark_unready(&mut self) -> bool {
        let store = Store::open_if_there(&self.want.name);
        store.is_ok_and(|store| self.set_unready(&store).is_ok())
    }
}
