//! Computes what to change on an existing WireGuard link. Unchanged properties are not sent, so
//! that a change for one peer does not lose the handshake with another. No I/O.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use ipnet::IpNet;

use super::{Endpoint, Peer, PublicKey, Secret, Wireguard};
use crate::model::Netns;

/// The changes for a link. `None` leaves a property as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// The file with the configuration.
    pub file: String,
    /// The file has keys of wg-quick(8), which wg(8) does not accept.
    pub is_quick: bool,
    /// The new private key. `Some(None)` removes it.
    pub private_key: Option<Option<Secret>>,
    /// The new port.
    pub listen_port: Option<u16>,
    /// The new packet mark. 0 removes it.
    pub fwmark: Option<u32>,
    /// The changes for peers: first those to remove, then in the order of the file.
    pub peers: Vec<PeerDifference>,
}

/// What happens to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The peer is added.
    Added,
    /// The peer stays, with its handshake.
    Changed,
    /// The peer is removed.
    Removed,
}

/// The changes for a peer. `None` leaves a property as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerDifference {
    /// The key that identifies the peer.
    pub public_key: PublicKey,
    /// What happens to the peer.
    pub fate: Fate,
    /// The new preshared key. `Some(None)` removes it.
    pub preshared_key: Option<Option<Secret>>,
    /// The new endpoint. An endpoint with a name is a separate step.
    pub endpoint: Option<SocketAddr>,
    /// The new keepalive interval in seconds. 0 disables it.
    pub keepalive: Option<u16>,
    /// The networks that replace those of the peer.
    pub allowed_ips: Option<BTreeSet<IpNet>>,
}

/// An endpoint with a name, to be resolved and set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedEndpoint {
    /// The peer of the endpoint.
    pub peer: PublicKey,
    /// The name and port.
    pub endpoint: Endpoint,
    /// The namespace of the tunnel's UDP socket, in which the name is resolved.
    pub born: Netns,
}

impl Difference {
    /// The difference between what is wanted and what exists. `said` is what this program has set
    /// before. An endpoint that was set before stays as the kernel has learnt it since. With
    /// `goes`, peers that were set before and are no longer wanted are removed.
    pub fn between(
        want: &Wireguard,
        have: &Wireguard,
        said: Option<&Wireguard>,
        goes: bool,
    ) -> Self {
        let said = |key: &PublicKey| said.and_then(|said| said.peer(key));
        let mut peers = Vec::new();
        for peer in have.peers.iter().filter(|_| goes) {
            let key = &peer.public_key;
            if want.peer(key).is_none() && said(key).is_some() {
                peers.push(PeerDifference::new(*key, Fate::Removed));
            }
        }
        for peer in &want.peers {
            let key = &peer.public_key;
            peers.extend(PeerDifference::between(peer, have.peer(key), said(key)));
        }
        let private_key = (want.private_key != have.private_key).then_some(want.private_key);
        let port = want.listen_port;
        Difference {
            file: want.file.clone(),
            is_quick: want.is_quick,
            private_key,
            listen_port: port.filter(|_| port != have.listen_port),
            fwmark: (want.fwmark != have.fwmark).then_some(want.fwmark),
            peers,
        }
    }

    /// Whether there is nothing to change.
    pub fn is_nothing(&self) -> bool {
        let nothing = Difference {
            file: self.file.clone(),
            is_quick: self.is_quick,
            ..Difference::default()
        };
        *self == nothing
    }
}

impl PeerDifference {
    /// A difference for a peer without new properties.
    pub fn new(public_key: PublicKey, fate: Fate) -> Self {
        PeerDifference {
            public_key,
            fate,
            preshared_key: None,
            endpoint: None,
            keepalive: None,
            allowed_ips: None,
        }
    }

    fn between(want: &Peer, have: Option<&Peer>, said: Option<&Peer>) -> Option<Self> {
        let fate = match have {
            Some(_) => Fate::Changed,
            None => Fate::Added,
        };
        let key = want.public_key;
        let bare = Peer::new(key);
        let now = have.unwrap_or(&bare);
        let preshared = want.preshared_key;
        let found = PeerDifference {
            preshared_key: (preshared != now.preshared_key).then_some(preshared),
            endpoint: match &want.endpoint {
                Some(Endpoint::Address(address)) if is_to_be_told(want, now, said) => {
                    Some(*address)
                }
                _ => None,
            },
            keepalive: (want.keepalive != now.keepalive).then_some(want.keepalive),
            allowed_ips: (want.allowed_ips != now.allowed_ips).then(|| want.allowed_ips.clone()),
            ..PeerDifference::new(key, fate)
        };
        (have.is_none() || found != PeerDifference::new(key, fate)).then_some(found)
    }
}

impl Wireguard {
    /// The endpoints with a name that have to be resolved and set, by the rules of
    /// [`Difference::between`].
    pub fn names_to_tell(
        &self,
        have: &Wireguard,
        said: Option<&Wireguard>,
        born: &Netns,
    ) -> Vec<NamedEndpoint> {
        let to_be_told = |(peer, _): &(&Peer, &Endpoint)| {
            let key = &peer.public_key;
            let bare = Peer::new(*key);
            let now = have.peer(key).unwrap_or(&bare);
            is_to_be_told(peer, now, said.and_then(|said| said.peer(key)))
        };
        let named = self.named().filter(to_be_told);
        let named = named.map(|(peer, name)| NamedEndpoint {
            peer: peer.public_key,
            endpoint: name.clone(),
            born: born.clone(),
        });
        named.collect()
    }
}

/// Whether to set the endpoint: if there is none, or if it differs from the one that was set
/// before. If a peer has moved since, its endpoint is not wrong.
fn is_to_be_told(want: &Peer, now: &Peer, said: Option<&Peer>) -> bool {
    let told = said.and_then(|said| said.endpoint.as_ref());
    match (&want.endpoint, &now.endpoint) {
        (None, _) => false,
        (Some(_), None) => true,
        (want, now) => want != now && want.as_ref() != told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u8, endpoint: Option<&str>) -> Peer {
        Peer {
            endpoint: endpoint.map(|text| text.parse().unwrap()),
            ..Peer::new(PublicKey([number; 32]))
        }
    }

    fn of(peers: Vec<Peer>) -> Wireguard {
        Wireguard {
            peers,
            ..Wireguard::default()
        }
    }

    #[test]
    fn only_what_differs_is_told_and_only_what_was_told_goes() {
        let have = of(vec![peer(1, None), peer(2, None), peer(3, None)]);
        let mut want = of(vec![peer(1, None), peer(4, None)]);
        want.peers[0].keepalive = 25;
        let said = of(vec![peer(1, None), peer(2, None)]);
        let found = Difference::between(&want, &have, Some(&said), true);
        let fates: Vec<_> = found
            .peers
            .iter()
            .map(|p| (p.public_key.0[0], p.fate))
            .collect();
        let expected = [(2, Fate::Removed), (1, Fate::Changed), (4, Fate::Added)];
        assert_eq!(fates, expected);
        assert_eq!(found.peers[1].keepalive, Some(25));
        assert_eq!(found.peers[1].allowed_ips, None);
        let stays = Difference::between(&want, &have, Some(&said), false);
        assert_eq!(stays.peers.len(), 2);
        assert!(Difference::between(&want, &want, None, true).is_nothing());
    }

    #[test]
    fn what_is_less_is_told_too() {
        let networks = |all: &[&str]| all.iter().map(|net| net.parse().unwrap()).collect();
        let mut have = of(vec![peer(1, None)]);
        have.fwmark = 7;
        have.private_key = Some(Secret([1; 32]));
        have.peers[0].preshared_key = Some(Secret([2; 32]));
        have.peers[0].keepalive = 25;
        have.peers[0].allowed_ips = networks(&["10.0.0.0/8", "::/0"]);
        let mut want = of(vec![peer(1, None)]);
        want.peers[0].allowed_ips = networks(&["10.0.0.0/8"]);
        let found = Difference::between(&want, &have, None, true);
        assert_eq!((found.fwmark, found.private_key), (Some(0), Some(None)));
        let told = &found.peers[0];
        assert_eq!(told.preshared_key, Some(None));
        assert_eq!(told.keepalive, Some(0));
        assert_eq!(told.allowed_ips, Some(networks(&["10.0.0.0/8"])));
        // A port that the kernel chose stays
        have.listen_port = Some(7);
        let found = Difference::between(&want, &have, None, true);
        assert_eq!(found.listen_port, None);
    }

    #[test]
    fn an_endpoint_is_told_once_and_then_the_kernels_to_learn() {
        let (first, other) = (Some("192.0.2.1:7"), Some("192.0.2.2:7"));
        let told = |want, have, said| {
            let said = of(vec![peer(1, said)]);
            let (want, have) = (of(vec![peer(1, want)]), of(vec![peer(1, have)]));
            let found = Difference::between(&want, &have, Some(&said), true);
            let address = found.peers.iter().any(|peer| peer.endpoint.is_some());
            address
                || !want
                    .names_to_tell(&have, Some(&said), &Netns::Host)
                    .is_empty()
        };
        let name = Some("vpn.example.org:7");
        assert!(told(first, None, None));
        assert!(told(first, None, first));
        assert!(told(first, other, None));
        assert!(told(first, other, other));
        assert!(!told(first, first, None));
        assert!(!told(first, other, first));
        assert!(!told(None, other, None));
        assert!(told(name, None, name));
        assert!(told(name, other, other));
        assert!(told(name, other, None));
        assert!(!told(name, other, name));
    }
}
