//! The configuration of a WireGuard link, in the terms of wg(8): keys, port, peers. The wanted and
//! the existing configuration have the same type. There is no I/O, and no secret is ever printed.

mod difference;
mod key;
pub mod parse;
mod quick;

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

pub use difference::{Difference, Fate, NamedEndpoint, PeerDifference};
pub use key::{PublicKey, Secret};
pub use quick::{Derived, Quick};

use crate::name::LinkName;

/// The configuration of a WireGuard link. In a wanted configuration, `None` leaves the port or an
/// endpoint as it is, because the kernel chooses the port and learns endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wireguard {
    /// The file with the configuration, for commands. Empty if there is none.
    pub file: String,
    /// The file has keys of wg-quick(8), which wg(8) does not accept.
    pub is_quick: bool,
    /// The private key. Without one, the link sends and receives nothing.
    pub private_key: Option<Secret>,
    /// The UDP port, in the namespace of the tunnel's UDP socket.
    pub listen_port: Option<u16>,
    /// The mark of the tunnel's own packets. 0 means none.
    pub fwmark: u32,
    /// The peers in the order of the file, each once.
    pub peers: Vec<Peer>,
}

/// A peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The key that identifies the peer.
    pub public_key: PublicKey,
    /// A secret that both sides share in addition to their keys.
    pub preshared_key: Option<Secret>,
    /// The endpoint. The kernel updates it when it receives packets of the peer.
    pub endpoint: Option<Endpoint>,
    /// The keepalive interval in seconds. 0 means none.
    pub keepalive: u16,
    /// The networks to which packets go through the peer, and from which it may send.
    pub allowed_ips: BTreeSet<IpNet>,
}

/// The endpoint of a peer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// An address and a port. An existing endpoint always has this form.
    Address(SocketAddr),
    /// A name and a port, or an address with the name of a link after a `%`. It is resolved in the
    /// namespace of the tunnel's UDP socket.
    Name(String, u16),
}

impl Wireguard {
    /// The peer with this key.
    pub fn peer(&self, key: &PublicKey) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.public_key == *key)
    }

    /// The peers whose endpoints are names, with these endpoints.
    pub fn named(&self) -> impl Iterator<Item = (&Peer, &Endpoint)> {
        let named = self.peers.iter().map(|peer| (peer, peer.endpoint.as_ref()));
        named.filter_map(|(peer, endpoint)| match endpoint {
            Some(endpoint @ Endpoint::Name(..)) => Some((peer, endpoint)),
            _ => None,
        })
    }

    /// Record for the journal what the difference is about to add, without secrets. Removed peers
    /// and endpoints are recorded by [`Wireguard::noted`], after the change.
    pub fn note(&mut self, difference: &Difference) {
        self.file.clone_from(&difference.file);
        for peer in &difference.peers {
            if peer.fate != Fate::Removed {
                self.note_endpoint(&peer.public_key, None);
            }
        }
    }

    /// Record the endpoint that a peer is given. `None` only records that the peer exists.
    pub fn note_endpoint(&mut self, key: &PublicKey, endpoint: Option<Endpoint>) {
        match self.peers.iter_mut().find(|peer| peer.public_key == *key) {
            Some(peer) => peer.endpoint = endpoint.or(peer.endpoint.take()),
            None => self.peers.push(Peer {
                endpoint,
                ..Peer::new(*key)
            }),
        }
    }

    /// Record what the difference has changed. An endpoint is recorded only after it was set.
    /// Otherwise the previous endpoint would look like one that the peer has moved to since.
    pub fn noted(&mut self, difference: &Difference) {
        for peer in &difference.peers {
            if peer.fate != Fate::Removed {
                let endpoint = peer.endpoint.map(Endpoint::Address);
                self.note_endpoint(&peer.public_key, endpoint);
            }
        }
        let removed = |key: &PublicKey| {
            let mut peers = difference.peers.iter();
            peers.any(|peer| peer.public_key == *key && peer.fate == Fate::Removed)
        };
        self.peers.retain(|peer| !removed(&peer.public_key));
    }
}

impl Peer {
    /// A peer of which only the key is known.
    pub fn new(public_key: PublicKey) -> Self {
        Peer {
            public_key,
            preshared_key: None,
            endpoint: None,
            keepalive: 0,
            allowed_ips: BTreeSet::new(),
        }
    }
}

/// Printed as by wg(8).
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Address(address) => address.fmt(f),
            Endpoint::Name(scoped, port) if scoped.contains(':') => write!(f, "[{scoped}]:{port}"),
            Endpoint::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

impl FromStr for Endpoint {
    /// The problem.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return match (address.port(), address.ip().is_unspecified()) {
                (0, _) => Err("has the port 0"),
                (_, true) => Err("is not the address of a host"),
                _ => Ok(Endpoint::Address(address)),
            };
        }
        let (name, port) = text.rsplit_once(':').ok_or("has no port")?;
        let port = port.parse().ok().filter(|port| *port != 0);
        let port = port.ok_or("has no port from 1 to 65535")?;
        if let Some(scoped) = scoped(name) {
            return Ok(Endpoint::Name(scoped.into(), port));
        }
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let fits = (1..=253).contains(&name.len()) && name.chars().all(letter);
        // A name that ends with a number is an address, and this is not a valid one (RFC 1123, 2.1)
        let last = name.trim_end_matches('.').rsplit('.').next();
        let number = last.is_none_or(|last| last.bytes().all(|b| b.is_ascii_digit()));
        match fits && !name.starts_with('-') && !number {
            true => Ok(Endpoint::Name(name.into(), port)),
            false => Err("is neither an address nor a name, and a port"),
        }
    }
}

/// `fe80::1%eth0` of `[fe80::1%eth0]`: an address that is valid on one link (RFC 4007, 11).
fn scoped(text: &str) -> Option<&str> {
    let scoped = text.strip_prefix('[')?.strip_suffix(']')?;
    let (address, link) = scoped.split_once('%')?;
    let address: Ipv6Addr = address.parse().ok()?;
    let fits = address.is_unicast_link_local() && link.parse::<LinkName>().is_ok();
    fits.then_some(scoped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_or_a_name_with_a_port() {
        for text in [
            "192.0.2.1:51820",
            "[2001:db8::1]:51820",
            "vpn.example.org:1",
            "a_b-c:65535",
            "1st.example.org.:7",
            "[fe80::1%eth0]:2408",
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), text);
        }
        for bad in [
            "",
            "192.0.2.1",
            "192.0.2.1:0",
            "192.0.2.300:1",
            "0.0.0.0:1",
            "2001:db8::1:51820",
            "[2001:db8::1]",
            "vpn.example.org:65536",
            "vpn.example.org:",
            "-v.example.org:1",
            "a b:1",
            "a;b:1",
            "[fe80::1%]:1",
            "[fe80::1%a b]:1",
            "[2001:db8::1%eth0]:1",
            ":1",
        ] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
        }
    }
}
