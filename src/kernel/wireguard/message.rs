//! What a WireGuard link knows and is told, as the attributes of linux/wireguard.h, and
//! back. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use ipnet::IpNet;
use netlink_packet_wireguard::{
    WireguardAddressFamily, WireguardAllowedIp, WireguardAllowedIpAttr, WireguardAttribute,
    WireguardCmd, WireguardPeer, WireguardPeerAttribute, WireguardPeerFlags,
};
use rtnetlink::packet_core::{Emitable, NLA_TYPE_MASK, Nla, Parseable};

use crate::kernel::netlink::attr::each;
use crate::model::Wireguard;
use crate::model::wireguard::{
    Difference, Endpoint, Fate, Peer, PeerDifference, PublicKey, Secret,
};

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

/// The command that asks a link.
pub fn get() -> u8 {
    WireguardCmd::GetDevice.into()
}

/// The command that tells it.
pub fn set() -> u8 {
    WireguardCmd::SetDevice.into()
}

/// The attribute that says which link.
pub fn of_link(name: &str) -> Vec<u8> {
    bytes(&[WireguardAttribute::IfName(name.into())])
}

fn bytes(attributes: &[WireguardAttribute]) -> Vec<u8> {
    let mut bytes = vec![0; attributes.buffer_len()];
    attributes.emit(&mut bytes);
    bytes
}

/// A difference, as the attributes of one order or more.
pub fn encode(name: &str, difference: &Difference) -> Vec<Vec<u8>> {
    let named = || vec![WireguardAttribute::IfName(name.into())];
    let key = difference.private_key.map(or_none);
    let mut first = named();
    first.extend(key.map(WireguardAttribute::PrivateKey));
    first.extend(difference.listen_port.map(WireguardAttribute::ListenPort));
    first.extend(difference.fwmark.map(WireguardAttribute::Fwmark));
    let mut parts = vec![(first, Vec::new())];
    for peer in difference.peers.iter().flat_map(peer) {
        let is_full = |peers: &[WireguardPeer]| peers.buffer_len() + peer.buffer_len() > LARGEST;
        match parts.last_mut() {
            Some((_, peers)) if !is_full(peers) => peers.push(peer),
            _ => parts.push((named(), vec![peer])),
        }
    }
    let whole = |(mut link, peers): (Vec<_>, Vec<_>)| {
        if !peers.is_empty() {
            link.push(WireguardAttribute::Peers(peers));
        }
        bytes(&link)
    };
    parts.into_iter().map(whole).collect()
}

/// 32 zeros take a key away.
fn or_none(key: Option<Secret>) -> [u8; 32] {
    key.map_or([0; 32], |key| key.0)
}

/// A peer, in parts if it has many networks.
fn peer(peer: &PeerDifference) -> Vec<WireguardPeer> {
    use WireguardPeerAttribute as A;
    use WireguardPeerFlags as F;
    let mut how = match peer.fate {
        Fate::Added => F::empty(),
        Fate::Changed => F::UpdateOnly,
        Fate::Removed => F::RemoveMe | F::UpdateOnly,
    };
    how.set(F::ReplaceAllowedIps, peer.allowed_ips.is_some());
    let mut first = vec![A::PublicKey(peer.public_key.0), A::Flags(how)];
    first.extend(peer.preshared_key.map(or_none).map(A::PresharedKey));
    first.extend(peer.endpoint.map(A::Endpoint));
    first.extend(peer.keepalive.map(A::PersistentKeepalive));
    let networks: Vec<_> = peer.allowed_ips.iter().flatten().map(network).collect();
    let mut chunks = networks.chunks(NETWORKS).map(|c| A::AllowedIps(c.to_vec()));
    first.extend(chunks.next());
    let next = |networks| {
        let which = [A::PublicKey(peer.public_key.0), A::Flags(F::UpdateOnly)];
        which.into_iter().chain([networks]).collect()
    };
    let parts = [first].into_iter().chain(chunks.map(next));
    parts.map(WireguardPeer).collect()
}

fn network(net: &IpNet) -> WireguardAllowedIp {
    let family = match net {
        IpNet::V4(_) => WireguardAddressFamily::Ipv4,
        IpNet::V6(_) => WireguardAddressFamily::Ipv6,
    };
    WireguardAllowedIp(vec![
        WireguardAllowedIpAttr::Family(family),
        WireguardAllowedIpAttr::IpAddr(net.addr()),
        WireguardAllowedIpAttr::Cidr(net.prefix_len()),
    ])
}

/// What a link knows. A peer with many networks comes in several parts.
pub fn decode(messages: &[Vec<u8>]) -> WireguardState {
    use WireguardAttribute as A;
    let mut seen = WireguardState::default();
    let attributes = messages.iter().flat_map(|message| each(message));
    let whole = attributes.filter(|attribute| has_every_mask(attribute.value()));
    for attribute in whole.filter_map(|attribute| A::parse(&attribute).ok()) {
        let wireguard = &mut seen.wireguard;
        match attribute {
            A::PrivateKey(key) => wireguard.private_key = some(key),
            A::ListenPort(port) => wireguard.listen_port = (port != 0).then_some(port),
            A::Fwmark(mark) => wireguard.fwmark = mark,
            A::Peers(peers) => peers.iter().for_each(|peer| decode_peer(&mut seen, peer)),
            _ => {}
        }
    }
    seen
}

/// Of an attribute that may be peers, none has a network whose mask is empty: the library
/// takes its first byte without looking whether there is one.
fn has_every_mask(peers: &[u8]) -> bool {
    let networks = WireguardPeerAttribute::AllowedIps(Vec::new()).kind() & NLA_TYPE_MASK;
    let mask = WireguardAllowedIpAttr::Cidr(0).kind();
    let is_whole =
        |network: &[u8]| each(network).all(|a| a.kind() != mask || !a.value().is_empty());
    let are_whole = |list: &[u8]| each(list).all(|network| is_whole(network.value()));
    let of_peer = |peer: &[u8]| each(peer).all(|a| a.kind() != networks || are_whole(a.value()));
    each(peers).all(|peer| of_peer(peer.value()))
}

fn decode_peer(seen: &mut WireguardState, attributes: &[WireguardPeerAttribute]) {
    use WireguardPeerAttribute as A;
    let key = attributes.iter().find_map(|attribute| match attribute {
        A::PublicKey(key) if *key != [0; 32] => Some(PublicKey(*key)),
        _ => None,
    });
    let Some(key) = key else {
        return;
    };
    let mut peer = Peer::new(key);
    for attribute in attributes {
        match attribute {
            A::PresharedKey(key) => peer.preshared_key = some(*key),
            // Without the scope, which no setting says
            A::Endpoint(at) => {
                let at = SocketAddr::new(at.ip(), at.port());
                peer.endpoint = Some(Endpoint::Address(at));
            }
            A::PersistentKeepalive(seconds) => peer.keepalive = *seconds,
            A::AllowedIps(networks) => peer.allowed_ips.extend(decode_networks(networks)),
            A::LastHandshake(at) => {
                let seconds = u64::try_from(at.seconds).ok().filter(|at| *at != 0);
                seen.handshakes.extend(seconds.map(|at| (key, at)));
            }
            _ => {}
        }
    }
    let mut known = seen.wireguard.peers.iter_mut();
    match known.find(|known| known.public_key == key) {
        Some(known) => known.allowed_ips.extend(peer.allowed_ips),
        None => seen.wireguard.peers.push(peer),
    }
}

fn decode_networks(networks: &[WireguardAllowedIp]) -> BTreeSet<IpNet> {
    use WireguardAllowedIpAttr as A;
    let network = |attributes: &WireguardAllowedIp| {
        let address = attributes.iter().find_map(|attribute| match attribute {
            A::IpAddr(ip) => Some(*ip),
            _ => None,
        });
        let prefix = attributes.iter().find_map(|attribute| match attribute {
            A::Cidr(prefix) => Some(*prefix),
            _ => None,
        });
        IpNet::new(address?, prefix?).ok()
    };
    networks.iter().filter_map(network).collect()
}

/// 32 zeros are none.
fn some(key: [u8; 32]) -> Option<Secret> {
    (key != [0; 32]).then_some(Secret(key))
}
