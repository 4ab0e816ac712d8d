//! Repairing differences of a watched namespace, and reporting them. It holds the lock, and does
//! not revert what another netns-setup has just done.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use super::backoff::{Pace, RepairOutcome};
use super::readiness::Waits;
use super::watched::WatchedNetns;
use crate::os_error::OsError;
use crate::setup::apply::{RepairResult, SETTLE, Work};
use crate::setup::error::{Error, Outcome};
use crate::setup::failure::Why;
use crate::setup::hooks;
use crate::setup::hooks::post_down_link::ReturnHooks;
use crate::setup::linked_netns::follow::follow;
use crate::setup::linked_netns::{self, LinksLock};
use crate::setup::load::{context, settings, wrong};
use crate::setup::lock::without_lock;
use crate::setup::query::build_query;
use crate::setup::report::run_log::Changes;
use crate::setup::resolve_devices::{obstacles, resolve_devices};
use crate::setup::store::{self, Store};
use crate::setup::{Call, attach, nat, ready, report};
use crate::system::netns::wait_for_naming;
use crate::{exec, state_dir};

/// How long a problem must last before it is reported. Links come and go one after the other, so
/// what a change needs may be missing for a moment.
const DOUBT: Duration = Duration::from_millis(500);

/// Time until the next attempt while another netns-setup has the lock.
const BUSY: Duration = Duration::from_millis(20);

/// Which namespace may be repaired.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    /// The one that was ready, or whose conditions are waited for. It can be deleted at any time, and
    /// a new one of its name needs the hooks of an up.
    Same,
    /// Any one of the name, and a new one if there is none.
    Any,
}

impl WatchedNetns {
    /// Restore the bind mounts over files of /etc, for all processes inside.
    pub(super) fn restore_binds(&mut self, call: &Call) -> RepairOutcome {
        let name = self.want.name.as_c();
        let (mut outcome, mut lines) = (RepairOutcome::AsWanted, Vec::new());
        let healed = exec::heal(&name);
        let results = match &healed {
            Ok(healed) => healed
                .iter()
                .map(|healed| healed.describe(&name).map_err(|e| e.to_string()))
                .collect(),
            Err(error) => vec![Err(error.to_string())],
        };
        for result in results {
            match result {
                Ok(line) => {
                    call.events.notice(&self.want.name, line);
                    outcome = outcome.max(RepairOutcome::Repaired);
                }
                Err(e) => {
                    lines.extend(e.lines().map(String::from));
                    outcome = RepairOutcome::Refused;
                }
            }
        }
        if lines != self.reported_etc {
            call.events.error(&self.want.name, lines.clone());
            self.reported_etc = lines;
        }
        outcome
    }

    pub(super) fn check_and_repair(&mut self, call: &Call) {
        // A thread that waits in a namespace without a name would keep it, and its NICs, alive
        self.waits.take_if(|waits| !waits.is_for(&self.want));
        let name = &self.want.name;
        let known = store::was_ready(name) || self.unready && store::dir(name).exists();
        if !known || store::is_ready(name) {
            self.repair_under_lock(call, Which::Same);
            // Hooks that have failed before wait for an up or a reload
            if std::mem::take(&mut self.hooks_are_due) {
                self.run_hooks(call);
            }
            return;
        }
        // It is up, except for the conditions that are waited for
        if self.is_waited_for() {
            if self.repair_under_lock(call, Which::Same) {
                self.run_hooks(call);
            }
            return;
        }
        // A namespace that was deleted comes up like a new one
        let (want, mut tried, mut prepared) = (self.want.clone(), false, self.prepared);
        let up = hooks::around_each_up(&want, &mut prepared, || {
            tried = true;
            if self.repair_under_lock(call, Which::Any) {
                Ok(())
            } else {
                Err(Error::reported(Outcome::Refused))
            }
        });
        if let Err(error) = up {
            call.events.failed(Some(&want.name), &error);
        }
        self.prepared = prepared;
        if !tried {
            self.pace.record(Instant::now(), RepairOutcome::Refused);
        }
    }

    /// The conditions of `netns_ready` are waited for in the namespace that has the name now.
    fn is_waited_for(&self) -> bool {
        let waits = self.waits.as_ref();
        waits.is_some_and(|waits| waits.is_for(&self.want))
    }

    /// Repair with the lock held. Returns true if the namespace is complete.
    fn repair_under_lock(&mut self, call: &Call, which: Which) -> bool {
        let links_lock = match self.is_linked().then(LinksLock::hold).transpose() {
            Ok(links_lock) => links_lock,
            Err(e) => return self.done(call, &Err(Why::Broken("cannot lock it", e))),
        };
        let store = match self.lock() {
            Ok(Some(store)) => store,
            Ok(None) => {
                self.stays_down(call);
                return false;
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                self.pace.happened(Instant::now() + BUSY);
                return false;
            }
            Err(e) => return self.done(call, &Err(Why::Broken("cannot lock it", e))),
        };
        if self.down {
            let name = &self.want.name;
            call.events.notice(name, format!("{name}: is up again"));
            self.down = false;
        }
        if store::stamp(&self.want.name, state_dir::MET) != self.met {
            self.reread_settings(call);
        }
        let due = ReturnHooks::begin(&store, Some(&self.want.hooks));
        let repaired = self.repair(call, &store, which).transpose();
        drop((store, links_lock));
        let Some(repaired) = repaired else {
            self.pace.happened(Instant::now());
            return false;
        };
        due.run(call, None);
        self.refresh();
        let complete = self.done(call, &repaired);
        if complete && repaired.is_ok_and(|repaired| repaired.done > 0) {
            follow(call, &self.want.name, true);
        }
        complete
    }

    fn is_linked(&self) -> bool {
        let ours = [&self.want.state, &self.journal.ours];
        let linked = ours.iter().any(|state| !state.neighbours().is_empty());
        linked || self.want.nat.is_some() || self.journal.ours.table.is_some()
    }

    /// Take the lock. `None` if another netns-setup has taken the namespace down, or is about to.
    fn lock(&self) -> io::Result<Option<Store>> {
        let name = &self.want.name;
        match Store::open_if_there(name) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
            Ok(_) if !(self.unready || store::was_ready(name)) => Ok(None),
            Ok(store) => Ok(Some(store)),
        }
    }

    /// Leave the namespace down, because another netns-setup has taken it down.
    fn stays_down(&mut self, call: &Call) {
        self.pace = Pace::new();
        self.etc_pace = Pace::new();
        self.waits = None;
        self.reported.clear();
        if !self.down {
            let name = &self.want.name;
            let was = if store::dir(name).exists() {
                "was marked as not ready by another netns-setup"
            } else {
                "was taken down"
            };
            let line = format!(
                "{name}: {was}; it stays that way until you run netns-setup up {name} or send HUP"
            );
            call.events.warning(name, [line]);
            self.down = true;
        }
    }

    /// Read the settings again, because another netns-setup has made the namespace match them.
    pub(super) fn reread_settings(&mut self, call: &Call) {
        match settings(call, &self.want.name, &context()) {
            Ok(want) => {
                self.want = want;
                // The conditions may be different now
                self.waits = None;
            }
            Err(problems) => {
                let name = &self.want.name;
                call.events.failed(Some(name), &wrong(name, &problems));
            }
        }
    }

    /// Repair. `None` if it is another namespace than expected: nothing in it was changed.
    fn repair(
        &mut self,
        call: &Call,
        store: &Store,
        which: Which,
    ) -> Result<Option<RepairResult>, Why> {
        let name = self.want.name.clone();
        wait_for_naming(name.as_str());
        let (mut journal, mut kernel) = without_lock(&name).map_err(|e| e.why)?;
        let (mut state, in_the_way) =
            nat::with_host_or_obstacle(&self.want, &journal, &mut kernel)?;
        let locked = (store, &mut journal, &mut kernel);
        attach::take_over(call, &self.want, &mut state, locked, true).map_err(|e| e.why)?;
        let missing = resolve_devices(&mut state, &journal, &mut kernel)?;
        let hooks = self.want.hooks.clone();
        let changes = Changes::of(call, &name).with_hooks(&hooks).by_watch();
        let query = build_query(&state, &journal);
        let work = Work::begin(store, &mut kernel, journal, query, changes);
        let mut work = work.map_err(|e| e.why)?;
        let is_ready = store::is_ready(&name);
        let is_same = work.start.0.exists && (is_ready || self.is_waited_for());
        if which == Which::Same && !is_same {
            return Ok(None);
        }
        // The namespace of this name is not the one that was ready
        if !is_ready {
            self.set_unready(store)?;
        }
        linked_netns::adopt_wanted(&name, &state, &mut work.journal)
            .map_err(|e| Why::Broken("cannot read the other journals", e))?;
        let mut repaired = work.repair(&state)?;
        self.hooks_are_due |= work.changes.hooks_are_due;
        let made_netns = work.changes.made_netns;
        if made_netns && self.want.restarts_services {
            self.services.are_left_behind();
        }
        repaired.obstacles = obstacles(missing, repaired.obstacles);
        repaired.obstacles.extend(in_the_way);
        if repaired.is_open() {
            self.set_unready(store)?;
        }
        if repaired.is_complete() && self.unready {
            if made_netns {
                let settled = work.kernel.wait_for_dad(&self.want.state, SETTLE);
                settled.map_err(|e| dad_error(&e))?;
            }
            if !self.holds(call) {
                return Ok(Some(repaired));
            }
            ready::mark(store, &self.want).map_err(write_error)?;
            self.unready = false;
            self.waits = None;
        }
        Ok(Some(repaired))
    }

    /// Returns true if the conditions of `netns_ready` hold. Otherwise a wait for them begins.
    fn holds(&mut self, call: &Call) -> bool {
        if !ready::is_awaited(&self.want) {
            return true;
        }
        let waits = self.waits.take().filter(|waits| waits.is_for(&self.want));
        let mut waits = waits.unwrap_or_else(|| Waits::begin(&self.want, &call.events));
        waits.go_on(&self.want, &call.events);
        let over = waits.is_over();
        self.waits = Some(waits);
        over
    }

    pub(super) fn set_unready(&mut self, store: &Store) -> Result<(), Why> {
        self.unready = true;
        store.set_unready().map_err(write_error)
    }

    /// Report what is new, and schedule the next check. Returns true if the namespace is complete.
    fn done(&mut self, call: &Call, repaired: &Result<RepairResult, Why>) -> bool {
        let name = &self.want.name;
        self.incomplete = !repaired.as_ref().is_ok_and(RepairResult::is_complete);
        let (lines, outcome): (Vec<String>, _) = match repaired {
            Ok(repaired) => {
                let refused = repaired.refused.iter();
                let refused = refused.flat_map(|(change, e)| report::refused(name, change, e));
                let obstacles = report::obstacles(name, &repaired.obstacles);
                let outcome = match (repaired.refused.is_empty(), repaired.done) {
                    (false, _) => RepairOutcome::Refused,
                    (true, 0) if self.incomplete && self.is_being_named() => RepairOutcome::Refused,
                    (true, 0) => RepairOutcome::AsWanted,
                    (true, _) => RepairOutcome::Repaired,
                };
                (refused.chain(obstacles).collect(), outcome)
            }
            Err(why) => (report::why(name, why), RepairOutcome::Refused),
        };
        if !lines.is_empty() && lines != self.reported && lines != self.unconfirmed {
            self.unconfirmed = lines;
            self.pace
                .record(Instant::now(), outcome.min(RepairOutcome::Repaired));
            self.pace.happened(Instant::now() + DOUBT);
            return false;
        }
        self.unconfirmed.clear();
        if lines.is_empty() && !self.reported.is_empty() {
            let line = format!("{name}: matches its settings again");
            call.events.notice(name, line);
        }
        if lines != self.reported {
            call.events.error(name, lines.clone());
            self.reported = lines;
        }
        self.pace.record(Instant::now(), outcome);
        self.reported.is_empty()
    }
}

fn dad_error(e: &OsError) -> Why {
    let e = io::Error::other(e.to_string());
    Why::Broken("cannot wait for the addresses", e)
}

fn write_error(e: io::Error) -> Why {
    Why::Broken("cannot write ready", e)
}
