//! What the host must know of the networks behind a namespace that forwards: a route to each,
//! over the veth that is its way out. Without one, what comes back for a machine there is
//! sent to the host's own router.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::{Way, ways};
use crate::model::build::link::master::{Places, holder, places};
use crate::model::build::route::RouteSetting;
use crate::model::names::Names;
use crate::model::nat::IpVersion;
use crate::model::{Kind, Link, Netns, Route, RouteKind, Sysctl};
use crate::name::LinkName;
use crate::source::Sourced;

/// The kernel settings by which a namespace forwards.
const FORWARDS: [(&str, IpVersion); 3] = [
    ("net/ipv4/ip_forward", IpVersion::V4),
    ("net/ipv4/conf/all/forwarding", IpVersion::V4),
    ("net/ipv6/conf/all/forwarding", IpVersion::V6),
];

/// The routes of the host, each asked for by what says the network.
pub(crate) fn returns(
    links: &[Link],
    routes: &[RouteSetting<'_>],
    sysctls: &[Sourced<Sysctl>],
) -> Vec<Sourced<Route>> {
    let ways = ways(links);
    let mut found: Vec<Sourced<Route>> = Vec::new();
    if ways.is_empty() {
        return found;
    }
    for net in networks(links, routes, &ways) {
        let family = IpVersion::of(net.value.addr());
        let back = ways.iter().find_map(|way| back(way, &net));
        let known = |route: &Sourced<Route>| found.iter().any(|other| other == route);
        let back = back.filter(|route| forwards(sysctls, family) && !known(route));
        found.extend(back);
    }
    found
}

fn forwards(sysctls: &[Sourced<Sysctl>], family: IpVersion) -> bool {
    let keys = FORWARDS.iter().filter(|(_, of)| *of == family);
    let on = |key: &str| {
        let mut all = sysctls.iter().map(|sysctl| &sysctl.value);
        all.any(|sysctl| sysctl.key.path() == key && sysctl.value != "0")
    };
    keys.map(|(key, _)| *key).any(on)
}

/// The networks that are reached through the namespace alone, those of its ways out left out.
fn networks(links: &[Link], routes: &[RouteSetting<'_>], ways: &[Way<'_>]) -> Vec<Sourced<IpNet>> {
    let places = places(links);
    let is_behind = |link: &&Link| is_behind(link, links, &places);
    let behind: Vec<&Link> = links.iter().filter(is_behind).collect();
    let names: BTreeSet<&LinkName> = behind.iter().map(|link| &link.name.value).collect();
    let addresses = behind.iter().flat_map(|link| &link.addresses);
    let own = addresses
        .filter(|a| !a.value.is_kernels())
        .map(|a| a.with(a.value.network()));
    let is_over = |dev: &LinkName| names.contains(dev);
    let farther = routes.iter().map(|said| &said.route).filter(|route| {
        let Route {
            kind, dst, table, ..
        } = &route.value;
        *kind == RouteKind::Unicast
            && *table == Route::MAIN
            && dst.prefix_len() > 0
            && route.value.links().all(is_over)
    });
    let farther = farther.map(|route| route.with(route.value.dst));
    let is_way = |net: &Sourced<IpNet>| {
        let mut ends = ways.iter().flat_map(|way| &way.end.addresses);
        ends.any(|end| end.value.network().contains(&net.value))
    };
    own.chain(farther).filter(|net| !is_way(net)).collect()
}

/// Only the namespace leads to what is on it. A card, and what lies on one, is in a network
/// that the host may be in, too; so is the other end of a veth to the host. A tunnel leads
/// to others' networks, or to half the world (`0.0.0.0/1`): the host is not to be drawn in.
fn is_behind(link: &Link, links: &[Link], places: &Places<'_>) -> bool {
    let here = link.netns == Netns::This;
    here && holder(link, places).name == link.name
        && match &link.kind {
            Kind::Veth { peer } => peer.as_ref().is_some_and(|peer| peer.netns != Netns::Host),
            Kind::Virtual(spec) => match spec.of.word {
                "tap" | "dummy" => true,
                "bridge" => {
                    let ports = links
                        .iter()
                        .filter(|port| port.master.as_ref() == Some(&link.name));
                    { ports }
                        .filter(|port| port.netns == link.netns)
                        .all(is_of_its_own)
                }
                _ => false,
            },
            _ => false,
        }
}

/// A port of a bridge by which nobody is reached who is on a network of the host's.
fn is_of_its_own(port: &Link) -> bool {
    match &port.kind {
        Kind::Veth { peer } => peer.as_ref().is_some_and(|peer| peer.netns != Netns::Host),
        Kind::Virtual(spec) => matches!(spec.of.word, "tap" | "dummy"),
        _ => false,
    }
}

/// By the address inside that the host reaches over this way.
fn back(way: &Way<'_>, net: &Sourced<IpNet>) -> Option<Sourced<Route>> {
    let is_near = |ip| {
        way.end
            .addresses
            .iter()
            .any(|end| end.value.network().contains(&ip))
    };
    let of_family = |ip: std::net::IpAddr| ip.is_ipv4() == net.value.addr().is_ipv4();
    let mut inside = way.addresses().map(|a| a.value.ip());
    let via = inside.find(|ip| of_family(*ip) && is_near(*ip))?;
    let text = format!("{} via {via} dev {}", net.value, way.end.name);
    let route = Route::parse(&text, &Names::default()).ok()?;
    Some(net.with(Route {
        netns: Netns::Host,
        ..route
    }))
}
