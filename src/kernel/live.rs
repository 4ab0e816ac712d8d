//! Queries what changes by itself, and is no part of a state: the carrier and the counters of links,
//! addresses that are not usable yet, and the handshakes of WireGuard peers.

use std::net::{IpAddr, SocketAddr};

use nix::errno::Errno;
use rtnetlink::packet_route::address::{AddressFlags, AddressMessage};
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkInfo, LinkMessage};

use super::netlink::query::{addresses_of, link_named, link_with_counters};
use super::{Kernel, decode};
use crate::model::LinkRef;
use crate::model::wireguard::{Endpoint, PublicKey};
use crate::os_error::OsError;

/// What changes by itself on a link.
#[derive(Clone, Debug, Default)]
pub struct LiveLink {
    /// It has a carrier. `None` while it is down, when no driver knows.
    pub carrier: Option<bool>,
    /// Its operational state, as ip(8) prints it, such as `UP` or `LOWERLAYERDOWN`.
    pub operstate: String,
    /// The bytes that it has received.
    pub rx_bytes: u64,
    /// The bytes that it has sent.
    pub tx_bytes: u64,
    /// The addresses whose duplicate address detection is running: nothing can use them yet.
    pub tentative: Vec<IpAddr>,
    /// The addresses that another host has: nothing can use them.
    pub dadfailed: Vec<IpAddr>,
    /// The peers, if it is a WireGuard link.
    pub peers: Vec<LivePeer>,
}

/// What changes by itself at a WireGuard peer.
#[derive(Clone, Debug)]
pub struct LivePeer {
    /// The key that identifies it.
    pub public_key: PublicKey,
    /// Where its last packet came from, or where the first is sent to.
    pub endpoint: Option<SocketAddr>,
    /// The keepalive interval in seconds. 0 means none.
    pub keepalive: u16,
    /// The time of its last handshake, in seconds since 1970.
    pub latest_handshake: Option<u64>,
    /// The bytes that were received from it.
    pub rx_bytes: u64,
    /// The bytes that were sent to it.
    pub tx_bytes: u64,
}

impl Kernel {
    /// What changes by itself on a link. `None` if the link is gone.
    pub fn live(&mut self, at: &LinkRef) -> Result<Option<LiveLink>, OsError> {
        let requests = self.requests(&at.netns)?;
        let Some(link) = link_with_counters(requests, &at.name)? else {
            return Ok(None);
        };
        let addresses = addresses_of(requests, link.header.index)?;
        let with = |flag| with_flag(&addresses, flag);
        let (rx_bytes, tx_bytes) = counters(&link);
        Ok(Some(LiveLink {
            carrier: carrier(&link),
            operstate: operstate(&link),
            rx_bytes,
            tx_bytes,
            tentative: with(AddressFlags::Tentative),
            dadfailed: with(AddressFlags::Dadfailed),
            peers: match is_wireguard(&link) {
                true => self.peers(at)?,
                false => Vec::new(),
            },
        }))
    }

    /// Whether a link has a carrier. `None` if it is down, or gone.
    pub fn carrier(&mut self, at: &LinkRef) -> Result<Option<bool>, OsError> {
        let link = link_named(self.requests(&at.netns)?, &at.name)?;
        Ok(link.as_ref().and_then(carrier))
    }

    fn peers(&mut self, at: &LinkRef) -> Result<Vec<LivePeer>, OsError> {
        let seen = match self.wireguard(at) {
            // It has disappeared in the meantime
            Err(no) if no.is(Errno::ENODEV) => return Ok(Vec::new()),
            seen => seen?,
        };
        let peers = seen.wireguard.peers.iter().map(|peer| {
            let (rx_bytes, tx_bytes) = (seen.transferred.get(&peer.public_key))
                .copied()
                .unwrap_or_default();
            LivePeer {
                public_key: peer.public_key,
                endpoint: match peer.endpoint {
                    Some(Endpoint::Address(address)) => Some(address),
                    _ => None,
                },
                keepalive: peer.keepalive,
                latest_handshake: seen.handshakes.get(&peer.public_key).copied(),
                rx_bytes,
                tx_bytes,
            }
        });
        Ok(peers.collect())
    }
}

fn carrier(link: &LinkMessage) -> Option<bool> {
    let carrier = link.attributes.iter().find_map(|one| match one {
        LinkAttribute::Carrier(carrier) => Some(*carrier != 0),
        _ => None,
    });
    carrier.filter(|_| decode::is_up(link))
}

fn operstate(link: &LinkMessage) -> String {
    let state = link.attributes.iter().find_map(|one| match one {
        LinkAttribute::OperState(state) => Some(state.to_string()),
        _ => None,
    });
    state.unwrap_or_else(|| "UNKNOWN".into())
}

fn counters(link: &LinkMessage) -> (u64, u64) {
    let counted = link.attributes.iter().find_map(|one| match one {
        LinkAttribute::Stats64(stats) => Some((stats.rx_bytes, stats.tx_bytes)),
        _ => None,
    });
    counted.unwrap_or_default()
}

fn is_wireguard(link: &LinkMessage) -> bool {
    link.attributes.iter().any(|one| match one {
        LinkAttribute::LinkInfo(infos) => infos.contains(&LinkInfo::Kind(InfoKind::Wireguard)),
        _ => false,
    })
}

fn with_flag(addresses: &[AddressMessage], flag: AddressFlags) -> Vec<IpAddr> {
    let flagged = addresses
        .iter()
        .filter(|message| decode::flags(message).contains(flag));
    let ip = |message| decode::address(message, false).map(|address| address.ip());
    flagged.filter_map(ip).collect()
}
