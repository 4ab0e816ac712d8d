//! Decodes the kernel's message about a link into the link of the model, without its addresses.
//! Pure.

use rtnetlink::packet_core::Nla;
use rtnetlink::packet_route::link::{
    InfoKind, InfoPortKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, Prop,
};

use super::link_data::data;
use super::{LinkNames, OtherNetns};
use crate::definitions::links::{Lower, OTHERS_THAT_GO_WITH_PARENT, PORT, Type};
use crate::kernel::link::{options, tap};
use crate::model::link::options::Options;
use crate::model::{Kind, Link, LinkRef, LinkSpec, Mac, Netns};
use crate::name::{Altname, LinkName};
use crate::source::Sourced;

/// The interface index and the name of a link. `None` if the name cannot be printed.
pub fn name(message: &LinkMessage) -> Option<(u32, LinkName)> {
    let name = attribute!(message, LinkAttribute::IfName(name) => name)?;
    Some((message.header.index, LinkName::of_kernel(name)?))
}

/// Whether the link works without ARP (IFF_NOARP).
pub fn is_without_arp(message: &LinkMessage) -> bool {
    message.header.flags.contains(LinkFlags::Noarp)
}

/// Whether the link is set up (IFF_UP).
pub fn is_up(message: &LinkMessage) -> bool {
    message.header.flags.contains(LinkFlags::Up)
}

/// Whether the link has this name.
pub fn is_named(message: &LinkMessage, name: &LinkName) -> bool {
    self::name(message).is_some_and(|(_, found)| found == *name)
}

/// The interface index of the link's master.
pub fn master(message: &LinkMessage) -> Option<u32> {
    attribute!(message, LinkAttribute::Controller(index) => *index)
}

/// The permanent MAC address of the link. `None` if it has none, or one of another length.
pub fn permanent_mac(message: &LinkMessage) -> Option<Mac> {
    let bytes = attribute!(message, LinkAttribute::PermAddress(bytes) => bytes.clone())?;
    <[u8; 6]>::try_from(bytes).ok().map(Mac)
}

/// Whether the link's peer or parent link is in another namespace.
pub fn is_elsewhere(message: &LinkMessage) -> bool {
    attribute!(message, LinkAttribute::LinkNetNsId(_) => ()).is_some()
}

/// The id (nsid) of the namespace that has the link's peer or parent link, if that is another one.
pub fn netns_of_lower(message: &LinkMessage) -> Option<i32> {
    attribute!(message, LinkAttribute::LinkNetNsId(id) => *id)
}

/// Whether the link is of this kind.
pub fn is_kind(message: &LinkMessage, kind: &InfoKind) -> bool {
    let infos = attribute!(message, LinkAttribute::LinkInfo(infos) => infos.as_slice());
    let is_it = |info: &LinkInfo| matches!(info, LinkInfo::Kind(one) if one == kind);
    infos.is_some_and(|infos| infos.iter().any(is_it))
}

/// Whether the link is a bridge.
pub fn is_bridge(message: &LinkMessage) -> bool {
    is_kind(message, &InfoKind::Bridge)
}

/// The link, without its addresses. `None` if its name cannot be printed.
pub fn link(
    message: &LinkMessage,
    at: &Netns,
    names: &LinkNames,
    others: &OtherNetns,
) -> Option<Link> {
    let (_, name) = self::name(message)?;
    let master = master(message).and_then(|index| names.get(&index)).cloned();
    Some(Link {
        attributes: options::decode_attributes(message),
        master: master.map(Sourced::without_origin),
        altnames: altnames(message),
        port: port(message),
        up: Some(is_up(message)),
        index: Some(message.header.index),
        ..Link::new(
            at.clone(),
            Sourced::without_origin(name),
            kind(message, others),
        )
    })
}

/// The alternative names, without those that no setting can express: they belong to other programs.
fn altnames(message: &LinkMessage) -> Vec<Sourced<Altname>> {
    let all = attribute!(message, LinkAttribute::PropList(all) => all.as_slice());
    let names = all
        .unwrap_or_default()
        .iter()
        .filter_map(|prop| match prop {
            Prop::AltIfName(name) => name.parse().ok(),
            _ => None,
        });
    names.map(Sourced::without_origin).collect()
}

/// The options of a bridge port. `None` if the link is not one.
fn port(message: &LinkMessage) -> Option<Options> {
    let infos = attribute!(message, LinkAttribute::LinkInfo(infos) => infos.as_slice())?;
    infos
        .contains(&LinkInfo::PortKind(InfoPortKind::Bridge))
        .then_some(())?;
    let data = infos.iter().find_map(|info| match info {
        LinkInfo::PortData(data) => Some(data),
        _ => None,
    })?;
    let mut bytes = vec![0; data.value_len()];
    data.emit_value(&mut bytes);
    Some(options::decode(PORT, &bytes))
}

fn kind(message: &LinkMessage, others: &OtherNetns) -> Kind {
    if message.header.flags.contains(LinkFlags::Loopback) {
        return Kind::Loopback;
    }
    let infos = attribute!(message, LinkAttribute::LinkInfo(infos) => infos.as_slice());
    let infos = infos.unwrap_or_default();
    let kind = infos.iter().find_map(|info| match info {
        LinkInfo::Kind(kind) => Some(kind),
        _ => None,
    });
    match kind {
        None => Kind::Physical,
        Some(InfoKind::Veth) => Kind::Veth {
            peer: below(message, others),
        },
        Some(kind) => {
            let word = tap::word(infos).map_or_else(|| kind.to_string(), String::from);
            let of = Type::named(&word);
            let spec = of.and_then(|of| spec(of, infos, message, others));
            spec.map_or_else(|| other(word, message, others), Kind::Virtual)
        }
    }
}

fn other(word: String, message: &LinkMessage, others: &OtherNetns) -> Kind {
    let goes = OTHERS_THAT_GO_WITH_PARENT.contains(&word.as_str());
    let parent = below(message, others).filter(|_| goes);
    Kind::Other { word, parent }
}

/// The type and the options of a virtual link. `None` if its parent link, the namespace of the
/// parent link, or the namespace of the tunnel's UDP socket is unknown.
fn spec(
    of: &'static Type,
    infos: &[LinkInfo],
    message: &LinkMessage,
    others: &OtherNetns,
) -> Option<LinkSpec> {
    let netns = attribute!(message, LinkAttribute::LinkNetNsId(id) => *id);
    let (born, names) = others.get(&netns)?;
    let mut spec = LinkSpec::new(of, (*born).clone());
    let index = options::decode_type(&mut spec, &data(infos));
    let link = || attribute!(message, LinkAttribute::Link(index) => *index);
    let parent = match of.below {
        Lower::Nothing => None,
        Lower::Link => Some(link()?),
        Lower::UnderlayNetns => index,
    };
    if let Some(index) = parent {
        spec.parent = Some(names.get(&index)?.clone());
    }
    Some(spec)
}

fn below(message: &LinkMessage, others: &OtherNetns) -> Option<LinkRef> {
    let index = attribute!(message, LinkAttribute::Link(index) => *index)?;
    let netns = attribute!(message, LinkAttribute::LinkNetNsId(id) => *id);
    let (at, names) = others.get(&netns)?;
    Some(at.link(names.get(&index)?))
}
