//! The links of a status: what they are, whether they work, and the peers of WireGuard links.

use std::net::IpAddr;

use serde::Serialize;

use super::made_by::MadeBy;
use super::routing::family;
use crate::kernel::Kernel;
use crate::kernel::live::{LiveLink, LivePeer};
use crate::model::{Address, Kind, Link, LinkRef, Netns, State};
use crate::name::NetnsName;
use crate::os_error::OsError;
use crate::plan::Journal;
use crate::setup::linked_netns::linked_or_unread;
use crate::source::Sourced;

/// A link inside, or one on the host that is ours.
#[derive(Debug, Serialize)]
pub(crate) struct LinkStatus {
    pub name: String,
    /// The link is in the host's namespace.
    pub on_host: bool,
    pub r#type: String,
    pub(super) up: bool,
    /// It has a carrier: a cable is plugged in, or its peer is up. `None` while it is down.
    carrier: Option<bool>,
    operstate: Option<String>,
    /// It is a NIC that the settings list, and neither the namespace nor the host has it.
    gone: bool,
    pub(super) mtu: Option<u32>,
    mac: Option<String>,
    pub master: Option<String>,
    /// The other end of a veth pair, if netns-setup knows its namespace.
    pub peer: Option<Place>,
    /// The link below it, such as that of a VLAN.
    pub parent: Option<Place>,
    /// The namespace that it was created in, and sends its own packets through, if that is another
    /// one.
    pub created_in: Option<String>,
    pub(super) by: MadeBy,
    /// It is in the settings or the journal of this namespace, and not only in those of another one.
    #[serde(skip)]
    pub(super) own: bool,
    pub addresses: Vec<AddressStatus>,
    pub stats64: Option<Stats64>,
    /// The peers of a WireGuard link.
    pub peers: Vec<PeerStatus>,
}

/// A link in a namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Place {
    /// The name of the namespace. `None` for the host's.
    pub netns: Option<String>,
    pub name: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct AddressStatus {
    pub address: String,
    /// `inet` or `inet6`.
    family: &'static str,
    pub(super) local: String,
    prefixlen: u8,
    pub(super) by: MadeBy,
    /// Duplicate address detection is running: nothing can use it yet.
    pub(super) tentative: bool,
    /// Another host has it: nothing can use it.
    pub(super) dadfailed: bool,
}

/// The counters of a link, with the keys of `ip -s -j link`.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Stats64 {
    pub rx: Bytes,
    pub tx: Bytes,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Bytes {
    pub bytes: u64,
}

/// A WireGuard peer, with the words of wg(8).
#[derive(Debug, Serialize)]
pub(crate) struct PeerStatus {
    pub public_key: String,
    pub endpoint: Option<String>,
    /// In seconds. `None` if it is off.
    pub persistent_keepalive: Option<u16>,
    /// In seconds since 1970.
    pub latest_handshake: Option<u64>,
    pub transfer_rx: u64,
    pub transfer_tx: u64,
}

/// What a link is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    Up,
    Down,
    NoCarrier,
    Gone,
}

impl LinkState {
    /// The word for a person.
    pub fn word(self) -> &'static str {
        match self {
            LinkState::Up => "up",
            LinkState::Down => "down",
            LinkState::NoCarrier => "no carrier",
            LinkState::Gone => "gone",
        }
    }
}

impl LinkStatus {
    /// A link of the settings, as if it were there and up.
    pub fn wanted(netns: &NetnsName, link: &Link) -> Self {
        LinkStatus {
            up: true,
            ..LinkStatus::leading(netns, link)
        }
    }

    /// What a link is, and what it leads to.
    fn leading(netns: &NetnsName, link: &Link) -> Self {
        LinkStatus {
            on_host: link.netns == Netns::Host,
            master: link.master.as_ref().map(ToString::to_string),
            peer: match &link.kind {
                Kind::Veth { peer } => peer.as_ref().map(|peer| Place::of(netns, peer)),
                _ => None,
            },
            parent: link.kind.parent().map(|parent| Place::of(netns, &parent)),
            created_in: link.kind.spec().and_then(|spec| {
                let is_elsewhere = spec.born != link.netns && spec.parent.is_none();
                is_elsewhere.then(|| netns_name(netns, &spec.born).unwrap_or_else(|| "host".into()))
            }),
            ..LinkStatus::unseen(link)
        }
    }

    /// A link of which nothing has been observed.
    fn unseen(link: &Link) -> Self {
        LinkStatus {
            name: link.name.to_string(),
            on_host: false,
            r#type: link.kind.word().to_string(),
            up: false,
            carrier: None,
            operstate: None,
            gone: false,
            mtu: None,
            mac: None,
            master: None,
            peer: None,
            parent: None,
            created_in: None,
            by: MadeBy::Us,
            own: false,
            addresses: Vec::new(),
            stats64: None,
            peers: Vec::new(),
        }
    }

    pub fn state(&self) -> LinkState {
        match (self.gone, self.up, self.carrier) {
            (true, ..) => LinkState::Gone,
            (_, false, _) => LinkState::Down,
            (_, _, Some(false)) => LinkState::NoCarrier,
            _ => LinkState::Up,
        }
    }
}

impl AddressStatus {
    /// Returns true if programs can use the address. A link-local one is soon usable.
    pub(super) fn is_usable(&self) -> bool {
        self.flaw().is_none() || self.address.starts_with("fe80:")
    }

    /// Why nothing can use the address, as ip(8) says it.
    pub(super) fn flaw(&self) -> Option<&'static str> {
        match (self.dadfailed, self.tentative) {
            (true, _) => Some("dadfailed"),
            (_, true) => Some("tentative"),
            _ => None,
        }
    }
}

/// The links inside, those on the host that are ours, and the NICs that are gone.
pub(super) fn links(
    name: &NetnsName,
    (journal, want, have): (&Journal, Option<&State>, &State),
    kernel: &mut Kernel,
) -> Result<Vec<LinkStatus>, OsError> {
    let ours = |link: &Link| {
        let made = journal.ours.link(&link.netns, &link.name.value);
        made.is_some_and(|made| made.kind.spec().is_some())
    };
    let linked = made_for_others(name);
    let mut links = Vec::new();
    for link in &have.links {
        let is_shown = match link.netns {
            Netns::This => true,
            Netns::Host => ours(link),
            Netns::Named(_) => false,
        };
        if !is_shown {
            continue;
        }
        if let Some(live) = kernel.live(&link.link_at())? {
            links.push(there(name, link, live, (journal, want, &linked)));
        }
    }
    let wanted = want.filter(|_| have.exists).map(|want| &want.links[..]);
    let is_gone = |link: &&Link| {
        let is_inside = have.link(&Netns::This, &link.name.value).is_some();
        let is_nic = link.netns == Netns::This && link.kind.is_moved();
        let is_on_host = have.inside(&link.name.value).is_some()
            || have.link(&Netns::Host, &link.name.value).is_some();
        is_nic && !is_inside && !is_on_host
    };
    let gone = wanted.unwrap_or_default().iter().filter(is_gone);
    links.extend(gone.map(gone_nic));
    Ok(links)
}

/// The links that netns-setup has made in this namespace for others, such as the peer of a veth pair
/// whose other end is theirs.
fn made_for_others(name: &NetnsName) -> Vec<Link> {
    let here = Netns::Named(name.clone());
    let (others, _) = linked_or_unread(name).unwrap_or_default();
    let links = others.into_iter().flat_map(|(_, it)| it.ours.links);
    links.filter(|link| link.netns == here).collect()
}

fn there(
    name: &NetnsName,
    link: &Link,
    live: LiveLink,
    (journal, want, linked): (&Journal, Option<&State>, &[Link]),
) -> LinkStatus {
    let made = journal.ours.link(&link.netns, &link.name.value);
    let wanted = want.and_then(|want| want.link(&link.netns, &link.name.value));
    let linked =
        (linked.iter()).find(|it| link.netns == Netns::This && it.name.value == link.name.value);
    let all = [made, wanted, linked];
    let is_ours = |address: &Sourced<Address>| {
        let mut all = all.into_iter().flatten();
        all.any(|link| link.addresses.contains(address))
    };
    let status = |address: &Sourced<Address>| {
        let is_among = |flagged: &[IpAddr]| flagged.contains(&address.value.ip());
        AddressStatus {
            address: address.value.without_kernels_proto().to_string(),
            family: family(address.value.ip()),
            local: address.value.ip().to_string(),
            prefixlen: address.value.net.prefix_len(),
            by: MadeBy::of_address(
                is_ours(address),
                name,
                (&link.name.value, &address.value),
                want,
            ),
            tentative: is_among(&live.tentative),
            dadfailed: is_among(&live.dadfailed),
        }
    };
    LinkStatus {
        up: link.up == Some(true),
        carrier: live.carrier,
        operstate: Some(live.operstate.clone()),
        mtu: link.attributes.number("mtu"),
        mac: link.attributes.said("address").map(ToString::to_string),
        by: MadeBy::of(all.iter().any(Option::is_some), link.kind == Kind::Loopback),
        own: made.is_some() || wanted.is_some(),
        addresses: link.addresses.iter().map(status).collect(),
        stats64: Some(Stats64 {
            rx: Bytes {
                bytes: live.rx_bytes,
            },
            tx: Bytes {
                bytes: live.tx_bytes,
            },
        }),
        peers: live.peers.iter().map(PeerStatus::of).collect(),
        ..LinkStatus::leading(name, link)
    }
}

fn gone_nic(link: &Link) -> LinkStatus {
    LinkStatus {
        gone: true,
        ..LinkStatus::unseen(link)
    }
}

impl Place {
    fn of(netns: &NetnsName, at: &LinkRef) -> Self {
        Place {
            netns: netns_name(netns, &at.netns),
            name: at.name.to_string(),
        }
    }
}

/// The name of a namespace, as seen from the settings of `this`. `None` for the host's.
fn netns_name(this: &NetnsName, netns: &Netns) -> Option<String> {
    match netns {
        Netns::This => Some(this.to_string()),
        Netns::Named(other) => Some(other.to_string()),
        Netns::Host => None,
    }
}

impl PeerStatus {
    fn of(peer: &LivePeer) -> Self {
        PeerStatus {
            public_key: peer.public_key.to_string(),
            endpoint: peer.endpoint.map(|endpoint| endpoint.to_string()),
            persistent_keepalive: Some(peer.keepalive).filter(|seconds| *seconds > 0),
            latest_handshake: peer.latest_handshake,
            transfer_rx: peer.rx_bytes,
            transfer_tx: peer.tx_bytes,
        }
    }
}
