//! Creates, changes and deletes links: takes a step, and sends a request to the kernel. `options`
//! encodes what is specific to a type of links.

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
    /// Change properties of an existing link.
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

    /// Change the options that are specific to the type of the link.
    pub(super) fn set_options(&mut self, link: &LinkRef, spec: &LinkSpec) -> Result<(), OsError> {
        let data = self.data(spec)?;
        self.set(link, |message| {
            typed(message, InfoKind::Other(spec.of.word.into()), data)
        })
    }

    /// Create a link, and its peer if it is a veth. The link is created in the namespace in which
    /// it stays. Creating it on the host and moving it would take about 20 ms, and udev, mdev and
    /// dhcpcd would see it there.
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

    /// The namespace that the request for a new link is sent from, and the message so far. Before
    /// Linux 6.15, an IPv4 tunnel always belongs to the namespace in which it is created. So the
    /// request is sent from the final namespace of the tunnel: it makes the kernel create the
    /// tunnel in `spec.born` and move it. This is a single request, too.
    fn made_from<'a>(
        &mut self,
        link: &'a Link,
        spec: &'a LinkSpec,
    ) -> Result<(&'a Netns, Message), OsError> {
        if spec.born != link.netns && spec.of.is_said_whole {
            let born = self.file(&spec.born)?.as_raw_fd();
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

    /// The message with the link's name and attributes, and with its namespace if that is not
    /// `home`.
    fn described(&mut self, link: &Link, home: &Netns) -> Result<Message, OsError> {
        let mut message = LinkUnspec::new_with_name(link.name.value.as_str());
        message =
            options::attributes(&link.attributes).fold(message, Message::append_extra_attribute);
        if link.netns != *home {
            message = message.setns_by_fd(self.file(&link.netns)?.as_raw_fd());
        }
        Ok(message)
    }

    /// The options that are specific to the type, encoded for the kernel.
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

    /// Delete a link. One that is gone already is no error: a veth disappears together with its
    /// peer.
    pub(super) fn del_link(&mut self, link: &LinkRef) -> Result<(), OsError> {
        let requests = self.requests(&link.netns)?;
        let Some(found) = link_named(requests, &link.name)? else {
            return Ok(());
        };
        let mut message = LinkMessage::default();
        message.header.index = found.header.index;
        match requests.tell(RouteNetlinkMessage::DelLink(message), RequestKind::Change) {
            // The kernel deletes the links of a deleted namespace with a delay: this may just have
            // happened
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
