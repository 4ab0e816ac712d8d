//! The ports of bridges: which of them leads to a MAC address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{Entry, is_bridge};
use crate::kernel::{Kernel, decode};
use crate::model::Netns;
use crate::os_error::OsError;

/// A MAC address, or another address of a link.
pub(super) type Mac = Vec<u8>;

impl Kernel {
    /// The MAC address of a neighbour on one of these links. `None` if the kernel does not know it.
    pub(super) fn mac_of(
        &mut self,
        at: &Netns,
        links: &BTreeSet<u32>,
        ip: IpAddr,
    ) -> Result<Option<Mac>, OsError> {
        let family = match ip {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        let address = NeighbourAttribute::Destination(NeighbourAddress::from(ip));
        let all = self.neighbours_of(at, family)?;
        let mut all = all.iter().filter(|one| links.contains(&one.header.ifindex));
        let found = all.find(|one| one.attributes.contains(&address));
        Ok(found.and_then(mac).cloned())
    }

    /// The port that leads to the next hop, for each bridge on the way that knows one.
    pub(super) fn ports(
        &mut self,
        entry: &Entry,
        there: &[LinkMessage],
    ) -> Result<BTreeMap<u32, u32>, OsError> {
        let Some((_, Some(wanted))) = &entry.next else {
            return Ok(BTreeMap::new());
        };
        if !there.iter().any(decode::is_bridge) {
            return Ok(BTreeMap::new());
        }
        let all = self.neighbours_of(&entry.netns, AddressFamily::Bridge)?;
        let learned = all.iter().filter(|one| mac(one) == Some(wanted));
        let port = |one: &NeighbourMessage| {
            let mut attributes = one.attributes.iter();
            let bridge = attributes.find_map(|attribute| match attribute {
                NeighbourAttribute::Controller(bridge) => Some(*bridge),
                _ => None,
            });
            bridge.map(|bridge| (bridge, one.header.ifindex))
        };
        let ports = learned.filter_map(port);
        Ok(ports
            .filter(|(bridge, port)| is_bridge(*bridge, there) && bridge != port)
            .collect())
    }

    fn neighbours_of(
        &mut self,
        at: &Netns,
        family: AddressFamily,
    ) -> Result<Vec<NeighbourMessage>, OsError> {
        let mut request = NeighbourMessage::default();
        request.header.family = family;
        let answers = self
            .requests(at)?
            .dump(RouteNetlinkMessage::GetNeighbour(request))?;
        let neighbour = |answer| match answer {
            RouteNetlinkMessage::NewNeighbour(neighbour) => Some(neighbour),
            _ => None,
        };
        Ok(answers.into_iter().filter_map(neighbour).collect())
    }
}

fn mac(neighbour: &NeighbourMessage) -> Option<&Mac> {
    let mut attributes = neighbour.attributes.iter();
    attributes.find_map(|attribute| match attribute {
        NeighbourAttribute::LinkLayerAddress(mac) => Some(mac),
        _ => None,
    })
}
