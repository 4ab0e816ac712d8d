//! What a WireGuard link knows and is told, as the attributes of linux/wireguard.h, and
//! back. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use rtnetlink::packet_core::{DefaultNla, NLA_F_NESTED};

use crate::kernel::netlink::attr;
use crate::model::Wireguard;
use crate::model::wireguard::{
    Difference, Endpoint, Fate, Peer, PeerDifference, PublicKey, Secret,
};

pub const GET: u8 = 0;
pub const SET: u8 = 1;

/// Of a link.
const NAME: u16 = 2;
const PRIVATE_KEY: u16 = 3;
const LISTEN_PORT: u16 = 6;
const FWMARK: u16 = 7;
const PEERS: u16 = 8;

/// Of a peer.
const PUBLIC_KEY: u16 = 1;
const PRESHARED_KEY: u16 = 2;
const FLAGS: u16 = 3;
const ENDPOINT: u16 = 4;
const KEEPALIVE: u16 = 5;
const HANDSHAKE: u16 = 6;
const ALLOWED_IPS: u16 = 9;

/// What is to become of a peer.
const REMOVE: u32 = 1;
const REPLACE_ALLOWED_IPS: u32 = 2;
const UPDATE_ONLY: u32 = 4;

/// Of a network.
const FAMILY: u16 = 1;
const ADDRESS: u16 = 2;
const PREFIX: u16 = 3;

/// AF_INET and AF_INET6.
const INET: u16 = 2;
const INET6: u16 = 10;

/// How much of peers goes into a message, in bytes: the length of an attribute is a
/// number of 16 bits.
const LARGEST: usize = 16 * 1024;

/// How many networks of a peer go into a part of it.
const NETWORKS: usize = 256;

/// What a link knows, and what it has learnt.
#[derive(Debug, Default)]
pub struct WireguardState {
    /// What it was told.
    pub wireguard: Wireguard,
    /// When each peer was last spoken to, in seconds of the clock; those that never were
    /// are missing.
    pub handshakes: BTreeMap<PublicKey, u64>,
}

/// The attribute that says which link.
pub fn of_link(name: &str) -> Vec<u8> {
    attr::bytes(&[named(name)])
}

fn named(name: &str) -> DefaultNla {
    DefaultNla::new(NAME, [name.as_bytes(), b"\0"].concat())
}

/// A difference, as the attributes of one order or more.
pub fn encode(name: &str, difference: &Difference) -> Vec<Vec<u8>> {
    let mut first = vec![named(name)];
    if let Some(key) = difference.private_key {
        first.push(DefaultNla::new(PRIVATE_KEY, secret(key)));
    }
    if let Some(port) = difference.listen_port {
        first.push(DefaultNla::new(LISTEN_PORT, port.to_ne_bytes().to_vec()));
    }
    if let Some(mark) = difference.fwmark {
        first.push(DefaultNla::new(FWMARK, mark.to_ne_bytes().to_vec()));
    }
    let mut parts = vec![(first, Vec::new())];
    for peer in difference.peers.iter().flat_map(peer) {
        let full = |bytes: &[u8]| bytes.len() + peer.len() > LARGEST;
        if parts.last().is_none_or(|(_, peers)| full(peers)) {
            parts.push((vec![named(name)], Vec::new()));
        }
        if let Some((_, peers)) = parts.last_mut() {
            peers.extend(peer);
        }
    }
    let whole = |(mut link, peers): (Vec<DefaultNla>, Vec<u8>)| {
        if !peers.is_empty() {
            link.push(DefaultNla::new(PEERS | NLA_F_NESTED, peers));
        }
        attr::bytes(&link)
    };
    parts.into_iter().map(whole).collect()
}

/// 32 zeros take a key away.
fn secret(key: Option<Secret>) -> Vec<u8> {
    key.map_or([0; 32], |key| key.0).to_vec()
}

/// A peer, in parts if it has many networks.
fn peer(peer: &PeerDifference) -> Vec<Vec<u8>> {
    let key = || DefaultNla::new(PUBLIC_KEY, peer.public_key.0.to_vec());
    let flags = |flags: u32| DefaultNla::new(FLAGS, flags.to_ne_bytes().to_vec());
    let mut how = match peer.fate {
        Fate::Added => 0,
        Fate::Changed => UPDATE_ONLY,
        Fate::Removed => REMOVE | UPDATE_ONLY,
    };
    if peer.allowed_ips.is_some() {
        how |= REPLACE_ALLOWED_IPS;
    }
    let mut first = vec![key(), flags(how)];
    if let Some(preshared) = peer.preshared_key {
        first.push(DefaultNla::new(PRESHARED_KEY, secret(preshared)));
    }
    if let Some(endpoint) = peer.endpoint {
        first.push(DefaultNla::new(ENDPOINT, socket_address(endpoint)));
    }
    if let Some(keepalive) = peer.keepalive {
        first.push(DefaultNla::new(KEEPALIVE, keepalive.to_ne_bytes().to_vec()));
    }
    let networks: Vec<_> = peer.allowed_ips.iter().flatten().map(network).collect();
    let mut parts = Vec::new();
    let mut chunks = networks.chunks(NETWORKS);
    let mut part = first;
    loop {
        let chunk = chunks.next();
        if let Some(chunk) = chunk {
            part.push(DefaultNla::new(ALLOWED_IPS | NLA_F_NESTED, chunk.concat()));
        }
        parts.push(nested(&part));
        if chunks.len() == 0 {
            return parts;
        }
        part = vec![key(), flags(UPDATE_ONLY)];
    }
}

fn network(net: &IpNet) -> Vec<u8> {
    let (family, address) = match net.addr() {
        IpAddr::V4(ip) => (INET, ip.octets().to_vec()),
        IpAddr::V6(ip) => (INET6, ip.octets().to_vec()),
    };
    nested(&[
        DefaultNla::new(FAMILY, family.to_ne_bytes().to_vec()),
        DefaultNla::new(ADDRESS, address),
        DefaultNla::new(PREFIX, vec![net.prefix_len()]),
    ])
}

/// One of a list: its number means nothing.
fn nested(inner: &[DefaultNla]) -> Vec<u8> {
    attr::bytes(&[DefaultNla::new(NLA_F_NESTED, attr::bytes(inner))])
}

/// As sockaddr_in and sockaddr_in6 are.
fn socket_address(address: SocketAddr) -> Vec<u8> {
    let port = address.port().to_be_bytes();
    match address {
        SocketAddr::V4(v4) => {
            let start = INET.to_ne_bytes();
            [&start[..], &port, &v4.ip().octets(), &[0; 8]].concat()
        }
        SocketAddr::V6(v6) => {
            let (start, scope) = (INET6.to_ne_bytes(), v6.scope_id().to_ne_bytes());
            [&start[..], &port, &[0; 4], &v6.ip().octets(), &scope].concat()
        }
    }
}

/// What a link knows. A peer with many networks comes in several parts.
pub fn decode(messages: &[Vec<u8>]) -> WireguardState {
    let mut seen = WireguardState::default();
    for message in messages {
        for (kind, value) in each(message) {
            match kind {
                PRIVATE_KEY => seen.wireguard.private_key = key(value).map(Secret),
                LISTEN_PORT => seen.wireguard.listen_port = half(value).filter(|port| *port != 0),
                FWMARK => seen.wireguard.fwmark = word(value).unwrap_or(0),
                PEERS => each(value).for_each(|(_, peer)| decode_peer(&mut seen, peer)),
                _ => {}
            }
        }
    }
    seen
}

fn decode_peer(seen: &mut WireguardState, bytes: &[u8]) {
    let mut peer = match each(bytes).find(|(kind, _)| *kind == PUBLIC_KEY) {
        Some((_, value)) => match key(value) {
            Some(key) => Peer::new(PublicKey(key)),
            None => return,
        },
        None => return,
    };
    let known = |other: &&mut Peer| other.public_key == peer.public_key;
    if let Some(known) = seen.wireguard.peers.iter_mut().find(known) {
        known.allowed_ips.extend(networks(bytes));
        return;
    }
    peer.allowed_ips = networks(bytes);
    for (kind, value) in each(bytes) {
        match kind {
            PRESHARED_KEY => peer.preshared_key = key(value).map(Secret),
            ENDPOINT => peer.endpoint = endpoint(value).map(Endpoint::Address),
            KEEPALIVE => peer.keepalive = half(value).unwrap_or(0),
            HANDSHAKE => {
                let seconds = value
                    .first_chunk()
                    .map_or(0, |bytes| u64::from_ne_bytes(*bytes));
                if seconds != 0 {
                    seen.handshakes.insert(peer.public_key, seconds);
                }
            }
            _ => {}
        }
    }
    seen.wireguard.peers.push(peer);
}

fn networks(peer: &[u8]) -> BTreeSet<IpNet> {
    let lists = each(peer).filter(|(kind, _)| *kind == ALLOWED_IPS);
    lists
        .flat_map(|(_, list)| each(list))
        .filter_map(|(_, net)| decode_network(net))
        .collect()
}

fn decode_network(bytes: &[u8]) -> Option<IpNet> {
    let find = |wanted| {
        each(bytes)
            .find(|(kind, _)| *kind == wanted)
            .map(|(_, value)| value)
    };
    let prefix = *find(PREFIX)?.first()?;
    IpNet::new(address(find(ADDRESS)?)?, prefix).ok()
}

fn endpoint(bytes: &[u8]) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    let ip = match half(bytes)? {
        INET => bytes.get(4..8)?,
        INET6 => bytes.get(8..24)?,
        _ => return None,
    };
    Some(SocketAddr::new(address(ip)?, port))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match <[u8; 4]>::try_from(bytes) {
        Ok(bytes) => Some(bytes.into()),
        Err(_) => Some(<[u8; 16]>::try_from(bytes).ok()?.into()),
    }
}

/// 32 zeros are none.
fn key(bytes: &[u8]) -> Option<[u8; 32]> {
    let key: [u8; 32] = bytes.try_into().ok()?;
    (key != [0; 32]).then_some(key)
}

fn half(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

fn word(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// Each attribute: what it is, and its value.
fn each(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::from(half(rest)?);
        let kind = half(rest.get(2..)?)? & !(NLA_F_NESTED | 0x4000);
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}
