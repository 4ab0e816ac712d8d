//! What the kernel answers to one request, of whatever family of netlink: its datagrams in, as
//! they come, and messages out. Pure: who asks, and reads, is `socket`.

use std::io;

use nix::errno::Errno;
use nix::libc;
use rtnetlink::packet_core::{
    ErrorMessage, NLM_F_DUMP_INTR, NLM_F_MULTIPART, NetlinkMessage, NetlinkPayload,
};

use super::attr;
use super::message::{HEADER, Message};
use crate::os_error::OsError;

/// The attribute of a refusal with the kernel's own words (netlink(7)).
const NLMSGERR_ATTR_MSG: u16 = 1;

/// The answers to a request, as far as they have come.
#[derive(Debug)]
pub(crate) struct Answers<'a, M> {
    /// The request's: they bear it.
    number: u32,
    /// It is to be told whether it was done.
    is_told: bool,
    /// Of many, those are read that have one of these attributes; all, if there are none.
    with: &'a [Vec<u8>],
    /// In the kernel's order.
    pub(crate) came: Vec<M>,
    /// What there is was changed while it was told: some of it may be missing
    /// (NLM_F_DUMP_INTR, netlink(7)).
    pub(crate) is_torn: bool,
}

/// Whether answers are still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    More,
    Done,
}

impl<'a, M: Message> Answers<'a, M> {
    /// None has come yet.
    pub(crate) fn to(number: u32, is_told: bool, with: &'a [Vec<u8>]) -> Self {
        Answers {
            number,
            is_told,
            with,
            came: Vec::new(),
            is_torn: false,
        }
    }

    /// Read what came at once.
    pub(crate) fn read(&mut self, mut rest: &[u8]) -> Result<Then, OsError> {
        while let Some((message, behind)) = split(rest) {
            rest = behind;
            // What is left of a request that was given up
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
            // Of a kind that cannot be asked for
            Err(e) if is_one_of_many => {
                log::warn!("an answer of the kernel's is passed over: {e}");
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

/// The end of the answers: with a refusal, if its number is below 0, and what the kernel says
/// of that in attributes.
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

/// The attributes of a refusal: they stand behind the header of the request that is refused,
/// which is all of it that comes back (NETLINK_CAP_ACK). netlink-packet-core keeps them, but
/// does not read them.
fn refused_with(refusal: &ErrorMessage) -> &[u8] {
    refusal.header.get(HEADER..).unwrap_or_default()
}

/// The first message, and those behind it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let message = bytes.get(..length).filter(|m| m.len() >= HEADER)?;
    let behind = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((message, behind))
}

/// These bytes are in it, where an attribute can begin.
fn has(message: &[u8], attribute: &[u8]) -> bool {
    let mut begins = (HEADER..message.len()).step_by(4);
    begins.any(|at| message[at..].starts_with(attribute))
}

/// It says something of what was asked about, not of the request (linux/netlink.h).
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

    /// A message as the kernel lays it out, with room behind it up to the next one.
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

    /// A link of this number. Its name is of a length that leaves room behind it.
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

    /// What becomes of these datagrams, and the links that are in them.
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
        // And the single answer to a question
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
        // With the kernel's own words, which stand in another place in each
        let said = [&[17, 0, 1, 0][..], b"not like this.", &[0; 3]].concat();
        let no = (-22i32).to_ne_bytes();
        for (kind, body) in [
            (ERROR, [&no[..], &[0; HEADER], &said].concat()),
            (DONE, [&no[..], &said].concat()),
        ] {
            let (then, ..) = read(false, &[message(kind, NLM_F_MULTIPART, OURS, &body)]);
            assert_eq!(then.unwrap_err().to_string(), "not like this");
        }
        // What is told is done when the kernel says so, and not before
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
