//! Requests to the kernel, of whatever family of netlink: a message in, its answers out. Each
//! waits for its answers, which takes two system calls; a runtime takes five. What the kernel
//! tells of itself, without having been asked, is not for here: see `events` and `dad`.

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

/// More than the kernel sends at once (32 KiB, `netlink_recvmsg` in its net/netlink).
const LONGEST: usize = 64 * 1024;

/// How often what changes all the time is asked for, or what has no answer.
const TRIES: usize = 10;

/// What is to come of a message that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    /// Something new, or a refusal.
    Add,
    /// Something new, or in the place of what there is.
    Replace,
    /// A change to what there is, or its end.
    Change,
}

/// A socket that asks. It stays in the namespace where it was opened (netlink(7)).
pub(crate) struct Requests {
    socket: Socket,
    /// The number of the last request: answers bear it.
    number: u32,
    /// What came last.
    came: Vec<u8>,
}

/// What has come of a request.
enum Outcome<M> {
    Answered(Vec<M>),
    /// What there is was changed while it was told.
    Torn,
    /// The kernel had no room for the answer (ENOBUFS, netlink(7)).
    Lost,
}

impl Requests {
    /// Of rtnetlink, in the namespace of the thread that calls this.
    pub(crate) fn open() -> io::Result<Self> {
        Requests::open_to(NETLINK_ROUTE)
    }

    /// Of a netlink protocol, in the namespace of the thread that calls this.
    pub(crate) fn open_to(protocol: isize) -> io::Result<Self> {
        let socket = Socket::new(protocol)?;
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
    pub(crate) fn tell<M: Message>(&mut self, message: M, how: RequestKind) -> Result<(), OsError> {
        let how = match how {
            RequestKind::Add => NLM_F_CREATE | NLM_F_EXCL,
            RequestKind::Replace => NLM_F_CREATE | NLM_F_REPLACE,
            RequestKind::Change => 0,
        };
        self.ask(message, NLM_F_ACK | how, &[]).map(drop)
    }

    /// The one thing that is meant.
    pub(crate) fn get<M: Message>(&mut self, message: M) -> Result<Option<M>, OsError> {
        Ok(self.ask(message, 0, &[])?.into_iter().next())
    }

    /// All that there is of a kind, as it is at one time.
    pub(crate) fn dump<M: Message>(&mut self, message: M) -> Result<Vec<M>, OsError> {
        self.dump_with(message, &[])
    }

    /// Of all that there is of a kind, what has one of these attributes in it: the others,
    /// of which a router has a million, are not read.
    pub(crate) fn dump_with<M: Message>(
        &mut self,
        message: M,
        with: &[Vec<u8>],
    ) -> Result<Vec<M>, OsError> {
        self.ask(message, NLM_F_DUMP, with)
    }

    /// Ask again for what was changed while it was told, and for what had no answer. A change
    /// is told once: it may have been made.
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
                Outcome::Torn => log::debug!("what there is was changed while the kernel told it"),
            }
        }
        Err(io::Error::from(Errno::EAGAIN).into())
    }

    /// Until the last answer has come. Once there was no room for one, the kernel leaves all
    /// others away, too, until what is there was read; and it has answered a request before it
    /// is sent: what is not there by then does not come.
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

    /// What comes at once.
    fn receive(&mut self, flags: i32) -> io::Result<&[u8]> {
        self.came.clear();
        let length = loop {
            // How long an answer is, even if it does not fit
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
        message: Some("the kernel's answer was lost: whether it was done is not known".into()),
    }
}

/// A real kernel, asked for what anybody may know.
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

    /// A socket for which the kernel has had no room any more.
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
        assert!(no.to_string().contains("whether it was done is not known"));
        // With room again, it goes on
        let mut requests = full();
        requests.socket.set_rx_buf_sz(1u32 << 16).unwrap();
        let lost = requests.tell(lo(), RequestKind::Change);
        assert!(lost.is_err());
        requests.tell(lo(), RequestKind::Change).unwrap();
    }
}
