//! A link and what it is, as ip-link(8) writes it. No I/O.

pub mod bridge_port;
pub mod option_value;
pub mod options;
pub mod spec;

use super::link::bridge_port::Vlan;
use super::link::options::Options;
use super::{Address, DeviceId, LinkRef, LinkSpec, Netns, Phy, Wireguard};
use crate::definitions::links::ATTRIBUTES;
use crate::name::{Altname, LinkName};
use crate::source::Sourced;

/// A link. As what is wanted, `None` leaves a thing as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The namespace it is in, or is to be in.
    pub netns: Netns,
    /// Its name there.
    pub name: Sourced<LinkName>,
    /// What it is.
    pub kind: Kind,
    /// Its other names: no link of its namespace has any of them as a name of its own.
    pub altnames: Vec<Sourced<Altname>>,
    /// Of a card, what tells it from others; of one that is wanted, what it is found by.
    pub device: Option<Sourced<DeviceId>>,
    /// Of a wireless card, what moves it.
    pub phy: Option<Phy>,
    /// Of a card, its name on the other side where that is another one: on the host of one
    /// that is inside, inside of one that is on the host.
    pub other: Option<LinkName>,
    /// What every link has: its MTU, its hardware address.
    pub attributes: Options,
    /// The bridge, bond or vrf, in its own namespace, that it belongs to.
    pub master: Option<Sourced<LinkName>>,
    /// What it is told as a port of its bridge.
    pub port: Option<Options>,
    /// The VLANs of a port or a bridge, by their numbers.
    pub vlans: Vec<Sourced<Vlan>>,
    /// Its admin state. What is wanted inside is always up.
    pub up: Option<bool>,
    /// In the order in which they are added: the first of a network is its primary.
    pub addresses: Vec<Sourced<Address>>,
    /// What it is told, if it is a WireGuard link.
    pub wireguard: Option<Sourced<Wireguard>>,
    /// Of what is there, its number in its namespace: what has its name after it has another.
    pub index: Option<u32>,
}

/// What a link is, with what can only be said when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whatever is there under this name and can be moved; most of all a card. It is
    /// never made and never deleted, only moved.
    Physical,
    /// The same of a wireless card: its phy is moved, with all links of that. What is there
    /// is told by its phy, and is [`Kind::Physical`].
    Wireless,
    /// `lo`, which is there with the namespace.
    Loopback,
    /// One end of a pair. Both ends are links of the state; they are made by one message.
    Veth {
        /// The other end; `None` in what is there, where its namespace was not asked about.
        peer: Option<LinkRef>,
    },
    /// A link of one of the types that are made by a request of their own.
    Virtual(LinkSpec),
    /// Of what is there alone: a kind that cannot be asked for, by the kernel's name.
    Other(String),
}

impl Kind {
    /// The word of `type_IF` and of ip-link(8).
    pub fn word(&self) -> &str {
        match self {
            Kind::Physical => "physical",
            Kind::Wireless => "wireless",
            Kind::Loopback => "loopback",
            Kind::Veth { .. } => "veth",
            Kind::Virtual(spec) => spec.of.word,
            Kind::Other(kind) => kind,
        }
    }
}

impl Kind {
    /// It is never made, but moved in from the host.
    pub fn is_moved(&self) -> bool {
        matches!(self, Kind::Physical | Kind::Wireless)
    }

    /// What it is, if it is of a type that we make.
    pub fn spec(&self) -> Option<&LinkSpec> {
        match self {
            Kind::Virtual(spec) => Some(spec),
            _ => None,
        }
    }

    /// The link below it, if it lies on one.
    pub fn parent(&self) -> Option<LinkRef> {
        self.spec().and_then(LinkSpec::below)
    }
}

impl Link {
    /// A link of which only where, what and its name are known.
    pub fn new(at: Netns, name: Sourced<LinkName>, kind: Kind) -> Self {
        Link {
            netns: at,
            name,
            kind,
            altnames: Vec::new(),
            device: None,
            phy: None,
            other: None,
            attributes: Options::of(ATTRIBUTES),
            master: None,
            port: None,
            vlans: Vec::new(),
            up: None,
            addresses: Vec::new(),
            wireguard: None,
            index: None,
        }
    }

    /// The namespaces that it has to do with: its own, and its peer's or the one it was born
    /// in.
    pub fn namespaces(&self) -> impl Iterator<Item = Netns> + use<> {
        let other = match &self.kind {
            Kind::Veth { peer: Some(peer) } => Some(peer.netns.clone()),
            kind => kind.spec().map(|spec| spec.born.clone()),
        };
        [Some(self.netns.clone()), other].into_iter().flatten()
    }

    /// The other link that it cannot be without: its peer, or the link below it.
    pub fn needed(&self) -> Option<LinkRef> {
        match &self.kind {
            Kind::Veth { peer } => peer.clone(),
            kind => kind.parent(),
        }
    }

    /// It is called so, by its name or by another one.
    pub fn is_called(&self, name: &str) -> bool {
        let mut altnames = self.altnames.iter();
        self.name.value.as_str() == name || altnames.any(|other| other.value.as_str() == name)
    }

    /// What tells it from others.
    pub fn known(&self) -> Option<DeviceId> {
        self.device.as_ref().map(|card| card.value.clone())
    }

    /// Its name on the other side.
    pub fn other_name(&self) -> &LinkName {
        self.other.as_ref().unwrap_or(&self.name.value)
    }

    /// Its name, for who does not call it so.
    pub fn differs(&self, from: &LinkName) -> Option<LinkName> {
        let name = &self.name.value;
        (name != from).then(|| name.clone())
    }

    /// Where it is and its name.
    pub fn link_at(&self) -> LinkRef {
        self.netns.link(&self.name.value)
    }
}
