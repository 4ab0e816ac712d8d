//! The cards that have gone back to the host while a namespace is locked.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::Netns;
use crate::name::LinkName;
use crate::plan::Step;

/// The cards that have gone back to the host: as which link each was listed, and what it is
/// called there.
#[derive(Debug, Default)]
pub struct ReturnedLinks(Mutex<BTreeMap<LinkName, LinkName>>);

impl ReturnedLinks {
    /// A change has been made.
    pub fn note(&self, step: &Step) {
        for (from, to) in step.ways() {
            match (&from.at, &to.at) {
                (Netns::This, Netns::Host) => {
                    self.lock().insert(from.name.clone(), to.name.clone());
                }
                (Netns::Host, Netns::This) => drop(self.lock().remove(&to.name)),
                _ => {}
            }
        }
    }

    /// Each as which link it was listed, and what it is called there.
    pub fn lock(&self) -> MutexGuard<'_, BTreeMap<LinkName, LinkName>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
