//! Builds the routes of the host to the networks behind a namespace that forwards, through the veth
//! pair between the two. Without such a route, the host would send answers for a machine behind the
//! namespace to its own router.

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

/// The sysctls that enable forwarding in a namespace.
const FORWARDS: [(&str, IpVersion); 3] = [
    ("net/ipv4/ip_forward", IpVersion::V4),
    ("net/ipv4/conf/all/forwarding", IpVersion::V4),
    ("net/ipv6/conf/all/forwarding", IpVersion::V6),
];

/// The routes of the host, each with the origin of its network.
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

/// The networks that are reached only through the namespace, without those of the veth pairs to the
/// host.
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

/// Whether only the namespace leads to the network of the link. The host may be in the network of a
/// physical device, of a link on one, or of a veth to the host. A tunnel leads to networks of
/// others or to half the world (`0.0.0.0/1`), and the host must not use it.
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

/// Whether a bridge port leads to nothing that is in a network of the host.
fn is_of_its_own(port: &Link) -> bool {
    match &port.kind {
        Kind::Veth { peer } => peer.as_ref().is_some_and(|peer| peer.netns != Netns::Host),
        Kind::Virtual(spec) => matches!(spec.of.word, "tap" | "dummy"),
        _ => false,
    }
}

/// The route of the host to `net`, via the address inside that it reaches through this veth pair.
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
