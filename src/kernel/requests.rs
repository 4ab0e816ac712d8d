//! Requests to the kernel: a message in, its answers out. Each waits for its answers, which
//! takes two system calls; a runtime takes five. What the kernel tells of itself, without
//! having been asked, is not for here: see `events` and `settle`.

use std::io::{self, ErrorKind};

use nix::errno::Errno;
use rtnetlink::packet_core::{
    ErrorMessage, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_MULTIPART, NLM_F_REPLACE,
    NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{Socket, SocketAddr};

use super::Refusal;

/// More than the kernel sends at once (32 KiB, `netlink_recvmsg` in its net/netlink).
const LONGEST: usize = 64 * 1024;

/// Of a message that says how long it is.
const HEADER: usize = 16;

/// recv(2): say how long an answer is, even if it did not fit.
const MSG_TRUNC: i32 = 0x20;

/// What is to come of a message that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Something new, or a refusal.
    Add,
    /// Something new, or in the place of what there is.
    Replace,
    /// A change to what there is, or its end.
    Change,
}

/// A socket that asks. It stays in the namespace where it was opened (netlink(7)).
pub(super) struct Requests {
    socket: Socket,
    /// The number of the last request: answers bear it.
    number: u32,
    /// What came last.
    came: Vec<u8>,
}

impl Requests {
    /// In the namespace of the thread that calls this.
    pub(super) fn open() -> io::Result<Self> {
        let socket = Socket::new(NETLINK_ROUTE)?;
        // Answers come from the kernel alone then
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        socket.set_netlink_get_strict_chk(true)?;
        Ok(Requests {
            socket,
            number: 0,
            came: Vec::with_capacity(LONGEST),
        })
    }

    /// Have something done.
    pub(super) fn tell(&mut self, message: RouteNetlinkMessage, how: How) -> Result<(), Refusal> {
        let how = match how {
            How::Add => NLM_F_CREATE | NLM_F_EXCL,
            How::Replace => NLM_F_CREATE | NLM_F_REPLACE,
            How::Change => 0,
        };
        self.ask(message, NLM_F_ACK | how).map(drop)
    }

    /// The one thing that is meant.
    pub(super) fn get(
        &mut self,
        message: RouteNetlinkMessage,
    ) -> Result<Option<RouteNetlinkMessage>, Refusal> {
        Ok(self.ask(message, 0)?.into_iter().next())
    }

    /// All that there is of a kind.
    pub(super) fn dump(
        &mut self,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, Refusal> {
        self.ask(message, NLM_F_DUMP)
    }

    fn ask(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<Vec<RouteNetlinkMessage>, Refusal> {
        self.number += 1;
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | flags;
        request.header.sequence_number = self.number;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let mut answers = Vec::new();
        while self.receive(flags & NLM_F_ACK != 0, &mut answers)? == Then::More {}
        Ok(answers)
    }

    /// Read what comes at once.
    fn receive(
        &mut self,
        is_told: bool,
        answers: &mut Vec<RouteNetlinkMessage>,
    ) -> Result<Then, Refusal> {
        self.came.clear();
        let length = loop {
            match self.socket.recv(&mut self.came, MSG_TRUNC) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                length => break length?,
            }
        };
        if length > self.came.len() {
            return Err(io::Error::from(Errno::EMSGSIZE).into());
        }
        let mut rest = &self.came[..];
        while let Some((message, behind)) = split(rest) {
            rest = behind;
            // What is left of a request that was given up
            if number(message) != self.number {
                continue;
            }
            let message = match NetlinkMessage::<RouteNetlinkMessage>::deserialize(message) {
                Ok(message) => message,
                // One of many, and of a kind that cannot be asked for
                Err(e) if flags(message) & NLM_F_MULTIPART != 0 => {
                    log::warn!("an answer of the kernel's is passed over: {e}");
                    continue;
                }
                Err(e) => return Err(io::Error::other(e.to_string()).into()),
            };
            let is_one_of_many = message.header.flags & NLM_F_MULTIPART != 0;
            match message.payload {
                NetlinkPayload::InnerMessage(answer) => {
                    answers.push(answer);
                    if !is_one_of_many && !is_told {
                        return Ok(Then::Done);
                    }
                }
                NetlinkPayload::Error(ErrorMessage { code: None, .. }) => return Ok(Then::Done),
                NetlinkPayload::Error(no) => return Err(no.into()),
                NetlinkPayload::Done(done) if done.code < 0 => {
                    return Err(io::Error::from_raw_os_error(-done.code).into());
                }
                NetlinkPayload::Done(_) => return Ok(Then::Done),
                NetlinkPayload::Overrun(_) => {
                    return Err(io::Error::from(Errno::ENOBUFS).into());
                }
                _ => {}
            }
        }
        Ok(Then::More)
    }
}

/// Whether answers are still to come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    More,
    Done,
}

/// The first message, and those behind it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let message = bytes.get(..length).filter(|m| m.len() >= HEADER)?;
    let behind = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((message, behind))
}

fn flags(message: &[u8]) -> u16 {
    u16::from_ne_bytes([message[6], message[7]])
}

fn number(message: &[u8]) -> u32 {
    u32::from_ne_bytes([message[8], message[9], message[10], message[11]])
}
