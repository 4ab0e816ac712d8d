//! A namespace that cannot be brought up yet, with `netns_wait`: what it lacks is waited
//! for, and it comes up whole or not at all. Once it is up, it is `repair`'s.

use std::time::Instant;

use super::backoff::Outcome;
use super::watched::WatchedNetns;
use crate::exit;
use crate::model::build::{HoldServices, Want};
use crate::plan::Extras;
use crate::setup::cmd::up;
use crate::setup::dry_run::planned;
use crate::setup::error::Why;
use crate::setup::store::{self, Store};
use crate::setup::{Call, complain, report, say};

impl WatchedNetns {
    /// Bring it up, or wait for that: the exit code, if it is to be neither.
    pub fn begin(call: &Call, want: Want) -> (Self, u8) {
        let code = up::begin_up(call, &want, &mut false);
        if code != exit::REFUSED {
            return (WatchedNetns::new(want, false), code);
        }
        let coming = !store::is_ready(&want.name);
        let planned = planned(&want, Extras::Keep);
        let waits = match coming {
            true => want.ready.hold != HoldServices::No,
            // It is ready, and what comes after an up has failed; or it is so by other
            // settings, and these, which were refused, must not take anything from it
            false => planned.is_ok(),
        };
        if !waits {
            return (WatchedNetns::new(want, false), code);
        }
        if coming {
            let line = format!("{}: is waited for, and comes up when it can", want.name);
            complain(&[line], exit::DONE);
        }
        let mut kept = WatchedNetns::new(want, coming);
        if let Err(failure) = planned {
            kept.said = report::why(&kept.want.name, &failure.why);
        }
        (kept, exit::DONE)
    }

    /// See whether it can come up now. Looked at first: what its settings have run before
    /// an up, and what a refused one says, is not for every card that comes by.
    pub(super) fn come_up(&mut self, call: &Call) {
        if store::is_ready(&self.want.name) {
            self.read_again(call);
            return self.has_come();
        }
        let came = match planned(&self.want, Extras::Keep) {
            Err(failure) => {
                let lines = report::why(&self.want.name, &failure.why);
                if lines != self.said {
                    complain(&lines, exit::REFUSED);
                    self.said = lines;
                }
                match failure.why {
                    Why::Obstacles(_) => Outcome::AsWanted,
                    _ => Outcome::Refused,
                }
            }
            Ok(_) => {
                self.read_again(call);
                match up::begin_up(call, &self.want, &mut self.prepared) {
                    exit::DONE => return self.has_come(),
                    _ => Outcome::Refused,
                }
            }
        };
        self.know();
        self.look.came(Instant::now(), came);
    }

    fn has_come(&mut self) {
        say(&format!("{}: has come up", self.want.name));
        self.said.clear();
        self.is_up();
        self.look.came(Instant::now(), Outcome::Repaired);
        self.look.happened(Instant::now());
    }

    /// Nobody is let in any more until it is whole: whether that could be done.
    pub(super) fn close(&mut self) -> bool {
        let store = Store::open_if_there(&self.want.name);
        store.is_ok_and(|store| self.not_ready(&store).is_ok())
    }
}
