//! Changes in, outcomes out: made one after the other, noted in the journal before, and
//! looked at afterwards. A refusal is undone.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use super::store::Store;
use crate::kernel::{Kernel, Refusal};
use crate::model::{Address, LinkAt, State};
use crate::place::At;
use crate::plan::{Change, Journal, Obstacle, Rest, Step, as_it_was, plan, plan_what_can_be};

/// How often what was made is looked at again. One change can take another's effect
/// away: with an address, the kernel takes its routes.
const PASSES: usize = 3;

/// How long IPv6 addresses are waited for.
pub const SETTLE: Duration = Duration::from_secs(3);

/// Why it came to nothing.
#[derive(Debug)]
pub enum Failure {
    /// What is wanted cannot be: nothing was touched.
    Obstacles(Vec<Obstacle>),
    /// A change was refused.
    Refused {
        /// The change.
        change: Box<Change>,
        /// The kernel's words.
        refusal: Refusal,
        /// How many changes had been made,
        made: usize,
        /// of how many.
        of: usize,
        /// What could not be undone.
        left: Vec<Change>,
    },
    /// Another host has an address that was asked for.
    Taken {
        /// The link and its address.
        address: Box<(LinkAt, At<Address>)>,
        /// How many changes had been made.
        made: usize,
        /// What could not be undone.
        left: Vec<Change>,
    },
    /// The kernel or the file system failed us where nothing was asked of it.
    Broken(String, io::Error),
}

/// A namespace that is being changed.
pub struct Work<'a> {
    /// Its state folder.
    pub store: &'a Store,
    /// Its kernel side.
    pub kernel: &'a mut Kernel,
    /// What is ours of it.
    pub journal: Journal,
    /// The links of other namespaces that it has to do with.
    pub asked: BTreeSet<LinkAt>,
    /// Told of each change that has been made.
    pub report: &'a mut dyn FnMut(&Change),
}

impl Work<'_> {
    /// What is there.
    pub fn look(&mut self) -> Result<State, Failure> {
        self.kernel
            .look(&self.asked)
            .map_err(|no| broken("cannot read the state of the network", no))
    }

    /// Make `have` what is wanted, or leave it as it was. The number of changes made.
    pub fn make(&mut self, want: &State, have: &State, rest: Rest) -> Result<usize, Failure> {
        let mut now = have.clone();
        let mut made = 0;
        for _ in 0..PASSES {
            let changes = plan(want, &now, &self.journal, rest).map_err(Failure::Obstacles)?;
            if changes.is_empty() {
                return Ok(made);
            }
            self.note(&changes, &now)?;
            for (index, change) in changes.iter().enumerate() {
                if let Err(refusal) = self.step(change, want) {
                    let (made, of) = (made + index, made + changes.len());
                    let left = self.undo(have);
                    let change = Box::new(change.clone());
                    return Err(Failure::Refused {
                        change,
                        refusal,
                        made,
                        of,
                        left,
                    });
                }
            }
            made += changes.len();
            self.write()?;
            now = self.look()?;
        }
        match plan(want, &now, &self.journal, rest)
            .map_err(Failure::Obstacles)?
            .first()
        {
            None => Ok(made),
            Some(change) => {
                let change = Box::new(change.clone());
                let refusal = Refusal::from(io::Error::other("it was made, and is gone again"));
                let left = self.undo(have);
                Err(Failure::Refused {
                    change,
                    refusal,
                    made,
                    of: made,
                    left,
                })
            }
        }
    }

    /// Wait for the IPv6 addresses that were asked for. What is returned is still in doubt.
    pub fn settle(
        &mut self,
        want: &State,
        have: &State,
        made: usize,
    ) -> Result<Vec<(LinkAt, At<Address>)>, Failure> {
        let settled = self.kernel.settle(want, SETTLE);
        let settled = settled.map_err(|no| broken("cannot wait for the addresses", no))?;
        match settled.taken.into_iter().next() {
            None => Ok(settled.waiting),
            Some(address) => {
                let (address, left) = (Box::new(address), self.undo(have));
                Err(Failure::Taken {
                    address,
                    made,
                    left,
                })
            }
        }
    }

    /// Make as much of it as can be made: for taking down, where going on is better than
    /// going back. The refusals.
    pub fn make_all(&mut self, want: &State) -> Result<Vec<(Change, Refusal)>, Failure> {
        let have = self.look()?;
        let changes = plan(want, &have, &self.journal, Rest::Goes).map_err(Failure::Obstacles)?;
        let unready = self.store.set_unready();
        unready.map_err(|e| Failure::Broken("cannot remove ready".into(), e))?;
        let mut refused = Vec::new();
        for change in changes {
            if let Err(refusal) = self.step(&change, want) {
                refused.push((change, refusal));
            }
        }
        self.write()?;
        Ok(refused)
    }

    fn step(&mut self, change: &Change, want: &State) -> Result<(), Refusal> {
        // The kernel takes a source address only once it knows that it is free
        if matches!(&change.step, Step::AddRoute(route) if route.src.is_some_and(|a| a.is_ipv6())) {
            self.kernel.settle(want, SETTLE)?;
        }
        self.kernel.make(&change.step)?;
        self.journal.done(change);
        (self.report)(change);
        Ok(())
    }

    fn note(&mut self, changes: &[Change], have: &State) -> Result<(), Failure> {
        for change in changes {
            self.journal.note(change, have);
        }
        self.write()
    }

    fn write(&self) -> Result<(), Failure> {
        let written = self.store.write(&self.journal);
        written.map_err(|e| Failure::Broken("cannot write the journal".into(), e))
    }

    /// Make it what it was. What is left of that is returned; the commands for it are
    /// what a person has to type.
    fn undo(&mut self, before: &State) -> Vec<Change> {
        let want = as_it_was(before, &self.journal);
        for _ in 0..PASSES {
            let Ok(now) = self.look() else { break };
            let (changes, _) = plan_what_can_be(&want, &now, &self.journal, Rest::Goes);
            if changes.is_empty() {
                break;
            }
            for change in changes {
                if self.kernel.make(&change.step).is_ok() {
                    self.journal.done(&change);
                }
            }
        }
        let now = self.look().unwrap_or_default();
        self.journal.keep(&now);
        let _ = self.write();
        plan_what_can_be(&want, &now, &self.journal, Rest::Goes).0
    }
}

pub(super) fn broken(what: &str, no: Refusal) -> Failure {
    Failure::Broken(what.into(), io::Error::other(no.to_string()))
}
