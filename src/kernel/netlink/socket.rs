//! Requests to the kernel: a message in, its answers out. Each waits for its answers, which
//! takes two system calls; a runtime takes five. What the kernel tells of itself, without
//! having been asked, is not for here: see `events` and `dad`.

use std::io::{self, ErrorKind};

use nix::errno::Errno;
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{Socket, SocketAddr};

use super::response::{self, Answers, HEADER, Then};
use crate::os_error::OsError;

/// More than the kernel sends at once (32 KiB, `netlink_recvmsg` in its net/netlink).
const LONGEST: usize = 64 * 1024;

/// How often what changes all the time is asked for.
const DUMPS: usize = 10;

/// recv(2): say how long an answer is, even if it did not fit.
const MSG_TRUNC: i32 = 0x20;

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

impl Requests {
    /// In the namespace of the thread that calls this.
    pub(crate) fn open() -> io::Result<Self> {
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
    pub(crate) fn tell(
        &mut self,
        message: RouteNetlinkMessage,
        how: RequestKind,
    ) -> Result<(), OsError> {
        let how = match how {
            RequestKind::Add => NLM_F_CREATE | NLM_F_EXCL,
            RequestKind::Replace => NLM_F_CREATE | NLM_F_REPLACE,
            RequestKind::Change => 0,
        };
        self.ask(message, NLM_F_ACK | how).map(drop)
    }

    /// The one thing that is meant.
    pub(crate) fn get(
        &mut self,
        message: RouteNetlinkMessage,
    ) -> Result<Option<RouteNetlinkMessage>, OsError> {
        Ok(self.ask(message, 0)?.came.into_iter().next())
    }

    /// All that there is of a kind, as it is at one time.
    pub(crate) fn dump(
        &mut self,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, OsError> {
        self.dump_with(message, Vec::new())
    }

    /// Of all that there is of a kind, what has one of these attributes in it: the others,
    /// of which a router has a million, are not read.
    pub(crate) fn dump_with(
        &mut self,
        message: RouteNetlinkMessage,
        with: Vec<Vec<u8>>,
    ) -> Result<Vec<RouteNetlinkMessage>, OsError> {
        for _ in 0..DUMPS {
            let answers = self.ask_for(message.clone(), NLM_F_DUMP, with.clone())?;
            if !answers.is_torn {
                return Ok(answers.came);
            }
            log::debug!("what there is was changed while the kernel told it");
        }
        Err(io::Error::from(Errno::EAGAIN).into())
    }

    /// The bodies of all messages that answer one of this kind and body, as the kernel wrote
    /// them.
    pub(crate) fn dump_bytes(&mut self, kind: u16, body: &[u8]) -> Result<Vec<Vec<u8>>, OsError> {
        for _ in 0..DUMPS {
            let number = self.send(kind, NLM_F_DUMP, body)?;
            let mut came = response::Bodies::to(number);
            while came.read(self.receive()?)? == Then::More {}
            if !came.is_torn {
                return Ok(came.all);
            }
        }
        Err(io::Error::from(Errno::EAGAIN).into())
    }

    /// Have something made, or put in the place of what there is, that is written already.
    pub(crate) fn tell_bytes(&mut self, kind: u16, body: &[u8]) -> Result<(), OsError> {
        let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
        let number = self.send(kind, flags, body)?;
        let mut came = response::Bodies::to(number);
        while came.read(self.receive()?)? == Then::More {}
        Ok(())
    }

    /// The body of the one message that is the answer to another of this kind and body, of
    /// which this project's library knows nothing.
    pub(crate) fn bytes(&mut self, kind: u16, body: &[u8]) -> Result<Vec<u8>, OsError> {
        let number = self.send(kind, 0, body)?;
        loop {
            if let Some(body) = response::body(self.receive()?, number)? {
                return Ok(body.to_vec());
            }
        }
    }

    /// The number of the request.
    fn send(&mut self, kind: u16, flags: u16, body: &[u8]) -> Result<u32, OsError> {
        self.number += 1;
        let length = u32::try_from(HEADER + body.len()).map_err(io::Error::other)?;
        let mut request = length.to_ne_bytes().to_vec();
        request.extend(kind.to_ne_bytes());
        request.extend((NLM_F_REQUEST | flags).to_ne_bytes());
        request.extend(self.number.to_ne_bytes());
        request.extend([0; 4]);
        request.extend(body);
        self.socket.send(&request, 0)?;
        Ok(self.number)
    }

    fn ask(&mut self, message: RouteNetlinkMessage, flags: u16) -> Result<Answers, OsError> {
        self.ask_for(message, flags, Vec::new())
    }

    fn ask_for(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
        with: Vec<Vec<u8>>,
    ) -> Result<Answers, OsError> {
        self.number += 1;
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | flags;
        request.header.sequence_number = self.number;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let mut answers = Answers::to(self.number, flags & NLM_F_ACK != 0);
        answers.with = with;
        while answers.read(self.receive()?)? == Then::More {}
        Ok(answers)
    }

    /// What comes at once.
    fn receive(&mut self) -> Result<&[u8], OsError> {
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
        Ok(&self.came)
    }
}
