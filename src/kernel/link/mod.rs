//! Making, changing and deleting links: one step in, one request to the kernel out. What
//! is special to a type is `options`'s.

pub mod bridge_port;
pub mod options;
pub mod tap;
pub mod wireless;

use std::os::fd::AsRawFd;

use nix::errno::Errno;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkInfo, LinkMessage, Prop,
};
use rtnetlink::{LinkMessageBuilder, LinkUnspec};

use super::Kernel;
use super::netlink::query::{self, link_named};
use super::netlink::socket::RequestKind;
use crate::definitions::links::Lower;
use crate::model::{Kind, Link, LinkRef, LinkSpec, Netns};
use crate::name::Altname;
use crate::os_error::OsError;

pub(super) type Message = LinkMessageBuilder<LinkUnspec>;

impl Kernel {
    /// Change something of a link that is there.
    pub(super) fn set(
        &mut self,
        link: &LinkRef,
        what: impl FnOnce(Message) -> Message,
    ) -> Result<(), OsError> {
        let message = what(LinkUnspec::new_with_index(self.index(link)?)).build();
        let message = RouteNetlinkMessage::NewLink(message);
        self.requests(&link.netns)?
            .tell(message, RequestKind::Change)
    }

    /// Change what is special to its type.
    pub(super) fn set_options(&mut self, link: &LinkRef, spec: &LinkSpec) -> Result<(), OsError> {
        let data = self.data(spec)?;
        self.set(link, |message| {
            typed(message, InfoKind::Other(spec.of.word.into()), data)
        })
    }

    /// Made where it is to be: creating a link on the host and moving it would cost some
    /// 20 ms, and would let udev, mdev and dhcpcd see it there.
    pub(super) fn add_link(&mut self, link: &Link, peer: Option<&Link>) -> Result<(), OsError> {
        let (home, message) = match (&link.kind, peer) {
            (Kind::Veth { .. }, Some(peer)) => {
                let end = self.described(link, &peer.netns)?.build();
                let data = InfoData::Veth(InfoVeth::Peer(end));
                let message = self.described(peer, &peer.netns)?;
                (&peer.netns, typed(message, InfoKind::Veth, Some(data)))
            }
            (Kind::Virtual(spec), _) if spec.of.is_opened => return self.add_tap(link, spec),
            (Kind::Virtual(spec), _) => {
                let (home, message) = self.made_from(link, spec)?;
                let data = self.data(spec)?;
                (
                    home,
                    typed(message, InfoKind::Other(spec.of.word.into()), data),
                )
            }
            _ => return Err(std::io::Error::from(Errno::EOPNOTSUPP).into()),
        };
        let message = RouteNetlinkMessage::NewLink(message.build());
        self.requests(home)?.tell(message, RequestKind::Add)
    }

    /// Where a link is made from, and its message so far. Tunnels of IPv4 belong to the
    /// namespace in which they are made, whoever asks, before Linux 6.15: the kernel is
    /// asked from inside to make it there and to bring it in, which is one request too.
    fn made_from<'a>(
        &mut self,
        link: &'a Link,
        spec: &'a LinkSpec,
    ) -> Result<(&'a Netns, Message), OsError> {
        if spec.born != link.netns && spec.of.is_said_whole {
            let born = self.socket(&spec.born)?.netns.as_raw_fd();
            let number = query::make_nsid(self.requests(&link.netns)?, born)?;
            let message = self.described(link, &link.netns)?;
            let from = LinkAttribute::LinkNetNsId(number);
            return Ok((&link.netns, message.append_extra_attribute(from)));
        }
        let message = self.described(link, &spec.born)?;
        Ok(match (spec.below(), spec.of.below) {
            (Some(parent), Lower::Link) => (&spec.born, message.link(self.index(&parent)?)),
            _ => (&spec.born, message),
        })
    }

    /// The link's name, and what is given at once. It is placed, if need be, from `home`.
    fn described(&mut self, link: &Link, home: &Netns) -> Result<Message, OsError> {
        let mut message = LinkUnspec::new_with_name(link.name.value.as_str());
        message =
            options::attributes(&link.attributes).fold(message, Message::append_extra_attribute);
        if link.netns != *home {
            message = message.setns_by_fd(self.socket(&link.netns)?.netns.as_raw_fd());
        }
        Ok(message)
    }

    /// What is special to a type, as the kernel takes it.
    fn data(&mut self, spec: &LinkSpec) -> Result<Option<InfoData>, OsError> {
        let parent = match (spec.below(), spec.of.below) {
            (Some(parent), Lower::UnderlayNetns) => Some(self.index(&parent)?),
            _ => None,
        };
        let bytes = options::encode_type(spec, parent);
        Ok((!bytes.is_empty()).then_some(InfoData::Other(bytes)))
    }

    pub(super) fn add_altname(&mut self, link: &LinkRef, name: &Altname) -> Result<(), OsError> {
        let message = RouteNetlinkMessage::NewLinkProp(self.property(link, name)?);
        self.requests(&link.netns)?.tell(message, RequestKind::Add)
    }

    pub(super) fn del_altname(&mut self, link: &LinkRef, name: &Altname) -> Result<(), OsError> {
        let message = RouteNetlinkMessage::DelLinkProp(self.property(link, name)?);
        self.requests(&link.netns)?
            .tell(message, RequestKind::Change)
    }

    fn property(&mut self, link: &LinkRef, name: &Altname) -> Result<LinkMessage, OsError> {
        let mut message = LinkMessage::default();
        message.header.index = self.index(link)?;
        let names = vec![Prop::AltIfName(name.to_string())];
        message.attributes = vec![LinkAttribute::PropList(names)];
        Ok(message)
    }

    /// Gone already is deleted: of a veth, the other end can have taken it along.
    pub(super) fn del_link(&mut self, link: &LinkRef) -> Result<(), OsError> {
        let requests = self.requests(&link.netns)?;
        let Some(found) = link_named(requests, &link.name)? else {
            return Ok(());
        };
        let mut message = LinkMessage::default();
        message.header.index = found.header.index;
        match requests.tell(RouteNetlinkMessage::DelLink(message), RequestKind::Change) {
            // The kernel takes its time with what goes with another namespace
            Err(no) if no.errno.raw_os_error() == Some(Errno::ENODEV as i32) => Ok(()),
            answer => answer,
        }
    }
}

fn typed(message: Message, kind: InfoKind, data: Option<InfoData>) -> Message {
    let infos = [LinkInfo::Kind(kind)]
        .into_iter()
        .chain(data.map(LinkInfo::Data));
    message.append_extra_attribute(LinkAttribute::LinkInfo(infos.collect()))
}
