//! What requests and answers are made of: the messages of a family as a library has them, or
//! as bytes.

use std::borrow::Cow;
use std::convert::Infallible;

use nix::libc;
use rtnetlink::packet_core::{
    NLA_TYPE_MASK, NetlinkDeserializable, NetlinkHeader, NetlinkSerializable,
};
use rtnetlink::packet_route::RouteNetlinkMessage;

use crate::definitions::links::ATTRIBUTES;

/// Of a message that says how long it is (struct nlmsghdr).
pub(crate) const HEADER: usize = 16;

/// The messages of a family of netlink.
pub(crate) trait Message: NetlinkSerializable + NetlinkDeserializable {
    /// Of a message that came, what of it is read.
    fn to_read(message: &[u8]) -> Cow<'_, [u8]> {
        message.into()
    }
}

/// A message as it is sent or came, of any family: its type, and all behind its header.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Raw {
    pub(crate) kind: u16,
    pub(crate) body: Vec<u8>,
}

impl Message for Raw {}

impl NetlinkSerializable for Raw {
    fn message_type(&self) -> u16 {
        self.kind
    }

    fn buffer_len(&self) -> usize {
        self.body.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.body);
    }
}

impl NetlinkDeserializable for Raw {
    type Error = Infallible;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, Infallible> {
        Ok(Raw {
            kind: header.message_type,
            body: payload.to_vec(),
        })
    }
}

/// Of a link, those of its attributes alone are read that are asked about here. The others,
/// some forty, take 2.2 of the 2.9 microseconds that a link takes to read; and one that the
/// library cannot read takes the whole link away.
impl Message for RouteNetlinkMessage {
    fn to_read(message: &[u8]) -> Cow<'_, [u8]> {
        const READ: [u16; 9] = [
            libc::IFLA_ADDRESS,
            libc::IFLA_IFNAME,
            libc::IFLA_MTU,
            libc::IFLA_LINK,
            libc::IFLA_MASTER,
            libc::IFLA_LINKINFO,
            libc::IFLA_LINK_NETNSID,
            libc::IFLA_PROP_LIST,
            libc::IFLA_PERM_ADDRESS,
        ];
        let is_link = message.get(4..6) == Some(&libc::RTM_NEWLINK.to_ne_bytes());
        let (head, mut rest) = match message.split_at_checked(HEADER + size_of::<LinkHeader>()) {
            // Of a bridge, what is specific to the family is read: its VLANs
            Some(parts) if is_link && i32::from(message[HEADER]) != libc::AF_BRIDGE => parts,
            _ => return message.into(),
        };
        let mut kept = head.to_vec();
        while let Some([a, b, c, d]) = rest.first_chunk() {
            let (length, kind) = (u16::from_ne_bytes([*a, *b]), u16::from_ne_bytes([*c, *d]));
            let length = usize::from(length).max(4).next_multiple_of(4);
            let (attribute, behind) = rest.split_at(length.min(rest.len()));
            let kind = kind & NLA_TYPE_MASK;
            if READ.contains(&kind) || ATTRIBUTES.iter().any(|row| row.attribute.0 == kind) {
                kept.extend_from_slice(attribute);
            }
            rest = behind;
        }
        let length = u32::try_from(kept.len()).unwrap_or_default();
        kept[..4].copy_from_slice(&length.to_ne_bytes());
        kept.into()
    }
}

/// struct ifinfomsg
type LinkHeader = [u32; 4];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_link_what_is_asked_about_is_read_and_the_rest_is_not() {
        let message = |attributes: &[&[u8]]| {
            let body = [&[0; 16][..], &attributes.concat()].concat();
            let length = u32::try_from(HEADER + body.len()).unwrap();
            let kind = u32::from(libc::RTM_NEWLINK).to_ne_bytes();
            [&length.to_ne_bytes()[..], &kind, &[0; 8], &body].concat()
        };
        let read = |message: &[u8]| RouteNetlinkMessage::to_read(message).into_owned();
        let name = [6, 0, 3, 0, b'e', 0, 0, 0];
        let queue = [8, 0, 16, 0, 1, 0, 0, 0];
        let mtu = [8, 0, 4, 0, 1, 2, 0, 0];
        let all = message(&[&name, &queue, &mtu]);
        assert_eq!(read(&all), message(&[&name, &mtu]));
        // All of what a bridge says of its VLANs
        let mut bridges = all.clone();
        bridges[HEADER] = 7;
        assert_eq!(read(&bridges), bridges);
        // And of what is no link
        let mut address = all.clone();
        address[4..6].copy_from_slice(&libc::RTM_NEWADDR.to_ne_bytes());
        assert_eq!(read(&address), address);
        // nor of rtnetlink, such as the families of generic netlink, which have its number
        assert_eq!(*Raw::to_read(&all), all);
        // The room behind the last attribute is not there
        let cut = message(&[&name[..6]]);
        assert_eq!(read(&cut), cut);
    }
}
