//! Parses the words of a route: addresses, numbers and names, each with its errors.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

use super::Preference;
use crate::model::TextError;
use crate::model::names::Names;
use crate::model::parse::{Words, value, wrong};

/// Words of ip-route(8) that are not supported.
pub(super) const NOT_BUILT: [&str; 27] = [
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
    "local",
    "lock",
    "multicast",
    "nat",
    "nhid",
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

/// The scopes of linux/rtnetlink.h. The kernel itself only knows the numbers.
pub(super) const SCOPES: [(&str, u32); 4] =
    [("global", 0), ("site", 200), ("link", 253), ("host", 254)];
pub(super) const PROTOS: [(&str, u32); 21] = [
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

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// The words that can only follow a destination.
const OPTIONS: [&str; 9] = [
    "via", "dev", "src", "metric", "table", "scope", "mtu", "onlink", "nexthop",
];

/// A network, or an address, which is a network with a full-length prefix. `None` for `default`.
pub(super) fn destination(text: &str) -> Result<Option<IpNet>, TextError> {
    let expected = "expected the network";
    if text == "default" {
        return Ok(None);
    }
    if text.is_empty() || OPTIONS.contains(&text) {
        return wrong(
            " has no destination",
            "expected default or a network first, such as default via 192.0.2.1",
        );
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Some(IpNet::from(address)));
    }
    match text.parse::<IpNet>() {
        Ok(net) if net.trunc() == net => Ok(Some(net)),
        Ok(net) => wrong(
            format!(": {text} has bits set after the prefix"),
            format!("{expected}; write {}", net.trunc()),
        ),
        Err(_) if NOT_BUILT.contains(&text) => not_built(text),
        Err(_) => match completed(text) {
            Some(net) => wrong(
                format!(": {text} is not a complete network"),
                format!("{expected}; write {net}"),
            ),
            None => wrong(
                format!(": \"{text}\" is not a destination"),
                "expected default, ADDRESS/PREFIX, or blackhole, unreachable or prohibit before it",
            ),
        },
    }
}

/// Complete `10/8`, which ip(8) reads as `10.0.0.0/8`.
fn completed(text: &str) -> Option<IpNet> {
    let (address, prefix) = text.split_once('/')?;
    let missing = 3usize.checked_sub(address.matches('.').count())?;
    let address: Ipv4Addr = format!("{address}{}", ".0".repeat(missing)).parse().ok()?;
    Ipv4Net::new(address, prefix.parse().ok()?)
        .ok()
        .map(|net| IpNet::V4(net.trunc()))
}

pub(super) fn family_of(address: &IpAddr) -> Family {
    if address.is_ipv4() {
        Family::V4
    } else {
        Family::V6
    }
}

/// Parse `ADDRESS`, `inet ADDRESS` or `inet6 ADDRESS`.
pub(super) fn via(words: &mut Words<'_>) -> Result<(Option<Family>, IpAddr), TextError> {
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

pub(super) fn address(word: &str, text: &str) -> Result<IpAddr, TextError> {
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

pub(super) fn not_built<T>(word: &str) -> Result<T, TextError> {
    wrong(
        format!(": {word} is not supported yet"),
        "this version knows via, dev, src, metric, table, vrf, scope, proto, mtu, advmss, initcwnd, initrwnd, pref, onlink and nexthop",
    )
}

/// The table of a VRF of the namespace.
pub(super) fn vrf(words: &mut Words<'_>, names: &Names) -> Result<u32, TextError> {
    let name = value("vrf", words)?;
    match names.vrfs.iter().find(|(vrf, _)| vrf == name) {
        Some((_, table)) => Ok(*table),
        None => wrong(
            format!(": {name} is not a vrf of this namespace"),
            "expected a link with type_IF=vrf and table_IF after vrf",
        ),
    }
}

pub(super) fn preference(words: &mut Words<'_>) -> Result<Preference, TextError> {
    let text = value("pref", words)?;
    match Preference::WORDS.iter().find(|(word, _)| *word == text) {
        Some((_, pref)) => Ok(*pref),
        None => wrong(
            format!(": pref {text} is not possible"),
            "expected low, medium or high after pref",
        ),
    }
}
