//! Changes in, outcomes out: made one after the other, noted in the journal before, and
//! looked at afterwards. Where it comes to a stop half way, all of it is undone.

mod mend;

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use super::nat::{self, Others};
use super::store::Store;
use super::ties;
use crate::kernel::{About, Kernel, Refusal};
use crate::model::{Address, LinkAt, State, Tool};
use crate::place::At;
use crate::plan::{Change, Journal, Obstacle, Rest, Step, as_it_was, plan, plan_what_can_be};

/// How often what was made is looked at again. One change can take another's effect
/// away: with an address, the kernel takes its routes.
const PASSES: usize = 3;

/// How long IPv6 addresses are waited for.
pub const SETTLE: Duration = Duration::from_secs(3);

pub use mend::Mended;

/// Why it came to nothing, and in what state things are now.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub why: Why,
    /// How many changes had been made,
    pub made: usize,
    /// of how many.
    pub of: usize,
    /// What could not be undone: the changes that would do it.
    pub left: Vec<Change>,
}

/// Why it came to nothing.
#[derive(Debug)]
pub enum Why {
    /// What is wanted cannot be.
    Obstacles(Vec<Obstacle>),
    /// The kernel refused a change.
    Refused(Box<Change>, Refusal),
    /// Another host has an address that was asked for.
    Taken(Box<(LinkAt, At<Address>)>),
    /// Something failed that is none of the changes: what, and how.
    Broken(&'static str, io::Error),
}

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
    asked: About,
    /// What other namespaces hold of the host.
    others: Others,
    /// Told of each change that has been made.
    report: &'a mut dyn FnMut(&Change),
    /// How many changes have been made so far,
    made: usize,
    /// of how many that were planned.
    of: usize,
}

impl From<Why> for Failure {
    /// Before anything was done.
    fn from(why: Why) -> Self {
        Failure {
            why,
            made: 0,
            of: 0,
            left: Vec::new(),
        }
    }
}

impl<'a> Work<'a> {
    /// Look at what is there, before the first change. `report` is told of each change
    /// that has been made.
    pub fn begin(
        store: &'a Store,
        kernel: &'a mut Kernel,
        journal: Journal,
        asked: About,
        report: &'a mut dyn FnMut(&Change),
    ) -> Result<Self, Failure> {
        let others = Others::to(store.name(), &asked)
            .map_err(|e| Why::Broken("cannot read the other journals", e))?;
        let mut have = look(kernel, &asked, &journal)?;
        others.as_before(&mut have, &journal);
        journal.recall(&mut have);
        Ok(Work {
            store,
            kernel,
            start: (have, journal.clone()),
            journal,
            asked,
            others,
            report,
            made: 0,
            of: 0,
        })
    }

    /// Make it what is wanted, or leave it as it was.
    pub fn make(&mut self, want: &State, rest: Rest) -> Result<(), Failure> {
        let done = self.make_all_of(want, rest);
        done.map_err(|why| self.fail(why))
    }

    /// Wait for the IPv6 addresses that were asked for. What is returned is still in doubt.
    pub fn settle(&mut self, want: &State) -> Result<Vec<(LinkAt, At<Address>)>, Failure> {
        match self.kernel.settle(want, SETTLE) {
            Err(no) => Err(self.fail(broken("cannot wait for the addresses", no))),
            Ok(settled) => match settled.taken.into_iter().next() {
                Some(address) => Err(self.fail(Why::Taken(Box::new(address)))),
                None => Ok(settled.waiting),
            },
        }
    }

    /// Come to a stop: undo what has been made.
    pub fn fail(&mut self, why: Why) -> Failure {
        let left = if self.of > 0 { self.undo() } else { Vec::new() };
        Failure {
            why,
            made: self.made,
            of: self.of,
            left,
        }
    }

    /// Make as much of it as can be made: for taking down, where going on is better than
    /// going back. The refusals.
    pub fn make_what_can_be(&mut self, want: &State) -> Result<Vec<(Change, Refusal)>, Failure> {
        self.others.leave_to(&mut self.journal, want);
        let changes =
            plan(want, &self.start.0, &self.journal, Rest::Goes).map_err(Why::Obstacles)?;
        self.store
            .set_unready()
            .map_err(|e| Why::Broken("cannot remove ready", e))?;
        let mut refused = Vec::new();
        for change in changes {
            if let Err(refusal) = self.step(&change, want) {
                refused.push((change, refusal));
            }
        }
        self.write()?;
        Ok(refused)
    }

    fn make_all_of(&mut self, want: &State, rest: Rest) -> Result<(), Why> {
        let mut now = self.start.0.clone();
        if rest == Rest::Goes {
            self.others.leave_to(&mut self.journal, want);
        }
        for _ in 0..=PASSES {
            let mut changes = plan(want, &now, &self.journal, rest).map_err(Why::Obstacles)?;
            if changes.is_empty() {
                return Ok(());
            }
            // What a new namespace has taken over from the host is known once it is there
            if changes[0].step == Step::AddNetns {
                changes.truncate(1);
            }
            self.make_all(changes, &now, want)?;
            now = self.look()?;
        }
        let left = plan(want, &now, &self.journal, rest).map_err(Why::Obstacles)?;
        let gone = || Refusal::from(io::Error::other("it was made, and is gone again"));
        match left.into_iter().next() {
            Some(change) => Err(Why::Refused(Box::new(change), gone())),
            None => Ok(()),
        }
    }

    fn make_all(&mut self, changes: Vec<Change>, have: &State, want: &State) -> Result<(), Why> {
        self.of += changes.len();
        changes
            .iter()
            .for_each(|change| self.journal.note(change, have));
        self.write()?;
        for change in changes {
            let done = self.step(&change, want);
            done.map_err(|refusal| Why::Refused(Box::new(change), refusal))?;
            self.made += 1;
        }
        self.write()
    }

    fn step(&mut self, change: &Change, want: &State) -> Result<(), Refusal> {
        // The kernel takes a source address only once it knows that it is free
        if matches!(&change.step, Step::AddRoute(route) if route.src.is_some_and(|a| a.is_ipv6())) {
            self.kernel.settle(want, SETTLE)?;
        }
        self.make_one(change)?;
        (self.report)(change);
        Ok(())
    }

    /// Which tables nft makes is known only by looking before and after.
    fn make_one(&mut self, change: &Change) -> Result<(), Refusal> {
        match &change.step {
            Step::LoadRules { new, old } if new.tool == Tool::Nftables => {
                let mut others = self.kernel.tables()?;
                for table in old.iter().flat_map(|old| &old.tables) {
                    others.remove(table);
                }
                self.kernel.make(&change.step)?;
                let made = &self.kernel.tables()? - &others;
                self.journal.note_tables(made.into_iter().collect());
            }
            Step::LoadTable(_) | Step::DropTable => {
                self.kernel.make(&change.step)?;
                self.journal.note_listed(self.kernel.listed_table());
                nat::forget_flows(self.kernel, [&self.start.1, &self.journal]);
            }
            Step::AddOther(other) => ties::hold_place(other, || self.kernel.make(&change.step))?,
            Step::DelOther(other) => {
                let this = self.store.name();
                ties::leave_place(other, this, || self.kernel.make(&change.step))?;
            }
            step => self.kernel.make(step)?,
        }
        self.journal.done(change);
        Ok(())
    }

    /// Make it what it was. What is left of that is returned.
    fn undo(&mut self) -> Vec<Change> {
        // They can have come and gone since
        self.others = Others::to(self.store.name(), &self.asked).unwrap_or(self.others.clone());
        let mut want = as_it_was(&self.start.0, &self.journal);
        self.others.leave_as_it_is(&mut want);
        self.others.leave_to(&mut self.journal, &want);
        let mut left = Vec::new();
        for _ in 0..=PASSES {
            let Ok(now) = self.look() else { break };
            left = plan_what_can_be(&want, &now, &self.journal, Rest::Goes).0;
            if left.is_empty() {
                break;
            }
            for change in &left {
                self.journal.note(change, &now);
                let _ = self.make_one(change);
            }
        }
        if left.is_empty() {
            self.journal = self.start.1.clone();
        }
        let _ = self.write();
        left
    }

    fn look(&mut self) -> Result<State, Why> {
        let mut have = look(self.kernel, &self.asked, &self.journal)?;
        self.others.as_before(&mut have, &self.journal);
        Ok(have)
    }

    fn write(&self) -> Result<(), Why> {
        let written = self.store.write(&self.journal);
        written.map_err(|e| Why::Broken("cannot write the journal", e))
    }
}

/// What is there. Of the firewall's rules, that is what we loaded, as long as its tables
/// stand: what the namespace makes of them is its own affair.
pub fn look(kernel: &mut Kernel, asked: &About, journal: &Journal) -> Result<State, Why> {
    let have = kernel.look(asked);
    let have = have.map_err(|no| broken("cannot read the state of the network", no))?;
    let mut rules = journal.made.rules.clone();
    for rules in rules.iter_mut().map(|rules| &mut rules.value) {
        // Where there is no nft to ask any more, nobody can have taken them away by it
        let gone = |there: BTreeSet<_>| rules.tables.iter().any(|table| !there.contains(table));
        if !rules.tables.is_empty() && kernel.tables().is_ok_and(gone) {
            rules.text.clear();
        }
    }
    let table = nat::table(kernel, journal);
    Ok(State {
        rules,
        table,
        ..have
    })
}

pub(super) fn broken(what: &'static str, no: Refusal) -> Why {
    Why::Broken(what, io::Error::other(no.to_string()))
}
