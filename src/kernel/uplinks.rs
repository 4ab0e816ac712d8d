//! What masquerading and port forwarding on the host depend on: its uplinks, their addresses, and
//! which links forward.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;

use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::connection::links_of;
use super::netlink::query;
use super::netlink::socket::Requests;
use super::{Kernel, decode};
use crate::model::nat::{Host, IpVersion, Nat, Uplinks};
use crate::model::{Netns, Route};
use crate::name::LinkName;
use crate::os_error::OsError;

impl Kernel {
    /// The state of the host, as far as its part of `nat` depends on it. `moves` changes its links to
    /// those after the moves of NICs; a new one gets the kernel's defaults.
    pub fn host(&mut self, nat: &Nat, moves: impl FnOnce(&mut Host)) -> Result<Host, OsError> {
        let requests = self.requests(&Netns::Host)?;
        let mut host = Host {
            force_forwarding: fs::exists("/proc/sys/net/ipv6/conf/all/force_forwarding")?,
            ..Host::default()
        };
        let named = match nat.uplinks.as_ref().map(|uplinks| &uplinks.value) {
            Some(Uplinks::Named(named)) => named.clone(),
            _ => {
                host.default_links = default_links(requests)?;
                Vec::new()
            }
        };
        if !nat.publish.is_empty() {
            host.addresses = addresses(requests)?;
        }
        moves(&mut host);
        let defaults = host.default_links.iter().map(|(_, link)| link);
        let links = defaults.chain(host.addresses.iter().map(|(_, link)| link));
        let links: BTreeSet<LinkName> = links.chain(&named).cloned().collect();
        let read = |key: &str| fs::read_to_string(format!("/proc/sys/net/{key}")).ok();
        let is = |key: &str, value: &str| read(key).is_some_and(|v| v.trim() == value);
        let accept_ra = |of: &str| read(&format!("ipv6/conf/{of}/accept_ra"));
        for (family, key) in [
            (IpVersion::V4, "ipv4/ip_forward"),
            (IpVersion::V6, "ipv6/conf/all/forwarding"),
        ] {
            if is(key, "1") {
                host.forwards.insert((family, None));
            }
        }
        for link in links {
            for (family, key) in [
                (IpVersion::V4, format!("ipv4/conf/{link}/forwarding")),
                (IpVersion::V6, format!("ipv6/conf/{link}/force_forwarding")),
            ] {
                if is(&key, "1") {
                    host.forwards.insert((family, Some(link.clone())));
                }
            }
            // A NIC that is not on the host yet gets the default
            let value = accept_ra(link.as_str()).or_else(|| accept_ra("default"));
            if value.is_some_and(|v| v.trim() == "1") {
                host.takes_advertisements.insert(link);
            }
        }
        Ok(host)
    }

    /// The links of the host's default routes.
    pub fn default_links(&mut self) -> Result<BTreeSet<LinkName>, OsError> {
        let links = default_links(self.requests(&Netns::Host)?)?;
        Ok(links.into_iter().map(|(_, link)| link).collect())
    }

    /// Whether the host has a link of this name.
    pub fn host_has(&mut self, name: &LinkName) -> Result<bool, OsError> {
        let requests = self.requests(&Netns::Host)?;
        Ok(query::link_named(requests, name)?.is_some())
    }
}

fn default_links(requests: &mut Requests) -> Result<Vec<(IpVersion, LinkName)>, OsError> {
    let mut found = Vec::new();
    for (family, of) in [
        (AddressFamily::Inet, IpVersion::V4),
        (AddressFamily::Inet6, IpVersion::V6),
    ] {
        let mut request = RouteMessage::default();
        request.header.address_family = family;
        request.attributes.push(RouteAttribute::Table(Route::MAIN));
        // The kernel answers with an error if there is no routing table of this family
        let routes = requests.dump(RouteNetlinkMessage::GetRoute(request));
        let mut links = BTreeSet::new();
        for message in routes.unwrap_or_default() {
            let RouteNetlinkMessage::NewRoute(route) = message else {
                continue;
            };
            if route.header.destination_prefix_length == 0 && route.header.address_family == family
            {
                links.extend(links_of(&route));
            }
        }
        for index in links {
            let link = query::link_at(requests, index)?;
            let name = link.as_ref().and_then(decode::name);
            found.extend(name.map(|(_, name)| (of, name)));
        }
    }
    Ok(found)
}

/// The addresses in a namespace, each with the name of its link.
pub(super) fn addresses(requests: &mut Requests) -> Result<Vec<(IpAddr, LinkName)>, OsError> {
    let mut found = Vec::new();
    let all = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    for message in requests.dump(all)? {
        let RouteNetlinkMessage::NewAddress(message) = message else {
            continue;
        };
        let local = message.attributes.iter().find_map(|a| match a {
            AddressAttribute::Local(ip) => Some(*ip),
            _ => None,
        });
        let address = message.attributes.iter().find_map(|a| match a {
            AddressAttribute::Address(ip) => Some(*ip),
            _ => None,
        });
        if let Some(ip) = local.or(address) {
            found.push((ip, message.header.index));
        }
    }
    let mut named = Vec::new();
    for (ip, index) in found {
        let link = query::link_at(requests, index)?;
        let name = link.as_ref().and_then(decode::name);
        named.extend(name.map(|(_, name)| (ip, name)));
    }
    Ok(named)
}
