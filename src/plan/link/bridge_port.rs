//! The options of a link as a bridge port, and the VLANs of ports and bridges. A port that leaves
//! its bridge loses all of them, and starts again with the kernel's defaults.

use std::collections::BTreeSet;

use crate::definitions::links::PORT;
use crate::definitions::option::Opt;
use crate::model::link::bridge_port::{Vlan, Vlans};
use crate::model::link::options::Options;
use crate::model::{Link, LinkRef};
use crate::plan::{Plan, Step};
use crate::source::Sourced;

impl Plan<'_> {
    /// Note that a link has this master from now on.
    pub(crate) fn joins(&mut self, there: &LinkRef, master: &LinkRef) {
        let bridge = self.now(master).is_some_and(is_bridge);
        if let Some(now) = self.now_mut(there) {
            now.master = Some(Sourced::without_origin(master.name.clone()));
            now.port = None;
            now.vlans = begins(bridge);
        }
    }

    /// Whether the port must leave its bridge and join it again. That is the only way to reset an
    /// option that has no default value, after the settings no longer list it.
    pub(crate) fn must_join_anew(&self, link: &Link) -> bool {
        let Some(now) = self.now(&link.link_at()).and_then(|now| now.port.as_ref()) else {
            return false;
        };
        let ours = self.port_that_goes(&link.link_at());
        let want = link.port.clone().unwrap_or(Options::of(PORT));
        Options::that_go(&want, ours, now).any(|option| option.kernels_own().is_none())
    }

    pub(crate) fn ports(&mut self) {
        let (want, as_joined) = (self.want, Options::kernels_own(PORT));
        for link in &want.links {
            let there = link.link_at();
            let ours = self.port_that_goes(&there);
            if ours.is_none() && link.port.is_none() {
                continue;
            }
            let Some(now) = self.now(&there).filter(|now| now.master == link.master) else {
                continue;
            };
            let joined = now.port.is_none();
            let now = now.port.as_ref().unwrap_or(&as_joined);
            let want = link.port.clone().unwrap_or(Options::of(PORT));
            let mut change = Options::change(&want, ours, now, Opt::kernels_own);
            // The other options get their values from the kernel, which chooses them again
            if joined && self.journal.is_return(&there.netns, Some(&there.name)) {
                change.retain(|option, _| option.kernels_own().is_some());
            }
            if !change.is_empty() {
                let asked = change.origin();
                self.change(Step::SetPort(there, Box::new(change)), asked);
            }
        }
    }

    fn port_that_goes(&self, at: &LinkRef) -> Option<&Options> {
        self.ours_that_goes(at)?.port.as_ref()
    }

    /// Set the VLANs. The settings list all of them: the VLAN that the kernel adds to every port is
    /// deleted, unless the settings list it too.
    pub(crate) fn vlans(&mut self) {
        let want = self.want;
        for link in &want.links {
            let there = link.link_at();
            let Some(now) = self.now(&there).cloned() else {
                continue;
            };
            let ours = self.ours_that_goes(&there);
            let ours = ours.map(|made| made.vlans.clone()).unwrap_or_default();
            let wanted = match link.vlans.is_empty() {
                // They were removed with the bridge
                true if now.vlans.is_empty() => continue,
                true if ours.is_empty() => continue,
                true => vec![Sourced::without_origin(Vlan::DEFAULT)],
                false => link.vlans.clone(),
            };
            let bridge = is_bridge(&now);
            let adds = |vlan: &&Sourced<Vlan>| !now.vlans.contains(vlan);
            let adds: Vec<&Sourced<Vlan>> = wanted.iter().filter(adds).collect();
            for row in Vlans::rows(adds.iter().map(|vlan| vlan.value)) {
                let mut asked = adds.iter().filter(|vlan| vlan.value == row.first);
                let asked = asked.find_map(|vlan| vlan.origin.clone());
                self.change(Step::AddVlans(there.clone(), row, bridge), asked);
            }
            let mut goes: BTreeSet<u16> = ours.iter().map(|vlan| vlan.value.id).collect();
            goes.insert(Vlan::DEFAULT.id);
            goes.retain(|id| now.vlans.iter().any(|vlan| vlan.value.id == *id));
            goes.retain(|id| !wanted.iter().any(|vlan| vlan.value.id == *id));
            let asked = wanted[0].origin.clone();
            for row in Vlans::rows(goes.into_iter().map(Vlan::plain)) {
                self.change(Step::DelVlans(there.clone(), row, bridge), asked.clone());
            }
        }
    }
}

/// The VLANs that the kernel gives to a new bridge, or to a new port of one.
pub(crate) fn begins(bridge: bool) -> Vec<Sourced<Vlan>> {
    let vlans = bridge.then_some(Sourced::without_origin(Vlan::DEFAULT));
    vlans.into_iter().collect()
}

pub(crate) fn is_bridge(link: &Link) -> bool {
    link.kind.word() == "bridge"
}
