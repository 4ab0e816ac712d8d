//! Requests to the kernel, of any netlink family: sends a message, and returns its answers. A
//! request blocks until its answers have arrived. This takes two system calls, and with an async
//! runtime it would take five. Notifications, which the kernel sends without a request, are handled
//! in `events` and `dad`.

use std::io::{self, ErrorKind};

use nix::errno::Errno;
use nix::libc;
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{Socket, SocketAddr};

use super::message::Message;
use super::response::{Answers, Then};
use crate::os_error::OsError;

/// The size of the receive buffer in bytes. The kernel sends at most 32 KiB at once
/// (`netlink_recvmsg` in its net/netlink).
const LONGEST: usize = 64 * 1024;

/// How often a request is sent at most, if the state changes during the dump or the answer is lost.
const TRIES: usize = 10;

/// What a request does to the object in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    /// Create it. It is an error if it exists.
    Add,
    /// Create it, or replace it if it exists.
    Replace,
    /// Change it or delete it.
    Change,
}

/// A socket for requests. It stays in the namespace in which it was opened (netlink(7)).
pub(crate) struct Requests {
    socket: Socket,
    /// The sequence number of the last request. Its answers have the same number.
    number: u32,
    /// The last datagram that was received.
    came: Vec<u8>,
}

/// The outcome of sending a request once.
enum Outcome<M> {
    Answered(Vec<M>),
    /// The state changed during the dump.
    Torn,
    /// There was no room for the answer in the socket's buffer (ENOBUFS, netlink(7)).
    Lost,
}

impl Requests {
    /// Open a socket for rtnetlink, in the namespace of the calling thread.
    pub(crate) fn open() -> io::Result<Self> {
        Requests::open_to(NETLINK_ROUTE)
    }

    /// Open a socket for a netlink protocol, in the namespace of the calling thread.
    pub(crate) fn open_to(protocol: isize) -> io::Result<Self> {
        let socket = Socket::new(protocol)?;
        // Only the kernel can send to a connected socket
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

    /// Send a request that changes something, and wait for the acknowledgement. If that is lost,
    /// the error is ENOBUFS, and the change may have been made.
    pub(crate) fn tell<M: Message>(&mut self, message: M, how: RequestKind) -> Result<(), OsError> {
        let how = match how {
            RequestKind::Add => NLM_F_CREATE | NLM_F_EXCL,
            RequestKind::Replace => NLM_F_CREATE | NLM_F_REPLACE,
            RequestKind::Change => 0,
        };
        self.ask(message, NLM_F_ACK | how, &[]).map(drop)
    }

    /// Send a request that has one answer, and return the answer.
    pub(crate) fn get<M: Message>(&mut self, message: M) -> Result<Option<M>, OsError> {
        Ok(self.ask(message, 0, &[])?.into_iter().next())
    }

    /// Dump all objects of a kind, as they are at one point in time.
    pub(crate) fn dump<M: Message>(&mut self, message: M) -> Result<Vec<M>, OsError> {
        self.dump_with(message, &[])
    }

    /// Dump the objects that have one of these attributes (encoded). The other messages, of which
    /// there are a million on a router, are not parsed.
    pub(crate) fn dump_with<M: Message>(
        &mut self,
        message: M,
        with: &[Vec<u8>],
    ) -> Result<Vec<M>, OsError> {
        self.ask(message, NLM_F_DUMP, with)
    }

    /// Repeats a dump during which the state changed, and a request whose answer was lost. A
    /// request that changes something is sent only once, because the change may have been made.
    fn ask<M: Message>(
        &mut self,
        message: M,
        flags: u16,
        with: &[Vec<u8>],
    ) -> Result<Vec<M>, OsError> {
        let payload = NetlinkPayload::InnerMessage(message);
        let mut request = NetlinkMessage::new(NetlinkHeader::default(), payload);
        request.header.flags = NLM_F_REQUEST | flags;
        request.finalize();
        let is_told = flags & NLM_F_ACK != 0;
        for _ in 0..TRIES {
            self.number += 1;
            request.header.sequence_number = self.number;
            let mut bytes = vec![0; request.buffer_len()];
            request.serialize(&mut bytes);
            self.socket.send(&bytes, 0)?;
            let answers = Answers::to(self.number, is_told, with);
            match self.read(answers)? {
                Outcome::Answered(answers) => return Ok(answers),
                Outcome::Lost if is_told => return Err(lost()),
                Outcome::Lost => log::debug!("the kernel had no room for its answer"),
                Outcome::Torn => log::debug!("the state changed while the kernel listed it"),
            }
        }
        Err(io::Error::from(Errno::EAGAIN).into())
    }

    /// Read until the last answer has arrived. After ENOBUFS, the kernel drops all further messages
    /// until the buffer has been emptied. The kernel has answered a request before send(2) returns,
    /// so an answer that is not in the buffer by then never arrives: the rest is read without
    /// blocking.
    fn read<M: Message>(&mut self, mut answers: Answers<M>) -> Result<Outcome<M>, OsError> {
        let mut flags = 0;
        loop {
            let then = match self.receive(flags) {
                Ok(came) => answers.read(came),
                Err(e) => Err(e.into()),
            };
            match then {
                Err(no) if no.is(Errno::ENOBUFS) => flags = libc::MSG_DONTWAIT,
                Err(no) if no.is(Errno::EAGAIN) && flags != 0 => return Ok(Outcome::Lost),
                Err(no) => return Err(no),
                Ok(Then::More) => {}
                Ok(Then::Done) if answers.is_torn => return Ok(Outcome::Torn),
                Ok(Then::Done) => return Ok(Outcome::Answered(answers.came)),
            }
        }
    }

    /// Receive one datagram.
    fn receive(&mut self, flags: i32) -> io::Result<&[u8]> {
        self.came.clear();
        let length = loop {
            // With MSG_TRUNC, recv(2) returns the full length even if the datagram does not fit
            match self.socket.recv(&mut self.came, flags | libc::MSG_TRUNC) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                length => break length?,
            }
        };
        if length > self.came.len() {
            return Err(Errno::EMSGSIZE.into());
        }
        Ok(&self.came)
    }
}

fn lost() -> OsError {
    OsError {
        errno: Errno::ENOBUFS.into(),
        message: Some(
            "the kernel's answer was lost: it is not known whether the change was made".into(),
        ),
    }
}

/// These tests send requests that need no privileges to the real kernel.
#[cfg(test)]
mod tests {
    use rtnetlink::packet_route::RouteNetlinkMessage;
    use rtnetlink::packet_route::link::LinkMessage;

    use super::*;

    fn lo() -> RouteNetlinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = 1;
        RouteNetlinkMessage::GetLink(message)
    }

    /// A socket whose buffer has overflowed.
    fn full() -> Requests {
        let mut requests = Requests::open().unwrap();
        requests.socket.set_rx_buf_sz(0u32).unwrap();
        let mut request = NetlinkMessage::from(lo());
        request.header.flags = NLM_F_REQUEST;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        for _ in 0..100 {
            requests.socket.send(&bytes, 0).unwrap();
        }
        requests.number = 100;
        requests
    }

    #[test]
    fn a_question_without_an_answer_is_asked_again_and_a_change_is_not() {
        assert!(full().get(lo()).unwrap().is_some());
        let all = full().dump(RouteNetlinkMessage::GetLink(LinkMessage::default()));
        assert!(!all.unwrap().is_empty());
        let no = full().tell(lo(), RequestKind::Change).unwrap_err();
        assert!(no.is(Errno::ENOBUFS));
        assert!(
            no.to_string()
                .contains("it is not known whether the change was made")
        );
        // With a larger buffer, the socket works again
        let mut requests = full();
        requests.socket.set_rx_buf_sz(1u32 << 16).unwrap();
        let lost = requests.tell(lo(), RequestKind::Change);
        assert!(lost.is_err());
        requests.tell(lo(), RequestKind::Change).unwrap();
    }
}
