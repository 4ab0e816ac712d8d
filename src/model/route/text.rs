//! The text of a route in, the route as the kernel would hold it out; and back again.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::words::{
    Family, NOT_BUILT, PROTOS, SCOPES, address, destination, family_of, not_built, via,
};
use super::{Names, Route, RouteKind, is_v4};
use crate::model::TextError;
use crate::model::words::{TABLES, Words, dev, named, number, once, value, wrong};
use crate::name::LinkName;

/// What the words say, before the family is known.
#[derive(Default)]
struct Said {
    via: Option<(Option<Family>, IpAddr)>,
    dev: Option<LinkName>,
    src: Option<IpAddr>,
    metric: Option<u32>,
    table: Option<u32>,
    scope: Option<u8>,
    proto: Option<u8>,
    mtu: Option<u32>,
    onlink: bool,
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
    let said = options(words, names)?;
    let dst = dst.unwrap_or_else(|| default_of(&said));
    assemble(kind.unwrap_or_default(), dst, said)
}

fn options(mut words: Words<'_>, names: &Names) -> Result<Said, TextError> {
    let mut said = Said::default();
    while let Some(word) = words.next() {
        match word {
            "via" => once(word, &mut said.via, via(&mut words)?)?,
            "dev" | "oif" => once(word, &mut said.dev, dev(value(word, &mut words)?)?)?,
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
            "onlink" => said.onlink = true,
            _ if NOT_BUILT.contains(&word) => return not_built(word),
            _ => {
                return wrong(
                    format!(": \"{word}\" is nothing that can be said of a route"),
                    "expected via, dev, src, metric, table, scope, proto, mtu or onlink, see ip-route(8)",
                );
            }
        }
    }
    Ok(said)
}

fn assemble(kind: RouteKind, dst: IpNet, said: Said) -> Result<Route, TextError> {
    let mut route = Route::to(dst, kind);
    let v4 = is_v4(&dst);
    if kind != RouteKind::Unicast && (said.via.is_some() || said.dev.is_some()) {
        return wrong(
            format!(" leads nowhere, as {} says", kind.word()),
            "take via and dev away",
        );
    }
    if said.onlink && said.via.is_none() {
        return wrong(
            " says onlink of no gateway",
            "add via ADDRESS, or take onlink away",
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
                format!(": {via} is IPv4, which leads no IPv6 packets"),
                "an IPv6 route needs an IPv6 gateway",
            );
        }
        if via.is_unspecified() || via.is_multicast() {
            return wrong(
                format!(": {via} is no gateway"),
                "expected the address of a router",
            );
        }
        route.via = Some(via);
        route.scope = 0;
    }
    if let Some(src) = said.src.filter(|src| src.is_ipv4() != v4) {
        return wrong(
            format!(": {src} is of the other family"),
            "expected an own address of the destination's family after src",
        );
    }
    if let Some(scope) = said.scope.filter(|_| v4) {
        if route.via.is_some() && scope >= Route::LINK {
            return wrong(
                " has a gateway, which scope link and scope host exclude",
                "take via away, or scope",
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
    Ok(route)
}

/// ip(8) takes the family of `default` from the first address that it finds.
fn default_of(said: &Said) -> IpNet {
    let via = said
        .via
        .map(|(family, via)| family.unwrap_or(family_of(&via)));
    match via.or(said.src.as_ref().map(family_of)) {
        Some(Family::V6) => IpNet::V6(Ipv6Net::default()),
        _ => IpNet::V4(Ipv4Net::default()),
    }
}

impl FromStr for Route {
    type Err = TextError;

    /// With the names that are the same everywhere.
    fn from_str(text: &str) -> Result<Self, TextError> {
        parse(text, &Names::default())
    }
}

/// What stands after `ip route add`, as short as possible: only what ip(8) and the
/// kernel would not fill in the same way.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unsaid = Route::to(self.dst, self.kind);
        let v4 = is_v4(&self.dst);
        if self.kind != RouteKind::Unicast {
            write!(f, "{} ", self.kind.word())?;
        }
        match (self.dst.prefix_len(), self.via) {
            // ip(8) takes `default` for the family of the gateway, or else for IPv4.
            (0, None) if v4 => f.write_str("default")?,
            (0, Some(via)) if via.is_ipv4() == v4 => f.write_str("default")?,
            _ => write!(f, "{}", self.dst)?,
        }
        match self.via {
            Some(via) if via.is_ipv6() && v4 => write!(f, " via inet6 {via}")?,
            Some(via) => write!(f, " via {via}")?,
            None => {}
        }
        if let Some(dev) = &self.dev {
            write!(f, " dev {dev}")?;
        }
        if let Some(src) = self.src {
            write!(f, " src {src}")?;
        }
        if self.metric != unsaid.metric {
            write!(f, " metric {}", self.metric)?;
        }
        if self.table != unsaid.table {
            write!(f, " table {}", self.table)?;
        }
        let unsaid_scope = if self.via.is_some() { 0 } else { unsaid.scope };
        if self.scope != unsaid_scope {
            write!(f, " scope {}", name_of(&SCOPES, self.scope))?;
        }
        if self.proto != unsaid.proto {
            write!(f, " proto {}", name_of(&PROTOS[..4], self.proto))?;
        }
        if let Some(mtu) = self.mtu {
            write!(f, " mtu {mtu}")?;
        }
        if self.onlink {
            f.write_str(" onlink")?;
        }
        Ok(())
    }
}

/// The name, if it is one that ip(8) knows without any file, or else the number.
fn name_of(names: &[(&str, u32)], number: u8) -> String {
    let found = names.iter().find(|(_, n)| *n == u32::from(number));
    found.map_or(number.to_string(), |(name, _)| (*name).into())
}
