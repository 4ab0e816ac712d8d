//! Parses the text of a route into the route that the kernel would have.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::words::{
    Family, NOT_BUILT, PROTOS, SCOPES, address, destination, family_of, not_built, preference, via,
    vrf,
};
use super::{Hop, Preference, Route, RouteKind, is_v4};
use crate::model::TextError;
use crate::model::names::Names;
use crate::model::parse::{TABLES, Words, dev, named, number, once, value, wrong};
use crate::name::LinkName;

/// The properties in the text, before the family is known.
#[derive(Default)]
struct RouteWords {
    via: Option<(Option<Family>, IpAddr)>,
    dev: Option<LinkName>,
    src: Option<IpAddr>,
    metric: Option<u32>,
    table: Option<u32>,
    scope: Option<u8>,
    proto: Option<u8>,
    mtu: Option<u32>,
    onlink: bool,
    advmss: Option<u32>,
    initcwnd: Option<u32>,
    initrwnd: Option<u32>,
    pref: Option<Preference>,
    hops: Vec<RouteWords>,
    weight: Option<u16>,
}

pub(super) fn parse(text: &str, names: &Names) -> Result<Route, TextError> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let mut words = words.into_iter();
    let mut next = || words.next().unwrap_or_default();
    let mut dst = next();
    if dst == "to" {
        dst = next();
    }
    let kind = RouteKind::WORDS.iter().find(|(word, _)| *word == dst);
    let kind = kind.map(|(_, kind)| *kind);
    if kind.is_some() {
        dst = next();
    }
    let dst = destination(dst)?;
    let mut said = options(words, names)?;
    said.table = said.table.or(names.unsaid_table);
    let dst = dst.unwrap_or_else(|| default_of(&said));
    assemble(kind.unwrap_or_default(), dst, said, names)
}

fn options(mut words: Words<'_>, names: &Names) -> Result<RouteWords, TextError> {
    let mut said = RouteWords::default();
    while let Some(word) = words.next() {
        match word {
            "via" => once(word, &mut said.via, via(&mut words)?)?,
            "dev" | "oif" => once(word, &mut said.dev, link(value(word, &mut words)?, names)?)?,
            "src" => once(
                word,
                &mut said.src,
                address(word, value(word, &mut words)?)?,
            )?,
            "metric" | "preference" | "priority" => {
                let metric = number(word, value(word, &mut words)?, 0, u32::MAX)?;
                once(word, &mut said.metric, metric)?;
            }
            "table" => {
                let known = (&TABLES[..], &names.tables[..]);
                let table = named(word, value(word, &mut words)?, known, (1, u32::MAX))?;
                once(word, &mut said.table, table)?;
            }
            "vrf" => once("table", &mut said.table, vrf(&mut words, names)?)?,
            "scope" => {
                let known = (&SCOPES[..], &[][..]);
                let scope = named(word, value(word, &mut words)?, known, (0, 254))?;
                once(word, &mut said.scope, scope as u8)?;
            }
            "proto" | "protocol" => {
                let known = (&PROTOS[..], &names.protos[..]);
                let proto = named(word, value(word, &mut words)?, known, (1, 255))?;
                once(word, &mut said.proto, proto as u8)?;
            }
            "mtu" => match value(word, &mut words)? {
                "lock" => return not_built("mtu lock"),
                text => once(word, &mut said.mtu, number(word, text, 68, 65520)?)?,
            },
            "advmss" => {
                let bytes = number(word, value(word, &mut words)?, 1, 65495)?;
                once(word, &mut said.advmss, bytes)?;
            }
            "initcwnd" => {
                let segments = number(word, value(word, &mut words)?, 1, u32::MAX)?;
                once(word, &mut said.initcwnd, segments)?;
            }
            "initrwnd" => {
                let segments = number(word, value(word, &mut words)?, 1, u32::MAX)?;
                once(word, &mut said.initrwnd, segments)?;
            }
            "pref" => once(word, &mut said.pref, preference(&mut words)?)?,
            "onlink" => said.onlink = true,
            // The rest of the line consists of paths
            "nexthop" => said.hops = hops(&mut words, names)?,
            _ if NOT_BUILT.contains(&word) => return not_built(word),
            _ => {
                return wrong(
                    format!(": \"{word}\" is not an option of a route"),
                    "expected via, dev, src, metric, table, scope, proto, mtu or onlink, see ip-route(8)",
                );
            }
        }
    }
    Ok(said)
}

fn link(text: &str, names: &Names) -> Result<LinkName, TextError> {
    let kept = names.as_kept.then(|| LinkName::of_kernel(text)).flatten();
    kept.map_or_else(|| dev(text), Ok)
}

/// Parse `via 192.0.2.1 dev eth1 weight 2 nexthop via …`.
fn hops(words: &mut Words<'_>, names: &Names) -> Result<Vec<RouteWords>, TextError> {
    let mut hops = vec![RouteWords::default()];
    while let Some(word) = words.next() {
        let Some(hop) = hops.last_mut() else { break };
        match word {
            "nexthop" => hops.push(RouteWords::default()),
            "via" => once(word, &mut hop.via, via(words)?)?,
            "dev" | "oif" => once(word, &mut hop.dev, link(value(word, words)?, names)?)?,
            "weight" => {
                let weight = number(word, value(word, words)?, 1, 256)?;
                once(word, &mut hop.weight, weight as u16)?;
            }
            "onlink" => hop.onlink = true,
            _ => {
                return wrong(
                    format!(": \"{word}\" is not an option of a nexthop"),
                    "expected via, dev, weight and onlink after nexthop, and everything else before it",
                );
            }
        }
    }
    match hops.len() {
        1 => wrong(
            " has one nexthop",
            "expected two or more; for one alone write its via and dev without nexthop",
        ),
        _ => Ok(hops),
    }
}

/// Build the route. The first path is stored in the route itself, the others are added.
fn assemble(
    kind: RouteKind,
    dst: IpNet,
    mut said: RouteWords,
    names: &Names,
) -> Result<Route, TextError> {
    if said.hops.is_empty() {
        return one_way(kind, dst, said);
    }
    if said.via.is_some() || said.dev.is_some() || said.onlink {
        return wrong(
            " has via, dev or onlink outside of nexthop",
            "expected them after each nexthop",
        );
    }
    let mut hops = std::mem::take(&mut said.hops).into_iter();
    if let Some(first) = hops.next() {
        (said.via, said.dev, said.onlink) = (first.via, first.dev, first.onlink);
        said.weight = first.weight;
    }
    let mut route = one_way(kind, dst, said)?;
    for hop in hops {
        let weight = hop.weight.unwrap_or(1);
        let way = one_way(kind, dst, hop)?;
        route.more.push(Hop {
            dev: way.dev,
            via: way.via,
            weight,
            onlink: way.onlink,
        });
    }
    let reaches = route.ways().iter().all(|way| way.via.is_some());
    if !(reaches || names.as_kept) {
        return wrong(
            " has a nexthop without a gateway",
            "expected via ADDRESS after each nexthop",
        );
    }
    Ok(route)
}

fn one_way(kind: RouteKind, dst: IpNet, said: RouteWords) -> Result<Route, TextError> {
    let mut route = Route::to(dst, kind);
    let v4 = is_v4(&dst);
    if kind != RouteKind::Unicast && (said.via.is_some() || said.dev.is_some()) {
        return wrong(
            format!(" discards packets, as {} says", kind.word()),
            "remove via and dev",
        );
    }
    if said.onlink && said.via.is_none() {
        return wrong(
            " has onlink but no gateway",
            "add via ADDRESS, or remove onlink",
        );
    }
    if let Some((family, via)) = said.via {
        let expected = family.unwrap_or(if v4 { Family::V4 } else { Family::V6 });
        if expected != family_of(&via) {
            let remedy = match via.is_ipv6() {
                true => format!("for an IPv6 gateway of an IPv4 route write via inet6 {via}"),
                false => "an IPv6 route needs an IPv6 gateway".into(),
            };
            return wrong(format!(": {via} is of the other family"), remedy);
        }
        if !v4 && via.is_ipv4() {
            return wrong(
                format!(": {via} is an IPv4 address, and the route is for IPv6"),
                "an IPv6 route needs an IPv6 gateway",
            );
        }
        if via.is_unspecified() || via.is_multicast() {
            return wrong(
                format!(": {via} is not a gateway"),
                "expected the address of a router",
            );
        }
        route.via = Some(via);
        route.scope = 0;
    }
    if let Some(src) = said.src.filter(|src| src.is_ipv4() != v4) {
        return wrong(
            format!(": {src} is of the other family"),
            "expected an address of this namespace, of the destination's family, after src",
        );
    }
    if let Some(scope) = said.scope.filter(|_| v4) {
        if route.via.is_some() && scope >= Route::LINK {
            return wrong(
                " has a gateway, which scope link and scope host exclude",
                "remove via or scope",
            );
        }
        route.scope = scope;
    }
    route.dev = said.dev;
    route.src = said.src;
    if let Some(metric) = said.metric.filter(|&metric| v4 || metric != 0) {
        route.metric = metric;
    }
    route.table = said.table.unwrap_or(route.table);
    route.proto = said.proto.unwrap_or(route.proto);
    route.mtu = said.mtu;
    route.onlink = said.onlink;
    route.weight = said.weight.unwrap_or(1);
    (route.advmss, route.initcwnd, route.initrwnd) = (said.advmss, said.initcwnd, said.initrwnd);
    if (v4 || kind != RouteKind::Unicast) && said.pref.is_some() {
        return wrong(
            " has pref, which is for IPv6 gateways",
            "use metric, or remove pref",
        );
    }
    route.pref = said.pref.unwrap_or_default();
    Ok(route)
}

/// The destination `default`. As in ip(8), the first address in the text determines its family.
fn default_of(said: &RouteWords) -> IpNet {
    let first = said.hops.first();
    let via = said
        .via
        .or(first.and_then(|hop| hop.via))
        .map(|(family, via)| family.unwrap_or(family_of(&via)));
    match via.or(said.src.as_ref().map(family_of)) {
        Some(Family::V6) => IpNet::V6(Ipv6Net::default()),
        _ => IpNet::V4(Ipv4Net::default()),
    }
}

impl FromStr for Route {
    type Err = TextError;

    /// Only names that are the same everywhere are known.
    fn from_str(text: &str) -> Result<Self, TextError> {
        parse(text, &Names::default())
    }
}
