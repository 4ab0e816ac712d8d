//! A link and its properties, as in ip-link(8). No I/O.

pub mod bridge_port;
pub mod option_value;
pub mod options;
pub mod spec;

use super::link::bridge_port::Vlan;
use super::link::options::Options;
use super::{Address, DeviceId, LinkRef, LinkSpec, Netns, Phy, Wireguard};
use crate::definitions::links::ATTRIBUTES;
use crate::name::{Altname, LinkName, NetnsName};
use crate::source::Sourced;

/// A link. In a wanted state, `None` leaves a property as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The namespace that it is in, or is to be in.
    pub netns: Netns,
    /// Its name in that namespace.
    pub name: Sourced<LinkName>,
    /// Its kind.
    pub kind: Kind,
    /// Its alternative names. No link of the namespace has one of them as its own name.
    pub altnames: Vec<Sourced<Altname>>,
    /// For a device, its identity. For a wanted device, what it must match.
    pub device: Option<Sourced<DeviceId>>,
    /// For a wireless device, the phy that is moved.
    pub phy: Option<Phy>,
    /// For a device, its name on the other side if that differs: its name on the host if it is
    /// inside, and its name inside if it is on the host.
    pub other: Option<LinkName>,
    /// The options of every link, such as MTU and hardware address.
    pub attributes: Options,
    /// The bridge, bond or VRF in its own namespace that it belongs to.
    pub master: Option<Sourced<LinkName>>,
    /// Its options as a port of its bridge.
    pub port: Option<Options>,
    /// The VLANs of a port or bridge, sorted by ID.
    pub vlans: Vec<Sourced<Vlan>>,
    /// Its admin state. Wanted links inside are always up.
    pub up: Option<bool>,
    /// The addresses, in the order in which they are added. The first address of a network is its
    /// primary address.
    pub addresses: Vec<Sourced<Address>>,
    /// The configuration of a WireGuard link.
    pub wireguard: Option<Sourced<Wireguard>>,
    /// For an existing link, its interface index. A later link with the same name has another
    /// index.
    pub index: Option<u32>,
}

/// The kind of a link, with the properties that are set when it is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any existing link with this name that can be moved, in most cases a physical device. It is
    /// never created or deleted, only moved.
    Physical,
    /// A wireless device. Its phy is moved with all of its links. An existing one is
    /// [`Kind::Physical`] and has a phy.
    Wireless,
    /// `lo`, which every namespace has.
    Loopback,
    /// One end of a veth pair. Both ends are links of the state. One request creates them.
    Veth {
        /// The other end. `None` for an existing link, if the namespace of the other end was not
        /// queried.
        peer: Option<LinkRef>,
    },
    /// A link of a type that a separate request creates.
    Virtual(LinkSpec),
    /// Only for an existing link: another kind, with the kernel's name. Settings cannot request it.
    Other {
        /// The kernel's name of the kind.
        word: String,
        /// The parent link, if it is known and the kernel deletes this link together with it.
        parent: Option<LinkRef>,
    },
}

impl Kind {
    /// The word in `type_IF` and ip-link(8).
    pub fn word(&self) -> &str {
        match self {
            Kind::Physical => "physical",
            Kind::Wireless => "wireless",
            Kind::Loopback => "loopback",
            Kind::Veth { .. } => "veth",
            Kind::Virtual(spec) => spec.of.word,
            Kind::Other { word, .. } => word,
        }
    }
}

impl Kind {
    /// Whether it is never created, but moved in from the host.
    pub fn is_moved(&self) -> bool {
        matches!(self, Kind::Physical | Kind::Wireless)
    }

    /// The type and options, if this program can create such a link.
    pub fn spec(&self) -> Option<&LinkSpec> {
        match self {
            Kind::Virtual(spec) => Some(spec),
            _ => None,
        }
    }

    /// A kind that settings cannot request, without a known parent.
    pub fn other(word: impl Into<String>) -> Self {
        Kind::Other {
            word: word.into(),
            parent: None,
        }
    }

    /// The link that the kernel deletes it together with, unless it is a veth.
    pub fn goes_with(&self) -> Option<LinkRef> {
        match self {
            Kind::Virtual(spec) if spec.of.goes_with_parent => spec.below(),
            Kind::Other { parent, .. } => parent.clone(),
            _ => None,
        }
    }

    /// The parent link, if there is one.
    pub fn parent(&self) -> Option<LinkRef> {
        self.spec().and_then(LinkSpec::below)
    }
}

impl Link {
    /// A link of which only the namespace, name and kind are known.
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

    /// The namespaces of the link: its own, and the one of its peer or the one that it was created
    /// on.
    pub fn namespaces(&self) -> impl Iterator<Item = Netns> + use<> {
        let other = match &self.kind {
            Kind::Veth { peer: Some(peer) } => Some(peer.netns.clone()),
            kind => kind.spec().map(|spec| spec.born.clone()),
        };
        [Some(self.netns.clone()), other].into_iter().flatten()
    }

    /// A link in the settings of the namespace `of`, as it looks in the settings of `other`.
    pub fn seen_from(&self, of: &NetnsName, other: &NetnsName) -> Link {
        let seen = |at: &mut Netns| match at {
            Netns::This => *at = Netns::Named(of.clone()),
            Netns::Named(name) if name == other => *at = Netns::This,
            _ => {}
        };
        let mut link = self.clone();
        seen(&mut link.netns);
        match &mut link.kind {
            Kind::Veth { peer: Some(peer) } => seen(&mut peer.netns),
            Kind::Virtual(spec) => seen(&mut spec.born),
            _ => {}
        }
        link
    }

    /// The link without which it cannot exist: its peer or its parent.
    pub fn needed(&self) -> Option<LinkRef> {
        match &self.kind {
            Kind::Veth { peer } => peer.clone(),
            kind => kind.parent(),
        }
    }

    /// Whether it has this name or alternative name.
    pub fn is_called(&self, name: &str) -> bool {
        let mut altnames = self.altnames.iter();
        self.name.value.as_str() == name || altnames.any(|other| other.value.as_str() == name)
    }

    /// The identity of the device, if it is one.
    pub fn known(&self) -> Option<DeviceId> {
        self.device.as_ref().map(|card| card.value.clone())
    }

    /// Its name on the other side.
    pub fn other_name(&self) -> &LinkName {
        self.other.as_ref().unwrap_or(&self.name.value)
    }

    /// The names that the NIC may have on the host if another program deleted its namespace: the kernel
    /// moves it there under its name inside, or, if the host has such a link, as `dev` and its
    /// interface index (default_device_exit_net in net/core/dev.c). Without its own name on the host.
    pub fn names_moved_back(&self) -> Vec<LinkName> {
        let by_index = self
            .index
            .and_then(|index| format!("dev{index}").parse().ok());
        let names = self.other.clone().into_iter().chain(by_index);
        names.filter(|name| *name != self.name.value).collect()
    }

    /// Whether `other`, a link of the host, is another device, such as a bridge that has its name.
    pub fn is_other_device(&self, other: &Link) -> bool {
        let other = other.known().unwrap_or_default();
        self.known()
            .is_some_and(|known| known.same(&other) != Some(true))
    }

    /// The same device among `links`, if the kernel has moved it back to the host under such a name.
    pub fn moved_back_in<'a>(&self, links: &'a [Link]) -> Option<&'a Link> {
        let (names, known) = (self.names_moved_back(), self.known()?);
        let is_it = |link: &&Link| {
            let is_same = link.known().and_then(|other| known.same(&other));
            link.netns == Netns::Host && names.contains(&link.name.value) && is_same == Some(true)
        };
        links.iter().find(is_it)
    }

    /// Its name, if that is not `from`.
    pub fn differs(&self, from: &LinkName) -> Option<LinkName> {
        let name = &self.name.value;
        (name != from).then(|| name.clone())
    }

    /// Its namespace and name.
    pub fn link_at(&self) -> LinkRef {
        self.netns.link(&self.name.value)
    }
}
