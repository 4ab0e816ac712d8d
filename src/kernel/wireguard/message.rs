//! Encodes what a WireGuard link is set to, and decodes what it reports, with the attributes of
//! linux/wireguard.h. Pure.

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

/// The maximum size of the peers in a message, in bytes. The length of an attribute is a number of
/// 16 bits.
const LARGEST: usize = 16 * 1024;

/// The maximum number of networks in one part of a peer.
const NETWORKS: usize = 256;

/// The configuration and the state of a WireGuard link.
#[derive(Debug, Default)]
pub struct WireguardState {
    /// The configuration.
    pub wireguard: Wireguard,
    /// The time of each peer's last handshake, in seconds since the epoch. Peers without a
    /// handshake are missing.
    pub handshakes: BTreeMap<PublicKey, u64>,
    /// The bytes that were received from each peer, and sent to it.
    pub transferred: BTreeMap<PublicKey, (u64, u64)>,
}

/// The command that queries a link.
pub fn get() -> u8 {
    WireguardCmd::GetDevice.into()
}

/// The command that configures a link.
pub fn set() -> u8 {
    WireguardCmd::SetDevice.into()
}

/// The attribute that names the link.
pub fn of_link(name: &str) -> Vec<u8> {
    bytes(&[WireguardAttribute::IfName(name.into())])
}

fn bytes(attributes: &[WireguardAttribute]) -> Vec<u8> {
    let mut bytes = vec![0; attributes.buffer_len()];
    attributes.emit(&mut bytes);
    bytes
}

/// Encode a difference as the attributes of one or more messages.
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

/// A key of 32 zeros removes the key.
fn or_none(key: Option<Secret>) -> [u8; 32] {
    key.map_or([0; 32], |key| key.0)
}

/// A peer, in several parts if it has many networks.
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

/// Decode the messages of a dump. A peer with many networks comes in several parts.
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

/// Whether each network in an attribute has a mask that is not empty, if the attribute is a list of
/// peers. The library reads the first byte of a mask without checking that there is one.
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
            // Without the scope id, which no setting contains
            A::Endpoint(at) => {
                let at = SocketAddr::new(at.ip(), at.port());
                peer.endpoint = Some(Endpoint::Address(at));
            }
            A::PersistentKeepalive(seconds) => peer.keepalive = *seconds,
            A::AllowedIps(networks) => peer.allowed_ips.extend(decode_networks(networks)),
            A::RxBytes(bytes) => seen.transferred.entry(key).or_default().0 = *bytes,
            A::TxBytes(bytes) => seen.transferred.entry(key).or_default().1 = *bytes,
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

/// A key of 32 zeros means that there is none.
fn some(key: [u8; 32]) -> Option<Secret> {
    (key != [0; 32]).then_some(Secret(key))
}
