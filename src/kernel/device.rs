//! What tells cards from others: their permanent address, which the kernel says of a link
//! in any namespace, and where they are plugged in, which /sys shows of the host's alone.

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

/// The cards that belong inside, as events on the host tell of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices {
    names: BTreeSet<String>,
    /// Permanent addresses, whatever the card is called.
    macs: BTreeSet<Vec<u8>>,
    /// There are some of which only the place is known, which no message says.
    anywhere: bool,
}

impl Devices {
    /// Those that are wanted inside, by all that is known of them.
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

    /// A message of a link (`ifinfomsg` and what follows) may be of one of them.
    pub fn has(&self, name: Option<&str>, message: &[u8]) -> bool {
        // All of it is new, as of what has just come (rtnetlink(7): ifi_change)
        let new = message.get(12..16) == Some(&[0xff; 4]);
        let mac = attr::find(message, 16, libc::IFLA_PERM_ADDRESS);
        name.is_some_and(|name| self.names.contains(name))
            || mac.is_some_and(|mac| self.macs.contains(mac))
            || self.anywhere && new
    }
}

impl Kernel {
    /// All links of the host and of the namespace, with what tells them from others and
    /// nothing else of them.
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

/// What tells a link from others, if anything does.
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

/// Where it is plugged in, below `/sys/devices`. What is made by software is nowhere.
fn path(name: &LinkName) -> Option<String> {
    let link = Path::new("/sys/class/net").join(name.as_str());
    let found = fs::canonicalize(link.join("device")).ok()?;
    let path = found.strip_prefix("/sys/devices").ok()?;
    // What has a blank in it could not be said by a setting
    let path = path
        .to_str()
        .filter(|path| !path.contains(char::is_whitespace));
    path.map(String::from)
}
