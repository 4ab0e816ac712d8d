//! A kernel held in memory, for the properties of the plan: it refuses what the real one
//! refuses, and takes away what the real one takes away. And states for it: hosts as
//! found, and settings as `conf` would read them.

#![allow(clippy::unwrap_used, clippy::unit_arg)]

use ipnet::IpNet;
use netns_services::model::{
    Address, Kind, Link, LinkAt, Mac, MacvlanMode, Route, RouteKind, Rules, State, Tool, Where,
};
use netns_services::name::LinkName;
use netns_services::place::At;
use netns_services::plan::Step;
use proptest::prelude::*;

/// The kernel: what is there, and nothing behind it.
#[derive(Clone)]
pub struct Memory {
    pub state: State,
}

impl Memory {
    /// Make one change, or say why not.
    pub fn make(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::AddNetns => self.add_netns(),
            Step::DelNetns => self.del_netns(),
            Step::AddLink { link, peer } => self.add_link(link, peer.as_deref()),
            Step::DelLink(link) => self.del_link(link),
            Step::MoveLink(link, to) => self.move_link(link, to),
            Step::SetMtu(link, mtu) => Ok(self.link(link)?.mtu = Some(At::nobody(*mtu))),
            Step::SetMac(link, mac) => Ok(self.link(link)?.mac = Some(At::nobody(*mac))),
            Step::SetMaster(link, master) => {
                if let Some(master) = master {
                    self.link(&LinkAt {
                        at: link.at.clone(),
                        name: master.clone(),
                    })?;
                }
                Ok(self.link(link)?.master = master.clone().map(At::nobody))
            }
            Step::SetUp(link, up) => Ok(self.link(link)?.up = Some(*up)),
            Step::AddAddress(link, address) => self.add_address(link, *address),
            Step::DelAddress(link, address) => self.del_address(link, *address),
            Step::AddRoute(route) => self.add_route(route, false),
            Step::ReplaceRoute(route) => self.add_route(route, true),
            Step::DelRoute(route) => self.del_route(route),
            Step::LoadRules { new, .. } => {
                self.state
                    .rules
                    .retain(|rules| rules.value.tool != new.tool);
                self.state.rules.push(At::nobody((**new).clone()));
                Ok(())
            }
            Step::UnloadRules(old) => {
                self.state.rules.retain(|rules| rules.value != **old);
                Ok(())
            }
            Step::WriteResolvConf(text) => {
                Ok(self.state.resolv_conf = Some(At::nobody(text.clone())))
            }
            Step::RemoveResolvConf => self
                .state
                .resolv_conf
                .take()
                .map(drop)
                .ok_or("no such file".into()),
        }
    }

    /// A link, an address and a route that nobody's settings know of.
    pub fn add_theirs(&mut self) -> Vec<String> {
        let mut link = link(Where::Inside, "theirs", Kind::Other("ifb".into()));
        link.up = Some(true);
        link.mtu = Some(At::nobody(1500));
        link.addresses
            .push(At::nobody("172.31.0.1/24".parse().unwrap()));
        let route = route("172.30.0.0/16", "theirs", Some("172.31.0.2"), 7);
        self.state.links.push(link);
        self.state.routes.push(At::nobody(route.clone()));
        vec![format!("Inside theirs 172.31.0.1/24"), format!("{route:?}")]
    }

    fn link(&mut self, at: &LinkAt) -> Result<&mut Link, String> {
        let links = &mut self.state.links;
        let found = links.iter_mut().find(|l| l.link_at() == *at);
        found.ok_or_else(|| format!("there is no {at}"))
    }

    fn add_netns(&mut self) -> Result<(), String> {
        if self.state.netns {
            return Err("the namespace is there".into());
        }
        self.state.netns = true;
        let mut lo = link(Where::Inside, "lo", Kind::Loopback);
        lo.up = Some(false);
        lo.mtu = Some(At::nobody(65536));
        self.state.links.push(lo);
        Ok(())
    }

    fn del_netns(&mut self) -> Result<(), String> {
        let lost = |l: &&Link| l.at == Where::Inside && l.kind == Kind::Physical;
        if let Some(link) = self.state.links.iter().find(lost) {
            return Err(format!("{} would be left to chance", link.name));
        }
        self.state.netns = false;
        self.state.rules.clear();
        let inside: Vec<_> = self
            .state
            .links
            .iter()
            .filter(|l| l.at == Where::Inside)
            .collect();
        let inside: Vec<_> = inside.into_iter().map(Link::link_at).collect();
        inside.iter().for_each(|link| self.lose(link));
        self.state.routes.retain(|r| r.value.at != Where::Inside);
        Ok(())
    }

    fn add_link(&mut self, link: &Link, peer: Option<&Link>) -> Result<(), String> {
        for end in std::iter::once(link).chain(peer) {
            if end.at == Where::Inside && !self.state.netns {
                return Err("there is no namespace".into());
            }
            if self.link(&end.link_at()).is_ok() {
                return Err(format!("{} is there", end.name));
            }
        }
        if let Kind::Macvlan { parent, .. } = &link.kind {
            self.link(parent)?;
        }
        for end in std::iter::once(link).chain(peer) {
            let below = match &end.kind {
                Kind::Macvlan { parent, .. } => self.link(parent)?.mtu.clone(),
                _ => Some(At::nobody(1500)),
            };
            let mtu = end.mtu.clone().or(below);
            let bare = Link::new(end.at.clone(), end.name.clone(), end.kind.clone());
            self.state.links.push(Link {
                mtu,
                mac: end.mac.clone(),
                up: Some(false),
                ..bare
            });
        }
        Ok(())
    }

    fn del_link(&mut self, at: &LinkAt) -> Result<(), String> {
        let kind = self.link(at)?.kind.clone();
        if matches!(kind, Kind::Physical | Kind::Loopback) {
            return Err(format!("{at} cannot be deleted"));
        }
        self.lose(at);
        Ok(())
    }

    /// A link goes, and with it its peer, what lies on it, and what is its port.
    fn lose(&mut self, at: &LinkAt) {
        let Ok(link) = self.link(at).cloned() else {
            return;
        };
        self.unhang(at);
        self.state.links.retain(|l| l.link_at() != *at);
        for other in self.state.links.iter_mut().filter(|l| l.at == at.at) {
            other.master.take_if(|master| master.value == at.name);
        }
        if let Kind::Veth { peer: Some(peer) } = &link.kind {
            self.lose(peer);
        }
        let on = |l: &&Link| matches!(&l.kind, Kind::Macvlan { parent, .. } if parent == at);
        let on: Vec<_> = self
            .state
            .links
            .iter()
            .filter(on)
            .map(Link::link_at)
            .collect();
        on.iter().for_each(|link| self.lose(link));
    }

    fn unhang(&mut self, at: &LinkAt) {
        let hangs = |r: &Route| r.at == at.at && r.dev.as_ref() == Some(&at.name);
        self.state.routes.retain(|r| !hangs(&r.value));
    }

    fn move_link(&mut self, from: &LinkAt, to: &Where) -> Result<(), String> {
        if *to == Where::Inside && !self.state.netns {
            return Err("there is no namespace".into());
        }
        let target = LinkAt {
            at: to.clone(),
            name: from.name.clone(),
        };
        if self.link(&target).is_ok() {
            return Err(format!("{target} is there"));
        }
        self.unhang(from);
        let link = self.link(from)?;
        if link.kind != Kind::Physical {
            return Err(format!("{from} is not moved but made"));
        }
        link.at = to.clone();
        link.up = Some(false);
        link.master = None;
        link.addresses.clear();
        Ok(())
    }

    fn add_address(&mut self, at: &LinkAt, address: Address) -> Result<(), String> {
        let link = self.link(at)?;
        let same = |a: &At<Address>| a.value.ip() == address.ip();
        let there = |a: &At<Address>| a.value == address || (address.ip().is_ipv6() && same(a));
        match link.addresses.iter().any(there) {
            true => Err(format!("{address} is there")),
            false => Ok(link.addresses.push(At::nobody(address))),
        }
    }

    /// With the first address of an IPv4 network go its others; with the last of a link,
    /// the link's routes; with any, the routes that have it as their source.
    fn del_address(&mut self, at: &LinkAt, address: Address) -> Result<(), String> {
        let link = self.link(at)?;
        let same = |a: &At<Address>| a.value.net.trunc() == address.net.trunc();
        let first = link.addresses.iter().find(|a| same(a)).map(|a| a.value);
        if !link.addresses.iter().any(|a| a.value == address) {
            // Gone along with another, which is no refusal (kernel/make.rs)
            return Ok(());
        }
        let all = first == Some(address) && address.ip().is_ipv4();
        link.addresses
            .retain(|a| a.value != address && !(all && same(a)));
        let v4 = link.addresses.iter().any(|a| a.value.ip().is_ipv4());
        let left: Vec<_> = link.addresses.iter().map(|a| a.value.ip()).collect();
        self.state.routes.retain(|r| {
            let on = r.value.at == at.at && r.value.dev.as_ref() == Some(&at.name);
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
                .link(&LinkAt {
                    at: route.at.clone(),
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
        Ok(self.state.routes.push(At::nobody(route.clone())))
    }

    /// Gone along with an address, or deleted: both are no refusal (kernel/make.rs).
    fn del_route(&mut self, route: &Route) -> Result<(), String> {
        self.state.routes.retain(|r| r.value != *route);
        Ok(())
    }
}

fn link(at: Where, name: &str, kind: Kind) -> Link {
    Link::new(at, At::nobody(name.parse().unwrap()), kind)
}

fn route(dst: &str, dev: &str, via: Option<&str>, metric: u32) -> Route {
    Route {
        at: Where::Inside,
        kind: RouteKind::Unicast,
        dst: dst.parse().unwrap(),
        dev: Some(dev.parse().unwrap()),
        via: via.map(|via| via.parse().unwrap()),
        src: None,
        metric,
        table: 254,
        scope: 0,
        proto: 3,
        mtu: None,
        onlink: false,
    }
}

/// The third byte of a link's networks, so that no two links share one.
fn net(name: &str) -> u8 {
    name.bytes()
        .map(|b| b.wrapping_mul(31))
        .fold(7, u8::wrapping_add)
}

/// Addresses and routes of one link: the networks are its own, so any choice is valid.
fn dress(at: Where, name: &'static str) -> impl Strategy<Value = (Vec<Address>, Vec<Route>)> {
    let n = net(name);
    let addresses = proptest::sample::subsequence(vec![10u8, 11, 12], 0..=3);
    let v6 = proptest::option::of(prop_oneof![Just(64u8), Just(80)]);
    let routes = proptest::sample::subsequence(vec![0u8, 1, 2, 3, 4, 5], 0..=6);
    (addresses.prop_shuffle(), v6, routes, any::<bool>()).prop_map(
        move |(v4, v6, routes, other)| {
            let mut addresses: Vec<Address> = v4
                .iter()
                .map(|host| format!("10.1.{n}.{host}/24").parse().unwrap())
                .collect();
            addresses.extend(
                v6.map(|len| -> Address { format!("2001:db8:{n:x}::1/{len}").parse().unwrap() }),
            );
            let gateway = format!("10.1.{n}.{}", if other { 253 } else { 254 });
            let mut made = Vec::new();
            for which in routes {
                let metric = u32::from(n) * 10;
                let route = match which {
                    0 if !v4.is_empty() => route("0.0.0.0/0", name, Some(&gateway), metric),
                    1 if !v4.is_empty() => {
                        route(&format!("10.2.{n}.0/24"), name, Some(&gateway), 0)
                    }
                    2 => route(&format!("10.3.{n}.0/24"), name, None, 0),
                    3 => route(
                        &format!("10.4.{n}.0/24"),
                        name,
                        Some(&format!("10.3.{n}.9")),
                        0,
                    ),
                    4 if v4.contains(&10) => Route {
                        src: Some(format!("10.1.{n}.10").parse().unwrap()),
                        ..route(&format!("10.5.{n}.0/24"), name, None, 0)
                    },
                    5 if v6.is_some() => route(
                        "::/0",
                        name,
                        Some(&format!("2001:db8:{n:x}::fe")),
                        1024 + metric,
                    ),
                    _ => continue,
                };
                made.push(Route {
                    at: at.clone(),
                    ..route
                });
            }
            // What is reached over another route needs that route
            let near = made.iter().any(|r| r.dst.to_string().starts_with("10.3."));
            made.retain(|r| near || !r.dst.to_string().starts_with("10.4."));
            (addresses, made)
        },
    )
}

const BRIDGE: &str = "br0";

/// A host as found: three cards, in any state, and a bridge.
pub fn host() -> impl Strategy<Value = State> {
    let card = |name: &'static str| {
        let more = (dress(Where::Host, name), any::<bool>(), any::<bool>());
        more.prop_map(move |((addresses, routes), up, port)| {
            let mut link = link(Where::Host, name, Kind::Physical);
            link.mtu = Some(At::nobody(if port { 1500 } else { 9000 }));
            link.mac = Some(At::nobody(Mac([0x52, 0x54, 0, 0, 0, net(name)])));
            link.master = port.then(|| At::nobody(BRIDGE.parse().unwrap()));
            link.up = Some(up);
            link.addresses = addresses.into_iter().map(At::nobody).collect();
            (link, if up { routes } else { Vec::new() })
        })
    };
    (card("eth0"), card("eth1"), card("eth2")).prop_map(|cards| {
        let mut state = State::default();
        let mut bridge = link(Where::Host, BRIDGE, Kind::Bridge);
        bridge.up = Some(true);
        bridge.mtu = Some(At::nobody(1500));
        state.links.push(bridge);
        for (link, routes) in [cards.0, cards.1, cards.2] {
            state.links.push(link);
            state.routes.extend(routes.into_iter().map(At::nobody));
        }
        state
    })
}

/// What settings can ask for, as `model::build` gives it.
pub fn settings() -> impl Strategy<Value = State> {
    let names = ["eth1", "eth2", "brin", "v0", "d0", "m0"];
    let chosen = proptest::sample::subsequence(names.to_vec(), 0..=names.len());
    let each: Vec<_> = names
        .iter()
        .map(|name| {
            let mtu = proptest::option::of(prop_oneof![Just(1400u32), Just(1420)]);
            let mac = proptest::option::of(Just(Mac([2, 0, 0, 0, 1, net(name)])));
            (dress(Where::Inside, name), mtu, mac, any::<bool>())
        })
        .collect();
    let rules = proptest::option::of(prop_oneof![Just("one"), Just("two")]);
    let whole = (proptest::option::of("[a-z]{1,4}"), rules);
    (chosen, each, whole).prop_map(move |(chosen, each, (dns, rules))| {
        let rules = rules.map(|text| {
            At::nobody(Rules {
                tool: Tool::Nftables,
                file: "/rules".into(),
                text: text.into(),
                tables: Vec::new(),
            })
        });
        let mut state = State {
            netns: true,
            ..State::default()
        };
        state.resolv_conf = dns.map(At::nobody);
        state.rules = rules.into_iter().collect();
        let mut lo = link(Where::Inside, "lo", Kind::Loopback);
        lo.up = Some(true);
        state.links.push(lo);
        for (name, ((addresses, routes), mtu, mac, port)) in names.iter().zip(each) {
            if !chosen.contains(name) {
                continue;
            }
            let mut wanted = link(Where::Inside, name, kind(name));
            wanted.up = Some(true);
            wanted.mtu = mtu.map(At::nobody);
            // Of a link that is made, the address it had before cannot be known
            let card = wanted.kind == Kind::Physical;
            wanted.mac = mac.filter(|_| card).map(At::nobody);
            wanted.addresses = addresses.into_iter().map(At::nobody).collect();
            let bridge = port && chosen.contains(&"brin") && *name != "brin" && *name != "m0";
            wanted.master = bridge.then(|| At::nobody("brin".parse().unwrap()));
            if let Kind::Veth { peer: Some(other) } = &wanted.kind {
                let back = LinkAt {
                    at: Where::Inside,
                    name: name.parse().unwrap(),
                };
                let kind = Kind::Veth { peer: Some(back) };
                let mut peer = Link::new(other.at.clone(), At::nobody(other.name.clone()), kind);
                peer.up = Some(true);
                peer.master = port.then(|| At::nobody(BRIDGE.parse().unwrap()));
                state.links.push(peer);
            }
            state.links.push(wanted);
            state.routes.extend(routes.into_iter().map(At::nobody));
        }
        state
    })
}

fn kind(name: &str) -> Kind {
    let on_host = |name: &str| LinkAt {
        at: Where::Host,
        name: name.parse::<LinkName>().unwrap(),
    };
    match name {
        "brin" => Kind::Bridge,
        "v0" => Kind::Veth {
            peer: Some(on_host("v0-host")),
        },
        "d0" => Kind::Dummy,
        "m0" => Kind::Macvlan {
            parent: on_host("eth0"),
            mode: MacvlanMode::Bridge,
        },
        _ => Kind::Physical,
    }
}
