//! Whether the kernel could take the routes: each gateway in a network of its link,
//! each own address one that is there.

use std::net::IpAddr;

use super::RouteSetting;
use crate::model::build::where_said;
use crate::model::link::type_table::OptionValue;
use crate::model::{Address, Link, Netns, Route, RouteKind};
use crate::name::LinkName;
use crate::source::{Position, Problem};

/// `unread` are the links whose addresses could not all be read: what may be theirs is
/// left alone, since it has its problem already.
pub(crate) fn check(
    links: &[Link],
    unread: &[LinkName],
    routes: &[RouteSetting<'_>],
    problems: &mut Vec<Problem>,
) {
    let inside = links.iter().filter(|link| link.at == Netns::This);
    let inside: Vec<&Link> = inside.collect();
    // What the host has, it knows alone
    let inside_routes = |said: &&RouteSetting<'_>| said.route.value.at == Netns::This;
    for said in routes.iter().filter(inside_routes) {
        let known = !said.route.value.links().any(|dev| unread.contains(dev));
        let ways = said.route.value.ways().into_iter().map(|way| Route {
            dev: way.dev,
            via: way.via,
            onlink: way.onlink,
            ..said.route.value.clone()
        });
        let found = { ways }
            .find_map(|way| gateway(said, &way, &inside, routes))
            .filter(|_| known)
            .or_else(|| source(said, &inside).filter(|_| unread.is_empty()))
            .or_else(|| made_by_the_kernel(said, &inside));
        problems.extend(found);
    }
}

fn gateway(
    said: &RouteSetting<'_>,
    route: &Route,
    links: &[&Link],
    routes: &[RouteSetting<'_>],
) -> Option<Problem> {
    let via = route.via?;
    let dev = links
        .iter()
        .find(|link| Some(&link.name.value) == route.dev.as_ref())?;
    let own = links.iter().flat_map(|link| &link.addresses);
    if let Some(own) = own.clone().find(|address| address.value.ip() == via) {
        return Some(said.piece.problem(
            format!(": {via} is an own address of this namespace"),
            format!(
                "expected the router's address; {via} is said in {}",
                where_said(own, Some(&said.piece.asked.place))
            ),
        ));
    }
    let networks = || {
        dev.addresses
            .iter()
            .filter(|a| a.value.network().contains(&via))
    };
    if let Some(network) = networks().find(|a| is_broadcast(&a.value, via)) {
        return Some(said.piece.problem(
            format!(
                ": {via} is the broadcast address of {}",
                network.value.network()
            ),
            "expected the router's address".to_string(),
        ));
    }
    let link_local = matches!(via, IpAddr::V6(v6) if v6.is_unicast_link_local());
    if route.onlink || link_local || networks().next().is_some() || on_the_link(route, via, routes)
    {
        return None;
    }
    let elsewhere = own
        .clone()
        .find(|address| address.value.network().contains(&via));
    if let Some(other) = elsewhere {
        let link = links.iter().find(|link| link.addresses.contains(other))?;
        let (name, suffix) = (&link.name, link.name.value.suffix());
        return Some(said.piece.problem(
            format!(": {via} is in a network of {name}, not of {}", dev.name),
            format!("say so under routes_{suffix}, or write dev {name} here"),
        ));
    }
    Some(said.piece.problem(
        format!(": {via} is in none of the networks of {}", dev.name),
        networks_of(dev, via.is_ipv4(), &said.piece.asked.place),
    ))
}

/// Where a gateway of this family could be.
fn networks_of(dev: &Link, v4: bool, from: &Position) -> String {
    let addresses = dev
        .addresses
        .iter()
        .filter(|a| a.value.ip().is_ipv4() == v4);
    let networks =
        addresses.map(|a| format!("{} ({})", a.value.network(), where_said(a, Some(from))));
    let networks: Vec<String> = networks.collect();
    if networks.is_empty() {
        let (name, suffix) = (&dev.name, dev.name.value.suffix());
        let family = if v4 { "IPv4" } else { "IPv6" };
        return format!(
            "{name} has no {family} address; give it one in config_{suffix}, or say onlink"
        );
    }
    format!(
        "expected an address in {}; correct one of the two, or say onlink",
        networks.join(" or ")
    )
}

/// Another route without a gateway leads to it, over the same link: the kernel looks in
/// the table of the route, then in all, and takes no gateway that is farther than the
/// link.
fn on_the_link(route: &Route, via: IpAddr, routes: &[RouteSetting<'_>]) -> bool {
    routes.iter().map(|said| &said.route.value).any(|other| {
        other.kind == RouteKind::Unicast
            && other.via.is_none()
            && other.dev == route.dev
            && (other.table == route.table || other.table == Route::MAIN)
            && (other.scope >= Route::LINK || via.is_ipv6())
            && other.dst.contains(&via)
    })
}

fn source(said: &RouteSetting<'_>, links: &[&Link]) -> Option<Problem> {
    let src = said.route.value.src?;
    let mut own = links.iter().flat_map(|link| &link.addresses);
    if src.is_loopback() || own.any(|address| address.value.ip() == src) {
        return None;
    }
    Some(said.piece.problem(
        format!(": {src} is not an address of this namespace"),
        "expected one of its own addresses after src; add it to config, or take src away",
    ))
}

/// With an address the kernel makes a route to its network, and takes no second one
/// that is just like it. (For IPv6 the two differ in their metric.)
fn made_by_the_kernel(said: &RouteSetting<'_>, links: &[&Link]) -> Option<Problem> {
    let route = &said.route.value;
    if route.metric != 0 || route.dst.prefix_len() == 32 {
        return None;
    }
    let there = links
        .iter()
        .filter(|link| table_of(link, links) == route.table);
    let mut addresses = there.flat_map(|link| &link.addresses);
    let address = addresses.find(|a| a.value.network() == route.dst)?;
    Some(said.piece.problem(
        format!(": the kernel makes this route itself, for {address}"),
        format!(
            "take the line away ({}), or give it a metric",
            where_said(address, Some(&said.piece.asked.place))
        ),
    ))
}

/// The table that the kernel puts a link's own routes into.
fn table_of(link: &Link, links: &[&Link]) -> u32 {
    let is_master = |other: &&&Link| link.master.as_ref() == Some(&other.name);
    let master = links.iter().find(is_master);
    match master.and_then(|master| master.kind.made()?.get("table")) {
        Some(OptionValue::Number(table)) => table,
        _ => Route::MAIN,
    }
}

fn is_broadcast(address: &Address, ip: IpAddr) -> bool {
    let net = address.network();
    ip.is_ipv4() && net.prefix_len() < 31 && ip == net.broadcast()
}
