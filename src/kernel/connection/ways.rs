//! The kernel's own routing (RTM_GETROUTE): which route a packet takes, and which links that uses.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::IpAddr;

use ipnet::IpNet;
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteType,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::is_of_one_link;
use crate::kernel::Kernel;
use crate::kernel::netlink::query::addresses_of;
use crate::model::{LinkRef, Netns};
use crate::os_error::OsError;
use crate::system::sockets::Connection;

/// A packet whose route is asked for.
pub(super) struct Packet {
    pub to: IpAddr,
    /// Its source address.
    pub from: Option<IpAddr>,
    /// The link by which it comes in. `None` if a process of the namespace sends it.
    pub came_in: Option<u32>,
}

impl Packet {
    /// A packet of the namespace itself, from any of its addresses.
    pub(super) fn to(to: IpAddr) -> Self {
        let (from, came_in) = (None, None);
        Packet { to, from, came_in }
    }
}

impl Kernel {
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
        let Some(now) = self.way(&Netns::Host, &Packet::to(peer), RouteFlags::FibMatch)? else {
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
            1 => self.with_all_below(&Netns::Host, links),
            _ => Ok(BTreeSet::new()),
        }
    }

    /// The interface indexes of the links that have this address.
    pub(super) fn links_with(&mut self, at: &Netns, ip: IpAddr) -> Result<BTreeSet<u32>, OsError> {
        let is = |attribute: &AddressAttribute| match attribute {
            AddressAttribute::Local(own) | AddressAttribute::Address(own) => *own == ip,
            _ => false,
        };
        let all = addresses_of(self.requests(at)?, 0)?;
        let with = all.iter().filter(|m| m.attributes.iter().any(is));
        Ok(with.map(|message| message.header.index).collect())
    }

    /// The route that a packet takes, if there is one.
    pub(super) fn way(
        &mut self,
        at: &Netns,
        packet: &Packet,
        flags: RouteFlags,
    ) -> Result<Option<RouteMessage>, OsError> {
        let mut request = RouteMessage::default();
        request.header.address_family = match packet.to {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        let length = if packet.to.is_ipv4() { 32 } else { 128 };
        request.header.destination_prefix_length = length;
        request.header.flags = flags;
        let to = RouteAttribute::Destination(packet.to.into());
        request.attributes.push(to);
        if let Some(from) = packet.from {
            request.header.source_prefix_length = length;
            request.attributes.push(RouteAttribute::Source(from.into()));
        }
        let came_in = packet.came_in.map(RouteAttribute::Iif);
        request.attributes.extend(came_in);
        let found = self
            .requests(at)?
            .get(RouteNetlinkMessage::GetRoute(request));
        Ok(match found {
            Ok(Some(RouteNetlinkMessage::NewRoute(route))) => Some(route),
            _ => None,
        })
    }
}

fn is_default(route: &RouteMessage) -> bool {
    let header = &route.header;
    header.destination_prefix_length == 0
        && header.table == RouteHeader::RT_TABLE_MAIN
        && header.kind == RouteType::Unicast
}

/// The interface indexes of all links that a route uses. A multipath route has several.
pub(in crate::kernel) fn links_of(route: &RouteMessage) -> Vec<u32> {
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

/// The gateway of a route with one path.
pub(super) fn gateway(route: &RouteMessage) -> Option<IpAddr> {
    route
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::Gateway(RouteAddress::Inet(ip)) => Some(IpAddr::V4(*ip)),
            RouteAttribute::Gateway(RouteAddress::Inet6(ip)) => Some(IpAddr::V6(*ip)),
            _ => None,
        })
}
