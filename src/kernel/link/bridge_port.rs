//! The options of bridge ports, and the VLANs of ports and of bridges, for which the kernel has
//! messages of their own (AF_BRIDGE, linux/if_bridge.h).

use std::collections::BTreeMap;

use rtnetlink::LinkBridgeVlan;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{
    AfSpecBridge, BridgeVlanInfoFlags, InfoPortData, InfoPortKind, LinkAttribute, LinkExtentMask,
    LinkInfo, LinkMessage,
};

use super::options;
use crate::kernel::Kernel;
use crate::kernel::netlink::socket::{RequestKind, Requests};
use crate::model::LinkRef;
use crate::model::link::bridge_port::{Vlan, Vlans};
use crate::model::link::options::Options;
use crate::os_error::OsError;
use crate::source::Sourced;

impl Kernel {
    /// Set these options of a port, and no others.
    pub(crate) fn set_port(&mut self, link: &LinkRef, port: &Options) -> Result<(), OsError> {
        let data = InfoPortData::Other(options::encode(port));
        let infos = vec![
            LinkInfo::PortKind(InfoPortKind::Bridge),
            LinkInfo::PortData(data),
        ];
        self.set(link, |message| {
            message.append_extra_attribute(LinkAttribute::LinkInfo(infos))
        })
    }

    /// Equivalent to `bridge vlan add`. With `bridge`, the VLANs are added to a bridge itself
    /// (`self`).
    pub(crate) fn add_vlans(
        &mut self,
        link: &LinkRef,
        row: &Vlans,
        bridge: bool,
    ) -> Result<(), OsError> {
        self.tell_vlans(RouteNetlinkMessage::SetLink, link, row, bridge)
    }

    /// Equivalent to `bridge vlan del`. VLANs that are gone already are no error.
    pub(crate) fn del_vlans(
        &mut self,
        link: &LinkRef,
        row: &Vlans,
        bridge: bool,
    ) -> Result<(), OsError> {
        self.tell_vlans(RouteNetlinkMessage::DelLink, link, row, bridge)
    }

    fn tell_vlans(
        &mut self,
        what: fn(LinkMessage) -> RouteNetlinkMessage,
        link: &LinkRef,
        row: &Vlans,
        bridge: bool,
    ) -> Result<(), OsError> {
        let message = what(vlan_message(self.index(link)?, row, bridge));
        self.requests(&link.netns)?
            .tell(message, RequestKind::Change)
    }
}

fn vlan_message(index: u32, row: &Vlans, bridge: bool) -> LinkMessage {
    let mut flags = BridgeVlanInfoFlags::empty();
    flags.set(BridgeVlanInfoFlags::Pvid, row.first.pvid);
    flags.set(BridgeVlanInfoFlags::Untagged, row.first.untagged);
    let mut message = LinkBridgeVlan::new(index);
    if bridge {
        message = message.bridge_self();
    }
    let message = match row.first.id == row.last {
        true => message.vlan(row.last, flags),
        false => message
            .vlan_range_start(row.first.id, flags)
            .vlan_range_end(row.last, flags),
    };
    message.build()
}

/// The VLANs of each bridge and each bridge port of a namespace, by interface index.
pub(crate) fn all_vlans(
    requests: &mut Requests,
) -> Result<BTreeMap<u32, Vec<Sourced<Vlan>>>, OsError> {
    let mask = LinkAttribute::ExtMask(vec![LinkExtentMask::Brvlan]);
    let request = LinkBridgeVlan::new(0).append_extra_attribute(mask).build();
    let answers = requests.dump(RouteNetlinkMessage::GetLink(request))?;
    let mut found: BTreeMap<u32, Vec<Sourced<Vlan>>> = BTreeMap::new();
    for answer in answers {
        let RouteNetlinkMessage::NewLink(message) = answer else {
            continue;
        };
        let vlans = found.entry(message.header.index).or_default();
        for attribute in &message.attributes {
            if let LinkAttribute::AfSpecBridge(specs) = attribute {
                vlans.extend(specs.iter().filter_map(vlan).map(Sourced::without_origin));
            }
        }
        vlans.sort_by_key(|vlan| vlan.value.id);
    }
    Ok(found)
}

fn vlan(spec: &AfSpecBridge) -> Option<Vlan> {
    match spec {
        AfSpecBridge::VlanInfo(info) => Some(Vlan {
            id: info.vid,
            pvid: info.flags.contains(BridgeVlanInfoFlags::Pvid),
            untagged: info.flags.contains(BridgeVlanInfoFlags::Untagged),
        }),
        _ => None,
    }
}
