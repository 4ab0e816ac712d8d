//! What we created, and what was there before: the only facts about a namespace that cannot be read
//! from the kernel. This module holds the data and updates it. Its text form is in
//! `setup::journal_format`.

use std::collections::BTreeSet;

mod bridge_port;
mod firewall;
mod identity;
pub mod moves;
mod restore;

pub use firewall::Loading;

use super::{Change, Step};
use crate::definitions::option::Opt;
use crate::model::{Address, Kind, Link, LinkRef, Netns, Route, Rule, State, Sysctl, SysctlKey};
use crate::name::LinkName;
use crate::source::Sourced;

/// What we have created and changed for a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    /// What we created, set or moved. A link has only the attributes that we set.
    pub ours: State,
    /// The links of the host that we moved, and their routes, as they were before. Also the earlier
    /// values of sysctls that we set.
    pub before: State,
    /// The links that are noted as to be created while an old link of that name is still to be
    /// deleted. Their entries in `ours` already describe the new link.
    anew: BTreeSet<LinkRef>,
    /// The rules that are being loaded. Until that has finished, their entry in `ours` may not
    /// match the kernel.
    pub loading: Option<Loading>,
}

impl Journal {
    /// Note how the settings say that NICs are given back. Returns whether that differs from
    /// before.
    pub fn note_way_back(&mut self, want: &State) -> bool {
        let said = want.bare.filter(|bare| *bare);
        let is_new = self.ours.bare != said;
        self.ours.bare = said;
        is_new
    }

    /// Note what a change is going to create, before it is applied. `have` is the state before the
    /// change.
    pub fn note(&mut self, change: &Change, have: &State) {
        match &change.step {
            Step::AddNetns => self.ours.exists = true,
            Step::Attach(from) => self.ours.attached = Some(Sourced::without_origin(from.clone())),
            Step::AddOther(other) => drop(self.ours.others.insert(other.clone())),
            Step::AddLink { link, peer } => {
                for end in std::iter::once(link).chain(peer) {
                    let end = (**end).clone();
                    if self.ours.link(&end.netns, &end.name.value).is_some() {
                        self.anew.insert(end.link_at());
                    }
                    self.forget_link(&end.link_at());
                    let bare = Link {
                        master: None,
                        port: None,
                        vlans: Vec::new(),
                        up: None,
                        addresses: Vec::new(),
                        altnames: Vec::new(),
                        wireguard: None,
                        index: None,
                        ..end
                    };
                    self.ours.links.push(bare);
                }
            }
            Step::SetOptions(link, change) => {
                if let Kind::Virtual(ours) = &mut self.own_link(link).kind {
                    ours.options.note(&change.options, Opt::kernels_own);
                }
            }
            step @ (Step::SetWireguard(..) | Step::SetEndpoint(..)) => self.note_wireguard(step),
            step @ (Step::MoveLink(..) | Step::MovePhy(..)) => self.note_moves(&step.ways(), have),
            // What goes back to the host as it was is not ours there
            Step::SetAttribute(link, _)
            | Step::SetMaster(link, _)
            | Step::SetPort(link, _)
            | Step::AddAltname(link, _)
            | Step::AddAddress(link, _)
                if self.is_return(&link.netns, Some(&link.name)) => {}
            Step::AddRoute(route) | Step::ReplaceRoute(route) if self.is_hosts(route) => {}
            Step::TrimRoute(left) => self.note_trimmed_route(left, have),
            Step::SetMaster(_, None) => {}
            Step::SetAttribute(link, said) => {
                let without =
                    self.attributes_without_us(link, &|at| have.link(&at.netns, &at.name));
                let without = |option: &Opt| without.get(option.word);
                self.own_link(link).attributes.note(said, without);
            }
            Step::SetMaster(link, master) => {
                self.own_link(link).master = master.clone().map(Sourced::without_origin);
            }
            Step::SetPort(link, change) => self.note_port(link, change),
            Step::AddVlans(link, row, _) => self.note_vlans(link, row),
            Step::AddAltname(link, name) => {
                let altnames = &mut self.own_link(link).altnames;
                altnames.retain(|other| other.value != *name);
                altnames.push(Sourced::without_origin(name.clone()));
            }
            Step::AddAddress(link, address) => self.note_address(link, *address),
            Step::AddRoute(route) | Step::ReplaceRoute(route) => self.note_route(route),
            Step::AddRule(rule) => self.note_policy(rule),
            Step::SetSysctl(sysctl) => self.note_sysctl(sysctl, have),
            Step::LoadNatTable(table) => self.note_table(table),
            Step::StartDhcp(client) => self.note_client(client),
            Step::WriteResolvConf(text) => {
                self.ours.resolv_conf = Some(Sourced::without_origin(text.clone()))
            }
            _ => {}
        }
    }

    /// Note that a change has been applied. What it has removed is no longer ours.
    pub fn done(&mut self, change: &Change) {
        match &change.step {
            Step::AddLink { link, peer } => {
                for end in std::iter::once(link).chain(peer) {
                    self.anew.remove(&end.link_at());
                }
            }
            Step::DelNetns | Step::Detach => self.forget_netns(),
            Step::DelOther(other) => drop(self.ours.others.remove(other)),
            Step::DelLink(link) => {
                let other = self
                    .ours
                    .link(&link.netns, &link.name)
                    .map(|l| l.kind.clone());
                self.deleted(link);
                if let Some(Kind::Veth { peer: Some(peer) }) = other {
                    self.deleted(&peer);
                }
            }
            step @ (Step::MoveLink(..) | Step::MovePhy(..)) => {
                let back = step
                    .ways()
                    .into_iter()
                    .filter(|(_, to)| to.netns == Netns::Host);
                back.for_each(|(link, _)| self.forget_link(link));
            }
            Step::SetOptions(link, change) => {
                if let Kind::Virtual(ours) = &mut self.own_link(link).kind {
                    ours.options.forget_returned(&change.options);
                }
            }
            Step::SetAttribute(link, _) | Step::SetMaster(link, _) | Step::SetPort(link, _)
                if self.is_return(&link.netns, Some(&link.name)) => {}
            Step::SetAttribute(link, said) => self.own_link(link).attributes.forget_returned(said),
            Step::SetMaster(link, master) => self.note_master(link, master.as_ref()),
            Step::SetPort(link, change) => self.port_done(link, change),
            Step::AddVlans(link, row, _) => self.note_vlans(link, row),
            Step::LoadFirewall { new, .. } => self.note_rules(new),
            Step::DelAddress(link, address) => {
                // The address may have been added again with other attributes
                let text = address.to_string();
                self.own_link(link)
                    .addresses
                    .retain(|a| a.value.to_string() != text);
            }
            Step::DelAltname(link, name) => {
                self.own_link(link)
                    .altnames
                    .retain(|other| other.value != *name);
            }
            Step::DelVlans(link, row, _) => self.forget_vlans(link, row),
            Step::DelRoute(route) => self.ours.routes.retain(|r| r.value != *route),
            Step::DelRule(rule) => self.ours.rules.retain(|r| r.value != *rule),
            Step::SetSysctl(sysctl) => self.sysctl_done(sysctl),
            Step::UnloadFirewall(old) => self.forget_rules(old.tool),
            Step::DropNatTable => self.ours.table = None,
            step @ (Step::SetWireguard(..) | Step::SetEndpoint(..)) => self.done_wireguard(step),
            Step::StopDhcp(client) => self.ours.clients.retain(|c| c.value != *client),
            Step::RemoveResolvConf => self.ours.resolv_conf = None,
            _ => {}
        }
    }

    /// Whether the journal lists nothing.
    pub fn is_empty(&self) -> bool {
        *self == Journal::default()
    }

    /// Whether the host had a link of this name before, so that what it gets there is a
    /// restoration.
    pub(super) fn is_return(&self, at: &Netns, name: Option<&LinkName>) -> bool {
        name.is_some_and(|name| *at == Netns::Host && self.before.link(at, name).is_some())
    }

    fn note_address(&mut self, link: &LinkRef, address: Address) {
        let addresses = &mut self.own_link(link).addresses;
        addresses.retain(|a| a.value != address);
        addresses.push(Sourced::without_origin(address));
    }

    fn note_route(&mut self, route: &Route) {
        self.ours.routes.retain(|r| r.value.key() != route.key());
        self.ours
            .routes
            .push(Sourced::without_origin(route.clone()));
    }

    fn note_policy(&mut self, rule: &Rule) {
        let rule = Sourced::without_origin(rule.clone());
        if !self.ours.rules.contains(&rule) {
            self.ours.rules.push(rule);
        }
    }

    /// Note a sysctl before it is set. A value that the key had before, or would have without us,
    /// is not ours.
    fn note_sysctl(&mut self, sysctl: &Sysctl, have: &State) {
        let (at, key) = (&sysctl.netns, &sysctl.key);
        let known = self.before.sysctl(at, key).map(|s| s.value.clone());
        let before = known.clone().or_else(|| {
            // A link that does not exist yet starts with the default for new links
            let of_new_links = || self.without_us(at, &key.of_new_links()?, have);
            self.without_us(at, key, have).or_else(of_new_links)
        });
        let before = before.map(|before| Sysctl::new(at.clone(), key.clone(), &before));
        if before.as_ref() == Some(sysctl) {
            return;
        }
        if known.is_none() {
            self.before
                .sysctls
                .extend(before.map(Sourced::without_origin));
            // If it was on for all links already, it must not count as turned on since
            let all = key.of_all().filter(|_| *at == Netns::Host);
            let on = all
                .and_then(|all| have.sysctl(at, &all))
                .filter(|s| s.value != "0");
            self.before
                .sysctls
                .extend(on.cloned().map(Sourced::without_origin));
        }
        self.forget_sysctls(|ours| ours.netns != *at || ours.key != *key, false);
        self.ours
            .sysctls
            .push(Sourced::without_origin(sysctl.clone()));
    }

    /// The value that a key has if the settings do not list it.
    fn without_us(&self, at: &Netns, key: &SysctlKey, have: &State) -> Option<String> {
        let owned = self.ours.attached.is_none();
        let new =
            *at == Netns::This && owned && (self.ours.exists || !have.exists) && have.is_bare();
        let closed = Sysctl::closed().find(|closed| new && closed.key == *key);
        let found = closed.or_else(|| have.sysctl(at, key).cloned());
        found.map(|sysctl| sysctl.value)
    }

    /// Note that a sysctl has been set. If it has its earlier value again, it is no longer ours.
    fn sysctl_done(&mut self, sysctl: &Sysctl) {
        if self.before.sysctl(&sysctl.netns, &sysctl.key) == Some(sysctl) {
            self.forget_sysctls(|s| s.netns != sysctl.netns || s.key != sysctl.key, true);
        }
    }

    fn forget_sysctls(&mut self, keep: impl Fn(&Sysctl) -> bool, before: bool) {
        self.ours.sysctls.retain(|sysctl| keep(&sysctl.value));
        if before {
            self.before.sysctls.retain(|sysctl| keep(&sysctl.value));
        }
    }

    /// Our entry for a link. A link that we did not create is `physical`, so that it is never
    /// deleted.
    pub(super) fn own_link(&mut self, link: &LinkRef) -> &mut Link {
        let links = &mut self.ours.links;
        let known = links.iter().position(|l| l.link_at() == *link);
        let index = known.unwrap_or_else(|| {
            let name = Sourced::without_origin(link.name.clone());
            links.push(Link::new(link.netns.clone(), name, Kind::Physical));
            links.len() - 1
        });
        &mut links[index]
    }

    /// Note that the namespace of the journal is gone, with everything in it, even if another
    /// namespace has its name now.
    pub fn forget_netns(&mut self) {
        self.ours.links.retain(|link| link.netns != Netns::This);
        self.ours
            .routes
            .retain(|route| route.value.netns != Netns::This);
        self.ours.firewall.clear();
        self.ours.rules.clear();
        self.forget_sysctls(|sysctl| sysctl.netns != Netns::This, true);
        self.loading = None;
        self.ours.exists = false;
        self.ours.attached = None;
    }

    fn deleted(&mut self, link: &LinkRef) {
        if !self.anew.remove(link) {
            self.forget_link(link);
        }
    }

    /// Note that a link is gone, with everything that we had set on it.
    fn forget_link(&mut self, link: &LinkRef) {
        self.ours.links.retain(|l| l.link_at() != *link);
        let on = |r: &Route| r.netns == link.netns && r.links().any(|name| *name == link.name);
        self.ours.routes.retain(|r| !on(&r.value));
        let on = |s: &Sysctl| s.netns == link.netns && s.key.link() == Some(link.name.as_str());
        self.forget_sysctls(|sysctl| !on(sysctl), true);
    }
}
