//! A model of the kernel in memory, for the property tests of the plan: it rejects what
//! the real kernel rejects, and deletes what the real kernel deletes as a side effect.

#![allow(clippy::unwrap_used, clippy::unit_arg, clippy::panic)]

use ipnet::IpNet;
use netns_services::definitions::links::{ATTRIBUTES, PORT};
use netns_services::model::link::bridge_port::Vlan;
use netns_services::model::link::option_value::OptionValue;
use netns_services::model::link::options::Options;
use netns_services::model::link::spec::LinkSpec;
use netns_services::model::wireguard::{
    Difference, Endpoint, Fate, Peer, PeerDifference, Wireguard,
};
use netns_services::model::{Address, Kind, Link, LinkRef, Netns, Route, State, Sysctl, SysctlKey};
use netns_services::plan::Step;
use netns_services::source::Sourced;

use super::states::{link, route};

/// The kernel: what exists in it.
#[derive(Clone)]
pub struct Memory {
    pub state: State,
}

impl Memory {
    /// Make one change, or return why it fails.
    pub fn make(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::AddNetns => self.add_netns(),
            Step::DelNetns => self.del_netns(),
            Step::Attach(_) => self.add_netns(),
            Step::Detach => self.del_netns(),
            Step::AddOther(other) => {
                self.state.others.insert(other.clone());
                Ok(())
            }
            Step::DelOther(other) => {
                self.state.others.remove(other);
                Ok(())
            }
            Step::AddLink { link, peer } => self.add_link(link, peer.as_deref()),
            Step::SetOptions(link, change) => self.set_options(link, change),
            Step::DelLink(link) => self.del_link(link),
            Step::MoveLink(..) | Step::MovePhy(..) => {
                let mut ways = step.ways().into_iter();
                ways.try_for_each(|(link, to)| self.move_link(link, to))
            }
            Step::AddAltname(link, name) => {
                let taken = |l: &Link| l.netns == link.netns && l.is_called(name.as_str());
                match self.state.links.iter().any(taken) {
                    true => Err(format!("{name} is there")),
                    false => Ok(self
                        .link(link)?
                        .altnames
                        .push(Sourced::without_origin(name.clone()))),
                }
            }
            Step::DelAltname(link, name) => {
                Ok(self.link(link)?.altnames.retain(|a| a.value != *name))
            }
            Step::SetAttribute(link, said) => {
                self.link(link)?.attributes.extend(said.iter());
                Ok(said
                    .number("mtu")
                    .into_iter()
                    .for_each(|mtu| self.shrink(link, mtu)))
            }
            Step::SetMaster(link, master) => {
                if let Some(master) = master {
                    self.link(&LinkRef {
                        netns: link.netns.clone(),
                        name: master.clone(),
                    })?;
                }
                let bridge = master.clone().map(|name| LinkRef {
                    netns: link.netns.clone(),
                    name,
                });
                let bridge =
                    bridge.filter(|b| self.link(b).is_ok_and(|l| l.kind.word() == "bridge"));
                let link = self.link(link)?;
                link.port = bridge.as_ref().map(|_| as_joined());
                let vlans = bridge.is_some() && link.netns == Netns::This;
                link.vlans.clear();
                link.vlans
                    .extend(vlans.then_some(Sourced::without_origin(Vlan::DEFAULT)));
                Ok(link.master = master.clone().map(Sourced::without_origin))
            }
            Step::SetPort(link, change) => {
                let port = self.link(link)?.port.as_mut().ok_or("no port")?;
                Ok(port.extend(change.iter()))
            }
            Step::AddVlans(link, row, _) => {
                let vlans = &mut self.link(link)?.vlans;
                for vlan in row.each() {
                    let pvid = vlan.pvid;
                    vlans.iter_mut().for_each(|other| other.value.pvid &= !pvid);
                    vlans.retain(|other| other.value.id != vlan.id);
                    vlans.push(Sourced::without_origin(vlan));
                }
                Ok(vlans.sort())
            }
            Step::DelVlans(link, row, _) => {
                let ids = row.first.id..=row.last;
                Ok(self
                    .link(link)?
                    .vlans
                    .retain(|v| !ids.contains(&v.value.id)))
            }
            Step::SetUp(link, up) => Ok(self.link(link)?.up = Some(*up)),
            Step::AddAddress(link, address) => self.add_address(link, *address),
            Step::DelAddress(link, address) => self.del_address(link, *address),
            Step::AddRoute(route) => self.add_route(route, false),
            Step::ReplaceRoute(route) | Step::TrimRoute(route) => self.add_route(route, true),
            Step::DelRoute(route) => self.del_route(route),
            Step::SetWireguard(link, difference) => self.set_wireguard(link, difference),
            Step::SetEndpoint(link, named) => {
                let difference = Difference {
                    peers: vec![PeerDifference {
                        endpoint: Some(address_of(&named.endpoint)),
                        ..PeerDifference::new(named.peer, Fate::Changed)
                    }],
                    ..Difference::default()
                };
                self.set_wireguard(link, &difference)
            }
            Step::LoadFirewall { new, .. } => {
                self.state
                    .firewall
                    .retain(|rules| rules.value.tool != new.tool);
                self.state
                    .firewall
                    .push(Sourced::without_origin((**new).clone()));
                Ok(())
            }
            Step::UnloadFirewall(old) => {
                self.state.firewall.retain(|rules| rules.value != **old);
                Ok(())
            }
            Step::AddRule(rule) => {
                let rule = Sourced::without_origin(rule.clone());
                match self.state.rules.contains(&rule) || !self.state.exists {
                    true => Err("File exists".into()),
                    false => Ok(self.state.rules.push(rule)),
                }
            }
            Step::DelRule(rule) => Ok(self.state.rules.retain(|r| r.value != *rule)),
            Step::RestoreVerbatim(kept) => Ok(self.state.verbatim.push((**kept).clone())),
            Step::SetSysctl(sysctl) => self.set_sysctl(sysctl),
            Step::LoadNatTable(table) => {
                Ok(self.state.table = Some(Sourced::without_origin((**table).clone())))
            }
            Step::DropNatTable => Ok(self.state.table = None),
            Step::StartDhcp(client) => Ok(self
                .state
                .clients
                .push(Sourced::without_origin(client.clone()))),
            Step::StopDhcp(client) => Ok(self.state.clients.retain(|c| c.value != *client)),
            Step::WriteResolvConf(text) => {
                Ok(self.state.resolv_conf = Some(Sourced::without_origin(text.clone())))
            }
            Step::RemoveResolvConf => self
                .state
                .resolv_conf
                .take()
                .map(drop)
                .ok_or("no such file".into()),
        }
    }

    /// As the kernel takes WGDEVICE_A_… and WGPEER_A_….
    fn set_wireguard(&mut self, link: &LinkRef, told: &Difference) -> Result<(), String> {
        let mut known = self
            .link(link)?
            .wireguard
            .clone()
            .ok_or("no wireguard")?
            .value;
        known.private_key = told.private_key.unwrap_or(known.private_key);
        known.listen_port = told.listen_port.or(known.listen_port);
        known.fwmark = told.fwmark.unwrap_or(known.fwmark);
        for told in &told.peers {
            let there = known
                .peers
                .iter()
                .position(|p| p.public_key == told.public_key);
            match (told.fate, there) {
                (Fate::Added, None) => known.peers.push(Peer::new(told.public_key)),
                (Fate::Removed, Some(n)) => drop(known.peers.remove(n)),
                (Fate::Changed, Some(_)) => {}
                (fate, there) => return Err(format!("{fate:?} and {there:?}")),
            }
            // A network belongs to one peer, the last one that claims it
            for net in told.allowed_ips.iter().flatten() {
                known
                    .peers
                    .iter_mut()
                    .for_each(|p| p.allowed_ips.retain(|other| other != net));
            }
            let mut peers = known.peers.iter_mut();
            if let Some(peer) = peers.find(|p| p.public_key == told.public_key) {
                peer.preshared_key = told.preshared_key.unwrap_or(peer.preshared_key);
                peer.keepalive = told.keepalive.unwrap_or(peer.keepalive);
                let endpoint = told.endpoint.map(Endpoint::Address);
                peer.endpoint = endpoint.or(peer.endpoint.take());
                if let Some(nets) = &told.allowed_ips {
                    peer.allowed_ips = nets.clone();
                }
            }
        }
        Ok(self.link(link)?.wireguard = Some(Sourced::without_origin(known)))
    }

    /// Add a link, an address and a route that no settings list.
    pub fn add_theirs(&mut self) -> Vec<String> {
        let mut link = link(Netns::This, "theirs", Kind::other("ifb"));
        link.up = Some(true);
        link.attributes = with_mtu(1500);
        link.addresses
            .push(Sourced::without_origin("172.31.0.1/24".parse().unwrap()));
        let route = route("172.30.0.0/16", "theirs", Some("172.31.0.2"), 7);
        self.state.links.push(link);
        self.state
            .routes
            .push(Sourced::without_origin(route.clone()));
        vec![format!("This theirs 172.31.0.1/24"), format!("{route:?}")]
    }

    fn link(&mut self, at: &LinkRef) -> Result<&mut Link, String> {
        let links = &mut self.state.links;
        let found = links.iter_mut().find(|l| l.link_at() == *at);
        found.ok_or_else(|| format!("there is no {at}"))
    }

    /// The keys of a link exist only with the link; and some keys set other keys.
    fn set_sysctl(&mut self, sysctl: &Sysctl) -> Result<(), String> {
        let (at, key) = (&sysctl.netns, &sysctl.key);
        if *at == Netns::This && !self.state.exists {
            return Err("there is no namespace".into());
        }
        if self.state.sysctl(at, key).is_none() {
            let missing = Err(format!("there is no {key}"));
            return if sysctl.optional { Ok(()) } else { missing };
        }
        for other in self.state.sysctls.iter_mut().map(|other| &mut other.value) {
            if other.netns == *at && (other.key == *key || key.sets(&other.key)) {
                other.value = sysctl.value.clone();
            }
        }
        Ok(())
    }

    /// A new link begins with the values that were set for all links.
    fn begin_sysctls(&mut self, at: &LinkRef) {
        self.end_sysctls(at);
        for key in ["forwarding", "rp_filter"] {
            let begin = format!("net/ipv4/conf/default/{key}").parse().unwrap();
            let value = self
                .state
                .sysctl(&at.netns, &begin)
                .map(|s| s.value.clone());
            let key = format!("net/ipv4/conf/{}/{key}", at.name).parse().unwrap();
            let sysctl = value.map(|value| Sysctl::new(at.netns.clone(), key, &value));
            self.state
                .sysctls
                .extend(sysctl.map(Sourced::without_origin));
        }
        let [_, key] = SysctlKey::of_secondaries(&at.name);
        let off = Sysctl::new(at.netns.clone(), key, "0");
        self.state.sysctls.push(Sourced::without_origin(off));
    }

    fn end_sysctls(&mut self, at: &LinkRef) {
        let on = |s: &Sysctl| s.netns == at.netns && s.key.link() == Some(at.name.as_str());
        self.state.sysctls.retain(|sysctl| !on(&sysctl.value));
    }

    fn add_netns(&mut self) -> Result<(), String> {
        if self.state.exists {
            return Err("the namespace is there".into());
        }
        self.state.exists = true;
        let mut lo = link(Netns::This, "lo", Kind::Loopback);
        lo.up = Some(false);
        lo.attributes = with_mtu(65536);
        self.state.links.push(lo);
        for rule in ["priority 32766 table main", "priority 32767 table default"] {
            self.state
                .rules
                .push(Sourced::without_origin(rule.parse().unwrap()));
        }
        // As on a router, where a new namespace inherits forwarding
        for (key, value) in [
            ("net/ipv4/ip_forward", "1"),
            ("net/ipv4/conf/default/forwarding", "1"),
            ("net/ipv4/conf/default/rp_filter", "0"),
            ("net/ipv4/ip_default_ttl", "64"),
        ] {
            let sysctl = Sysctl::new(Netns::This, key.parse().unwrap(), value);
            self.state.sysctls.push(Sourced::without_origin(sysctl));
        }
        Ok(())
    }

    fn del_netns(&mut self) -> Result<(), String> {
        let lost = |l: &&Link| l.netns == Netns::This && l.kind == Kind::Physical;
        if let Some(link) = self.state.links.iter().find(lost) {
            return Err(format!("{} would be left to chance", link.name));
        }
        self.state.exists = false;
        self.state.firewall.clear();
        self.state.rules.clear();
        self.state.sysctls.retain(|s| s.value.netns != Netns::This);
        let inside: Vec<_> = self
            .state
            .links
            .iter()
            .filter(|l| l.netns == Netns::This)
            .collect();
        let inside: Vec<_> = inside.into_iter().map(Link::link_at).collect();
        inside.iter().for_each(|link| self.lose(link));
        self.state.routes.retain(|r| r.value.netns != Netns::This);
        Ok(())
    }

    fn add_link(&mut self, link: &Link, peer: Option<&Link>) -> Result<(), String> {
        for end in std::iter::once(link).chain(peer) {
            if end.netns == Netns::This && !self.state.exists {
                return Err("there is no namespace".into());
            }
            if self.link(&end.link_at()).is_ok() {
                return Err(format!("{} is there", end.name));
            }
        }
        if let Some(parent) = link.kind.parent() {
            self.link(&parent)?;
        }
        for end in std::iter::once(link).chain(peer) {
            let below = match end.kind.parent() {
                Some(parent) => self.link(&parent)?.attributes.number("mtu").unwrap(),
                None if end.kind.word() == "wireguard" => 1420,
                None => 1500,
            };
            let mut attributes = with_mtu(below);
            for (option, value) in &end.attributes {
                attributes.set(option, value.clone());
            }
            let bare = Link::new(end.netns.clone(), end.name.clone(), as_made(&end.kind));
            let bridge = end.kind.word() == "bridge" && end.netns == Netns::This;
            let vlans = bridge.then_some(Sourced::without_origin(Vlan::DEFAULT));
            self.state.links.push(Link {
                vlans: vlans.into_iter().collect(),
                attributes,
                up: Some(false),
                wireguard: (end.kind.word() == "wireguard")
                    .then_some(Sourced::without_origin(Wireguard::default())),
                ..bare
            });
            self.begin_sysctls(&end.link_at());
        }
        Ok(())
    }

    fn set_options(&mut self, at: &LinkRef, change: &LinkSpec) -> Result<(), String> {
        let Kind::Virtual(made) = &mut self.link(at)?.kind else {
            return Err(format!("{at} has no options"));
        };
        for (option, value) in &change.options {
            let passthru = |value| value == Some(OptionValue::Word("passthru"));
            if passthru(made.options.get(option.word)) != passthru(Some(value.value)) {
                return Err("passthru stays".into());
            }
            made.options.set(option, value.clone());
        }
        Ok(())
    }

    fn del_link(&mut self, at: &LinkRef) -> Result<(), String> {
        let kind = self.link(at)?.kind.clone();
        if matches!(kind, Kind::Physical | Kind::Loopback) {
            return Err(format!("{at} cannot be deleted"));
        }
        self.lose(at);
        Ok(())
    }

    /// The links on top of this one have at most its MTU.
    fn shrink(&mut self, at: &LinkRef, mtu: u32) {
        for link in &mut self.state.links {
            let larger = link.attributes.number("mtu").is_some_and(|now| now > mtu);
            if larger && link.kind.parent().as_ref() == Some(at) {
                let small = with_mtu(mtu);
                let small = small.iter().filter(|(option, _)| option.word == "mtu");
                link.attributes.extend(small);
            }
        }
    }

    /// Delete a link, and with it its peer, the links on top of it, and its role as a master.
    fn lose(&mut self, at: &LinkRef) {
        let Ok(link) = self.link(at).cloned() else {
            return;
        };
        self.unhang(at);
        self.end_sysctls(at);
        self.state.links.retain(|l| l.link_at() != *at);
        for other in self.state.links.iter_mut().filter(|l| l.netns == at.netns) {
            if other
                .master
                .take_if(|master| master.value == at.name)
                .is_some()
            {
                other.port = None;
                other.vlans.clear();
            }
        }
        if let Kind::Veth { peer: Some(peer) } = &link.kind {
            self.lose(peer);
        }
        let on = |l: &&Link| l.kind.parent().as_ref() == Some(at);
        let on: Vec<_> = self
            .state
            .links
            .iter()
            .filter(on)
            .map(Link::link_at)
            .collect();
        on.iter().for_each(|link| self.lose(link));
    }

    fn unhang(&mut self, at: &LinkRef) {
        let hangs = |r: &Route| r.netns == at.netns && r.dev.as_ref() == Some(&at.name);
        self.state.routes.retain(|r| !hangs(&r.value));
    }

    fn move_link(&mut self, from: &LinkRef, target: &LinkRef) -> Result<(), String> {
        if target.netns == Netns::This && !self.state.exists {
            return Err("there is no namespace".into());
        }
        if self.link(target).is_ok() {
            return Err(format!("{target} is there"));
        }
        self.unhang(from);
        let link = self.link(from)?;
        if !link.kind.is_moved() {
            return Err(format!("{from} is not moved but made"));
        }
        link.netns = target.netns.clone();
        link.name = Sourced::without_origin(target.name.clone());
        link.up = Some(false);
        link.master = None;
        link.port = None;
        link.vlans.clear();
        link.addresses.clear();
        self.end_sysctls(from);
        self.begin_sysctls(target);
        Ok(())
    }

    fn add_address(&mut self, at: &LinkRef, address: Address) -> Result<(), String> {
        let link = self.link(at)?;
        let same = |a: &Sourced<Address>| a.value.ip() == address.ip();
        let there =
            |a: &Sourced<Address>| a.value == address || (address.ip().is_ipv6() && same(a));
        match link.addresses.iter().any(there) {
            true => Err(format!("{address} is there")),
            false => Ok(link.addresses.push(Sourced::without_origin(address))),
        }
    }

    /// When the first address of an IPv4 network is deleted, its other addresses are too,
    /// unless they are promoted; with the last address of a link, the routes of the link; with
    /// any address, the routes that have it as their source.
    fn del_address(&mut self, at: &LinkRef, address: Address) -> Result<(), String> {
        let [all, own] = SysctlKey::of_secondaries(&at.name);
        let on = |key| {
            self.state
                .sysctl(&at.netns, key)
                .is_some_and(|s| s.value != "0")
        };
        let promotes = on(&all) || on(&own);
        let link = self.link(at)?;
        let same = |a: &Sourced<Address>| a.value.net.trunc() == address.net.trunc();
        let first = link.addresses.iter().find(|a| same(a)).map(|a| a.value);
        if !link.addresses.iter().any(|a| a.value == address) {
            return Err(format!("{address} is gone"));
        }
        let all = first == Some(address) && address.ip().is_ipv4() && !promotes;
        link.addresses
            .retain(|a| a.value != address && !(all && same(a)));
        let v4 = link.addresses.iter().any(|a| a.value.ip().is_ipv4());
        let left: Vec<_> = link.addresses.iter().map(|a| a.value.ip()).collect();
        self.state.routes.retain(|r| {
            let on = r.value.netns == at.netns && r.value.dev.as_ref() == Some(&at.name);
            let bare = on && !v4 && r.value.dst.addr().is_ipv4() && address.ip().is_ipv4();
            !(bare || on && r.value.src.is_some_and(|src| !left.contains(&src)))
        });
        Ok(())
    }

    fn add_route(&mut self, route: &Route, replace: bool) -> Result<(), String> {
        let there = self
            .state
            .routes
            .iter()
            .any(|r| r.value.key() == route.key());
        if there != replace {
            return Err(format!("{}there", if there { "" } else { "not " }));
        }
        if let Some(dev) = &route.dev {
            let link = self
                .link(&LinkRef {
                    netns: route.netns.clone(),
                    name: dev.clone(),
                })?
                .clone();
            if link.up != Some(true) {
                return Err("Network is down".into());
            }
            let near = |net: &IpNet, via| net.contains(&via);
            let direct = |via| {
                link.addresses.iter().any(|a| near(&a.value.net, via))
                    || self.state.routes.iter().any(|r| {
                        r.value.dev == route.dev && r.value.via.is_none() && near(&r.value.dst, via)
                    })
            };
            if route.via.is_some_and(|via| !route.onlink && !direct(via)) {
                return Err("Nexthop has invalid gateway".into());
            }
            let own = |src| link.addresses.iter().any(|a| a.value.ip() == src);
            if route.src.is_some_and(|src| !own(src)) {
                return Err("Invalid prefsrc address".into());
            }
        }
        self.state.routes.retain(|r| r.value.key() != route.key());
        Ok(self
            .state
            .routes
            .push(Sourced::without_origin(route.clone())))
    }

    /// A route that was deleted with an address, or before: neither is an error
    /// (kernel/apply.rs).
    fn del_route(&mut self, route: &Route) -> Result<(), String> {
        self.state.routes.retain(|r| r.value != *route);
        Ok(())
    }
}

/// The options of a port as the kernel sets them.
pub fn as_joined() -> Options {
    Options::kernels_own(PORT)
}

/// The options of a new link with this MTU.
pub fn with_mtu(mtu: u32) -> Options {
    let mut attributes = Options::kernels_own(ATTRIBUTES);
    let option = ATTRIBUTES.iter().find(|o| o.word == "mtu").unwrap();
    attributes.set(option, Sourced::without_origin(OptionValue::Number(mtu)));
    attributes
}

/// Options that are not set have the kernel's defaults.
fn as_made(kind: &Kind) -> Kind {
    let mut kind = kind.clone();
    if let Kind::Virtual(made) = &mut kind {
        let mut options = Options::kernels_own(made.of.options);
        for (option, value) in &made.options {
            options.set(option, value.clone());
        }
        made.options = options;
    }
    kind
}

/// The address that a name server would return.
fn address_of(endpoint: &Endpoint) -> std::net::SocketAddr {
    match endpoint {
        Endpoint::Address(address) => *address,
        Endpoint::Name(name, port) => ([192, 0, 2, name.len() as u8], *port).into(),
    }
}
