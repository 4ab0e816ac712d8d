//! Repairing differences of a watched namespace, and reporting them. It holds the lock, and does
//! not revert what another netns-setup has just done.

use std::ffi::CString;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use super::backoff::{Pace, RepairOutcome};
use super::readiness::Waits;
use super::watched::WatchedNetns;
use crate::os_error::OsError;
use crate::setup::apply::{Mended, SETTLE, Work};
use crate::setup::error::{Error, Outcome};
use crate::setup::failure::Why;
use crate::setup::hooks;
use crate::setup::hooks::post_down_link::ReturnHooks;
use crate::setup::linked_netns::follow::follow;
use crate::setup::linked_netns::{self, LinksLock};
use crate::setup::load::{context, settings, wrong};
use crate::setup::lock::look_on;
use crate::setup::query::build_query;
use crate::setup::report::run_log::Changes;
use crate::setup::resolve_devices::{obstacles, resolve_devices};
use crate::setup::store::{self, Store};
use crate::setup::{Call, attach, nat, ready, report};
use crate::{exec, state_dir};

/// How long a problem must last before it is reported. Links come and go one after the other, so
/// what a change needs may be missing for a moment.
const DOUBT: Duration = Duration::from_millis(500);

/// Time until the next attempt while another netns-setup has the lock.
const BUSY: Duration = Duration::from_millis(20);

impl WatchedNetns {
    /// Restore the bind mounts over files of /etc, for all processes inside.
    pub(super) fn bind_again(&mut self, call: &Call) -> RepairOutcome {
        let Ok(name) = CString::new(self.want.name.as_str()) else {
            return RepairOutcome::AsWanted;
        };
        let (mut came, mut lines) = (RepairOutcome::AsWanted, Vec::new());
        let healed = exec::heal(&name);
        let told = match &healed {
            Ok(healed) => healed
                .iter()
                .map(|healed| healed.describe(&name).map_err(|no| no.to_string()))
                .collect(),
            Err(refusal) => vec![Err(refusal.to_string())],
        };
        for told in told {
            match told {
                Ok(line) => {
                    call.events.notice(&self.want.name, line);
                    came = came.max(RepairOutcome::Repaired);
                }
                Err(no) => {
                    lines.extend(no.lines().map(String::from));
                    came = RepairOutcome::Refused;
                }
            }
        }
        if lines != self.said_of_etc {
            call.events.error(&self.want.name, lines.clone());
            self.said_of_etc = lines;
        }
        came
    }

    pub(super) fn look_and_mend(&mut self, call: &Call) {
        // A thread that waits in a namespace without a name would keep it, and its NICs, alive
        self.waits.take_if(|waits| !waits.is_for(&self.want));
        let name = &self.want.name;
        let known = store::was_ready(name) || self.unready && store::folder(name).exists();
        if !known || store::is_ready(name) {
            self.repair_under_lock(call);
            // Hooks that have failed before wait for an up or a reload
            if std::mem::take(&mut self.hooks_are_due) {
                self.run_hooks(call);
            }
            return;
        }
        // It is up, except for the conditions that are waited for
        if self.waits.as_ref().is_some_and(|w| w.is_for(&self.want)) {
            if self.repair_under_lock(call) {
                self.run_hooks(call);
            }
            return;
        }
        // A namespace that was deleted comes up like a new one
        let (want, mut tried, mut prepared) = (self.want.clone(), false, self.prepared);
        let up = hooks::around_each_up(&want, &mut prepared, || {
            tried = true;
            if self.repair_under_lock(call) {
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
            self.look.came(Instant::now(), RepairOutcome::Refused);
        }
    }

    /// Repair with the lock held. Returns true if the namespace is complete.
    fn repair_under_lock(&mut self, call: &Call) -> bool {
        let ties = match self.tied().then(LinksLock::hold).transpose() {
            Ok(ties) => ties,
            Err(e) => return self.done(call, &Err(Why::Broken("cannot lock it", e))),
        };
        let store = match self.lock() {
            Ok(Some(store)) => store,
            Ok(None) => {
                self.stays_down(call);
                return false;
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                self.look.happened(Instant::now() + BUSY);
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
            self.read_again(call);
        }
        let due = ReturnHooks::begin(&store, Some(&self.want.hooks));
        let mended = self.mend(call, &store);
        drop((store, ties));
        due.run(call, None);
        self.know();
        let whole = self.done(call, &mended);
        if whole && mended.is_ok_and(|mended| mended.done > 0) {
            follow(call, &self.want.name, true);
        }
        whole
    }

    fn tied(&self) -> bool {
        let ours = [&self.want.state, &self.journal.ours];
        let tied = ours.iter().any(|state| !state.neighbours().is_empty());
        tied || self.want.nat.is_some() || self.journal.ours.table.is_some()
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

    /// Another netns-setup has taken the namespace down: leave it down.
    fn stays_down(&mut self, call: &Call) {
        self.look = Pace::new();
        self.etc = Pace::new();
        self.waits = None;
        self.said.clear();
        if !self.down {
            let name = &self.want.name;
            let was = if store::folder(name).exists() {
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

    /// Another netns-setup has made it match its settings: read them again.
    pub(super) fn read_again(&mut self, call: &Call) {
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

    fn mend(&mut self, call: &Call, store: &Store) -> Result<Mended, Why> {
        let name = self.want.name.clone();
        let (mut journal, mut kernel) = look_on(&name).map_err(|no| no.why)?;
        let (mut state, in_the_way) =
            nat::with_host_or_obstacle(&self.want, &journal, &mut kernel)?;
        let begun = (store, &mut journal, &mut kernel);
        attach::take_over(call, &self.want, &mut state, begun, true).map_err(|no| no.why)?;
        let missing = resolve_devices(&mut state, &journal, &mut kernel)?;
        let hooks = self.want.hooks.clone();
        let changes = Changes::of(call, &name).with_hooks(&hooks).by_watch();
        // The namespace of this name is not the one that was ready
        if !store::is_ready(&name) {
            self.not_ready(store)?;
        }
        let asked = build_query(&state, &journal);
        let begun = Work::begin(store, &mut kernel, journal, asked, changes);
        let mut work = begun.map_err(|no| no.why)?;
        linked_netns::adopt_wanted(&name, &state, &mut work.journal)
            .map_err(|e| Why::Broken("cannot read the other journals", e))?;
        let mut mended = work.mend(&state)?;
        self.hooks_are_due |= work.changes.hooks_are_due;
        let made_netns = work.changes.made_netns;
        if made_netns && self.want.restarts_services {
            self.services.are_left_behind();
        }
        mended.obstacles = obstacles(missing, mended.obstacles);
        mended.obstacles.extend(in_the_way);
        if mended.is_open() {
            self.not_ready(store)?;
        }
        if mended.is_whole() && self.unready {
            if made_netns {
                let settled = work.kernel.wait_for_dad(&self.want.state, SETTLE);
                settled.map_err(|no| without_dad_result(&no))?;
            }
            if !self.holds(call) {
                return Ok(mended);
            }
            ready::mark(store, &self.want).map_err(unwritten)?;
            self.unready = false;
            self.waits = None;
        }
        Ok(mended)
    }

    /// The conditions of `netns_ready` hold. Otherwise a wait for them begins.
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

    pub(super) fn not_ready(&mut self, store: &Store) -> Result<(), Why> {
        self.unready = true;
        store.set_unready().map_err(unwritten)
    }

    /// Report what is new, and schedule the next check. Returns true if the namespace is complete.
    fn done(&mut self, call: &Call, mended: &Result<Mended, Why>) -> bool {
        let name = &self.want.name;
        self.lacking = !mended.as_ref().is_ok_and(Mended::is_whole);
        let (lines, came): (Vec<String>, _) = match mended {
            Ok(mended) => {
                let refused = mended.refused.iter();
                let refused = refused.flat_map(|(change, no)| report::refused(name, change, no));
                let obstacles = report::obstacles(name, &mended.obstacles);
                let came = match (mended.refused.is_empty(), mended.done) {
                    (false, _) => RepairOutcome::Refused,
                    (true, 0) if self.lacking && self.is_being_named() => RepairOutcome::Refused,
                    (true, 0) => RepairOutcome::AsWanted,
                    (true, _) => RepairOutcome::Repaired,
                };
                (refused.chain(obstacles).collect(), came)
            }
            Err(why) => (report::why(name, why), RepairOutcome::Refused),
        };
        if !lines.is_empty() && lines != self.said && lines != self.doubt {
            self.doubt = lines;
            self.look
                .came(Instant::now(), came.min(RepairOutcome::Repaired));
            self.look.happened(Instant::now() + DOUBT);
            return false;
        }
        self.doubt.clear();
        if lines.is_empty() && !self.said.is_empty() {
            let line = format!("{name}: matches its settings again");
            call.events.notice(name, line);
        }
        if lines != self.said {
            call.events.error(name, lines.clone());
            self.said = lines;
        }
        self.look.came(Instant::now(), came);
        self.said.is_empty()
    }
}

fn without_dad_result(no: &OsError) -> Why {
    let no = io::Error::other(no.to_string());
    Why::Broken("cannot wait for the addresses", no)
}

fn unwritten(e: io::Error) -> Why {
    Why::Broken("cannot write ready", e)
}
