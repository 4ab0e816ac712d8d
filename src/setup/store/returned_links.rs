//! The NICs that have gone back to the host while a namespace is locked.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::Netns;
use crate::name::LinkName;
use crate::plan::Step;

/// The NICs that have gone back to the host: the name inside, and the name on the host.
#[derive(Debug, Default)]
pub struct ReturnedLinks(Mutex<BTreeMap<LinkName, LinkName>>);

impl ReturnedLinks {
    /// Record a change that was made.
    pub fn note(&self, step: &Step) {
        for (from, to) in step.ways() {
            match (&from.netns, &to.netns) {
                (Netns::This, Netns::Host) => {
                    self.lock().insert(from.name.clone(), to.name.clone());
                }
                (Netns::Host, Netns::This) => drop(self.lock().remove(&to.name)),
                _ => {}
            }
        }
    }

    /// Record a NIC that the kernel has moved back, by its names inside and on the host.
    pub fn note_moved_back(&self, inside: LinkName, on_host: LinkName) {
        self.lock().insert(inside, on_host);
    }

    /// The names inside, each with the name on the host.
    pub fn lock(&self) -> MutexGuard<'_, BTreeMap<LinkName, LinkName>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
