//! Making changes, one after the other. Each is recorded in the journal first, and the state is
//! read again afterwards. If a change fails, all of them are undone.

mod firewall;
mod removal;
mod repair;
mod undo;

use std::io;
use std::time::Duration;

use super::failure::{Failure, Why, broken};
use super::linked_netns;
use super::nat::{self, HeldSysctls};
use super::observe::observe;
use super::report::{self, run_log::Changes};
use super::store::Store;
use crate::kernel::monitor::dad::DadResult;
use crate::kernel::{Kernel, Query};
use crate::model::{Address, Link, LinkRef, Netns, State};
use crate::os_error::OsError;
use crate::plan::{Change, Extras, Journal, Step, plan};
use crate::source::Sourced;
use crate::system::resolv_conf;

/// How often the state is read again after changes. One change can take another's effect away: with
/// an address, the kernel deletes its routes.
const PASSES: usize = 3;

/// How long to wait for duplicate address detection (IPv6).
pub const SETTLE: Duration = Duration::from_secs(3);

/// After this time, what is waited for is printed at a terminal.
pub const MOMENT: Duration = Duration::from_secs(1);

pub use removal::{Alone, Removal};
pub use repair::RepairResult;

/// A namespace that is being changed.
pub struct Work<'a> {
    /// The state directory, locked.
    pub store: &'a Store,
    /// Reads and changes the namespace in the kernel.
    pub kernel: &'a mut Kernel,
    /// The current journal.
    pub journal: Journal,
    /// The state and the journal before the first change.
    pub start: (State, Journal),
    /// The links and sysctls outside the namespace that concern it.
    query: Query,
    /// The host's sysctls that other namespaces have changed.
    others: HeldSysctls,
    /// The links of others that are deleted together with ours.
    given_up: Vec<LinkRef>,
    /// The changes whose host names could not be resolved.
    pub unresolved: Vec<(Change, OsError)>,
    /// The changes made so far, for the report.
    pub changes: Changes<'a>,
    /// Number of changes made.
    done: usize,
    /// Number of changes planned, including those made.
    of: usize,
}

impl<'a> Work<'a> {
    /// Read the present state, before the first change.
    pub fn begin(
        store: &'a Store,
        kernel: &'a mut Kernel,
        journal: Journal,
        query: Query,
        changes: Changes<'a>,
    ) -> Result<Self, Failure> {
        let others = HeldSysctls::to(store.name(), &query)
            .map_err(|e| Why::Broken("cannot read the other journals", e))?;
        let mut have = observe(kernel, &query, &journal)?;
        others.as_before(&mut have, &journal);
        Ok(Work {
            store,
            kernel,
            start: (have, journal.clone()),
            journal,
            query,
            others,
            given_up: Vec::new(),
            unresolved: Vec::new(),
            changes,
            done: 0,
            of: 0,
        })
    }

    /// Make all changes that lead to `want`, or undo those that were made.
    pub fn make(&mut self, want: &State, rest: Extras) -> Result<(), Failure> {
        let done = self.make_all_of(want, rest);
        done.map_err(|why| self.fail(why))
    }

    /// Wait for duplicate address detection on the wanted IPv6 addresses. Returns the addresses for
    /// which it still runs when the time is up.
    pub fn wait_for_dad(
        &mut self,
        want: &State,
    ) -> Result<Vec<(LinkRef, Sourced<Address>)>, Failure> {
        match self.settle(want) {
            Err(e) => Err(self.fail(broken("cannot wait for the addresses", e))),
            Ok(settled) => match settled.taken.into_iter().next() {
                Some(address) => Err(self.fail(Why::Taken(Box::new(address)))),
                None => Ok(settled.waiting),
            },
        }
    }

    /// Wait for duplicate address detection, and say so if it takes longer than a moment.
    fn settle(&mut self, want: &State) -> Result<DadResult, OsError> {
        let result = self.kernel.wait_for_dad(want, MOMENT)?;
        if result.waiting.is_empty() || !result.taken.is_empty() {
            return Ok(result);
        }
        let addresses = result
            .waiting
            .iter()
            .map(|(_, one)| one.value.ip().to_string());
        let addresses: Vec<_> = addresses.collect();
        let line = format!(
            "{}: waiting until no other host has {}",
            self.store.name(),
            addresses.join(", ")
        );
        self.changes.progress(line);
        self.kernel
            .wait_for_dad(want, SETTLE.saturating_sub(MOMENT))
    }

    /// Returns true if at least one change has been made.
    pub fn has_changed(&self) -> bool {
        self.done > 0
    }

    /// Stop with an error: undo the changes that were made.
    pub fn fail(&mut self, why: Why) -> Failure {
        let left = match self.of {
            0 => self.forget_way_back().then(Vec::new),
            _ => self.undo(),
        };
        Failure {
            why,
            done: self.done,
            of: self.of,
            left,
        }
    }

    fn make_all_of(&mut self, want: &State, rest: Extras) -> Result<(), Why> {
        let mut now = self.start.0.clone();
        if rest == Extras::Remove {
            self.others.leave_to(&mut self.journal, want);
        }
        for _ in 0..=PASSES {
            let mut changes = self.remaining(want, &now, rest)?;
            if changes.is_empty() {
                return self.finish(want, rest);
            }
            // What a new namespace inherits from the host is known only once it exists
            if changes[0].step == Step::AddNetns {
                changes.truncate(1);
            }
            // Adding the namespace writes the journal with the new identity
            let more = changes.iter().any(|one| one.step != Step::AddNetns);
            self.make_all(changes, &now, want)?;
            now = self.observe()?;
            self.journal.identify(&now);
            self.write_if(more)?;
        }
        let left = self.remaining(want, &now, rest)?;
        let gone = || OsError::from(io::Error::other("it was made, and is gone again"));
        match left.into_iter().next() {
            Some(change) => Err(Why::Refused(Box::new(change), gone())),
            None => self.finish(want, rest),
        }
    }

    /// Record the NICs that were on the host already, under their own names, and stay there: the
    /// kernel moved them back when another program deleted the namespace, or an earlier run did and
    /// was killed. They have what they had on the host only now. Warns of those that are gone.
    fn note_back(&self, want: &State) {
        let (have, journal) = &self.start;
        for link in &journal.before.links {
            let inside = [want, have].map(|state| state.link(&Netns::This, link.other_name()));
            let there = have.link(&Netns::Host, &link.name.value);
            let is_there = there.is_some_and(|there| !link.is_other_device(there));
            if is_there && inside == [None, None] {
                self.store.returned.note_back(link);
            }
        }
        for link in journal.gone(have) {
            if want.link(&Netns::This, link.other_name()).is_none() {
                let lost = report::gone(self.store.name(), link, journal.lost_with(link));
                self.changes.warning(lost);
            }
        }
    }

    fn finish(&mut self, want: &State, rest: Extras) -> Result<(), Why> {
        self.note_back(want);
        let mut changed = self.journal.forget_given_back(want);
        let file = &mut self.journal.ours.resolv_conf;
        // The file is removed already. A run that was killed then has left its directory
        if rest == Extras::Remove && want.resolv_conf.is_none() && file.take().is_some() {
            resolv_conf::clear(self.store.name());
            changed = true;
        }
        let is_new = self.journal.note_way_back(want);
        self.write_if(is_new || changed && self.done > 0)
    }

    /// The changes that are left to make, without those whose names could not be resolved.
    fn remaining(&self, want: &State, now: &State, rest: Extras) -> Result<Vec<Change>, Why> {
        let mut changes = plan(want, now, &self.journal, rest).map_err(Why::Obstacles)?;
        let unresolved: Vec<_> = self
            .unresolved
            .iter()
            .map(|(change, _)| &change.step)
            .collect();
        changes.retain(|change| !unresolved.contains(&&change.step));
        Ok(changes)
    }

    fn make_all(&mut self, changes: Vec<Change>, have: &State, want: &State) -> Result<(), Why> {
        self.of += changes.len();
        self.journal.note_way_back(want);
        let replaced = self.replaced(&changes, have);
        (changes.iter()).for_each(|change| self.journal.note(change, have));
        // Adding the namespace writes the journal with the new identity
        let more = changes.iter().any(|one| one.step != Step::AddNetns);
        self.write_if(more)?;
        for change in changes {
            match self.step(&change, want) {
                Ok(()) => self.done += 1,
                // Go on: the tunnel exists, and the peer can still reach it
                Err(e) if matches!(change.step, Step::SetEndpoint(..)) => {
                    self.journal.forget_endpoint(&change);
                    self.unresolved.push((change, e));
                }
                Err(e) => return Err(Why::Refused(Box::new(change), e)),
            }
        }
        self.changes.warning(replaced);
        Ok(())
    }

    fn step(&mut self, change: &Change, want: &State) -> Result<(), OsError> {
        // The kernel accepts a source address only once duplicate address detection has finished
        if let Step::AddRoute(route) | Step::ReplaceRoute(route) = &change.step {
            if route.src.is_some_and(|src| src.is_ipv6()) {
                self.settle(want)?;
            }
        }
        if let Step::StartDhcp(client) = &change.step {
            let line = format!(
                "{}: waiting for a lease on {}",
                self.store.name(),
                client.link
            );
            self.changes.progress(line);
        }
        if self.make_one(change)? {
            self.changes.made(change);
        }
        Ok(())
    }

    /// Make one change. Returns false if there was nothing to change.
    fn make_one(&mut self, change: &Change) -> Result<bool, OsError> {
        let mut changed = true;
        match &change.step {
            // The journal is written in between, so that the next run knows the namespace is ours
            // if this one is killed here
            Step::AddNetns | Step::Attach(_) => {
                let (store, journal) = (self.store, &self.journal);
                let note = |birth| store.write_of(journal, Some(birth));
                match change.step {
                    Step::AddNetns => self.kernel.add_netns(note)?,
                    _ => self.kernel.give_name(note)?,
                }
            }
            Step::LoadNatTable(_) | Step::DropNatTable => {
                self.kernel.make(&change.step)?;
                // If nft does not list the table now, the next run loads it again
                self.journal
                    .note_listed(self.kernel.nat_table().ok().flatten());
                nat::forget_flows(self.kernel, [&self.start.1, &self.journal]);
            }
            Step::AddOther(other) => {
                linked_netns::make_bare_namespace(other, |store, journal| {
                    self.kernel
                        .add_other(other, |birth| store.write_of(journal, Some(birth)))
                })?;
            }
            Step::DelOther(other) => {
                let this = self.store.name();
                linked_netns::delete_bare_namespace(other, this, || {
                    self.kernel.make(&change.step)
                })?;
            }
            Step::LoadFirewall { new, old } => {
                return self.load(change, new, old.as_deref()).map(|()| true);
            }
            Step::SetSysctl(sysctl) => changed = self.kernel.set_sysctl(sysctl)?,
            Step::AddLink { link, .. } => {
                self.kernel.make(&change.step)?;
                self.note_birth(link);
            }
            step => self.kernel.make(step)?,
        }
        self.store.returned.note(&change.step, &self.journal.before);
        self.journal.done(change);
        Ok(changed)
    }

    /// Record the namespace of a tunnel's UDP socket, which the kernel does not report later.
    fn note_birth(&mut self, link: &Link) {
        if let Some(spec) = link.kind.spec().filter(|spec| spec.born != link.netns) {
            let birth = self.kernel.birth_of_spoken_to(&spec.born);
            let birth = birth.map(|birth| birth.to_string());
            self.journal.note_birth(&link.link_at(), birth);
        }
    }

    fn observe(&mut self) -> Result<State, Why> {
        let mut have = observe(self.kernel, &self.query, &self.journal)?;
        self.others.as_before(&mut have, &self.journal);
        self.without_given_up(&mut have);
        Ok(have)
    }

    fn write_if(&self, changed: bool) -> Result<(), Why> {
        if changed { self.write() } else { Ok(()) }
    }

    fn write(&self) -> Result<(), Why> {
        let written = self.store.write(&self.journal);
        written.map_err(|e| Why::Broken("cannot write the journal", e))
    }
}
