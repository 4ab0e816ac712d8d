//! Formats a saved message as the ip(8) command with the same effect, as far as ip(8) can express
//! it.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::libc::{NTF_PROXY, RTA_MULTIPATH};

use super::{NEIGHBOUR, NEXTHOP, ROUTE, RTA_NH_ID};
use crate::kernel::netlink::attr::{each, find};
use crate::model::{Verbatim, VerbatimKind};

const INET6: u8 = 10;
const ONLINK: u8 = 4;
/// RTN_*, linux/rtnetlink.h.
const KINDS: [(u8, &str); 9] = [
    (2, "local"),
    (3, "broadcast"),
    (4, "anycast"),
    (5, "multicast"),
    (6, "blackhole"),
    (7, "unreachable"),
    (8, "prohibit"),
    (9, "throw"),
    (10, "nat"),
];

/// The arguments of `ip`.
pub(crate) fn command(kept: &Verbatim) -> String {
    match kept.kind {
        VerbatimKind::Nexthop => nexthop(kept),
        VerbatimKind::Route => route(kept),
        VerbatimKind::Neighbour => neighbour(kept),
    }
}

fn nexthop(kept: &Verbatim) -> String {
    let body = &kept.body;
    let of = |kind| find(body, NEXTHOP, kind);
    let number = |kind| of(kind).and_then(first_u32);
    let mut text = format!("nexthop replace id {}", number(1).unwrap_or_default());
    if let Some(group) = of(2) {
        let entry = |entry: &[u8]| {
            let weight = u32::from(*entry.get(4)?) + 1;
            Some(format!("{},{weight}", first_u32(entry)?))
        };
        let entries: Vec<_> = group.chunks(8).filter_map(entry).collect();
        let _ = write!(text, " group {}", entries.join("/"));
    }
    if let Some(via) = of(6).and_then(ip) {
        let _ = write!(text, " via {via}");
    }
    dev(&mut text, kept);
    if body.get(4).is_some_and(|flags| flags & ONLINK != 0) {
        text += " onlink";
    }
    text
}

fn route(kept: &Verbatim) -> String {
    let body = &kept.body;
    let of = |kind| find(body, ROUTE, kind);
    let byte = |at: usize| body.get(at).copied().unwrap_or_default();
    let mut text = String::from(if byte(0) == INET6 {
        "-6 route add"
    } else {
        "route add"
    });
    if let Some((_, kind)) = KINDS.iter().find(|(kind, _)| *kind == byte(7)) {
        let _ = write!(text, " {kind}");
    }
    let _ = match of(1).and_then(ip) {
        Some(to) => write!(text, " {to}/{}", byte(1)),
        None => write!(text, " default"),
    };
    if byte(3) != 0 {
        let _ = write!(text, " tos {:#x}", byte(3));
    }
    if let Some(id) = of(RTA_NH_ID).and_then(first_u32) {
        let _ = write!(text, " nhid {id}");
    }
    // LWTUNNEL_ENCAP_*, linux/lwtunnel.h
    if let Some([kind, _]) = of(21).and_then(|kind| kind.first_chunk()) {
        let words = [
            "none",
            "mpls",
            "ip",
            "ila",
            "ip6",
            "seg6",
            "bpf",
            "seg6local",
        ];
        let word = words.get(usize::from(*kind)).unwrap_or(&"…");
        let _ = write!(text, " encap {word} …");
    }
    if let Some(via) = of(5).and_then(ip) {
        let _ = write!(text, " via {via}");
    }
    match of(RTA_MULTIPATH) {
        Some(_) => text += " nexthop …",
        None => dev(&mut text, kept),
    }
    if let Some(src) = of(7).and_then(ip) {
        let _ = write!(text, " src {src}");
    }
    for (word, number) in [("metric", of(6)), ("realm", of(11))] {
        if let Some(number) = number.and_then(first_u32) {
            let _ = write!(text, " {word} {number}");
        }
    }
    let table = of(15).and_then(first_u32).unwrap_or(byte(4).into());
    if table != 254 {
        let _ = write!(text, " table {table}");
    }
    let _ = write!(text, " proto {}", byte(5));
    if of(8).is_some_and(|metrics| each(metrics).next().is_some()) {
        text += " …";
    }
    text
}

fn neighbour(kept: &Verbatim) -> String {
    let body = &kept.body;
    let to = find(body, NEIGHBOUR, 1).and_then(ip);
    let to = to.map_or_else(String::new, |to| to.to_string());
    let proxy = body.get(10).is_some_and(|flags| flags & NTF_PROXY != 0);
    let mut text = String::from("neighbour replace");
    let _ = write!(text, "{} {to}", if proxy { " proxy" } else { "" });
    if let Some(mac) = find(body, NEIGHBOUR, 2).filter(|_| !proxy) {
        let bytes: Vec<_> = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        let _ = write!(text, " lladdr {}", bytes.join(":"));
    }
    dev(&mut text, kept);
    if !proxy {
        text += " nud permanent";
    }
    text
}

fn dev(text: &mut String, kept: &Verbatim) {
    if let [(_, link)] = &kept.links[..] {
        let _ = write!(text, " dev {link}");
    }
}

fn first_u32(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(Ipv4Addr::from(*bytes.first_chunk::<4>()?).into()),
        16 => Some(Ipv6Addr::from(*bytes.first_chunk::<16>()?).into()),
        _ => None,
    }
}
