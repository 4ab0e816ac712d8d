//! What already held: what is wanted and is there, as the changes that would have made
//! it. It is what `netns-setup -v` prints beside the changes.

use super::link::bridge_port::is_bridge;
use super::link::fits;
use super::{Change, Step};
use crate::model::link::bridge_port::Vlans;
use crate::model::link::options::Options;
use crate::model::wireguard::Difference;
use crate::model::{Kind, Link, LinkRef, Netns, State};

/// What of `want` stands in `have`, in the order in which a plan would make it.
pub fn satisfied(want: &State, have: &State) -> Vec<Change> {
    let mut held = Vec::new();
    if want.exists && have.exists {
        held.push(match &want.attached {
            Some(from) => Change {
                step: Step::Attach(from.value.clone()),
                origin: from.origin.clone(),
            },
            None => Change {
                step: Step::AddNetns,
                origin: None,
            },
        });
    }
    for link in &want.links {
        let found = have.link(&link.netns, &link.name.value);
        if let Some(found) = found.filter(|found| fits(&link.kind, &found.kind)) {
            held.extend(of_link(want, link, found));
        }
    }
    for sysctl in &want.sysctls {
        if have.sysctls.contains(sysctl) {
            held.push(Change {
                step: Step::SetSysctl(sysctl.value.clone()),
                origin: sysctl.origin.clone(),
            });
        }
    }
    for route in want
        .routes
        .iter()
        .filter(|route| have.routes.contains(route))
    {
        held.push(Change {
            step: Step::AddRoute(route.value.clone()),
            origin: route.origin.clone(),
        });
    }
    for rule in want.rules.iter().filter(|r| have.rules.contains(r)) {
        held.push(Change {
            step: Step::AddRule(rule.value.clone()),
            origin: rule.origin.clone(),
        });
    }
    if let Some(text) = want
        .resolv_conf
        .as_ref()
        .filter(|t| have.resolv_conf.as_ref() == Some(t))
    {
        let step = Step::WriteResolvConf(text.value.clone());
        held.push(Change {
            step,
            origin: text.origin.clone(),
        });
    }
    held
}

fn of_link(want: &State, link: &Link, found: &Link) -> Vec<Change> {
    let at = link.link_at();
    let mut held = Vec::new();
    let mut hold = |step, asked| {
        held.push(Change {
            step,
            origin: asked,
        })
    };
    match &link.kind {
        kind if kind.is_moved() && link.netns == Netns::This => {
            let from = LinkRef {
                netns: Netns::Host,
                name: link.other_name().clone(),
            };
            let step = match &found.phy {
                Some(phy) => Step::MovePhy(phy.name.clone(), vec![(from, at.clone())]),
                None => Step::MoveLink(from, at.clone()),
            };
            hold(step, link.name.origin.clone());
        }
        Kind::Physical | Kind::Wireless | Kind::Loopback => {}
        Kind::Veth { .. } if link.netns != Netns::This => {}
        kind => {
            let peer = match kind {
                Kind::Veth { peer: Some(peer) } => want.link(&peer.netns, &peer.name),
                _ => None,
            };
            let peer = peer.cloned().map(Box::new);
            hold(
                Step::AddLink {
                    link: Box::new(link.clone()),
                    peer,
                },
                link.name.origin.clone(),
            );
        }
    }
    for altname in link.altnames.iter().filter(|a| found.altnames.contains(a)) {
        let step = Step::AddAltname(at.clone(), altname.value.clone());
        hold(step, altname.origin.clone());
    }
    for said in &link.attributes {
        if found.attributes.get(said.0.word) == Some(said.1.value) {
            let one = Options::one(link.attributes.table, said);
            hold(
                Step::SetAttribute(at.clone(), Box::new(one)),
                said.1.origin.clone(),
            );
        }
    }
    if let Some(master) = link.master.as_ref().filter(|_| link.master == found.master) {
        hold(
            Step::SetMaster(at.clone(), Some(master.value.clone())),
            master.origin.clone(),
        );
    }
    if let (Some(port), Some(there)) = (&link.port, &found.port) {
        let mut held = port.clone();
        held.retain(|o, value| there.get(o.word) == Some(value));
        if !held.is_empty() {
            let asked = held.origin();
            hold(Step::SetPort(at.clone(), Box::new(held)), asked);
        }
    }
    let vlans = link.vlans.iter().filter(|v| found.vlans.contains(v));
    for row in Vlans::rows(vlans.map(|vlan| vlan.value)) {
        let asked = link.vlans.iter().find(|vlan| vlan.value == row.first);
        let step = Step::AddVlans(at.clone(), row, is_bridge(link));
        hold(step, asked.and_then(|vlan| vlan.origin.clone()));
    }
    if let (Some(want), Some(have)) = (&link.wireguard, &found.wireguard) {
        let difference = Difference::between(&want.value, &have.value, None, false);
        if difference.is_nothing() {
            let step = Step::SetWireguard(at.clone(), Box::new(difference));
            hold(step, want.origin.clone());
        }
    }
    if let Some(up) = link.up.filter(|_| link.up == found.up) {
        hold(Step::SetUp(at.clone(), up), link.name.origin.clone());
    }
    for address in link
        .addresses
        .iter()
        .filter(|a| found.addresses.contains(a))
    {
        hold(
            Step::AddAddress(at.clone(), address.value),
            address.origin.clone(),
        );
    }
    held
}
