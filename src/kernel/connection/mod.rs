//! Follows a connection through the namespaces of this machine: from the namespace that has its
//! local address towards the peer, with the kernel's own routing (`ways`) and, in a bridge, by the
//! port that has the MAC address of the next hop (`ports`). Finds the links whose loss would end the
//! connection, and the route that it takes in each namespace.

mod ports;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkMessage};
use rtnetlink::packet_route::route::{RouteFlags, RouteMessage, RouteType};

use super::netlink::query::{all_links, nsid};
use super::{Kernel, decode};
use crate::model::wireguard::Endpoint;
use crate::model::{LinkRef, Netns};
use crate::os_error::OsError;
use crate::system::netns;
use crate::system::sockets::{self, Connection};
use ports::Mac;
pub(super) use ways::links_of;
use ways::{Packet, gateway};

/// The way of a connection on this machine.
#[derive(Clone, Debug, Default)]
pub struct Path {
    /// The links that it uses, with all links below them: slaves, ports, parent links and the other
    /// ends of veth pairs.
    pub links: BTreeSet<LinkRef>,
    /// The namespaces that route its packets, from the one that has the local address on.
    pub hops: Vec<Hop>,
}

/// How a namespace routes the packets of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The namespace.
    pub netns: Netns,
    /// The route of the packets to the peer.
    pub outward: Route,
    /// The route of the packets of the peer that come in by the same link.
    pub inward: Route,
}

/// The route that a packet takes, as far as it matters for a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// It is discarded, or there is no route.
    Nowhere,
    /// The namespace has that address.
    Local,
    /// It leaves by these links, to this gateway if there is a single one.
    Out(Vec<String>, Option<IpAddr>),
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Route::Nowhere => f.write_str("no route"),
            Route::Local => f.write_str("an address of its own"),
            Route::Out(links, gateway) => {
                if let Some(gateway) = gateway {
                    write!(f, "via {gateway} ")?;
                }
                write!(f, "dev {}", links.join(" and "))
            }
        }
    }
}

/// A place on the way that is not looked at yet.
struct Entry {
    netns: Netns,
    /// The links by which the connection comes there.
    links: BTreeSet<u32>,
    /// The link by which packets from the local address come in, if the namespace forwards them. In
    /// the first namespace the links have the local address.
    came_in: Option<u32>,
    /// The namespace routes the packets. Otherwise it only has links below those before.
    routes: bool,
    /// The next address on the way, and its MAC address.
    next: Option<(IpAddr, Option<Mac>)>,
}

impl Kernel {
    /// Follow a connection. If no namespace has the connection, it ends elsewhere on this machine:
    /// its links are those on the host's route to the peer.
    pub fn path(&mut self, connection: &Connection) -> Result<Path, OsError> {
        let (mut path, local) = (Path::default(), connection.local);
        for netns in [Netns::This, Netns::Host] {
            let links = match self.links_with(&netns, local) {
                Err(no) if no.errno.kind() == ErrorKind::NotFound => continue,
                links => links?,
            };
            if !links.is_empty() {
                self.follow(connection, Entry::first(netns, links), &mut path)?;
            }
        }
        if path.links.is_empty() {
            for netns in self.others_with(connection) {
                let links = self.links_with(&netns, local)?;
                self.follow(connection, Entry::first(netns, links), &mut path)?;
            }
        }
        if path.links.is_empty() {
            let entry = Entry::first(Netns::Host, BTreeSet::new());
            self.follow(connection, entry, &mut path)?;
        }
        Ok(path)
    }

    /// These links and all links below them in their namespace.
    fn with_all_below(
        &mut self,
        at: &Netns,
        links: BTreeSet<u32>,
    ) -> Result<BTreeSet<LinkRef>, OsError> {
        let there = all_links(self.requests(at)?)?;
        let links = with_those_below(&there, links, &BTreeMap::new());
        Ok(named(at, &there, &links).collect())
    }

    fn follow(
        &mut self,
        connection: &Connection,
        first: Entry,
        path: &mut Path,
    ) -> Result<(), OsError> {
        let mut waiting = vec![first];
        while let Some(mut entry) = waiting.pop() {
            let there = all_links(self.requests(&entry.netns)?)?;
            if entry.routes {
                if path.hops.iter().any(|hop| hop.netns == entry.netns) {
                    continue;
                }
                path.hops.push(self.route(connection, &mut entry, &there)?);
            }
            let ports = self.ports(&entry, &there)?;
            let links = with_those_below(&there, entry.links.clone(), &ports);
            path.links.extend(named(&entry.netns, &there, &links));
            for link in there
                .iter()
                .filter(|link| links.contains(&link.header.index))
            {
                if is_tunnel(link) {
                    let below = self.below_tunnel(&entry.netns, link)?;
                    path.links.extend(below);
                }
                let is_on_the_way =
                    entry.links.contains(&link.header.index) || is_way(link, &there, &ports);
                if is_on_the_way {
                    let onward = self.onward(&entry, link, &path.links)?;
                    waiting.extend(onward);
                }
            }
        }
        Ok(())
    }

    /// How the namespace routes the connection. Adds the links that it leaves by, and the next
    /// address.
    fn route(
        &mut self,
        connection: &Connection,
        entry: &mut Entry,
        there: &[LinkMessage],
    ) -> Result<Hop, OsError> {
        let Connection { local, peer, .. } = *connection;
        let netns = entry.netns.clone();
        let ends_here = !entry.links.is_empty();
        let mut outward = None;
        // A link-local address does not say on which link the peer is
        if !is_of_one_link(peer) {
            let packet = Packet {
                to: peer,
                from: Some(local).filter(|_| ends_here),
                came_in: entry.came_in,
            };
            outward = self.way(&netns, &packet, RouteFlags::empty())?;
        }
        // A route to an address of the namespace itself has lo, which carries nothing
        let leaves = outward
            .iter()
            .filter(|route| route.header.kind != RouteType::Local);
        let out: BTreeSet<u32> = leaves.flat_map(links_of).collect();
        let next = outward.as_ref().and_then(gateway).unwrap_or(peer);
        let mac = self.mac_of(&netns, &out, next)?;
        entry.next = Some((next, mac));
        entry.links.extend(out.iter().copied());
        let packet = Packet {
            to: local,
            from: Some(peer),
            came_in: out.first().or(entry.links.first()).copied(),
        };
        let inward = self.way(&netns, &packet, RouteFlags::empty())?;
        Ok(Hop {
            netns,
            outward: described(outward.as_ref(), there),
            inward: described(inward.as_ref(), there),
        })
    }

    /// Where the connection goes on from this link, if that is in another namespace and not among
    /// the links that are known already: two ends of a pair lead to each other.
    fn onward(
        &mut self,
        entry: &Entry,
        link: &LinkMessage,
        known: &BTreeSet<LinkRef>,
    ) -> Result<Option<Entry>, OsError> {
        let elsewhere = decode::netns_of_lower(link).zip(parent(link));
        let Some((number, below)) = elsewhere else {
            return Ok(None);
        };
        let Some(netns) = self.netns_with(number, &entry.netns)? else {
            return Ok(None);
        };
        let there = all_links(self.requests(&netns)?)?;
        let (mut links, next) = (BTreeSet::from([below]), entry.next.clone());
        if named(&netns, &there, &links).any(|link| known.contains(&link)) {
            return Ok(None);
        }
        let mut routes = false;
        if decode::is_kind(link, &InfoKind::Veth) {
            let end = there.iter().find(|link| link.header.index == below);
            let bridge = end.and_then(decode::master);
            let bridge = bridge.filter(|master| is_bridge(*master, &there));
            let is_for = match &next {
                Some((ip, _)) => !self.links_with(&netns, *ip)?.is_empty(),
                None => false,
            };
            links.extend(bridge);
            routes = is_for || bridge.is_none();
        }
        Ok(Some(Entry {
            netns,
            links,
            came_in: routes.then_some(below),
            routes,
            next,
        }))
    }

    /// The links by which the packets of a tunnel leave the machine, as far as that is known: those
    /// to the endpoints of WireGuard, and otherwise those of the default routes.
    fn below_tunnel(
        &mut self,
        at: &Netns,
        tunnel: &LinkMessage,
    ) -> Result<BTreeSet<LinkRef>, OsError> {
        let name = decode::name(tunnel).map(|(_, name)| at.link(&name));
        let state = name.filter(|_| decode::is_kind(tunnel, &InfoKind::Wireguard));
        let state = state.and_then(|link| self.wireguard(&link).ok());
        let peers = state.iter().flat_map(|state| &state.wireguard.peers);
        let endpoints = peers.filter_map(|peer| match peer.endpoint {
            Some(Endpoint::Address(endpoint)) => Some(endpoint.ip()),
            _ => None,
        });
        let endpoints: BTreeSet<IpAddr> = endpoints.collect();
        let mut found = BTreeSet::new();
        for endpoint in endpoints {
            for netns in BTreeSet::from([at.clone(), Netns::Host]) {
                let way = self.way(&netns, &Packet::to(endpoint), RouteFlags::empty())?;
                let links = way.iter().flat_map(links_of);
                let links = links.filter(|link| netns != *at || *link != tunnel.header.index);
                found.extend(self.with_all_below(&netns, links.collect())?);
            }
        }
        match found.is_empty() {
            true => self.carriers_of_default(),
            false => Ok(found),
        }
    }

    /// The other namespaces with a name that have the connection.
    fn others_with(&self, connection: &Connection) -> Vec<Netns> {
        let names = netns::names().filter_map(|name| name.parse().ok());
        let others = names.filter(|name| name != self.name()).map(Netns::Named);
        let has = |netns: &Netns| {
            let file = self.open(netns);
            file.is_ok_and(|file| sockets::stands_in(&file, connection))
        };
        others.filter(has).collect()
    }

    /// The namespace that has this id (nsid) in another one. `None` if it has no name.
    fn netns_with(&mut self, number: i32, at: &Netns) -> Result<Option<Netns>, OsError> {
        let names = netns::names().filter_map(|name| name.parse().ok());
        let names = names.filter(|name| name != self.name()).map(Netns::Named);
        let all: Vec<Netns> = [Netns::This, Netns::Host]
            .into_iter()
            .chain(names)
            .collect();
        for netns in all {
            let Ok(file) = self.file(&netns).map(AsRawFd::as_raw_fd) else {
                continue;
            };
            if nsid(self.requests(at)?, file)? == Some(number) {
                return Ok(Some(netns));
            }
        }
        Ok(None)
    }
}

impl Entry {
    /// The namespace in which the connection ends: these links have its address.
    fn first(netns: Netns, links: BTreeSet<u32>) -> Self {
        Entry {
            netns,
            links,
            came_in: None,
            routes: true,
            next: None,
        }
    }
}

/// These links and all links below them in their namespace. A bridge in `ports` has only that port
/// below it.
fn with_those_below(
    there: &[LinkMessage],
    mut links: BTreeSet<u32>,
    ports: &BTreeMap<u32, u32>,
) -> BTreeSet<u32> {
    loop {
        let known = links.len();
        for link in there {
            let index = link.header.index;
            let is_below = |master: &u32| {
                links.contains(master) && ports.get(master).is_none_or(|port| *port == index)
            };
            if decode::master(link).as_ref().is_some_and(is_below) {
                links.insert(index);
            }
            if links.contains(&index) && !decode::is_elsewhere(link) {
                links.extend(parent(link));
            }
        }
        if links.len() == known {
            return links;
        }
    }
}

fn named(
    at: &Netns,
    there: &[LinkMessage],
    links: &BTreeSet<u32>,
) -> impl Iterator<Item = LinkRef> {
    let names = there.iter().filter_map(decode::name);
    let names = names.filter(|(index, _)| links.contains(index));
    names.map(|(_, name)| at.link(&name))
}

/// Whether the connection goes on over this link: it is no port of a bridge, or the port that leads
/// to the next hop. The other ports of a bridge may lead anywhere.
fn is_way(link: &LinkMessage, there: &[LinkMessage], ports: &BTreeMap<u32, u32>) -> bool {
    let bridge = decode::master(link).filter(|master| is_bridge(*master, there));
    bridge.is_none_or(|bridge| ports.get(&bridge) == Some(&link.header.index))
}

fn is_bridge(index: u32, there: &[LinkMessage]) -> bool {
    let mut there = there.iter();
    there.any(|link| link.header.index == index && decode::is_bridge(link))
}

fn is_tunnel(link: &LinkMessage) -> bool {
    [
        InfoKind::Wireguard,
        InfoKind::Vxlan,
        InfoKind::GreTun,
        InfoKind::IpIp,
        InfoKind::SitTun,
        InfoKind::Tun,
    ]
    .iter()
    .any(|kind| decode::is_kind(link, kind))
}

/// The route, with the names of its links.
fn described(route: Option<&RouteMessage>, there: &[LinkMessage]) -> Route {
    let Some(route) = route else {
        return Route::Nowhere;
    };
    match route.header.kind {
        RouteType::Local => Route::Local,
        RouteType::Unicast => {
            let indexes: BTreeSet<u32> = links_of(route).into_iter().collect();
            let names = there.iter().filter_map(decode::name);
            let names = names.filter(|(index, _)| indexes.contains(index));
            let mut names: Vec<String> = names.map(|(_, name)| name.to_string()).collect();
            names.sort();
            Route::Out(names, gateway(route))
        }
        _ => Route::Nowhere,
    }
}

/// The interface index of the parent link, or of the other end of a pair, in the namespace of that.
fn parent(link: &LinkMessage) -> Option<u32> {
    link.attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::Link(parent) => Some(*parent),
            _ => None,
        })
}

/// Whether the address is link-local: valid on its own link only.
fn is_of_one_link(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}
