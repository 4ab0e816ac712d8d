//! The families of generic netlink: their ids, which differ from one kernel to the next, and their
//! messages. Messages are not logged, because they can contain keys.

use std::io::ErrorKind;

use nix::libc;
use rtnetlink::packet_core::DefaultNla;
use rtnetlink::sys::protocols::NETLINK_GENERIC;

use super::attr;
use super::message::Raw;
use super::socket::{RequestKind, Requests};
use crate::os_error::OsError;

/// The length of struct genlmsghdr (linux/genetlink.h).
const HEADER: usize = 4;

/// A family, in the namespace of the thread that opened it.
pub(crate) struct Generic {
    requests: Requests,
    number: u16,
}

impl Generic {
    /// Look up a family by name, in the namespace of the calling thread.
    pub(crate) fn open(family: &str) -> Result<Self, OsError> {
        let mut control = Generic {
            requests: Requests::open_to(NETLINK_GENERIC)?,
            number: libc::GENL_ID_CTRL as u16,
        };
        let name = [family.as_bytes(), b"\0"].concat();
        let name = DefaultNla::new(libc::CTRL_ATTR_FAMILY_NAME as u16, name);
        let request = control.message(libc::CTRL_CMD_GETFAMILY as u8, &attr::bytes(&[name]));
        let answer = control.requests.get(request)?;
        let number = answer.as_ref().and_then(|answer| {
            let number = attr::find(&answer.body, HEADER, libc::CTRL_ATTR_FAMILY_ID as u16)?;
            Some(u16::from_ne_bytes(number.try_into().ok()?))
        });
        let number = number.ok_or_else(|| std::io::Error::from(ErrorKind::InvalidData))?;
        Ok(Generic { number, ..control })
    }

    /// Send a command that changes something, and wait for the acknowledgement.
    pub(crate) fn tell(&mut self, command: u8, attributes: &[u8]) -> Result<(), OsError> {
        let order = self.message(command, attributes);
        self.requests.tell(order, RequestKind::Change)
    }

    /// Send a command that dumps, and return the attributes of each message of the answer.
    pub(crate) fn dump(&mut self, command: u8, attributes: &[u8]) -> Result<Vec<Vec<u8>>, OsError> {
        let request = self.message(command, attributes);
        let answers = self.requests.dump(request)?.into_iter();
        Ok(answers
            .map(|mut answer| answer.body.split_off(HEADER.min(answer.body.len())))
            .collect())
    }

    fn message(&self, command: u8, attributes: &[u8]) -> Raw {
        const VERSION: u8 = 1;
        Raw {
            kind: self.number,
            body: [&[command, VERSION, 0, 0], attributes].concat(),
        }
    }
}
