//! Checks whether the kernel would accept the routes: each gateway must be in a network of its
//! link, and each source address must exist.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::RouteSetting;
use crate::model::build::networks::Networks;
use crate::model::build::where_said;
use crate::model::{Address, Link, Netns, Route, RouteKind};
use crate::name::LinkName;
use crate::source::{Position, Problem, Sourced};

/// How many networks of a link a message lists. A link may have thousands.
const LISTED: usize = 4;

/// Report routes that the kernel would not accept. `unread` are the links whose addresses are not
/// all known: routes that may need these addresses are not reported.
pub(crate) fn check(
    links: &[Link],
    unread: &[LinkName],
    routes: &[RouteSetting<'_>],
    problems: &mut Vec<Problem>,
) {
    let index = Index::of(links, routes);
    // Only the host knows its own addresses and routes
    let inside_routes = |said: &&RouteSetting<'_>| said.route.value.netns == Netns::This;
    for said in routes.iter().filter(inside_routes) {
        let known = !said.route.value.links().any(|dev| unread.contains(dev));
        let ways = said.route.value.ways().into_iter().map(|way| Route {
            dev: way.dev,
            via: way.via,
            onlink: way.onlink,
            ..said.route.value.clone()
        });
        let found = { ways }
            .find_map(|way| gateway(said, &way, &index))
            .filter(|_| known)
            .or_else(|| source(said, &index).filter(|_| unread.is_empty()))
            .or_else(|| made_by_the_kernel(said, &index));
        problems.extend(found);
    }
}

/// An address, and the link that has it.
type Own<'a> = (&'a Link, &'a Sourced<Address>);

/// The links and addresses inside, indexed for the checks of each route.
#[derive(Default)]
struct Index<'a> {
    links: BTreeMap<&'a LinkName, &'a Link>,
    addresses: BTreeMap<IpAddr, &'a Sourced<Address>>,
    /// The networks of each link, where a gateway may be.
    networks: BTreeMap<&'a LinkName, Networks<Own<'a>>>,
    all_networks: Networks<Own<'a>>,
    /// The networks to which the kernel itself creates a route, by table.
    made: BTreeMap<(u32, IpNet), &'a Sourced<Address>>,
    /// The destinations of routes without a gateway, by link and table. The first entry has the
    /// routes of scope link or narrower, the second one has the others.
    on_link: BTreeMap<(Option<&'a LinkName>, u32), [Networks<()>; 2]>,
}

impl<'a> Index<'a> {
    fn of(links: &'a [Link], routes: &'a [RouteSetting<'_>]) -> Self {
        let inside = || links.iter().filter(|link| link.netns == Netns::This);
        let mut index = Index::default();
        for link in inside() {
            index.links.entry(&link.name.value).or_insert(link);
        }
        for link in inside() {
            let table = table_of(link, &index.links);
            for address in &link.addresses {
                let (ip, network) = (address.value.ip(), address.value.network());
                index.addresses.entry(ip).or_insert(address);
                index.made.entry((table, network)).or_insert(address);
                index.all_networks.add(network, (link, address));
                let of_link = index.networks.entry(&link.name.value).or_default();
                of_link.add(network, (link, address));
            }
        }
        for route in routes.iter().map(|said| &said.route.value) {
            if route.kind == RouteKind::Unicast && route.via.is_none() {
                let key = (route.dev.as_ref(), route.table);
                let far = usize::from(route.scope < Route::LINK);
                index.on_link.entry(key).or_default()[far].add(route.dst, ());
            }
        }
        index
    }

    /// Whether another route without a gateway leads to the gateway over the same link. The kernel
    /// looks in the table of the route, then in the main table. For IPv4 it only accepts a gateway
    /// that is directly on the link.
    fn is_on_link(&self, route: &Route, via: IpAddr) -> bool {
        [route.table, Route::MAIN].iter().any(|table| {
            let there = self.on_link.get(&(route.dev.as_ref(), *table));
            there.is_some_and(|[near, far]| {
                let far = via.is_ipv6() && far.with(via).next().is_some();
                far || near.with(via).next().is_some()
            })
        })
    }
}

fn gateway(said: &RouteSetting<'_>, route: &Route, index: &Index<'_>) -> Option<Problem> {
    let via = route.via?;
    let dev = *index.links.get(route.dev.as_ref()?)?;
    if let Some(own) = index.addresses.get(&via) {
        return Some(said.piece.problem(
            format!(": {via} is an address of this namespace itself"),
            format!(
                "expected the router's address; {via} is set in {}",
                where_said(own, Some(&said.piece.origin.place))
            ),
        ));
    }
    let of_dev = index.networks.get(&dev.name.value);
    let there = of_dev.into_iter().flat_map(|networks| networks.with(via));
    let there: Vec<_> = there.collect();
    if let Some((_, network)) = (there.iter()).find(|(_, a)| is_broadcast(&a.value, via)) {
        return Some(said.piece.problem(
            format!(
                ": {via} is the broadcast address of {}",
                network.value.network()
            ),
            "expected the router's address".to_string(),
        ));
    }
    let link_local = matches!(via, IpAddr::V6(v6) if v6.is_unicast_link_local());
    if route.onlink || link_local || !there.is_empty() || index.is_on_link(route, via) {
        return None;
    }
    if let Some((link, _)) = index.all_networks.with(via).next() {
        let (name, suffix) = (&link.name, link.name.value.suffix());
        return Some(said.piece.problem(
            format!(": {via} is in a network of {name}, not of {}", dev.name),
            format!("move the route to routes_{suffix}, or write dev {name} here"),
        ));
    }
    Some(said.piece.problem(
        format!(": {via} is in none of the networks of {}", dev.name),
        networks_of(dev, via.is_ipv4(), &said.piece.origin.place),
    ))
}

/// The hint with the networks in which a gateway of this family could be.
fn networks_of(dev: &Link, v4: bool, from: &Position) -> String {
    let addresses = dev
        .addresses
        .iter()
        .filter(|a| a.value.ip().is_ipv4() == v4);
    let more = addresses
        .clone()
        .nth(LISTED)
        .map(|_| "another of its networks".to_string());
    let networks = addresses.take(LISTED);
    let networks =
        networks.map(|a| format!("{} ({})", a.value.network(), where_said(a, Some(from))));
    let networks: Vec<String> = networks.chain(more).collect();
    if networks.is_empty() {
        let (name, suffix) = (&dev.name, dev.name.value.suffix());
        let family = if v4 { "IPv4" } else { "IPv6" };
        return format!(
            "{name} has no {family} address; give it one in config_{suffix}, or add onlink"
        );
    }
    format!(
        "expected an address in {}; correct one of the two, or add onlink",
        networks.join(" or ")
    )
}

fn source(said: &RouteSetting<'_>, index: &Index<'_>) -> Option<Problem> {
    let src = said.route.value.src?;
    if src.is_loopback() || index.addresses.contains_key(&src) {
        return None;
    }
    Some(said.piece.problem(
        format!(": {src} is not an address of this namespace"),
        "expected one of its own addresses after src; add it to config, or remove src",
    ))
}

/// Report a route that the kernel creates itself with an address: it accepts no second one that is
/// equal. (IPv6 routes differ in their metric.)
fn made_by_the_kernel(said: &RouteSetting<'_>, index: &Index<'_>) -> Option<Problem> {
    let route = &said.route.value;
    if route.metric != 0 || route.dst.prefix_len() == 32 {
        return None;
    }
    let address = index.made.get(&(route.table, route.dst))?;
    Some(said.piece.problem(
        format!(": the kernel makes this route itself, for {address}"),
        format!(
            "remove the line ({}), or give it a metric",
            where_said(address, Some(&said.piece.origin.place))
        ),
    ))
}

/// The table for the routes that the kernel creates for a link.
fn table_of(link: &Link, links: &BTreeMap<&LinkName, &Link>) -> u32 {
    let master = link
        .master
        .as_ref()
        .and_then(|master| links.get(&master.value));
    let table = master.and_then(|master| master.kind.spec()?.options.number("table"));
    table.unwrap_or(Route::MAIN)
}

fn is_broadcast(address: &Address, ip: IpAddr) -> bool {
    let net = address.network();
    ip.is_ipv4() && net.prefix_len() < 31 && ip == net.broadcast()
}
