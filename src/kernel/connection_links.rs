//! Finds the links that a connection depends on: takes its addresses, and returns the links whose
//! loss would end it, with all links below them and the other ends of their pairs. Uses the kernel's own routing (RTM_GETROUTE).

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

use ipnet::IpNet;
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage};
use rtnetlink::packet_route::route::{
    RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteType,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::netlink::query::{addresses_of, all_links, nsid};
use super::{Kernel, decode};
use crate::model::{LinkRef, Netns};
use crate::os_error::OsError;
use crate::system::sockets::Connection;

impl Kernel {
    /// The links that a connection uses, in the namespace and on the host: the link that has its
    /// local address, the link on the route to the peer, and all links below those (bridge ports,
    /// slaves, parent links and the other ends of veth pairs). If neither the namespace nor the host has the local address, the
    /// connection ends elsewhere on this machine: its links are those on the host's route to the
    /// peer.
    pub fn carriers(&mut self, connection: &Connection) -> Result<BTreeSet<LinkRef>, OsError> {
        let Connection { local, peer, .. } = *connection;
        let (mut found, mut ends_here) = (BTreeSet::new(), false);
        for at in [Netns::This, Netns::Host] {
            let mut links = match self.links_with(&at, local) {
                Err(no) if no.errno.kind() == ErrorKind::NotFound => continue,
                links => links?,
            };
            if links.is_empty() {
                continue;
            }
            ends_here = true;
            // A link-local address does not say on which link the peer is
            if !is_of_one_link(peer) {
                links.extend(self.link_to(&at, peer, Some(local))?);
            }
            found.extend(self.with_those_below(&at, links)?);
        }
        if !ends_here {
            let links = self.link_to(&Netns::Host, peer, None)?;
            found.extend(self.with_those_below(&Netns::Host, links)?);
        }
        Ok(found)
    }

    /// Whether the packets of a connection that ends on the host would take a new route to `dst`
    /// there: the peer is in `dst`, and the new route is more specific than the current one, or as
    /// specific and its `metric` is not higher.
    pub fn would_take(
        &mut self,
        connection: &Connection,
        dst: &IpNet,
        metric: u32,
    ) -> Result<bool, OsError> {
        let Connection { local, peer, .. } = *connection;
        if !dst.contains(&peer) || is_of_one_link(peer) {
            return Ok(false);
        }
        let inside = match self.links_with(&Netns::This, local) {
            Err(no) if no.errno.kind() == ErrorKind::NotFound => BTreeSet::new(),
            links => links?,
        };
        if !inside.is_empty() && self.links_with(&Netns::Host, local)?.is_empty() {
            return Ok(false);
        }
        let Some(now) = self.way(&Netns::Host, peer, None, RouteFlags::FibMatch)? else {
            return Ok(false);
        };
        let exact = now.header.destination_prefix_length;
        let priority = now.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::Priority(metric) => Some(*metric),
            _ => None,
        });
        let as_exact = dst.prefix_len() == exact && metric <= priority.unwrap_or(0);
        Ok(dst.prefix_len() > exact || as_exact)
    }

    /// The link that all default routes of the host use, with all links below it. Empty if they use
    /// several links.
    pub fn carriers_of_default(&mut self) -> Result<BTreeSet<LinkRef>, OsError> {
        let requests = self.requests(&Netns::Host)?;
        let mut links = BTreeSet::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut request = RouteMessage::default();
            request.header.address_family = family;
            for answer in requests.dump(RouteNetlinkMessage::GetRoute(request))? {
                match answer {
                    RouteNetlinkMessage::NewRoute(route) if is_default(&route) => {
                        links.extend(links_of(&route));
                    }
                    _ => {}
                }
            }
        }
        match links.len() {
            1 => self.with_those_below(&Netns::Host, links),
            _ => Ok(BTreeSet::new()),
        }
    }

    fn links_with(&mut self, at: &Netns, ip: IpAddr) -> Result<BTreeSet<u32>, OsError> {
        let is = |attribute: &AddressAttribute| match attribute {
            AddressAttribute::Local(own) | AddressAttribute::Address(own) => *own == ip,
            _ => false,
        };
        let all = addresses_of(self.requests(at)?, 0)?;
        let with = all.iter().filter(|m| m.attributes.iter().any(is));
        Ok(with.map(|message| message.header.index).collect())
    }

    /// The interface index of the link by which a packet to `peer` leaves. Empty if there is no
    /// route.
    fn link_to(
        &mut self,
        at: &Netns,
        peer: IpAddr,
        local: Option<IpAddr>,
    ) -> Result<BTreeSet<u32>, OsError> {
        let way = self.way(at, peer, local, RouteFlags::empty())?;
        Ok(way.iter().flat_map(links_of).collect())
    }

    /// The route that a packet to `peer` takes, if there is one.
    fn way(
        &mut self,
        at: &Netns,
        peer: IpAddr,
        local: Option<IpAddr>,
        flags: RouteFlags,
    ) -> Result<Option<RouteMessage>, OsError> {
        let mut request = RouteMessage::default();
        request.header.address_family = match peer {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        let length = if peer.is_ipv4() { 32 } else { 128 };
        request.header.destination_prefix_length = length;
        request.header.flags = flags;
        let to = RouteAttribute::Destination(peer.into());
        request.attributes.push(to);
        if let Some(local) = local {
            request.header.source_prefix_length = length;
            request
                .attributes
                .push(RouteAttribute::Source(local.into()));
        }
        let found = self
            .requests(at)?
            .get(RouteNetlinkMessage::GetRoute(request));
        Ok(match found {
            Ok(Some(RouteNetlinkMessage::NewRoute(route))) => Some(route),
            _ => None,
        })
    }

    /// These links and all links below them, also in the other one of the two namespaces.
    fn with_those_below(
        &mut self,
        at: &Netns,
        links: BTreeSet<u32>,
    ) -> Result<BTreeSet<LinkRef>, OsError> {
        let (mut found, mut waiting) = (BTreeSet::new(), vec![(at.clone(), links)]);
        while let Some((at, links)) = waiting.pop() {
            let there = all_links(self.requests(&at)?)?;
            let links = with_those_below_there(&there, links);
            let mine = there
                .iter()
                .filter(|link| links.contains(&link.header.index));
            let names = mine.clone().filter_map(decode::name);
            let before = found.len();
            found.extend(names.map(|(_, name)| at.link(&name)));
            // Two ends of a pair lead to each other
            if found.len() == before {
                continue;
            }
            let other = match at {
                Netns::Host => Netns::This,
                _ => Netns::Host,
            };
            if let Some(number) = self.number_of(&other, &at)? {
                let elsewhere = mine.filter(|link| decode::is_in(link, number));
                let elsewhere: BTreeSet<u32> = elsewhere.filter_map(parent).collect();
                if !elsewhere.is_empty() {
                    waiting.push((other, elsewhere));
                }
            }
        }
        Ok(found)
    }

    /// The id (nsid) that a namespace has in another one. `None` if it has none there, or does not
    /// exist.
    fn number_of(&mut self, of: &Netns, at: &Netns) -> Result<Option<i32>, OsError> {
        let fd = match self.file(of) {
            Err(no) if no.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?.as_raw_fd(),
        };
        nsid(self.requests(at)?, fd)
    }
}

/// These links and all links below them in their namespace.
fn with_those_below_there(there: &[LinkMessage], mut links: BTreeSet<u32>) -> BTreeSet<u32> {
    loop {
        let known = links.len();
        for link in there {
            if decode::master(link).is_some_and(|master| links.contains(&master)) {
                links.insert(link.header.index);
            }
            if links.contains(&link.header.index) && !decode::is_elsewhere(link) {
                links.extend(parent(link));
            }
        }
        if links.len() == known {
            return links;
        }
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

fn is_default(route: &RouteMessage) -> bool {
    let header = &route.header;
    header.destination_prefix_length == 0
        && header.table == RouteHeader::RT_TABLE_MAIN
        && header.kind == RouteType::Unicast
}

/// The interface indexes of all links that a route uses. A multipath route has several.
pub(super) fn links_of(route: &RouteMessage) -> Vec<u32> {
    let mut links = Vec::new();
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Oif(link) => links.push(*link),
            RouteAttribute::MultiPath(hops) => {
                links.extend(hops.iter().map(|hop| hop.interface_index));
            }
            _ => {}
        }
    }
    links
}

/// Whether the address is link-local: valid on its own link only.
fn is_of_one_link(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}
