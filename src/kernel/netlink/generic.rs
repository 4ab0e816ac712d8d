//! A conversation with a family of generic netlink over a blocking socket: requests of
//! bytes out, answers of bytes in. Nothing of it is logged, for keys can be in it.

use std::io::{self, ErrorKind};

use rtnetlink::packet_core::DefaultNla;
use rtnetlink::sys::protocols::NETLINK_GENERIC;
use rtnetlink::sys::{Socket, SocketAddr};

use super::attr;
use crate::os_error::OsError;

/// The family that knows the families (linux/genetlink.h), and what it is asked.
const CONTROL: u16 = 16;
const CONTROL_GET: u8 = 3;
const CONTROL_ID: u16 = 1;
const CONTROL_NAME: u16 = 2;

/// linux/netlink.h
const REQUEST: u16 = 1;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const HEADER: usize = 16;
const GENERIC_HEADER: usize = 4;
const SAID: u16 = 1;

/// A socket in the namespace of the thread that opens it.
pub struct Talk {
    socket: Socket,
    family: u16,
    sequence: u32,
}

impl Talk {
    /// With the family of this name.
    pub fn with(family: &str) -> Result<Self, OsError> {
        let mut socket = Socket::new(NETLINK_GENERIC)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        let mut talk = Talk {
            socket,
            family: CONTROL,
            sequence: 0,
        };
        let name = [family.as_bytes(), b"\0"].concat();
        let name = attr::bytes(&[DefaultNla::new(CONTROL_NAME, name)]);
        let answer = talk.ask(CONTROL_GET, ACK, &name)?;
        let mut ids = answer
            .iter()
            .filter_map(|told| attr::find(told, 0, CONTROL_ID));
        let id = ids
            .next()
            .and_then(|id| Some(u16::from_ne_bytes(id.try_into().ok()?)));
        talk.family = id.ok_or_else(unreadable)?;
        Ok(talk)
    }

    /// Give an order.
    pub fn tell(&mut self, command: u8, attributes: &[u8]) -> Result<(), OsError> {
        self.ask(command, ACK, attributes).map(drop)
    }

    /// Ask for all there is: the attributes of each message of the answer.
    pub fn dump(&mut self, command: u8, attributes: &[u8]) -> Result<Vec<Vec<u8>>, OsError> {
        self.ask(command, DUMP, attributes)
    }

    fn ask(&mut self, command: u8, flags: u16, body: &[u8]) -> Result<Vec<Vec<u8>>, OsError> {
        self.sequence += 1;
        let length = u32::try_from(HEADER + GENERIC_HEADER + body.len());
        let length = length.map_err(io::Error::other)?;
        let mut request = Vec::new();
        request.extend(length.to_ne_bytes());
        request.extend(self.family.to_ne_bytes());
        request.extend((REQUEST | flags).to_ne_bytes());
        request.extend(self.sequence.to_ne_bytes());
        request.extend([0; 4]);
        request.extend([command, 1, 0, 0]);
        request.extend(body);
        self.socket.send(&request, 0)?;
        let mut answers = Vec::new();
        loop {
            let (bytes, _) = self.socket.recv_from_full()?;
            if self.read(&bytes, &mut answers)? {
                return Ok(answers);
            }
        }
    }

    /// Whether that was the end of the answer.
    fn read(&self, mut bytes: &[u8], answers: &mut Vec<Vec<u8>>) -> Result<bool, OsError> {
        while bytes.len() >= HEADER {
            let half = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
            let word = |at: usize| u32::from(half(at)) | u32::from(half(at + 2)) << 16;
            let word = |at| {
                if cfg!(target_endian = "big") {
                    word(at).rotate_left(16)
                } else {
                    word(at)
                }
            };
            let length = usize::try_from(word(0)).map_err(io::Error::other)?;
            let body = bytes.get(HEADER..length).ok_or_else(unreadable)?;
            match (half(4), word(8) == self.sequence) {
                (_, false) => {}
                (ERROR | DONE, true) => return ended(body).map(|()| true),
                (_, true) => answers.push(body.get(GENERIC_HEADER..).unwrap_or_default().to_vec()),
            }
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(false)
    }
}

/// An errno, 0 where all is well; behind the header of what is refused the kernel's words.
fn ended(body: &[u8]) -> Result<(), OsError> {
    let errno = body
        .first_chunk()
        .map_or(0, |bytes| i32::from_ne_bytes(*bytes));
    if errno == 0 {
        return Ok(());
    }
    let said = attr::find(body, 4 + HEADER, SAID).map(String::from_utf8_lossy);
    Err(OsError {
        errno: io::Error::from_raw_os_error(-errno),
        message: said.map(|said| said.trim_end_matches(['\0', '.']).to_string()),
    })
}

fn unreadable() -> io::Error {
    ErrorKind::InvalidData.into()
}
