//! Queries that take one request each, and return the kernel's messages. The callers interpret
//! them.

use std::io::ErrorKind;

use nix::errno::Errno;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};
use rtnetlink::packet_route::nsid::{NsidAttribute, NsidMessage};

use super::socket::{RequestKind, Requests};
use crate::name::LinkName;
use crate::os_error::OsError;

/// The answers. Empty if the link has disappeared in the meantime (ENODEV).
pub(crate) fn unless_gone(
    answers: Result<Vec<RouteNetlinkMessage>, OsError>,
) -> Result<Vec<RouteNetlinkMessage>, OsError> {
    match answers {
        Err(no) if no.is(Errno::ENODEV) => Ok(Vec::new()),
        answers => answers,
    }
}

/// The addresses of the link with this interface index. All addresses if that is 0.
pub(crate) fn addresses_of(
    requests: &mut Requests,
    index: u32,
) -> Result<Vec<AddressMessage>, OsError> {
    let mut message = AddressMessage::default();
    message.header.index = index;
    let answers = requests.dump(RouteNetlinkMessage::GetAddress(message));
    let address = |answer| match answer {
        RouteNetlinkMessage::NewAddress(address) => Some(address),
        _ => None,
    };
    Ok(unless_gone(answers)?
        .into_iter()
        .filter_map(address)
        .collect())
}

pub(crate) fn all_links(requests: &mut Requests) -> Result<Vec<LinkMessage>, OsError> {
    let answers = requests.dump(RouteNetlinkMessage::GetLink(uncounted()))?;
    Ok(answers.into_iter().filter_map(link).collect())
}

/// All links of the namespace that has this id (nsid) in the namespace of the socket. The ids of
/// other namespaces in the answers are those in the namespace of the socket, too.
pub(crate) fn all_links_in(
    requests: &mut Requests,
    nsid: i32,
) -> Result<Vec<LinkMessage>, OsError> {
    let mut message = uncounted();
    message.attributes.push(LinkAttribute::IfNetnsId(nsid));
    let answers = requests.dump(RouteNetlinkMessage::GetLink(message))?;
    Ok(answers.into_iter().filter_map(link).collect())
}

/// The link that has this name, if there is one.
pub(crate) fn link_named(
    requests: &mut Requests,
    name: &LinkName,
) -> Result<Option<LinkMessage>, OsError> {
    let mut message = uncounted();
    message
        .attributes
        .push(LinkAttribute::IfName(name.to_string()));
    the_link(requests, message)
}

/// As [`link_named`], with the link's statistics.
pub(crate) fn link_with_counters(
    requests: &mut Requests,
    name: &LinkName,
) -> Result<Option<LinkMessage>, OsError> {
    let mut message = LinkMessage::default();
    message.attributes = vec![LinkAttribute::IfName(name.to_string())];
    the_link(requests, message)
}

/// The link that has this interface index, if there is one.
pub(crate) fn link_at(requests: &mut Requests, index: u32) -> Result<Option<LinkMessage>, OsError> {
    let mut message = uncounted();
    message.header.index = index;
    the_link(requests, message)
}

/// A request for links without their statistics, because the kernel would have to add these up over
/// all processors.
fn uncounted() -> LinkMessage {
    let mut message = LinkMessage::default();
    let without = vec![LinkExtentMask::SkipStats];
    message.attributes = vec![LinkAttribute::ExtMask(without)];
    message
}

fn the_link(requests: &mut Requests, which: LinkMessage) -> Result<Option<LinkMessage>, OsError> {
    match requests.get(RouteNetlinkMessage::GetLink(which)) {
        Err(no) if no.is(Errno::ENODEV) => Ok(None),
        answer => Ok(answer?.and_then(link)),
    }
}

fn link(answer: RouteNetlinkMessage) -> Option<LinkMessage> {
    match answer {
        RouteNetlinkMessage::NewLink(link) => Some(link),
        _ => None,
    }
}

/// The id (nsid) of a namespace in the namespace of the socket. It is assigned if there is none yet
/// (RTM_NEWNSID). `netns` is a file descriptor.
pub(crate) fn make_nsid(requests: &mut Requests, netns: i32) -> Result<i32, OsError> {
    if let Some(number) = nsid(requests, netns)? {
        return Ok(number);
    }
    let mut message = NsidMessage::default();
    // -1: any free id
    message.attributes = vec![NsidAttribute::Fd(netns as u32), NsidAttribute::Id(-1)];
    requests.tell(RouteNetlinkMessage::NewNsId(message), RequestKind::Change)?;
    let number = nsid(requests, netns)?;
    number.ok_or_else(|| std::io::Error::from(ErrorKind::NotFound).into())
}

/// The id (nsid) of a namespace in the namespace of the socket, if it has one there (RTM_GETNSID).
/// `netns` is a file descriptor.
pub(crate) fn nsid(requests: &mut Requests, netns: i32) -> Result<Option<i32>, OsError> {
    let mut message = NsidMessage::default();
    message.attributes = vec![NsidAttribute::Fd(netns as u32)];
    let answer = requests.get(RouteNetlinkMessage::GetNsId(message))?;
    let Some(RouteNetlinkMessage::NewNsId(message)) = answer else {
        return Ok(None);
    };
    let number = |attribute: &NsidAttribute| match attribute {
        NsidAttribute::Id(id) if *id >= 0 => Some(*id),
        _ => None,
    };
    Ok(message.attributes.iter().find_map(number))
}
