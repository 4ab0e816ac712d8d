//! Wireless links and their phys: finds the phy of a link of the host in /sys, and moves a phy with
//! all its links (nl80211, linux/nl80211.h).

use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rtnetlink::LinkUnspec;
use rtnetlink::packet_core::DefaultNla;
use rtnetlink::packet_route::RouteNetlinkMessage;

use crate::kernel::Kernel;
use crate::kernel::netlink::attr;
use crate::kernel::netlink::socket::RequestKind;
use crate::model::{LinkRef, Netns, Phy};
use crate::name::LinkName;
use crate::os_error::OsError;

const FAMILY: &str = "nl80211";
// NL80211_CMD_GET_INTERFACE and NL80211_CMD_SET_WIPHY_NETNS, then attributes
const GET: u8 = 5;
const SET_NETNS: u8 = 49;
const IFINDEX: u16 = 3;
const IFNAME: u16 = 4;
const WDEV: u16 = 153;
const NETNS_FD: u16 = 219;

const LINKS: &str = "/sys/class/net";

/// A link of a phy. Its number stays the same when the phy is moved, and when the link is renamed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wireless {
    pub(crate) number: Vec<u8>,
    pub(crate) name: String,
    pub(crate) index: u32,
}

/// The phy of a link of the host, if the link is wireless.
pub(crate) fn phy(name: &LinkName) -> Option<Phy> {
    let folder = folder(name.as_str())?;
    let same = |other: &LinkName| self::folder(other.as_str()).as_ref() == Some(&folder);
    let names = fs::read_dir(LINKS).ok()?.flatten();
    let names = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut links: Vec<LinkName> = names.filter(same).collect();
    links.sort();
    let name = folder.file_name()?.to_str()?;
    // The name is printed, and stored on a line of a file
    let name = name.replace(|c: char| !c.is_ascii_graphic(), "?");
    Some(Phy { name, links })
}

fn folder(link: &str) -> Option<PathBuf> {
    fs::canonicalize(Path::new(LINKS).join(link).join("phy80211")).ok()
}

impl Kernel {
    /// Move the phy of these links, and rename the links if necessary: where a name is taken
    /// already, the kernel chooses another.
    pub(crate) fn move_phy(&mut self, ways: &[(LinkRef, LinkRef)]) -> Result<(), OsError> {
        let [(first, to), ..] = ways else {
            return Ok(());
        };
        let before = self.wireless(&first.netns)?;
        let index = self.index(first)?;
        let netns = self.file(&to.netns)?.as_raw_fd();
        let what = [number(IFINDEX, index), number(NETNS_FD, netns as u32)];
        let mut family = self.generic(&first.netns, FAMILY)?;
        family.tell(SET_NETNS, &attr::bytes(&what))?;
        self.indexes.clear();
        let after = self.wireless(&to.netns)?;
        for (link, to) in ways {
            let was = before.iter().find(|one| one.name == link.name.as_str());
            let is = was.and_then(|was| after.iter().find(|one| one.number == was.number));
            if let Some(is) = is.filter(|is| is.name != to.name.as_str()) {
                let message = LinkUnspec::new_with_index(is.index).name(to.name.to_string());
                let message = RouteNetlinkMessage::NewLink(message.build());
                self.requests(&to.netns)?
                    .tell(message, RequestKind::Change)?;
            }
        }
        Ok(())
    }

    /// The wireless links of a namespace.
    fn wireless(&mut self, at: &Netns) -> Result<Vec<Wireless>, OsError> {
        let answers = self.generic(at, FAMILY)?.dump(GET, &[])?;
        Ok(answers.iter().map(|answer| read(answer)).collect())
    }
}

pub(crate) fn read(answer: &[u8]) -> Wireless {
    let mut link = Wireless::default();
    for said in attr::each(answer) {
        let value = said.value();
        match said.kind() {
            IFINDEX => link.index = value.try_into().map_or(0, u32::from_ne_bytes),
            IFNAME => link.name = String::from_utf8_lossy(value).trim_end_matches('\0').into(),
            WDEV => link.number = value.to_vec(),
            _ => {}
        }
    }
    link
}

fn number(kind: u16, number: u32) -> DefaultNla {
    DefaultNla::new(kind, number.to_ne_bytes().to_vec())
}
