//! A condition of `netns_ready`: what must hold before a namespace counts as ready. It is parsed
//! and printed here, and tested elsewhere. No I/O.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::TextError;
use super::parse::{dev, wrong};
use crate::name::LinkName;

/// A condition that must hold in the namespace. It is printed as in the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The link is up and has a carrier.
    Carrier(LinkName),
    /// The link has a usable address that is not link-local.
    Address(LinkName),
    /// Any table has a route to exactly this network that does not discard packets. `None` is
    /// `default`, of IPv4 or IPv6.
    Route(Option<IpNet>),
    /// The WireGuard link has had a handshake with a peer.
    Handshake(LinkName),
    /// The address has answered a ping.
    Ping(IpAddr),
    /// The link's DHCP client has a lease.
    Lease(LinkName),
}

impl Condition {
    /// The link of the condition.
    pub fn link(&self) -> Option<&LinkName> {
        match self {
            Condition::Carrier(link)
            | Condition::Address(link)
            | Condition::Handshake(link)
            | Condition::Lease(link) => Some(link),
            Condition::Route(_) | Condition::Ping(_) => None,
        }
    }

    /// Whether the condition must be polled, because the kernel does not report when it begins to
    /// hold.
    pub fn is_asked_for(&self) -> bool {
        matches!(
            self,
            Condition::Handshake(_) | Condition::Ping(_) | Condition::Lease(_)
        )
    }
}

impl FromStr for Condition {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let mut words = text.split_ascii_whitespace();
        let (word, value) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let condition = match word {
            "carrier" => Condition::Carrier(dev_of(word, value)?),
            "address" => Condition::Address(dev_of(word, value)?),
            "handshake" => Condition::Handshake(dev_of(word, value)?),
            "lease" => Condition::Lease(dev_of(word, value)?),
            "route" => Condition::Route(route(value)?),
            "ping" => Condition::Ping(address(value)?),
            _ => {
                return wrong(
                    "is not a condition",
                    "expected carrier LINK, address LINK, route default, route NETWORK, \
                     handshake LINK, lease LINK or ping ADDRESS, with commas between several",
                );
            }
        };
        match words.next() {
            None => Ok(condition),
            Some(more) => wrong(
                format!("has {more} at its end"),
                "expected a comma between two conditions",
            ),
        }
    }
}

fn dev_of(word: &str, value: &str) -> Result<LinkName, TextError> {
    match value {
        "" => wrong(
            format!("ends after {word}"),
            format!("expected the name of a link, such as {word} eth1"),
        ),
        _ => dev(value),
    }
}

fn route(value: &str) -> Result<Option<IpNet>, TextError> {
    if value == "default" {
        return Ok(None);
    }
    let expected = "expected route default, or a network, such as route 198.51.100.0/24";
    let Ok(network) = value.parse::<IpNet>() else {
        return wrong("names no destination", expected);
    };
    match network.addr() == network.network() {
        true => Ok(Some(network)),
        false => wrong(
            "has bits set after its prefix",
            format!("write route {}", network.trunc()),
        ),
    }
}

fn address(value: &str) -> Result<IpAddr, TextError> {
    let expected = "expected the address of a host, such as ping 192.0.2.1";
    match value.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) if ip.is_unicast_link_local() => wrong(
            "is a link-local address, of which each link has its own",
            expected,
        ),
        Ok(ip) if ip.is_unspecified() || ip.is_multicast() => {
            wrong("is not the address of a host", expected)
        }
        Ok(ip) => Ok(ip),
        Err(_) => wrong("is not an address", expected),
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Carrier(link) => write!(f, "carrier {link}"),
            Condition::Address(link) => write!(f, "address {link}"),
            Condition::Route(None) => f.write_str("route default"),
            Condition::Route(Some(network)) => write!(f, "route {network}"),
            Condition::Handshake(link) => write!(f, "handshake {link}"),
            Condition::Ping(address) => write!(f, "ping {address}"),
            Condition::Lease(link) => write!(f, "lease {link}"),
        }
    }
}
