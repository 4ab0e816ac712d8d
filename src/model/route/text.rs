//! The text of a route in, the route as the kernel would hold it out; and back again.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{Names, Route, RouteError, RouteKind, is_v4};
use crate::name::LinkName;

/// Words of ip-route(8) that this version does not know what to do with.
const NOT_BUILT: [&str; 32] = [
    "advmss",
    "anycast",
    "as",
    "broadcast",
    "congctl",
    "cwnd",
    "dsfield",
    "encap",
    "expires",
    "fastopen_no_cookie",
    "features",
    "from",
    "hoplimit",
    "initcwnd",
    "initrwnd",
    "local",
    "lock",
    "multicast",
    "nat",
    "nexthop",
    "nhid",
    "pref",
    "quickack",
    "realms",
    "reordering",
    "rto_min",
    "rtt",
    "rttvar",
    "ssthresh",
    "throw",
    "tos",
    "window",
];

/// linux/rtnetlink.h; the kernel knows them by number alone.
const TABLES: [(&str, u32); 3] = [("default", 253), ("main", 254), ("local", 255)];
const SCOPES: [(&str, u32); 5] = [
    ("global", 0),
    ("site", 200),
    ("link", 253),
    ("host", 254),
    ("nowhere", 255),
];
const PROTOS: [(&str, u32); 21] = [
    ("redirect", 1),
    ("kernel", 2),
    ("boot", 3),
    ("static", 4),
    ("gated", 8),
    ("ra", 9),
    ("mrt", 10),
    ("zebra", 11),
    ("bird", 12),
    ("dnrouted", 13),
    ("xorp", 14),
    ("ntk", 15),
    ("dhcp", 16),
    ("keepalived", 18),
    ("babel", 42),
    ("openr", 99),
    ("bgp", 186),
    ("isis", 187),
    ("ospf", 188),
    ("rip", 189),
    ("eigrp", 192),
];

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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

type Words<'a> = std::vec::IntoIter<&'a str>;

/// The names that are the same everywhere, and those of this machine.
type Known<'a> = (&'a [(&'a str, u32)], &'a [(String, u32)]);

pub(super) fn parse(text: &str, names: &Names) -> Result<Route, RouteError> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let mut words = words.into_iter();
    let mut dst = words.next().unwrap_or_default();
    let mut kind = RouteKind::Unicast;
    if let Some((_, found)) = RouteKind::WORDS.iter().find(|(known, _)| *known == dst) {
        kind = *found;
        dst = words.next().unwrap_or_default();
    }
    if dst == "to" {
        dst = words.next().unwrap_or_default();
    }
    let said = options(words, names)?;
    let dst = destination(dst, &said)?;
    assemble(kind, dst, said)
}

fn options(mut words: Words<'_>, names: &Names) -> Result<Said, RouteError> {
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
                let metric = number(word, value(word, &mut words)?, u32::MAX)?;
                once(word, &mut said.metric, metric)?;
            }
            "table" => {
                let known = (&TABLES[..], &names.tables[..]);
                let table = named(word, value(word, &mut words)?, known, u32::MAX)?;
                if table == 0 {
                    return wrong(
                        ": table 0 is no table",
                        "expected a name, or a number from 1; 254 is main",
                    );
                }
                once(word, &mut said.table, table)?;
            }
            "scope" => {
                let scope = named(word, value(word, &mut words)?, (&SCOPES, &[]), 255)?;
                once(word, &mut said.scope, scope as u8)?;
            }
            "proto" | "protocol" => {
                let known = (&PROTOS[..], &names.protos[..]);
                let proto = named(word, value(word, &mut words)?, known, 255)?;
                if proto == 0 {
                    return wrong(": proto 0 is nobody", "expected a name, or a number from 1");
                }
                once(word, &mut said.proto, proto as u8)?;
            }
            "mtu" => {
                let text = value(word, &mut words)?;
                if text == "lock" {
                    return not_built("mtu lock");
                }
                let mtu = number(word, text, 65520)?;
                if mtu < 68 {
                    return wrong(
                        format!(": mtu {mtu} is too small"),
                        "expected 68 to 65520 bytes, the kernel's limits",
                    );
                }
                once(word, &mut said.mtu, mtu)?;
            }
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

fn assemble(kind: RouteKind, dst: IpNet, said: Said) -> Result<Route, RouteError> {
    let mut route = Route::to(dst, kind);
    let v4 = is_v4(&dst);
    if kind != RouteKind::Unicast && (said.via.is_some() || said.dev.is_some()) {
        return wrong(
            format!(" is a {} route, which leads nowhere", kind.word()),
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
        if scope == 255 || (route.via.is_some() && scope >= Route::LINK) {
            return wrong(
                ": the scope is too narrow",
                "expected scope global or site behind a gateway, and not nowhere",
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

/// `default`, a prefix, or an address, which is a prefix of full length.
fn destination(text: &str, said: &Said) -> Result<IpNet, RouteError> {
    let no_bits = "expected the network";
    match text {
        "" => {
            return wrong(
                " has no destination",
                "expected default or a network first, such as default via 192.0.2.1",
            );
        }
        "default" | "any" | "all" => return Ok(default_of(said)),
        _ => {}
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    match text.parse::<IpNet>() {
        Ok(net) if net.trunc() == net => Ok(net),
        Ok(net) => wrong(
            format!(": {text} has bits set behind the prefix"),
            format!("{no_bits}; write {}", net.trunc()),
        ),
        Err(_) if NOT_BUILT.contains(&text) => not_built(text),
        Err(_) => match completed(text) {
            Some(net) => wrong(
                format!(": {text} is not a whole network"),
                format!("{no_bits}; write {net}"),
            ),
            None => wrong(
                format!(": \"{text}\" is not a destination"),
                "expected default, ADDRESS/PREFIX, or blackhole, unreachable or prohibit before it",
            ),
        },
    }
}

/// `10/8`, which ip(8) takes for `10.0.0.0/8`.
fn completed(text: &str) -> Option<IpNet> {
    let (address, prefix) = text.split_once('/')?;
    let missing = 3usize.checked_sub(address.matches('.').count())?;
    let address: Ipv4Addr = format!("{address}{}", ".0".repeat(missing)).parse().ok()?;
    Ipv4Net::new(address, prefix.parse().ok()?)
        .ok()
        .map(|net| IpNet::V4(net.trunc()))
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

fn family_of(address: &IpAddr) -> Family {
    if address.is_ipv4() {
        Family::V4
    } else {
        Family::V6
    }
}

/// `ADDRESS`, `inet ADDRESS` or `inet6 ADDRESS`.
fn via(words: &mut Words<'_>) -> Result<(Option<Family>, IpAddr), RouteError> {
    let word = value("via", words)?;
    let family = match word {
        "inet" => Family::V4,
        "inet6" => Family::V6,
        _ => return Ok((None, address("via", word)?)),
    };
    let address = address("via", value(word, words)?)?;
    match family_of(&address) == family {
        true => Ok((Some(family), address)),
        false => wrong(
            format!(": {address} is not an {word} address"),
            format!("expected via {word} and an address of that family"),
        ),
    }
}

fn dev(text: &str) -> Result<LinkName, RouteError> {
    text.parse().or_else(|why| {
        wrong(
            format!(": {text} is not a name for a link: {why}"),
            "expected the name of a link after dev",
        )
    })
}

fn address(word: &str, text: &str) -> Result<IpAddr, RouteError> {
    let remedy = match text.parse::<IpNet>() {
        Ok(net) => format!("write {word} {}", net.addr()),
        Err(_) => format!("expected an address after {word}, such as 192.0.2.1 or 2001:db8::1"),
    };
    let error = format!(": \"{text}\" is not an address");
    text.parse::<Ipv4Addr>()
        .map(IpAddr::from)
        .or_else(|_| text.parse::<Ipv6Addr>().map(IpAddr::from))
        .or_else(|_| wrong(error, remedy))
}

/// A number as one writes it: ip(8) would take `010` for 8.
fn number(word: &str, text: &str, most: u32) -> Result<u32, RouteError> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    match text.parse() {
        Ok(number) if plain && number <= most => Ok(number),
        _ => wrong(
            format!(": {word} \"{text}\" is not a number up to {most}"),
            format!("expected a decimal number after {word}, without leading zeros"),
        ),
    }
}

fn named(
    word: &str,
    text: &str,
    (everywhere, here): Known<'_>,
    most: u32,
) -> Result<u32, RouteError> {
    let everywhere = everywhere.iter().find(|(name, _)| *name == text);
    let here = here.iter().find(|(name, _)| name == text);
    match everywhere.map(|e| e.1).or(here.map(|e| e.1)) {
        Some(number) if number <= most => Ok(number),
        _ if text.starts_with(|c: char| c.is_ascii_digit()) => number(word, text, most),
        _ => wrong(
            format!(": {word} \"{text}\" is not known here"),
            format!("expected a number, or a name that ip(8) knows, after {word}"),
        ),
    }
}

fn value<'a>(word: &str, words: &mut Words<'a>) -> Result<&'a str, RouteError> {
    match words.next() {
        Some(value) => Ok(value),
        None => wrong(
            format!(" ends after {word}"),
            format!("expected a value after {word}"),
        ),
    }
}

fn once<T>(word: &str, field: &mut Option<T>, value: T) -> Result<(), RouteError> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => wrong(format!(" says {word} twice"), "keep one of the two"),
    }
}

fn not_built<T>(word: &str) -> Result<T, RouteError> {
    wrong(
        format!(": {word} is not built yet"),
        "this version knows via, dev, src, metric, table, scope, proto, mtu and onlink",
    )
}

fn wrong<T>(wrong: impl Into<String>, remedy: impl Into<String>) -> Result<T, RouteError> {
    let (wrong, remedy) = (wrong.into(), remedy.into());
    Err(RouteError { wrong, remedy })
}

impl FromStr for Route {
    type Err = RouteError;

    /// With the names that are the same everywhere.
    fn from_str(text: &str) -> Result<Self, RouteError> {
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
            write!(f, " scope {}", name_of(&SCOPES[..4], self.scope))?;
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
