//! Identifies NICs: by their permanent address, which the kernel reports for a link in any
//! namespace, and by their device path, which /sys shows only for the links of the host.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use nix::libc;
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkInfo, LinkMessage};

use super::netlink::attr;
use super::netlink::query::all_links;
use super::{Kernel, decode};
use crate::model::{DeviceId, Kind, Link, Netns, State};
use crate::name::LinkName;
use crate::os_error::OsError;
use crate::plan::Journal;
use crate::source::Sourced;
use crate::system::netns;

/// The NICs that belong in the namespace, to be recognized in link events on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices {
    names: BTreeSet<String>,
    /// Their permanent MAC addresses, whatever the links are called.
    macs: BTreeSet<Vec<u8>>,
    /// Whether some of them are known only by their device path, which no message contains.
    anywhere: bool,
}

impl Devices {
    /// The NICs that `want` has in the namespace. The journal adds the MAC addresses that it knows.
    pub fn of(want: &State, journal: &Journal) -> Self {
        let mut cards = Devices::default();
        let inside = |link: &&Link| link.netns == Netns::This && link.kind.is_moved();
        for link in want.links.iter().filter(inside) {
            cards.names.insert(link.name.to_string());
            let before = || journal.before.inside(&link.name.value)?.known();
            if let Some(card) = link.known().or_else(before) {
                cards.anywhere |= card.mac.is_none();
                cards.macs.extend(card.mac.map(|mac| mac.0.to_vec()));
            }
        }
        cards
    }

    /// Whether a link message (`ifinfomsg` and its attributes) may concern one of these NICs.
    pub fn has(&self, name: Option<&str>, message: &[u8]) -> bool {
        // ifi_change has all bits set if the link has just appeared (rtnetlink(7))
        let new = message.get(12..16) == Some(&[0xff; 4]);
        let mac = attr::find(message, 16, libc::IFLA_PERM_ADDRESS);
        name.is_some_and(|name| self.names.contains(name))
            || mac.is_some_and(|mac| self.macs.contains(mac))
            || self.anywhere && new
    }
}

impl Kernel {
    /// All links of the host and of the namespace, with only their names and the identities of
    /// their devices.
    pub fn cards(&mut self) -> Result<Vec<Link>, OsError> {
        let mut found = Vec::new();
        let named = netns::there(self.netns.as_str())? == netns::NameEntry::Netns;
        let inside = named || self.source.is_some();
        let places = [Netns::Host, Netns::This];
        for at in places.into_iter().take(1 + usize::from(inside)) {
            let messages = all_links(self.requests(&at)?)?;
            for message in &messages {
                if let Some((_, name)) = decode::name(message) {
                    let card = card(message, &at, &name);
                    let link = Link::new(at.clone(), Sourced::without_origin(name), Kind::Physical);
                    found.push(Link {
                        device: card,
                        ..link
                    });
                }
            }
        }
        Ok(found)
    }
}

/// The identity of a link's device. `None` if it has neither a permanent MAC address nor a device
/// path.
pub(super) fn card(
    message: &LinkMessage,
    at: &Netns,
    name: &LinkName,
) -> Option<Sourced<DeviceId>> {
    let path = match at {
        Netns::Host if !is_veth(message) => path(name),
        _ => None,
    };
    let mac = decode::permanent_mac(message);
    let card = DeviceId { mac, path };
    (!card.is_unknown()).then(|| Sourced::without_origin(card))
}

fn is_veth(message: &LinkMessage) -> bool {
    let veth = |info: &LinkInfo| matches!(info, LinkInfo::Kind(InfoKind::Veth));
    message.attributes.iter().any(
        |attribute| matches!(attribute, LinkAttribute::LinkInfo(infos) if infos.iter().any(veth)),
    )
}

/// The device path of a link below `/sys/devices`. `None` if the link is created by software.
fn path(name: &LinkName) -> Option<String> {
    let link = Path::new("/sys/class/net").join(name.as_str());
    let found = fs::canonicalize(link.join("device")).ok()?;
    let path = found.strip_prefix("/sys/devices").ok()?;
    // A setting cannot contain a path with blanks
    let path = path
        .to_str()
        .filter(|path| !path.contains(char::is_whitespace));
    path.map(String::from)
}
