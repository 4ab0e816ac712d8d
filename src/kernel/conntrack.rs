//! Deletes UDP flows from the host's connection tracking. As long as a flow is tracked, a client
//! that goes on sending reaches the same destination as before, whatever the rules say now. Uses
//! the same netlink messages as conntrack(8) (linux/netfilter/nfnetlink_conntrack.h).

use std::collections::BTreeSet;
use std::net::IpAddr;

use nix::libc;
use rtnetlink::sys::protocols::NETLINK_NETFILTER;

use super::Kernel;
use super::netlink::attr::{each, find};
use super::netlink::message::Raw;
use super::netlink::socket::{RequestKind, Requests};
use super::uplinks::addresses;
use crate::model::Netns;
use crate::model::nat::{Proto, Publish};
use crate::os_error::OsError;
use crate::system::thread::in_netns;

const CONNTRACK: u16 = (libc::NFNL_SUBSYS_CTNETLINK << 8) as u16;
const GET: u16 = CONNTRACK | 1;
const DELETE: u16 = CONNTRACK | 2;
/// The length of struct nfgenmsg, which precedes the attributes.
const HEADER: usize = 4;
const TUPLE_ORIG: u16 = 1;
const ZONE: u16 = 18;
const UDP: u8 = libc::IPPROTO_UDP as u8;
const FAMILIES: [u8; 2] = [libc::AF_INET as u8, libc::AF_INET6 as u8];

/// A tracked flow, with the attributes that identify it in a request (`name`).
pub(super) struct Flow {
    family: u8,
    name: Vec<u8>,
    to: IpAddr,
    port: u16,
}

impl Kernel {
    /// Delete the tracked UDP flows to these published ports of the host. A flow that cannot be
    /// deleted is no error.
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
        let mut requests = in_netns(&host, || Requests::open_to(NETLINK_NETFILTER))?;
        for flow in flows(&mut requests)?.iter().filter(|flow| led(flow)) {
            let order = message(DELETE, flow.family, &flow.name);
            if let Err(no) = requests.tell(order, RequestKind::Change) {
                // Most likely the flow has expired in the meantime
                log::debug!("cannot delete a tracked UDP flow: {no}");
            }
        }
        Ok(())
    }
}

/// All tracked UDP flows.
fn flows(requests: &mut Requests) -> Result<Vec<Flow>, OsError> {
    let mut found = Vec::new();
    for family in FAMILIES {
        let all = requests.dump(message(GET, family, &[]))?;
        found.extend(all.iter().filter_map(|answer| flow(family, &answer.body)));
    }
    Ok(found)
}

fn message(kind: u16, family: u8, name: &[u8]) -> Raw {
    let body = [&[family, 0, 0, 0], name].concat();
    Raw { kind, body }
}

/// Parse a flow. `None` if it is not UDP. Its `name` is a copy of the attributes by which the
/// kernel identifies it: the original tuple and the zone.
pub(super) fn flow(family: u8, body: &[u8]) -> Option<Flow> {
    let mut name = Vec::new();
    let mut to = None;
    let mut port = None;
    for attribute in each(body.get(HEADER..)?) {
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
