//! Questions: what is asked of the kernel by one request, in the words of its messages.
//! What to make of the answers is for others.

use std::io::ErrorKind;

use nix::errno::Errno;
use rtnetlink::packet_core::DefaultNla;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};
use rtnetlink::packet_route::nsid::{NsidAttribute, NsidMessage};

use super::Refusal;
use super::attributes;
use super::requests::{How, Requests};
use crate::name::LinkName;

/// Of a link that has gone while it was looked at, there is nothing.
pub(super) fn unless_gone(
    answers: Result<Vec<RouteNetlinkMessage>, Refusal>,
) -> Result<Vec<RouteNetlinkMessage>, Refusal> {
    match answers {
        Err(no) if no.errno.raw_os_error() == Some(Errno::ENODEV as i32) => Ok(Vec::new()),
        answers => answers,
    }
}

/// The addresses of a link by its index, of all links if that is 0.
pub(super) fn addresses_of(
    requests: &mut Requests,
    index: u32,
) -> Result<Vec<AddressMessage>, Refusal> {
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

pub(super) fn all_links(requests: &mut Requests) -> Result<Vec<LinkMessage>, Refusal> {
    let answers = requests.dump(RouteNetlinkMessage::GetLink(uncounted()))?;
    Ok(answers.into_iter().filter_map(link).collect())
}

/// A link by its name, if there is one.
pub(super) fn link_named(
    requests: &mut Requests,
    name: &LinkName,
) -> Result<Option<LinkMessage>, Refusal> {
    let mut message = uncounted();
    message
        .attributes
        .push(LinkAttribute::IfName(name.to_string()));
    the_link(requests, message)
}

/// The number of a link by its name, if there is one. What else the kernel says of it is not
/// read.
pub(super) fn index_of(requests: &mut Requests, name: &LinkName) -> Result<Option<u32>, Refusal> {
    match link_unread(requests, 0, Some(name)) {
        Err(no) if no.errno.raw_os_error() == Some(Errno::ENODEV as i32) => Ok(None),
        answer => {
            let answer = answer?;
            let index = answer.get(4..).and_then(|words| words.first_chunk());
            Ok(index.map(|bytes| u32::from_ne_bytes(*bytes)))
        }
    }
}

/// What the kernel says of a link, as it says it (struct ifinfomsg and attributes,
/// rtnetlink(7)): by its number or, if that is 0, by its name.
pub(super) fn link_unread(
    requests: &mut Requests,
    index: u32,
    name: Option<&LinkName>,
) -> Result<Vec<u8>, Refusal> {
    const RTM_GETLINK: u16 = 18;
    const IFLA_IFNAME: u16 = 3;
    const IFLA_EXT_MASK: u16 = 29;
    const SKIP_STATS: u32 = 8;
    let mut asked = [[0; 4], index.to_ne_bytes(), [0; 4], [0; 4]].concat();
    let name = name.map(|name| [name.as_str().as_bytes(), b"\0"].concat());
    let name = name.map(|name| DefaultNla::new(IFLA_IFNAME, name));
    let without = DefaultNla::new(IFLA_EXT_MASK, SKIP_STATS.to_ne_bytes().to_vec());
    let all: Vec<DefaultNla> = name.into_iter().chain([without]).collect();
    asked.extend(attributes::bytes(&all));
    requests.bytes(RTM_GETLINK, &asked)
}

/// A link by its index, if there is one.
pub(super) fn link_at(requests: &mut Requests, index: u32) -> Result<Option<LinkMessage>, Refusal> {
    let mut message = uncounted();
    message.header.index = index;
    the_link(requests, message)
}

/// A question about links that leaves out what they have counted: the kernel would add it
/// up over all processors.
fn uncounted() -> LinkMessage {
    let mut message = LinkMessage::default();
    let without = vec![LinkExtentMask::SkipStats];
    message.attributes = vec![LinkAttribute::ExtMask(without)];
    message
}

fn the_link(requests: &mut Requests, which: LinkMessage) -> Result<Option<LinkMessage>, Refusal> {
    match requests.get(RouteNetlinkMessage::GetLink(which)) {
        Err(no) if no.errno.raw_os_error() == Some(Errno::ENODEV as i32) => Ok(None),
        answer => Ok(answer?.and_then(link)),
    }
}

fn link(answer: RouteNetlinkMessage) -> Option<LinkMessage> {
    match answer {
        RouteNetlinkMessage::NewLink(link) => Some(link),
        _ => None,
    }
}

/// The number that a namespace has in another, which is given one if it has none there
/// (RTM_NEWNSID).
pub(super) fn nsid_made(requests: &mut Requests, netns: i32) -> Result<i32, Refusal> {
    if let Some(number) = nsid(requests, netns)? {
        return Ok(number);
    }
    let mut message = NsidMessage::default();
    // -1: whatever is free
    message.attributes = vec![
        NsidAttribute::Fd(netns.cast_unsigned()),
        NsidAttribute::Id(-1),
    ];
    requests.tell(RouteNetlinkMessage::NewNsId(message), How::Change)?;
    let number = nsid(requests, netns)?;
    number.ok_or_else(|| std::io::Error::from(ErrorKind::NotFound).into())
}

/// The number that a namespace has in another (RTM_GETNSID), if it has one there.
pub(super) fn nsid(requests: &mut Requests, netns: i32) -> Result<Option<i32>, Refusal> {
    let mut message = NsidMessage::default();
    message.attributes = vec![NsidAttribute::Fd(netns.cast_unsigned())];
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
