//! What the kernel answers to one request: its datagrams in, as they come, and messages
//! out. Pure: who asks, and reads, is `socket`.

use std::borrow::Cow;
use std::io;

use nix::errno::Errno;
use rtnetlink::packet_core::{
    ErrorMessage, NLA_TYPE_MASK, NLM_F_DUMP_INTR, NLM_F_MULTIPART, NetlinkMessage, NetlinkPayload,
};
use rtnetlink::packet_route::RouteNetlinkMessage;

use super::attr;
use crate::definitions::links::ATTRIBUTES;
use crate::os_error::OsError;

/// linux/netlink.h
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// Of a message that says how long it is.
pub(crate) const HEADER: usize = 16;

/// The answers to a request, as far as they have come.
#[derive(Debug)]
pub(crate) struct Answers {
    /// The request's: they bear it.
    number: u32,
    /// It is to be told whether it was done.
    is_told: bool,
    /// Of many, those are read that have one of these attributes; all, if there are none.
    pub(crate) with: Vec<Vec<u8>>,
    /// In the kernel's order.
    pub(crate) came: Vec<RouteNetlinkMessage>,
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

impl Answers {
    /// None has come yet.
    pub(crate) fn to(number: u32, is_told: bool) -> Self {
        Answers {
            number,
            is_told,
            with: Vec::new(),
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
        if is_done(message) {
            return Ok(Then::Done);
        }
        let has = |attribute: &Vec<u8>| has(message, attribute);
        if is_one_of_many && !(self.with.is_empty() || self.with.iter().any(has)) {
            return Ok(Then::More);
        }
        let read = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&without_the_rest(message));
        let message = match read {
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
                Ok(match is_one_of_many || self.is_told {
                    true => Then::More,
                    false => Then::Done,
                })
            }
            NetlinkPayload::Error(ErrorMessage { code: None, .. }) => Ok(Then::Done),
            NetlinkPayload::Error(no) => Err(no.into()),
            NetlinkPayload::Done(done) if done.code < 0 => {
                Err(io::Error::from_raw_os_error(-done.code).into())
            }
            NetlinkPayload::Done(_) => Ok(Then::Done),
            NetlinkPayload::Overrun(_) => Err(io::Error::from(Errno::ENOBUFS).into()),
            _ => Ok(Then::More),
        }
    }
}

/// The body of the message that answers the request of this number, if it is among these.
pub(crate) fn body(mut rest: &[u8], to: u32) -> Result<Option<&[u8]>, OsError> {
    while let Some((message, behind)) = split(rest) {
        rest = behind;
        let body = &message[HEADER..];
        match (number(message) == to, kind(message)) {
            (false, _) => {}
            (true, NLMSG_ERROR) => {
                let errno = body.first_chunk().map_or(0, |no| i32::from_ne_bytes(*no));
                return Err(io::Error::from_raw_os_error(-errno).into());
            }
            (true, _) => return Ok(Some(body)),
        }
    }
    Ok(None)
}

/// The answers to a request, unread.
pub(crate) struct Bodies {
    number: u32,
    /// As they came.
    pub(crate) all: Vec<Vec<u8>>,
    /// As of [`Answers`].
    pub(crate) is_torn: bool,
}

impl Bodies {
    pub(crate) fn to(number: u32) -> Self {
        Bodies {
            number,
            all: Vec::new(),
            is_torn: false,
        }
    }

    /// Take what came at once.
    pub(crate) fn read(&mut self, mut rest: &[u8]) -> Result<Then, OsError> {
        while let Some((message, behind)) = split(rest) {
            rest = behind;
            if number(message) != self.number {
                continue;
            }
            self.is_torn |= flags(message) & NLM_F_DUMP_INTR != 0;
            let body = &message[HEADER..];
            if matches!(kind(message), NLMSG_ERROR | NLMSG_DONE) {
                let errno = body.first_chunk().map_or(0, |no| i32::from_ne_bytes(*no));
                return match errno {
                    0 => Ok(Then::Done),
                    errno => Err(io::Error::from_raw_os_error(-errno).into()),
                };
            }
            self.all.push(body.to_vec());
        }
        Ok(Then::More)
    }
}

/// The first message, and those behind it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let message = bytes.get(..length).filter(|m| m.len() >= HEADER)?;
    let behind = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((message, behind))
}

/// A message of a link with those of its attributes alone that are read here: to read the
/// others, some forty, takes longer than all else that is done with it.
fn without_the_rest(message: &[u8]) -> Cow<'_, [u8]> {
    const RTM_NEWLINK: u16 = 16;
    const AF_BRIDGE: u8 = 7;
    // IFLA_ADDRESS, _IFNAME, _MTU, _LINK, _MASTER, _LINKINFO, _LINK_NETNSID, _PROP_LIST,
    // _PERM_ADDRESS (linux/if_link.h)
    const READ: [u16; 9] = [1, 3, 4, 5, 10, 18, 37, 52, 54];
    let (head, mut rest) = match message.split_at_checked(HEADER + 16) {
        // Of a bridge, what is specific to the family is read: its VLANs
        Some(parts) if kind(message) == RTM_NEWLINK && message[HEADER] != AF_BRIDGE => parts,
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

/// These bytes are in it, where an attribute can begin.
fn has(message: &[u8], attribute: &[u8]) -> bool {
    let mut begins = (HEADER..message.len()).step_by(4);
    begins.any(|at| message[at..].starts_with(attribute))
}

/// It says that it was the last, and that all is well.
fn is_done(message: &[u8]) -> bool {
    let all_is_well = message.get(HEADER..HEADER + 4) == Some(&[0; 4]);
    matches!(kind(message), NLMSG_ERROR | NLMSG_DONE) && all_is_well
}

fn kind(message: &[u8]) -> u16 {
    u16::from_ne_bytes([message[4], message[5]])
}

fn flags(message: &[u8]) -> u16 {
    u16::from_ne_bytes([message[6], message[7]])
}

fn number(message: &[u8]) -> u32 {
    u32::from_ne_bytes([message[8], message[9], message[10], message[11]])
}

impl From<ErrorMessage> for OsError {
    fn from(message: ErrorMessage) -> Self {
        OsError {
            errno: message.to_io(),
            message: own_words(&message),
        }
    }
}

/// The kernel's own words: they stand behind the header of the request that is refused
/// (NLMSGERR_ATTR_MSG, netlink(7)). netlink-packet-core keeps them, but does not read them.
fn own_words(message: &ErrorMessage) -> Option<String> {
    const HEADER: usize = 16;
    const MESSAGE: u16 = 1;
    let text = String::from_utf8_lossy(attr::find(&message.header, HEADER, MESSAGE)?);
    Some(text.trim_end_matches(['\0', '.']).to_string())
}

#[cfg(test)]
mod tests {
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
        let mut answers = Answers::to(OURS, is_told);
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

    #[test]
    fn of_a_link_what_is_asked_about_is_read_and_the_rest_is_not() {
        let body = [0; 16];
        let (name, state, mtu) = (
            [6, 0, 3, 0, b'e', 0, 0, 0],
            [8, 0, 16, 0, 1, 0, 0, 0],
            [8, 0, 4, 0, 1, 2, 0, 0],
        );
        let all = message(
            NEW_LINK,
            0,
            OURS,
            &[&body[..], &name, &state, &mtu].concat(),
        );
        let read = message(NEW_LINK, 0, OURS, &[&body[..], &name, &mtu].concat());
        assert_eq!(without_the_rest(&all), read);
        // All of what a bridge says of its VLANs
        let mut bridges = all;
        bridges[HEADER] = 7;
        assert_eq!(without_the_rest(&bridges), bridges);
        // The room behind the last is not there
        let cut = link(0, OURS, 1);
        assert_eq!(
            without_the_rest(&cut[..HEADER + 16 + 6]).len(),
            HEADER + 16 + 6
        );
    }
}
