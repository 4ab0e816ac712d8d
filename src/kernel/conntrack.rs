//! What the host's connection tracking remembers of UDP: a client that goes on sending is
//! led where it was led before, whatever the rules say now, until that is forgotten. Asked
//! and told as conntrack(8) does it (linux/netfilter/nfnetlink_conntrack.h).

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use rtnetlink::sys::protocols::NETLINK_NETFILTER;
use rtnetlink::sys::{Socket, SocketAddr};

use super::Kernel;
use super::netlink::attr::{each, find};
use super::uplinks::addresses;
use crate::model::Netns;
use crate::model::nat::{Proto, Publish};
use crate::os_error::OsError;
use crate::system::thread::in_netns;

const GET: u16 = 0x0101;
const DELETE: u16 = 0x0102;
const REQUEST: u16 = 1;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// Of a message, before its attributes: nlmsghdr and nfgenmsg.
const HEADER: usize = 16 + 4;
const TUPLE_ORIG: u16 = 1;
const ZONE: u16 = 18;
const UDP: u8 = 17;
const FAMILIES: [u8; 2] = [2, 10];

/// A flow, as it is named in a request.
pub(super) struct Flow {
    family: u8,
    name: Vec<u8>,
    to: IpAddr,
    port: u16,
}

impl Kernel {
    /// Forget the UDP flows to these ports of the host.
    pub fn forget_flows(&mut self, ports: &[&Publish]) -> Result<(), OsError> {
        let udp = |publish: &&&Publish| publish.proto == Proto::Udp;
        let ports: Vec<_> = ports.iter().filter(udp).collect();
        if ports.is_empty() {
            return Ok(());
        }
        let own = addresses(self.requests(&Netns::Host)?)?;
        let own: BTreeSet<IpAddr> = own.into_iter().map(|(ip, _)| ip).collect();
        let led = |flow: &Flow| {
            let here = |p: &&&&Publish| p.host.map_or(own.contains(&flow.to), |h| h == flow.to);
            ports
                .iter()
                .filter(here)
                .any(|p| p.ports().contains(&flow.port))
        };
        let host = self.open(&Netns::Host)?;
        Ok(in_netns(&host, || {
            let mut socket = Socket::new(NETLINK_NETFILTER)?;
            socket.bind_auto()?;
            for flow in flows(&socket)?.iter().filter(|flow| led(flow)) {
                send(&socket, DELETE, REQUEST | ACK, flow.family, &flow.name)?;
                // Gone in the meantime is forgotten
                socket.recv_from_full()?;
            }
            Ok(())
        })?)
    }
}

/// All UDP flows that are remembered.
fn flows(socket: &Socket) -> io::Result<Vec<Flow>> {
    let mut found = Vec::new();
    for family in FAMILIES {
        send(socket, GET, REQUEST | DUMP, family, &[])?;
        let mut done = false;
        while !done {
            let (bytes, _) = socket.recv_from_full()?;
            let mut rest = &bytes[..];
            while let Some(length) = rest.first_chunk().map(|b| u32::from_ne_bytes(*b) as usize) {
                let Some(message) = rest.get(..length).filter(|m| m.len() >= 16) else {
                    break;
                };
                match u16::from_ne_bytes([message[4], message[5]]) {
                    DONE | ERROR => done = true,
                    _ => found.extend(flow(family, message)),
                }
                rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }
    Ok(found)
}

fn send(socket: &Socket, kind: u16, flags: u16, family: u8, name: &[u8]) -> io::Result<()> {
    let length = u32::try_from(HEADER + name.len()).unwrap_or(u32::MAX);
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]);
    message.extend([family, 0, 0, 0]);
    message.extend(name);
    socket.send_to(&message, &SocketAddr::new(0, 0), 0)?;
    Ok(())
}

/// A flow of UDP; its name is what the kernel called it by.
pub(super) fn flow(family: u8, message: &[u8]) -> Option<Flow> {
    let mut name = Vec::new();
    let mut to = None;
    let mut port = None;
    for attribute in each(message.get(HEADER..)?) {
        match attribute.kind() {
            TUPLE_ORIG => {
                let [ip, proto] = [1, 2].map(|kind| find(attribute.value(), 0, kind));
                let (ip, proto) = (ip?, proto?);
                if find(proto, 0, 1)? != [UDP] {
                    return None;
                }
                port = Some(u16::from_be_bytes(find(proto, 0, 3)?.try_into().ok()?));
                to = match family {
                    2 => <[u8; 4]>::try_from(find(ip, 0, 2)?).ok().map(IpAddr::from),
                    _ => <[u8; 16]>::try_from(find(ip, 0, 4)?).ok().map(IpAddr::from),
                };
            }
            ZONE => {}
            _ => continue,
        }
        name.extend(attribute.into_inner());
        name.resize(name.len().next_multiple_of(4), 0);
    }
    Some(Flow {
        family,
        name,
        to: to?,
        port: port?,
    })
}
