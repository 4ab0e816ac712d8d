//! The NICs that have gone back to the host while a namespace is locked.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{Link, Netns, State};
use crate::name::LinkName;
use crate::plan::Step;

/// The NICs that have gone back to the host: the name inside, and the name on the host.
#[derive(Debug, Default)]
pub struct ReturnedLinks(Mutex<BTreeMap<LinkName, LinkName>>);

impl ReturnedLinks {
    /// Record a change that was made. `before` is what the journal has about the host.
    pub fn note(&self, step: &Step, before: &State) {
        for (from, to) in step.ways() {
            match (&from.netns, &to.netns) {
                (Netns::This, Netns::Host) => {
                    self.lock().insert(from.name.clone(), to.name.clone());
                }
                (Netns::Host, Netns::This) => drop(self.lock().remove(&to.name)),
                // The kernel had moved it back under another name
                (Netns::Host, Netns::Host) => {
                    if let Some(link) = before.link(&to.netns, &to.name) {
                        self.note_back(link);
                    }
                }
                _ => {}
            }
        }
    }

    /// Record a NIC that has its own name on the host.
    pub fn note_back(&self, link: &Link) {
        self.lock()
            .insert(link.other_name().clone(), link.name.value.clone());
    }

    /// The names inside, each with the name on the host.
    pub fn lock(&self) -> MutexGuard<'_, BTreeMap<LinkName, LinkName>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
