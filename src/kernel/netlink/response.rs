//! The kernel's answers to one request, of any netlink family: takes datagrams as they arrive, and
//! returns messages. Pure: `socket` sends the request and receives the datagrams.

use std::io;

use nix::errno::Errno;
use nix::libc;
use rtnetlink::packet_core::{
    ErrorMessage, NLM_F_DUMP_INTR, NLM_F_MULTIPART, NetlinkMessage, NetlinkPayload,
};

use super::attr;
use super::message::{HEADER, Message};
use crate::os_error::OsError;

/// The attribute of an error message that contains the kernel's explanation (netlink(7)).
const NLMSGERR_ATTR_MSG: u16 = 1;

/// The answers to one request that have arrived so far.
#[derive(Debug)]
pub(crate) struct Answers<'a, M> {
    /// The sequence number of the request. The answers have the same number.
    number: u32,
    /// Whether the request asks for an acknowledgement, which comes after any answer.
    is_told: bool,
    /// Filters a dump: only messages that contain one of these attributes are parsed. If it is
    /// empty, all are.
    with: &'a [Vec<u8>],
    /// The answers, in the kernel's order.
    pub(crate) came: Vec<M>,
    /// Whether the state changed during the dump, so that some of it may be missing
    /// (NLM_F_DUMP_INTR, netlink(7)).
    pub(crate) is_torn: bool,
}

/// Whether more answers are expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    More,
    Done,
}

impl<'a, M: Message> Answers<'a, M> {
    /// Expect the answers to the request with this sequence number. None has arrived yet.
    pub(crate) fn to(number: u32, is_told: bool, with: &'a [Vec<u8>]) -> Self {
        Answers {
            number,
            is_told,
            with,
            came: Vec::new(),
            is_torn: false,
        }
    }

    /// Parse one datagram.
    pub(crate) fn read(&mut self, mut rest: &[u8]) -> Result<Then, OsError> {
        while let Some((message, behind)) = split(rest) {
            rest = behind;
            // Other numbers belong to a request that was given up
            if number(message) == self.number && self.take(message)? == Then::Done {
                return Ok(Then::Done);
            }
        }
        Ok(Then::More)
    }

    fn take(&mut self, message: &[u8]) -> Result<Then, OsError> {
        let is_one_of_many = flags(message) & NLM_F_MULTIPART != 0;
        self.is_torn |= is_one_of_many && flags(message) & NLM_F_DUMP_INTR != 0;
        let has = |attribute: &Vec<u8>| has(message, attribute);
        let is_of_these = self.with.is_empty() || self.with.iter().any(has);
        if is_one_of_many && is_answer(message) && !is_of_these {
            return Ok(Then::More);
        }
        let message = match NetlinkMessage::<M>::deserialize(&M::to_read(message)) {
            Ok(message) => message,
            // No setting can express an object of this kind
            Err(e) if is_one_of_many => {
                log::warn!("an answer of the kernel is skipped: {e}");
                return Ok(Then::More);
            }
            Err(e) => return Err(io::Error::other(e.to_string()).into()),
        };
        match message.payload {
            NetlinkPayload::InnerMessage(answer) => {
                self.came.push(answer);
                if is_one_of_many || self.is_told {
                    Ok(Then::More)
                } else {
                    Ok(Then::Done)
                }
            }
            NetlinkPayload::Error(no) => ended(no.raw_code(), refused_with(&no)),
            NetlinkPayload::Done(done) => ended(done.code, &done.extended_ack),
            NetlinkPayload::Overrun(_) => Err(io::Error::from(Errno::ENOBUFS).into()),
            _ => Ok(Then::More),
        }
    }
}

/// The result of the message that ends the answers: an error if `code` is negative. The kernel's
/// explanation is in `attributes`.
fn ended(code: i32, attributes: &[u8]) -> Result<Then, OsError> {
    if code >= 0 {
        return Ok(Then::Done);
    }
    let said = attr::find(attributes, 0, NLMSGERR_ATTR_MSG).map(String::from_utf8_lossy);
    Err(OsError {
        errno: io::Error::from_raw_os_error(code.saturating_neg()),
        message: said.map(|said| said.trim_end_matches(['\0', '.']).to_string()),
    })
}

/// The attributes of an error message. They follow the header of the failed request, which is the
/// only part of it that the kernel sends back (NETLINK_CAP_ACK). netlink-packet-core keeps these
/// bytes, but does not parse them.
fn refused_with(refusal: &ErrorMessage) -> &[u8] {
    refusal.header.get(HEADER..).unwrap_or_default()
}

/// The first message, and the bytes after it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let message = bytes.get(..length).filter(|m| m.len() >= HEADER)?;
    let behind = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((message, behind))
}

/// Whether the message contains these bytes at a position where an attribute can begin.
fn has(message: &[u8], attribute: &[u8]) -> bool {
    let mut begins = (HEADER..message.len()).step_by(4);
    begins.any(|at| message[at..].starts_with(attribute))
}

/// Whether the message is part of the requested data, and not an error or the end of a dump
/// (linux/netlink.h).
fn is_answer(message: &[u8]) -> bool {
    let kind = u16::from_ne_bytes([message[4], message[5]]);
    i32::from(kind) >= libc::NLMSG_MIN_TYPE
}

fn flags(message: &[u8]) -> u16 {
    u16::from_ne_bytes([message[6], message[7]])
}

fn number(message: &[u8]) -> u32 {
    u32::from_ne_bytes([message[8], message[9], message[10], message[11]])
}

#[cfg(test)]
mod tests {
    use rtnetlink::packet_route::RouteNetlinkMessage;

    use super::*;

    const NEW_LINK: u16 = 16;
    const ERROR: u16 = 2;
    const DONE: u16 = 3;
    const OURS: u32 = 7;

    /// A message as the kernel encodes it, with padding up to the next message.
    fn message(kind: u16, flags: u16, number: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER + body.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(number.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(body);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    /// A link with this interface index. The length of its name requires padding.
    fn link(flags: u16, number: u32, index: u8) -> Vec<u8> {
        let mut body = [0; 16];
        body[4] = index;
        let name = [6, 0, 3, 0, b'e', 0];
        message(NEW_LINK, flags, number, &[&body[..], &name].concat())
    }

    fn end(kind: u16, number: u32, errno: i32) -> Vec<u8> {
        let body = [&(-errno).to_ne_bytes()[..], &[0; HEADER]].concat();
        message(kind, NLM_F_MULTIPART, number, &body)
    }

    /// The outcome of these datagrams, the indexes of the links in them, and whether the state
    /// changed during the dump.
    fn read(is_told: bool, datagrams: &[Vec<u8>]) -> (Result<Then, OsError>, Vec<u32>, bool) {
        let mut answers = Answers::<RouteNetlinkMessage>::to(OURS, is_told, &[]);
        let mut then = Ok(Then::More);
        for datagram in datagrams {
            assert!(matches!(then, Ok(Then::More)), "nobody reads on");
            then = answers.read(datagram);
        }
        let links = answers.came.into_iter().map(|answer| match answer {
            RouteNetlinkMessage::NewLink(link) => link.header.index,
            other => panic!("{other:?}"),
        });
        (then, links.collect(), answers.is_torn)
    }

    #[test]
    fn all_of_a_dump_is_read_from_as_many_datagrams_as_it_takes() {
        const MANY: u16 = NLM_F_MULTIPART;
        let datagrams = [
            [link(MANY, OURS, 1), link(MANY, OURS, 2)].concat(),
            link(MANY, OURS, 3),
            end(DONE, OURS, 0),
        ];
        let (then, links, is_torn) = read(false, &datagrams);
        assert_eq!(then.unwrap(), Then::Done);
        assert_eq!((links, is_torn), (vec![1, 2, 3], false));
        // A request that does not dump has a single answer
        let (then, links, _) = read(false, &[link(0, OURS, 4)]);
        assert_eq!((then.unwrap(), links), (Then::Done, vec![4]));
    }

    #[test]
    fn what_is_left_of_another_request_is_passed_over() {
        let left = [link(NLM_F_MULTIPART, OURS - 1, 1), end(DONE, OURS - 1, 0)];
        let (then, links, _) = read(false, &left);
        assert_eq!((then.unwrap(), links), (Then::More, vec![]));
        let refused = [end(ERROR, OURS - 1, 1), end(ERROR, OURS, 0)];
        assert_eq!(read(true, &refused).0.unwrap(), Then::Done);
    }

    #[test]
    fn a_refusal_is_one_wherever_it_stands() {
        for kind in [ERROR, DONE] {
            let both = [link(NLM_F_MULTIPART, OURS, 1), end(kind, OURS, 16)].concat();
            let (then, ..) = read(false, &[both]);
            assert_eq!(then.unwrap_err().errno.raw_os_error(), Some(16));
        }
        // The kernel's explanation is at a different position in the two types of messages
        let said = [&[17, 0, 1, 0][..], b"not like this.", &[0; 3]].concat();
        let no = (-22i32).to_ne_bytes();
        for (kind, body) in [
            (ERROR, [&no[..], &[0; HEADER], &said].concat()),
            (DONE, [&no[..], &said].concat()),
        ] {
            let (then, ..) = read(false, &[message(kind, NLM_F_MULTIPART, OURS, &body)]);
            assert_eq!(then.unwrap_err().to_string(), "not like this");
        }
        // A change is complete when the kernel acknowledges it, and not before
        let (then, ..) = read(true, &[link(0, OURS, 1)]);
        assert_eq!(then.unwrap(), Then::More);
    }

    #[test]
    fn one_of_many_that_cannot_be_read_is_passed_over_and_a_single_one_is_not() {
        let short = |flags| message(NEW_LINK, flags, OURS, &[1, 2]);
        let many = [short(NLM_F_MULTIPART), link(NLM_F_MULTIPART, OURS, 1)].concat();
        let (then, links, _) = read(false, &[many]);
        assert_eq!((then.unwrap(), links), (Then::More, vec![1]));
        assert!(read(false, &[short(0)]).0.is_err());
    }

    #[test]
    fn what_was_changed_while_it_was_told_is_torn() {
        let torn = NLM_F_MULTIPART | NLM_F_DUMP_INTR;
        for (first, second) in [(torn, NLM_F_MULTIPART), (NLM_F_MULTIPART, torn)] {
            let all = [link(first, OURS, 1), link(second, OURS, 2)];
            assert!(read(false, &all).2);
        }
        let mut end = end(DONE, OURS, 0);
        end[6] |= u8::try_from(NLM_F_DUMP_INTR).unwrap();
        assert!(read(false, &[link(NLM_F_MULTIPART, OURS, 1), end]).2);
    }
}
