//! Sysctls of the host that several namespaces need: the first namespace sets a value, and the last
//! one restores it.

use std::io;

use crate::kernel::Query;
use crate::model::{Netns, State, Sysctl};
use crate::name::{LinkName, NetnsName};
use crate::plan::Journal;
use crate::setup::store;
use crate::source::Sourced;

/// The sysctls of the host that other namespaces have set, with their original values.
#[derive(Clone, Debug, Default)]
pub struct HeldSysctls {
    before: Vec<Sysctl>,
    links: Vec<LinkName>,
}

impl HeldSysctls {
    /// Read these sysctls for all namespaces but this one. Empty if the query has no sysctl of the
    /// host that several namespaces can need: many journals take time.
    pub fn to(name: &NetnsName, query: &Query) -> io::Result<Self> {
        let mut of_host = query.sysctls.iter().filter(|(at, _)| *at == Netns::Host);
        if of_host.any(|(_, key)| !key.is_of_secondaries()) {
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

    /// The links that they made on the host.
    pub(super) fn links(&self) -> impl Iterator<Item = &LinkName> {
        self.links.iter()
    }

    /// The original values.
    pub(super) fn before(&self) -> impl Iterator<Item = &Sysctl> {
        self.before.iter()
    }

    fn value_before(&self, sysctl: &Sysctl) -> Option<&Sysctl> {
        let mut before = self.before.iter();
        before.find(|held| (&held.netns, &held.key) == (&sysctl.netns, &sysctl.key))
    }

    /// If others have set a sysctl and we have not, use the value before theirs as the present one:
    /// then we set it, too, and record the original value.
    pub fn as_before(&self, have: &mut State, journal: &Journal) {
        for found in have.sysctls.iter_mut().map(|found| &mut found.value) {
            let ours = journal.ours.sysctl(&found.netns, &found.key).is_some();
            if let Some(held) = self.value_before(found).filter(|_| !ours) {
                found.value = held.value.clone();
            }
        }
    }

    /// Remove from the journal the sysctls that others still need and we no longer want: the others
    /// restore them.
    pub fn leave_to(&self, journal: &mut Journal, want: &State) {
        let ours = |sysctl: &Sourced<Sysctl>| {
            let Sysctl { netns: at, key, .. } = &sysctl.value;
            self.value_before(&sysctl.value).is_none() || want.sysctl(at, key).is_some()
        };
        journal.ours.sysctls.retain(ours);
        journal.before.sysctls.retain(ours);
    }

    /// Do not restore the sysctls that others still need.
    pub fn leave_as_it_is(&self, want: &mut State) {
        let held = |sysctl: &Sourced<Sysctl>| self.value_before(&sysctl.value).is_some();
        want.sysctls.retain(|sysctl| !held(sysctl));
    }
}
