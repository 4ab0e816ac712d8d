//! A namespace that cannot be brought up yet, with `netns_wait`: what it lacks is waited
//! for, and it comes up whole or not at all. Once it is up, it is `repair`'s.

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
    /// Bring it up, or wait for that: an error, if it is to be neither.
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
            // It is ready, and what comes after an up has failed; or it is so by other
            // settings, and these, which were refused, must not take anything from it
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
        let mut kept = WatchedNetns::new(want, coming, &call.events);
        if let Err(failure) = planned {
            kept.said = report::why(&kept.want.name, &failure.why);
        }
        Ok(kept)
    }

    /// See whether it can come up now. Looked at first: what its settings have run before
    /// an up, and what a refused one says, is not for every card that comes by.
    pub(super) fn come_up(&mut self, call: &Call) {
        if store::is_ready(&self.want.name) {
            self.read_again(call);
            return self.has_come(call);
        }
        let came = match planned(&self.want, Extras::Keep) {
            Err(failure) => {
                let lines = report::why(&self.want.name, &failure.why);
                if lines != self.said {
                    call.events.error(&self.want.name, lines.clone());
                    self.said = lines;
                }
                match failure.why {
                    Why::Obstacles(_) => RepairOutcome::AsWanted,
                    _ => RepairOutcome::Refused,
                }
            }
            Ok(_) => {
                self.read_again(call);
                match up::begin_up(call, &self.want, &mut self.prepared) {
                    Ok(()) => return self.has_come(call),
                    Err(error) => {
                        call.events.failed(Some(&self.want.name), &error);
                        RepairOutcome::Refused
                    }
                }
            }
        };
        self.know();
        self.look.came(Instant::now(), came);
    }

    fn has_come(&mut self, call: &Call) {
        let name = &self.want.name;
        call.events.notice(name, format!("{name}: has come up"));
        self.said.clear();
        self.is_up(&call.events);
        self.look.came(Instant::now(), RepairOutcome::Repaired);
        self.look.happened(Instant::now());
    }

    /// Nobody is let in any more until it is whole: whether that could be done.
    pub(super) fn close(&mut self) -> bool {
        let store = Store::open_if_there(&self.want.name);
        store.is_ok_and(|store| self.not_ready(&store).is_ok())
    }
}
