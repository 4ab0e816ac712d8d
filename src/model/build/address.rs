//! Parses `config_IF` into addresses, and checks the addresses of all links against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ptr;

use super::{dhcp, place, problem, where_said};
use crate::conf::{Piece, Setting};
use crate::model::{Address, Kind, Link, Netns};
use crate::name::LinkName;
use crate::source::{Problem, Sourced};

/// The words that may follow an address, and whether each takes a value.
const WORDS: [(&str, bool); 6] = [
    ("peer", true),
    ("brd", true),
    ("broadcast", true),
    ("scope", true),
    ("noprefixroute", false),
    ("nodad", false),
];

/// The addresses that the setting lists, with their attributes. None for `null` or without a
/// setting. If an address lacks a prefix length, the hint suggests one: that of a single host if
/// `one_host` is set, as for tunnels.
pub(super) fn addresses(
    setting: Option<&Setting>,
    one_host: bool,
    problems: &mut Vec<Problem>,
) -> Vec<Sourced<Address>> {
    let words = setting.map(Setting::words).unwrap_or_default();
    let mut found: Vec<Sourced<Address>> = Vec::new();
    if let Some(problem) = not_taken(&words) {
        problems.push(problem);
        return found;
    }
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let text = with_what_follows(word, &mut rest);
        match word.text {
            "null" if words.len() == 1 => {}
            "null" => problems.push(word.problem(
                "is combined with something else",
                "expected null by itself, for no address, or addresses",
            )),
            "auto" if text == "auto" => {}
            "ra" | "slaac" => problems.push(word.problem(
                "is not an address",
                "write auto for the addresses that a router announces",
            )),
            // A DHCP client runs for it (`clients` of dhcp.rs)
            dhcp::WORD if word.origin.setting.starts_with("config_") => {}
            "dhcp" => problems.push(word.problem(
                "works only on the end inside the namespace",
                "expected addresses, such as 192.0.2.10/24",
            )),
            "dhcpv6" => problems.push(word.problem(
                "is not supported yet",
                "expected addresses, such as 192.0.2.10/24, auto, dhcp or null",
            )),
            _ => match text.parse::<Address>() {
                Ok(address) => match fault(&address) {
                    None => found.push(word.at(address)),
                    Some((wrong, remedy)) => problems.push(word.problem(wrong, remedy)),
                },
                Err(wrong) => problems.push(word.problem(wrong, better(word, one_host))),
            },
        }
    }
    found
}

/// The word `auto`, if the setting has it.
pub(super) fn auto(setting: Option<&Setting>) -> Option<Piece<'_>> {
    let words = setting.map(Setting::words).unwrap_or_default();
    words.into_iter().find(|word| word.text == "auto")
}

fn with_what_follows(word: &Piece<'_>, rest: &mut std::slice::Iter<'_, Piece<'_>>) -> String {
    let mut text = word.text.to_string();
    while let Some(next) = rest.as_slice().first() {
        let Some((_, more)) = WORDS.iter().find(|(word, _)| *word == next.text) else {
            break;
        };
        for piece in rest.by_ref().take(1 + usize::from(*more)) {
            text.push(' ');
            text.push_str(piece.text);
        }
    }
    text
}

/// Why no link should have this valid address, and a hint. `None` if it is fine.
fn fault(address: &Address) -> Option<(String, String)> {
    let (ip, net) = (address.ip(), address.net);
    let of_ipv4 = [
        ("brd", address.broadcast.is_some()),
        ("scope", address.scope.is_some()),
    ];
    if let Some((word, _)) = of_ipv4.iter().find(|(_, said)| *said && ip.is_ipv6()) {
        return Some((
            format!("has {word}, which IPv6 does not have"),
            format!("remove {word}"),
        ));
    }
    if address.nodad && ip.is_ipv4() {
        let wrong = "has nodad, which is for IPv6: IPv4 has no duplicate address detection";
        return Some((wrong.into(), "remove nodad".into()));
    }
    if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::from([255; 4]) {
        let remedy = "expected a unicast address".into();
        return Some(("is not an address that a link can have".into(), remedy));
    }
    let last = net.max_prefix_len() - net.prefix_len();
    if address.peer.is_some() {
        return None;
    }
    if last > 1 && ip == net.network() {
        let mut hosts = net.hosts();
        let host = hosts.next().filter(|host| *host != ip).or(hosts.next())?;
        let remedy = format!(
            "expected an address in it, such as {host}/{}",
            net.prefix_len()
        );
        return Some(("is the network itself".into(), remedy));
    }
    if last > 1 && ip.is_ipv4() && ip == net.broadcast() {
        let remedy = format!("expected another address of {}", net.trunc());
        return Some(("is the network's broadcast address".into(), remedy));
    }
    None
}

/// A hint with the address that was probably meant.
fn better(word: &Piece<'_>, one_host: bool) -> String {
    let expected = "expected ADDRESS/PREFIX";
    if let Ok(ip) = word.text.parse::<IpAddr>() {
        let prefix = match ip.is_ipv4() {
            true if one_host => 32,
            true => 24,
            false if one_host => 128,
            false => 64,
        };
        return format!("{expected}; {}", word.instead(&format!("{ip}/{prefix}")));
    }
    let prefix = |mask: &str| ipnet::ip_mask_to_prefix(mask.parse().ok()?).ok();
    let masked = word.text.split_once('/');
    if let Some((ip, Some(prefix))) = masked.map(|(ip, mask)| (ip, prefix(mask))) {
        return format!("{expected}; {}", word.instead(&format!("{ip}/{prefix}")));
    }
    format!("{expected}, such as 192.0.2.10/24 or 2001:db8::10/64, or null")
}

/// The problem for words of ip-address(8) and ifconfig(8) that are not supported. It is one problem
/// for the address and all of its words.
fn not_taken(words: &[Piece<'_>]) -> Option<Problem> {
    let more = [
        "netmask",
        "label",
        "dev",
        "metric",
        "home",
        "mngtmpaddr",
        "valid_lft",
        "preferred_lft",
    ];
    let at = words.iter().position(|word| more.contains(&word.text))?;
    let written = |n: usize| words.get(n).map(|word| word.text);
    let ip = at.checked_sub(1).and_then(written).unwrap_or("192.0.2.10");
    let mask = written(at + 1).and_then(|mask| mask.parse().ok());
    let prefix = mask.and_then(|mask| ipnet::ip_mask_to_prefix(mask).ok());
    let whole = match prefix.filter(|_| words[at].text == "netmask") {
        Some(prefix) => format!("{ip}/{prefix}"),
        None => "192.0.2.10/24".into(),
    };
    let expected =
        "expected ADDRESS/PREFIX, with peer, brd, scope, noprefixroute or nodad after it";
    Some(words[at].problem("is not an address", format!("{expected}, such as {whole}")))
}

/// The first link with each name, in each namespace.
type ByName<'a> = BTreeMap<(&'a Netns, &'a LinkName), &'a Link>;

/// Check the addresses of all links against each other and against the MTUs.
pub(super) fn check(links: &[Link], problems: &mut Vec<Problem>) {
    let mut by_name = ByName::new();
    for link in links {
        by_name
            .entry((&link.netns, &link.name.value))
            .or_insert(link);
    }
    let mut said = BTreeMap::new();
    for link in links {
        twice_on_one(link, problems);
        scopes(link, problems);
        on_two(link, vrf(link, &by_name), &mut said, problems);
        too_small_for_ipv6(link, problems);
    }
}

fn twice_on_one(link: &Link, problems: &mut Vec<Problem>) {
    let mut before = BTreeSet::new();
    for address in &link.addresses {
        if !before.insert(address.value.ip()) {
            problems.push(problem(
                address,
                format!("gives {} this address a second time", link.name),
                "expected each address once; remove one of the two".into(),
            ));
        }
    }
}

/// All addresses of a link in one network must have the same scope.
fn scopes(link: &Link, problems: &mut Vec<Problem>) {
    let scope = |a: &Address| a.scope.unwrap_or(a.unsaid_scope());
    let mut first = BTreeMap::new();
    for address in &link.addresses {
        let other = first.entry(address.value.network()).or_insert(address);
        if scope(&other.value) != scope(&address.value) {
            problems.push(problem(
                address,
                "has another scope than an address of the same network".into(),
                format!("give both one scope; {} is the other", other.value.ip()),
            ));
        }
    }
}

/// The VRF that a link belongs to, directly or through its masters. Each VRF has addresses of its
/// own.
fn vrf<'a>(link: &'a Link, by_name: &ByName<'a>) -> Option<&'a LinkName> {
    let mut link = link;
    // The longest possible chain is a port of a bond of a bridge of a VRF. A link that is its own
    // master is reported elsewhere.
    for _ in 0..4 {
        if matches!(&link.kind, Kind::Virtual(spec) if spec.of.word == "vrf") {
            return Some(&link.name.value);
        }
        let master = &link.master.as_ref()?.value;
        link = by_name.get(&(&link.netns, master))?;
    }
    None
}

/// The first link that has an address, for each namespace, VRF and address.
type FirstOf<'a> =
    BTreeMap<(&'a Netns, Option<&'a LinkName>, IpAddr), (&'a Link, &'a Sourced<Address>)>;

/// Several links may have the same address only if its prefix is that of a single host, or if it is
/// link-local.
fn on_two<'a>(
    link: &'a Link,
    vrf: Option<&'a LinkName>,
    said: &mut FirstOf<'a>,
    problems: &mut Vec<Problem>,
) {
    let networked = |a: &&Sourced<Address>| a.value.net.prefix_len() < a.value.net.max_prefix_len();
    let of_the_link = |a: &Sourced<Address>| match a.value.ip() {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    for address in link.addresses.iter().filter(networked) {
        let first = said.entry((&link.netns, vrf, address.value.ip()));
        let (one, other) = *first.or_insert((link, address));
        if !ptr::eq(one, link) && !of_the_link(address) {
            problems.push(problem(
                address,
                format!("is already an address of {}", one.name),
                format!(
                    "expected another one than that of {}",
                    where_said(other, place(address))
                ),
            ));
        }
    }
}

fn too_small_for_ipv6(link: &Link, problems: &mut Vec<Problem>) {
    let is_small = link.attributes.number("mtu").is_some_and(|mtu| mtu < 1280);
    let Some(mtu) = link.attributes.said("mtu").filter(|_| is_small) else {
        return;
    };
    let mut v6 = link.addresses.iter().filter(|a| a.value.ip().is_ipv6());
    if let Some(address) = v6.next() {
        let whose = if link.netns == Netns::This {
            ""
        } else {
            " of the other end"
        };
        problems.push(problem(
            mtu,
            format!("is too small for the IPv6 address {address}{whose}"),
            format!(
                "expected 1280 or more with IPv6 ({})",
                where_said(address, place(mtu))
            ),
        ));
    }
}
