//! What a link is given as a port of a bridge, and the VLANs of ports and bridges. With
//! its master, a port loses all of it, and begins anew as the kernel has it.

use std::collections::BTreeSet;

use super::options::options_that_go;
use crate::definitions::links::PORT;
use crate::model::link::bridge_port::{Vlan, Vlans};
use crate::model::link::options::Options;
use crate::model::{Link, LinkRef};
use crate::plan::{Extras, Plan, Step};
use crate::source::Sourced;

impl Plan<'_> {
    /// Note that a link has a master from now on, or none.
    pub(crate) fn joins(&mut self, there: &LinkRef, master: &LinkRef) {
        let bridge = self.now(master).is_some_and(is_bridge);
        let mut links = self.now.iter_mut();
        if let Some(now) = links.find(|l| l.link_at() == *there) {
            now.master = Some(Sourced::without_origin(master.name.clone()));
            now.port = None;
            now.vlans = begins(bridge);
        }
    }

    /// The kernel has no way to take an option back that we set and that is no longer
    /// asked for, but for the port to join the bridge anew.
    pub(crate) fn must_join_anew(&self, link: &Link) -> bool {
        let Some(now) = self.now(&link.link_at()).and_then(|now| now.port.as_ref()) else {
            return false;
        };
        let gone = options_that_go(self.port_spec(link), link.port.as_ref(), now);
        gone.into_iter()
            .any(|option| option.kernels_own().is_none())
    }

    pub(crate) fn ports(&mut self) {
        let want = self.want;
        for link in &want.links {
            let there = link.link_at();
            let ours = self.port_spec(link);
            if ours.is_none() && link.port.is_none() {
                continue;
            }
            let Some(now) = self.now(&there).filter(|now| now.master == link.master) else {
                continue;
            };
            let returns = self.journal.is_return(&there.netns, Some(&there.name));
            let joined = now.port.is_none();
            let now = now.port.clone().unwrap_or_else(as_joined);
            let mut change = Options::of(PORT);
            for option in options_that_go(ours, link.port.as_ref(), &now) {
                if let Some(value) = option.kernels_own() {
                    change.set(option, Sourced::without_origin(value));
                }
            }
            let wanted = link.port.iter().flat_map(|port| port.differing(&now));
            for (option, value) in wanted {
                // What the kernel chose before it chooses again
                if !(joined && returns && option.kernels_own().is_none()) {
                    change.set(option, value.clone());
                }
            }
            if !change.is_empty() {
                let asked = change.origin();
                self.change(Step::SetPort(there, Box::new(change)), asked);
            }
        }
    }

    /// What we said of the port, where what is no longer asked for goes.
    fn port_spec(&self, link: &Link) -> Option<&Options> {
        let ours = self.journal.ours.link(&link.netns, &link.name.value)?;
        ours.port.as_ref().filter(|_| self.rest == Extras::Remove)
    }

    /// What is asked for is all of it: the VLAN that the kernel puts every port in goes,
    /// unless it is asked for too.
    pub(crate) fn vlans(&mut self) {
        let want = self.want;
        for link in &want.links {
            let there = link.link_at();
            let Some(now) = self.now(&there).cloned() else {
                continue;
            };
            let ours = self.journal.ours.link(&there.netns, &there.name);
            let mut ours = ours.map(|made| made.vlans.clone()).unwrap_or_default();
            ours.retain(|_| self.rest == Extras::Remove);
            let wanted = match link.vlans.is_empty() {
                // They went with the bridge
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

/// The VLANs that a port, or a bridge, begins with.
pub(crate) fn begins(bridge: bool) -> Vec<Sourced<Vlan>> {
    let vlans = bridge.then_some(Sourced::without_origin(Vlan::DEFAULT));
    vlans.into_iter().collect()
}

/// A port as the kernel has it when it has joined.
pub(crate) fn as_joined() -> Options {
    Options::kernels_own(PORT)
}

pub(crate) fn is_bridge(link: &Link) -> bool {
    link.kind.word() == "bridge"
}
