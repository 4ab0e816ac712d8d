//! Removing a namespace with all that is in it, for `down`. Where going back would be worse than
//! going on, the changes that fail are returned, and the others are made.

use super::{PASSES, Work};
use crate::kernel::monitor::end::Dying;
use crate::model::{Kind, LinkRef, Netns, State};
use crate::os_error::OsError;
use crate::plan::{Change, Extras, Step, of_others_on_top, plan};
use crate::setup::failure::{Failure, Why};

/// Whether anything but the name keeps the namespace alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alone {
    /// No process or file that /proc shows. The kernel ends the namespace when its name is deleted.
    Yes,
    /// A process is inside, or something holds it from outside.
    No,
}

/// What has come of a removal.
pub struct Removal {
    /// The changes that failed, with their errors.
    pub refused: Vec<(Change, OsError)>,
    /// A namespace that the kernel ends with its links. `None` if its links were deleted one by one.
    pub dying: Option<Dying>,
}

impl Work<'_> {
    /// Take the links of others that would be deleted together with ours as gone, so that they are no
    /// obstacle. `now` is the present state. Returns those links.
    pub fn give_up_links_on_top(&mut self, want: &State, now: &mut State) -> Vec<LinkRef> {
        let given_up = of_others_on_top(want, now, &self.journal);
        self.given_up.extend(given_up.iter().cloned());
        self.without_given_up(now);
        given_up
    }

    pub(super) fn without_given_up(&self, now: &mut State) {
        now.links
            .retain(|link| !self.given_up.contains(&link.link_at()));
    }

    /// The changes that remove the namespace. Fails if something is in their way; nothing has been
    /// changed then.
    pub fn plan_removal(&mut self, want: &State) -> Result<Vec<Change>, Failure> {
        self.others.leave_to(&mut self.journal, want);
        let changes = plan(want, &self.start.0, &self.journal, Extras::Remove);
        changes.map_err(|obstacles| Why::Obstacles(obstacles).into())
    }

    /// Make as many of the planned changes as possible. The caller marks the namespace as not ready
    /// first, and afterwards waits for the end of the namespace.
    ///
    /// If nothing but its name keeps the namespace alive, its name is deleted in place of its links:
    /// the kernel then deletes all of them at once.
    pub fn remove(
        &mut self,
        want: &State,
        mut changes: Vec<Change>,
        alone: Alone,
    ) -> Result<Removal, Failure> {
        self.note_back(want);
        let mut now = self.start.0.clone();
        let mut removal = Removal {
            refused: Vec::new(),
            dying: None,
        };
        for pass in 0..PASSES {
            let at_once = pass == 0 && alone == Alone::Yes;
            self.remove_once(changes, at_once.then_some(&now), want, &mut removal);
            if removal.refused.is_empty() {
                break;
            }
            // The journal on disk then lists more than is left, which does no harm
            let _ = self.write();
            now = self.observe()?;
            changes = plan(want, &now, &self.journal, Extras::Remove).map_err(Why::Obstacles)?;
        }
        Ok(removal)
    }

    /// Make the changes of one pass. `at_once` is the state before, if the kernel may delete links
    /// together with the namespace: those that it can delete are then not deleted one by one.
    fn remove_once(
        &mut self,
        changes: Vec<Change>,
        at_once: Option<&State>,
        want: &State,
        removal: &mut Removal,
    ) {
        removal.refused.clear();
        let deletes = changes.iter().any(|change| change.step == Step::DelNetns);
        let mut ending = Ending::default();
        for change in changes {
            // After an error, keep the name: what is left in an attached namespace is reached by
            // it, and a NIC that did not go back is not to end with the namespace, or to appear on
            // the host without its addresses
            let mut refused = removal.refused.iter().map(|(change, _)| &change.step);
            let keeps = match change.step {
                Step::Detach => refused.next().is_some(),
                Step::DelNetns => refused.any(|step| !step.ways().is_empty()),
                _ => false,
            };
            if keeps {
                continue;
            }
            if at_once.is_some_and(|have| deletes && ending.takes(&change, have)) {
                continue;
            }
            let done = match change.step {
                Step::DelNetns => self
                    .delete_netns(&change, &ending, want)
                    .map(|dying| removal.dying = dying),
                _ => self.step(&change, want),
            };
            if let Err(error) = done {
                removal.refused.push((change, error));
            }
        }
    }

    /// Delete the name of the namespace, so that the kernel ends it with these links.
    fn delete_netns(
        &mut self,
        change: &Change,
        ending: &Ending,
        want: &State,
    ) -> Result<Option<Dying>, OsError> {
        if ending.changes.is_empty() {
            return self.step(change, want).map(|()| None);
        }
        let dying = self.kernel.dying(ending.indexes.clone(), &ending.peers)?;
        self.make_one(change)?;
        for link in &ending.changes {
            self.journal.done(link);
            self.changes.made(link);
        }
        self.changes.made(change);
        Ok(Some(dying))
    }
}

/// The links that are left to the kernel, which ends them with their namespace.
#[derive(Default)]
struct Ending {
    /// The changes that would delete them.
    changes: Vec<Change>,
    /// The interface indexes of those links.
    indexes: Vec<u32>,
    /// The other ends of veth pairs that are on the host.
    peers: Vec<LinkRef>,
}

impl Ending {
    /// Take the change if it deletes a link whose end can be awaited, or has no effect
    /// outside. A tunnel has its port on the host until it ends, a VLAN its id on the parent: such
    /// links are deleted one by one, so that the next `up` does not find them.
    fn takes(&mut self, change: &Change, have: &State) -> bool {
        let Step::DelLink(link) = &change.step else {
            return false;
        };
        let now = have.link(&link.netns, &link.name);
        let now = now.filter(|now| now.netns == Netns::This);
        let Some((now, index)) = now.and_then(|now| Some((now, now.index?))) else {
            return false;
        };
        match &now.kind {
            Kind::Veth { peer: Some(peer) } => match peer.netns {
                Netns::This => {}
                Netns::Host => self.peers.push(peer.clone()),
                Netns::Named(_) => return false,
            },
            // A process may have the file open that such a link was created by
            Kind::Virtual(spec) if spec.of.is_opened => return false,
            Kind::Virtual(spec) if spec.born == Netns::This => {}
            _ => return false,
        }
        self.indexes.push(index);
        self.changes.push(change.clone());
        true
    }
}
