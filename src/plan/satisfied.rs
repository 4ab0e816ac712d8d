//! What the settings list and what exists already, as the changes that would create it.
//! `netns-setup -v` prints it beside the changes.

use super::link::bridge_port::is_bridge;
use super::link::fits;
use super::{Change, Step};
use crate::model::link::bridge_port::Vlans;
use crate::model::wireguard::Difference;
use crate::model::{Kind, Link, Netns, State};
use crate::source::Sourced;

/// The parts of `want` that `have` contains, in the order of a plan.
pub fn satisfied(want: &State, have: &State) -> Vec<Change> {
    let mut held = Vec::new();
    if want.exists && have.exists {
        held.push(match &want.attached {
            Some(from) => Change::new(Step::Attach(from.value.clone()), from.origin.clone()),
            None => Change::new(Step::AddNetns, None),
        });
    }
    for link in &want.links {
        let found = have.link(&link.netns, &link.name.value);
        if let Some(found) = found.filter(|found| fits(&link.kind, &found.kind)) {
            held.extend(of_link(want, link, found));
        }
    }
    held.extend(each(&want.sysctls, &have.sysctls, Step::SetSysctl));
    held.extend(each(&want.routes, &have.routes, Step::AddRoute));
    held.extend(each(&want.rules, &have.rules, Step::AddRule));
    let (text, there) = (want.resolv_conf.as_slice(), have.resolv_conf.as_slice());
    held.extend(each(text, there, Step::WriteResolvConf));
    held
}

/// The elements of `want` that `have` contains, each as the step that creates it.
fn each<T: Clone + PartialEq>(
    want: &[Sourced<T>],
    have: &[Sourced<T>],
    step: impl Fn(T) -> Step,
) -> Vec<Change> {
    let held = want.iter().filter(|one| have.contains(one));
    held.map(|one| Change::new(step(one.value.clone()), one.origin.clone()))
        .collect()
}

fn of_link(want: &State, link: &Link, found: &Link) -> Vec<Change> {
    let at = link.link_at();
    let own = |step| Change::new(step, link.name.origin.clone());
    let mut held = Vec::new();
    match &link.kind {
        kind if kind.is_moved() && link.netns == Netns::This => {
            let from = Netns::Host.link(link.other_name());
            held.push(own(match &found.phy {
                Some(phy) => Step::MovePhy(phy.name.clone(), vec![(from, at.clone())]),
                None => Step::MoveLink(from, at.clone()),
            }));
        }
        Kind::Physical | Kind::Wireless | Kind::Loopback => {}
        Kind::Veth { .. } if link.netns != Netns::This => {}
        kind => {
            let peer = match kind {
                Kind::Veth { peer: Some(peer) } => want.link(&peer.netns, &peer.name),
                _ => None,
            };
            let (link, peer) = (Box::new(link.clone()), peer.cloned().map(Box::new));
            held.push(own(Step::AddLink { link, peer }));
        }
    }
    let altname = |name| Step::AddAltname(at.clone(), name);
    held.extend(each(&link.altnames, &found.altnames, altname));
    for one in link.attributes.held(&found.attributes).each() {
        let asked = one.origin();
        held.push(Change::new(
            Step::SetAttribute(at.clone(), Box::new(one)),
            asked,
        ));
    }
    let master = |master| Step::SetMaster(at.clone(), Some(master));
    held.extend(each(
        link.master.as_slice(),
        found.master.as_slice(),
        master,
    ));
    if let (Some(port), Some(there)) = (&link.port, &found.port) {
        let port = port.held(there);
        if !port.is_empty() {
            let asked = port.origin();
            held.push(Change::new(
                Step::SetPort(at.clone(), Box::new(port)),
                asked,
            ));
        }
    }
    let vlans = link.vlans.iter().filter(|v| found.vlans.contains(v));
    for row in Vlans::rows(vlans.map(|vlan| vlan.value)) {
        let asked = link.vlans.iter().find(|vlan| vlan.value == row.first);
        let step = Step::AddVlans(at.clone(), row, is_bridge(link));
        held.push(Change::new(
            step,
            asked.and_then(|vlan| vlan.origin.clone()),
        ));
    }
    if let (Some(want), Some(have)) = (&link.wireguard, &found.wireguard) {
        let difference = Difference::between(&want.value, &have.value, None, false);
        if difference.is_nothing() {
            let step = Step::SetWireguard(at.clone(), Box::new(difference));
            held.push(Change::new(step, want.origin.clone()));
        }
    }
    if let Some(up) = link.up.filter(|_| link.up == found.up) {
        held.push(own(Step::SetUp(at.clone(), up)));
    }
    let address = |address| Step::AddAddress(at.clone(), address);
    held.extend(each(&link.addresses, &found.addresses, address));
    held
}
