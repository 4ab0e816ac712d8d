//! What other namespaces hold of the host: a sysctl that several need is set by the first
//! and set back by the last, whichever that is.

use std::io;

use crate::kernel::Query;
use crate::model::{Netns, State, Sysctl};
use crate::name::{LinkName, NetnsName};
use crate::plan::Journal;
use crate::setup::store;
use crate::source::Sourced;

/// The host's sysctls that other namespaces hold, as they were before the first of those.
#[derive(Clone, Debug, Default)]
pub struct HeldSysctls {
    before: Vec<Sysctl>,
    links: Vec<LinkName>,
}

impl HeldSysctls {
    /// Of all namespaces but this one, if what is asked about has to do with the host.
    pub fn to(name: &NetnsName, asked: &Query) -> io::Result<Self> {
        if asked.sysctls.iter().any(|(at, _)| *at == Netns::Host) {
            HeldSysctls::of(name)
        } else {
            Ok(HeldSysctls::default())
        }
    }

    pub(super) fn of(name: &NetnsName) -> io::Result<Self> {
        let (mut before, mut links) = (Vec::new(), Vec::new());
        for (_, journal) in store::others(name)? {
            let ours = journal.ours.links.iter();
            let ends = ours.filter(|link| link.netns == Netns::Host && !link.kind.is_moved());
            links.extend(ends.map(|link| link.name.value.clone()));
            let held = journal.before.sysctls.into_iter().map(|held| held.value);
            before.extend(held.filter(|held| held.netns == Netns::Host));
        }
        Ok(HeldSysctls { before, links })
    }

    /// The links on the host that they made.
    pub(super) fn links(&self) -> impl Iterator<Item = &LinkName> {
        self.links.iter()
    }

    /// The values before.
    pub(super) fn before(&self) -> impl Iterator<Item = &Sysctl> {
        self.before.iter()
    }

    fn value_before(&self, sysctl: &Sysctl) -> Option<&Sysctl> {
        let mut before = self.before.iter();
        before.find(|held| (&held.netns, &held.key) == (&sysctl.netns, &sysctl.key))
    }

    /// What others hold and we do not is, to us, as it was before them: it is set by us
    /// too, and what it was before is known to us.
    pub fn as_before(&self, have: &mut State, journal: &Journal) {
        for found in have.sysctls.iter_mut().map(|found| &mut found.value) {
            let ours = journal.ours.sysctl(&found.netns, &found.key).is_some();
            if let Some(held) = self.value_before(found).filter(|_| !ours) {
                found.value = held.value.clone();
            }
        }
    }

    /// What others hold is theirs to put back once we no longer want it.
    pub fn leave_to(&self, journal: &mut Journal, want: &State) {
        let ours = |sysctl: &Sourced<Sysctl>| {
            let Sysctl { netns: at, key, .. } = &sysctl.value;
            self.value_before(&sysctl.value).is_none() || want.sysctl(at, key).is_some()
        };
        journal.ours.sysctls.retain(ours);
        journal.before.sysctls.retain(ours);
    }

    /// What was there before is not to be had again where others hold it.
    pub fn leave_as_it_is(&self, want: &mut State) {
        let held = |sysctl: &Sourced<Sysctl>| self.value_before(&sysctl.value).is_some();
        want.sysctls.retain(|sysctl| !held(sysctl));
    }
}
