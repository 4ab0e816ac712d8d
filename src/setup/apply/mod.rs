//! Changes in, outcomes out: made one after the other, noted in the journal before, and
//! looked at afterwards. Where it comes to a stop half way, all of it is undone.

mod firewall;
mod repair;
mod undo;

use std::io;
use std::time::Duration;

use super::failure::{Failure, Why, broken};
use super::linked_netns;
use super::nat::{self, HeldSysctls};
use super::observe::look;
use super::report::run_log::Changes;
use super::store::Store;
use crate::kernel::{Kernel, Query};
use crate::model::{Address, Link, LinkRef, State};
use crate::os_error::OsError;
use crate::plan::{Change, Extras, Journal, Step, plan};
use crate::source::Sourced;
use crate::system::resolv_conf;

/// How often what was made is looked at again. One change can take another's effect
/// away: with an address, the kernel takes its routes.
const PASSES: usize = 3;

/// How long IPv6 addresses are waited for.
pub const SETTLE: Duration = Duration::from_secs(3);

pub use repair::Mended;

/// A namespace that is being changed.
pub struct Work<'a> {
    /// Its state folder.
    pub store: &'a Store,
    /// Its kernel side.
    pub kernel: &'a mut Kernel,
    /// What is ours of it.
    pub journal: Journal,
    /// What was there, and what was ours, before the first change.
    pub start: (State, Journal),
    /// What else it has to do with.
    asked: Query,
    /// What other namespaces hold of the host.
    others: HeldSysctls,
    /// The names that could not be looked up.
    pub unresolved: Vec<(Change, OsError)>,
    /// The changes that have been made.
    pub changes: Changes<'a>,
    /// How many changes have been made so far,
    done: usize,
    /// of how many that were planned.
    of: usize,
}

impl<'a> Work<'a> {
    /// Look at what is there, before the first change.
    pub fn begin(
        store: &'a Store,
        kernel: &'a mut Kernel,
        journal: Journal,
        asked: Query,
        changes: Changes<'a>,
    ) -> Result<Self, Failure> {
        let others = HeldSysctls::to(store.name(), &asked)
            .map_err(|e| Why::Broken("cannot read the other journals", e))?;
        let mut have = look(kernel, &asked, &journal)?;
        others.as_before(&mut have, &journal);
        Ok(Work {
            store,
            kernel,
            start: (have, journal.clone()),
            journal,
            asked,
            others,
            unresolved: Vec::new(),
            changes,
            done: 0,
            of: 0,
        })
    }

    /// Make it what is wanted, or leave it as it was.
    pub fn make(&mut self, want: &State, rest: Extras) -> Result<(), Failure> {
        let done = self.make_all_of(want, rest);
        done.map_err(|why| self.fail(why))
    }

    /// Wait for the IPv6 addresses that were asked for. What is returned is still in doubt.
    pub fn wait_for_dad(
        &mut self,
        want: &State,
    ) -> Result<Vec<(LinkRef, Sourced<Address>)>, Failure> {
        match self.kernel.wait_for_dad(want, SETTLE) {
            Err(no) => Err(self.fail(broken("cannot wait for the addresses", no))),
            Ok(settled) => match settled.taken.into_iter().next() {
                Some(address) => Err(self.fail(Why::Taken(Box::new(address)))),
                None => Ok(settled.waiting),
            },
        }
    }

    /// A change has been made.
    pub fn has_changed(&self) -> bool {
        self.done > 0
    }

    /// Come to a stop: undo what has been made.
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

    /// Make as much of it as can be made: for taking down, where going on is better than
    /// going back. It is not ready any more before. What is refused at last.
    pub fn make_what_can_be(&mut self, want: &State) -> Result<Vec<(Change, OsError)>, Failure> {
        self.others.leave_to(&mut self.journal, want);
        let mut now = self.start.0.clone();
        let mut refused = Vec::new();
        for _ in 0..PASSES {
            let changes =
                plan(want, &now, &self.journal, Extras::Remove).map_err(Why::Obstacles)?;
            refused.clear();
            for change in changes {
                // What is left in a namespace of others is not reached without its name
                if change.step == Step::Detach && !refused.is_empty() {
                    continue;
                }
                if let Err(refusal) = self.step(&change, want) {
                    refused.push((change, refusal));
                }
            }
            if refused.is_empty() {
                break;
            }
            // The journal that is there knows of more than is left, which does no harm
            let _ = self.write();
            now = self.look()?;
        }
        Ok(refused)
    }

    fn make_all_of(&mut self, want: &State, rest: Extras) -> Result<(), Why> {
        let mut now = self.start.0.clone();
        if rest == Extras::Remove {
            self.others.leave_to(&mut self.journal, want);
        }
        for _ in 0..=PASSES {
            let mut changes = self.to_make(want, &now, rest)?;
            if changes.is_empty() {
                return self.come_to_its_end(want, rest);
            }
            // What a new namespace has taken over from the host is known once it is there
            if changes[0].step == Step::AddNetns {
                changes.truncate(1);
            }
            // Who makes the namespace writes that down himself, with which one it is
            let more = changes.iter().any(|one| one.step != Step::AddNetns);
            self.make_all(changes, &now, want)?;
            now = self.look()?;
            self.journal.identify(&now);
            self.write_if(more)?;
        }
        let left = self.to_make(want, &now, rest)?;
        let gone = || OsError::from(io::Error::other("it was made, and is gone again"));
        match left.into_iter().next() {
            Some(change) => Err(Why::Refused(Box::new(change), gone())),
            None => self.come_to_its_end(want, rest),
        }
    }

    fn come_to_its_end(&mut self, want: &State, rest: Extras) -> Result<(), Why> {
        let mut changed = self.journal.forget_given_back(want);
        let file = &mut self.journal.ours.resolv_conf;
        // It has gone; who was killed then has left its folder
        if rest == Extras::Remove && want.resolv_conf.is_none() && file.take().is_some() {
            resolv_conf::clear(self.store.name());
            changed = true;
        }
        let is_new = self.journal.note_way_back(want);
        self.write_if(is_new || changed && self.done > 0)
    }

    /// The changes that are left to make, but for those that cannot be made for now.
    fn to_make(&self, want: &State, now: &State, rest: Extras) -> Result<Vec<Change>, Why> {
        let mut changes = plan(want, now, &self.journal, rest).map_err(Why::Obstacles)?;
        let unresolved: Vec<_> = self.unresolved.iter().map(|(no, _)| &no.step).collect();
        changes.retain(|change| !unresolved.contains(&&change.step));
        Ok(changes)
    }

    fn make_all(&mut self, changes: Vec<Change>, have: &State, want: &State) -> Result<(), Why> {
        self.of += changes.len();
        self.journal.note_way_back(want);
        let replaced = self.replaced(&changes, have);
        (changes.iter()).for_each(|change| self.journal.note(change, have));
        // Who makes the namespace writes that down himself, with which one it is
        let more = changes.iter().any(|one| one.step != Step::AddNetns);
        self.write_if(more)?;
        for change in changes {
            match self.step(&change, want) {
                Ok(()) => self.done += 1,
                // The tunnel is there, and its peer may find it
                Err(no) if matches!(change.step, Step::SetEndpoint(..)) => {
                    self.journal.forget_endpoint(&change);
                    self.unresolved.push((change, no));
                }
                Err(no) => return Err(Why::Refused(Box::new(change), no)),
            }
        }
        self.changes.warning(replaced);
        Ok(())
    }

    fn step(&mut self, change: &Change, want: &State) -> Result<(), OsError> {
        // The kernel takes a source address only once it knows that it is free
        if let Step::AddRoute(route) | Step::ReplaceRoute(route) = &change.step
            && route.src.is_some_and(|src| src.is_ipv6())
        {
            self.kernel.wait_for_dad(want, SETTLE)?;
        }
        if self.make_one(change)? {
            self.changes.made(change);
        }
        Ok(())
    }

    /// Whether anything was changed by it.
    fn make_one(&mut self, change: &Change) -> Result<bool, OsError> {
        let mut changed = true;
        match &change.step {
            // Who comes after us, if we are killed here, must know that it is ours
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
                // What is not known is loaded once more
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
        self.store.returned.note(&change.step);
        self.journal.done(change);
        Ok(changed)
    }

    /// The kernel does not tell later where it was born.
    fn note_birth(&mut self, link: &Link) {
        if let Some(spec) = link.kind.spec().filter(|spec| spec.born != link.netns) {
            let birth = self.kernel.birth_of_spoken_to(&spec.born);
            let birth = birth.map(|birth| birth.to_string());
            self.journal.note_birth(&link.link_at(), birth);
        }
    }

    fn look(&mut self) -> Result<State, Why> {
        let mut have = look(self.kernel, &self.asked, &self.journal)?;
        self.others.as_before(&mut have, &self.journal);
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
