//! Saves what depends on a link of the host and cannot be expressed by settings. It is saved as the
//! kernel's own messages, which are sent back later. `route` and `observe` query what the model can
//! express.

mod body;
pub mod command;

use nix::errno::Errno;
use nix::libc::{
    self, NDA_CACHEINFO, NDA_IFINDEX, NDA_PROBES, NTF_PROXY, NUD_PERMANENT, RTA_CACHEINFO,
    RTA_MULTIPATH, RTA_OIF,
};
use rtnetlink::packet_core::Parseable;
use rtnetlink::packet_route::route::{RouteFlags, RouteMessage, RouteProtocol, RouteType};

use super::Kernel;
use super::decode::{self, LinkNames};
use super::netlink::attr;
use super::netlink::message::Raw;
use super::netlink::socket::{RequestKind, Requests};
use super::observe::seconds_since_boot;
use crate::model::{LinkRef, Verbatim, VerbatimKind};
use crate::os_error::OsError;
use body::Body;

/// From linux/rtnetlink.h and linux/nexthop.h: the crate libc does not have these for each C
/// library.
const RTA_EXPIRES: u16 = 23;
const RTA_VIA: u16 = 18;
const RTA_ENCAP_TYPE: u16 = 21;
const RTA_ENCAP: u16 = 22;
pub(super) const RTA_NH_ID: u16 = 30;
/// The attributes that the kernel reports beside a nexthop id, but does not accept together with
/// it.
const RTA_OF_NEXTHOP: [u16; 6] = [
    RTA_OIF,
    libc::RTA_GATEWAY,
    RTA_MULTIPATH,
    RTA_VIA,
    RTA_ENCAP_TYPE,
    RTA_ENCAP,
];
const NHA_ID: u16 = 1;
const NHA_GROUP: u16 = 2;
const NHA_OIF: u16 = 5;
/// The last attribute that a request may contain.
const NHA_FDB: u16 = 11;
const NHA_GROUPS: u16 = 9;
/// RTNH_F_ONLINK. The other flags describe a state and cannot be set.
const ONLINK: u32 = 4;

/// The lengths of the fixed parts of the messages.
pub(super) const ROUTE: usize = 12;
pub(super) const NEIGHBOUR: usize = 12;
pub(super) const NEXTHOP: usize = 8;

const NEW: [(VerbatimKind, u16); 3] = [
    (VerbatimKind::Nexthop, 104),
    (VerbatimKind::Route, libc::RTM_NEWROUTE),
    (VerbatimKind::Neighbour, libc::RTM_NEWNEIGH),
];
const GET_NEXTHOP: u16 = 106;

impl Kernel {
    /// What depends on this link of the host. `index` is the interface index of the link.
    pub(super) fn verbatim_of(
        &mut self,
        link: &LinkRef,
        index: u32,
    ) -> Result<Vec<Verbatim>, OsError> {
        let mut found = self.nexthops(link, index)?;
        found.extend(self.strange_routes(link, index)?);
        found.extend(self.neighbours(link, index)?);
        for kept in &mut found {
            kept.command = command::command(kept);
        }
        Ok(found)
    }

    /// The nexthops of the link, and the groups that contain them. Empty if the kernel is too old
    /// for nexthops.
    fn nexthops(&mut self, link: &LinkRef, index: u32) -> Result<Vec<Verbatim>, OsError> {
        let requests = self.requests(&link.netns)?;
        let of_link = [&[0; NEXTHOP][..], &number(NHA_OIF, index)].concat();
        let Ok(own) = dump(requests, GET_NEXTHOP, of_link) else {
            return Ok(Vec::new());
        };
        let ids: Vec<&[u8]> = own
            .iter()
            .filter_map(|b| attr::find(b, NEXTHOP, NHA_ID))
            .collect();
        let mut all = own.clone();
        if !ids.is_empty() {
            let groups =
                attr::bytes(&[rtnetlink::packet_core::DefaultNla::new(NHA_GROUPS, vec![])]);
            let groups = [&[0; NEXTHOP][..], &groups].concat();
            let has = |body: &Vec<u8>| {
                let group = attr::find(body, NEXTHOP, NHA_GROUP).unwrap_or_default();
                group
                    .chunks(8)
                    .any(|entry| ids.iter().any(|id| entry.starts_with(id)))
            };
            let groups = dump(requests, GET_NEXTHOP, groups)?;
            all.extend(groups.into_iter().filter(has));
        }
        let nexthop = |body: Vec<u8>| {
            let mut kept = Body::of(&body, NEXTHOP, |kind| kind <= NHA_FDB)?;
            // The kernel determines the scope
            kept.bytes[1] = 0;
            kept.keep_flags(4);
            kept.take_number(NHA_OIF);
            kept.with(
                VerbatimKind::Nexthop,
                &link.name,
                &[(index, link.name.clone())].into(),
            )
        };
        Ok(all.into_iter().filter_map(nexthop).collect())
    }

    /// The routes of the link that the model cannot express, except those that the kernel creates
    /// by itself.
    fn strange_routes(&mut self, link: &LinkRef, index: u32) -> Result<Vec<Verbatim>, OsError> {
        let of_link = [&[0; ROUTE][..], &number(RTA_OIF, index)].concat();
        let all = dump(self.requests(&link.netns)?, libc::RTM_GETROUTE, of_link);
        let mut found = Vec::new();
        for body in all.or_else(none_if_gone)? {
            let Ok(message) = RouteMessage::parse(&body) else {
                continue;
            };
            if is_kernels(&message) {
                continue;
            }
            let mut names = LinkNames::from([(index, link.name.clone())]);
            self.name_all(&mut names, std::slice::from_ref(&message), &link.netns)?;
            let said = decode::route(&message, &link.netns, &names);
            if said.is_some_and(|route| route.is_said_whole()) {
                continue;
            }
            let by_nexthop = attr::find(&body, ROUTE, RTA_NH_ID).is_some();
            let takes =
                |kind| kind != RTA_CACHEINFO && !(by_nexthop && RTA_OF_NEXTHOP.contains(&kind));
            let kept = Body::of(&body, ROUTE, takes).and_then(|mut kept| {
                kept.keep_flags(8);
                kept.take_number(RTA_OIF);
                kept.take_ways();
                kept.with(VerbatimKind::Route, &link.name, &names)
            });
            let kept = kept.map(|kept| Verbatim {
                until: decode::expires(&message).map(|left| seconds_since_boot() + left),
                ..kept
            });
            found.extend(kept);
        }
        Ok(found)
    }

    /// The permanent neighbours and the proxy neighbours.
    fn neighbours(&mut self, link: &LinkRef, index: u32) -> Result<Vec<Verbatim>, OsError> {
        let mut all = Vec::new();
        for flags in [0, NTF_PROXY] {
            let mut of_link = vec![0; NEIGHBOUR];
            of_link[10] = flags;
            of_link.extend(number(NDA_IFINDEX, index));
            let requests = self.requests(&link.netns)?;
            all.extend(dump(requests, libc::RTM_GETNEIGH, of_link).or_else(none_if_gone)?);
        }
        let names = LinkNames::from([(index, link.name.clone())]);
        let neighbour = |body: Vec<u8>| {
            let is_ip = [2, 10].contains(body.first()?);
            let state = u16::from_ne_bytes(*body.get(8..)?.first_chunk()?);
            let stays = state & NUD_PERMANENT != 0 || body.get(10)? & NTF_PROXY != 0;
            // The kernel dumps the proxy neighbours of all links
            let of_link = body.get(4..8)? == index.to_ne_bytes();
            let takes = |kind| ![NDA_CACHEINFO, NDA_PROBES].contains(&kind);
            let mut kept = Body::of(&body, NEIGHBOUR, takes)?;
            kept.places.push(4);
            let kept = kept.with(VerbatimKind::Neighbour, &link.name, &names);
            kept.filter(|_| is_ip && stays && of_link)
        };
        Ok(all.into_iter().filter_map(neighbour).collect())
    }

    /// Send a saved message again, with the current interface indexes of its links.
    pub(super) fn put_back(&mut self, kept: &Verbatim) -> Result<(), OsError> {
        let mut body = kept.body.clone();
        if let Some(until) = kept.until {
            let left = until.saturating_sub(seconds_since_boot()).max(1);
            body.extend(number(RTA_EXPIRES, u32::try_from(left).unwrap_or(u32::MAX)));
        }
        for (at, name) in &kept.links {
            let link = crate::model::Netns::Host.link(name);
            let index = self.index(&link)?;
            if let Some(place) = body.get_mut(*at..at + 4) {
                place.copy_from_slice(&index.to_ne_bytes());
            }
        }
        let new = NEW.iter().find(|(kind, _)| *kind == kept.kind);
        let new = new.map_or(0, |(_, number)| *number);
        let requests = self.requests(&crate::model::Netns::Host)?;
        requests.tell(Raw { kind: new, body }, RequestKind::Replace)
    }
}

/// Whether the kernel creates the route by itself: with the addresses of the link, as a cached
/// route, or from a router advertisement.
fn is_kernels(route: &RouteMessage) -> bool {
    use RouteType as T;
    let header = &route.header;
    let own = [T::Local, T::Broadcast, T::Anycast, T::Multicast].contains(&header.kind);
    header.flags.contains(RouteFlags::Cloned)
        || header.protocol == RouteProtocol::Ra
        || header.protocol == RouteProtocol::Kernel && own
}

fn number(kind: u16, value: u32) -> Vec<u8> {
    let nla = rtnetlink::packet_core::DefaultNla::new(kind, value.to_ne_bytes().to_vec());
    attr::bytes(&[nla])
}

/// The bodies of all messages that the kernel sends in answer to a dump request.
fn dump(requests: &mut Requests, kind: u16, body: Vec<u8>) -> Result<Vec<Vec<u8>>, OsError> {
    let answers = requests.dump(Raw { kind, body })?;
    Ok(answers.into_iter().map(|answer| answer.body).collect())
}

fn none_if_gone(no: OsError) -> Result<Vec<Vec<u8>>, OsError> {
    match no.errno.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENODEV | Errno::ENOENT | Errno::EAFNOSUPPORT) => Ok(Vec::new()),
        _ => Err(no),
    }
}
