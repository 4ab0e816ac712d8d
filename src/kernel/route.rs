//! Queries routes: all routes of the namespace, and the routes of the host that would change if a
//! link were moved.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rtnetlink::packet_core::DefaultNla;
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::Kernel;
use super::connection::links_of;
use super::decode::{self, LinkNames};
use super::netlink::attr;
use super::netlink::query::{addresses_of, link_at, unless_gone};
use super::netlink::socket::Requests;
use super::observe::NetnsLinks;
use crate::model::{LinkRef, Netns};
use crate::name::LinkName;
use crate::os_error::OsError;
use crate::source::Sourced;

/// linux/rtnetlink.h
const RTA_PREFSRC: u16 = 7;

impl Kernel {
    /// All routes of the namespace. On the host and in other namespaces, only the routes of these
    /// links.
    pub(super) fn routes(
        &mut self,
        view: &NetnsLinks,
        routed: &BTreeSet<LinkRef>,
    ) -> Result<Vec<Sourced<crate::model::Route>>, OsError> {
        let inside = view.at == Netns::This;
        let is_routed = |name: &LinkName| {
            let mut there = routed.iter().filter(|link| link.netns == view.at);
            there.any(|link| link.name == *name)
        };
        let links = view.names.iter().filter(|(_, name)| is_routed(name));
        let links: Vec<u32> = links.map(|(index, _)| *index).collect();
        let mut names = view.names.clone();
        let mut messages = Vec::new();
        for index in if inside { &[0][..] } else { &links } {
            messages.extend(routes_of(self.requests(&view.at)?, *index)?);
        }
        if !inside {
            messages.extend(self.routes_from(view, &links)?);
            self.name_all(&mut names, &messages, &view.at)?;
        }
        let mut found: Vec<Sourced<crate::model::Route>> = Vec::new();
        for message in &messages {
            let route = decode::route(message, &view.at, &names).map(Sourced::without_origin);
            // A multipath route is found once for each of its links
            found.extend(route.filter(|route| inside || !found.contains(route)));
        }
        Ok(found)
    }

    /// The IPv4 routes whose preferred source address is on one of these links. They use other
    /// links, but the kernel deletes them together with that address. The kernel cannot dump these
    /// alone, so all routes are dumped and filtered.
    fn routes_from(
        &mut self,
        view: &NetnsLinks,
        links: &[u32],
    ) -> Result<Vec<RouteMessage>, OsError> {
        let requests = self.requests(&view.at)?;
        let mut sources = Vec::new();
        for index in links {
            for address in addresses_of(requests, *index)? {
                sources.extend(address.attributes.iter().filter_map(|a| match a {
                    AddressAttribute::Local(ip) => Some(source(*ip)),
                    _ => None,
                }));
            }
        }
        if sources.is_empty() {
            return Ok(Vec::new());
        }
        let all = RouteNetlinkMessage::GetRoute(RouteMessage::default());
        Ok(requests
            .dump_with(all, &sources)?
            .into_iter()
            .filter_map(route)
            .collect())
    }

    /// Add the names of all links that these routes use.
    pub(super) fn name_all(
        &mut self,
        names: &mut LinkNames,
        routes: &[RouteMessage],
        at: &Netns,
    ) -> Result<(), OsError> {
        for index in routes.iter().flat_map(links_of) {
            if !names.contains_key(&index) {
                let link = link_at(self.requests(at)?, index)?;
                names.extend(link.as_ref().and_then(decode::name));
            }
        }
        Ok(())
    }
}

/// The routes of all families that use the link with this interface index. All routes if that is 0.
fn routes_of(requests: &mut Requests, index: u32) -> Result<Vec<RouteMessage>, OsError> {
    let mut request = RouteMessage::default();
    if index != 0 {
        request.attributes.push(RouteAttribute::Oif(index));
    }
    let routes = requests.dump(RouteNetlinkMessage::GetRoute(request));
    Ok(unless_gone(routes)?.into_iter().filter_map(route).collect())
}

fn route(message: RouteNetlinkMessage) -> Option<RouteMessage> {
    let families = [AddressFamily::Inet, AddressFamily::Inet6];
    match message {
        RouteNetlinkMessage::NewRoute(route) => families
            .contains(&route.header.address_family)
            .then_some(route),
        _ => None,
    }
}

/// The attribute RTA_PREFSRC for this address, with the same bytes that the kernel sends.
fn source(ip: IpAddr) -> Vec<u8> {
    let ip = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    attr::bytes(&[DefaultNla::new(RTA_PREFSRC, ip)])
}
