//! Waits until IPv6 addresses can be bound. Before that, the kernel asks on the network for about a
//! second whether another host has them (duplicate address detection, RFC 4862, 5.4).

use std::time::Duration;

use nix::libc::RTNLGRP_IPV6_IFADDR;
use rtnetlink::packet_route::address::AddressFlags;
use rtnetlink::packet_route::link::LinkFlags;
use tokio::runtime::Builder;

use super::events::Changes;
use crate::kernel::netlink::query::{addresses_of, link_named};
use crate::kernel::netlink::socket::Requests;
use crate::kernel::{Kernel, decode};
use crate::model::{Address, Link, LinkRef, Netns, State};
use crate::os_error::OsError;
use crate::source::Sourced;

/// The result of duplicate address detection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DadResult {
    /// The addresses that another host has. They will not work.
    pub taken: Vec<(LinkRef, Sourced<Address>)>,
    /// The addresses that were still being checked when the time was up.
    pub waiting: Vec<(LinkRef, Sourced<Address>)>,
}

impl Kernel {
    /// Wait at most `limit` for the IPv6 addresses of the links in the namespace, or until one
    /// turns out to be taken. Links without carrier are left out, because the kernel never finishes
    /// there.
    pub fn wait_for_dad(&mut self, want: &State, limit: Duration) -> Result<DadResult, OsError> {
        let links: Vec<_> = want.links.iter().filter(waits).collect();
        if links.is_empty() {
            return Ok(DadResult::default());
        }
        let inside = self.open(&Netns::This)?;
        let requests = self.requests(&Netns::This)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        // Listen before the query, so that no change in between is missed
        runtime.block_on(async {
            let changes = Changes::open(&inside, &[RTNLGRP_IPV6_IFADDR])?;
            let mut settled = look(requests, &links)?;
            let asking = async {
                while settled.taken.is_empty() && !settled.waiting.is_empty() {
                    changes.next().await;
                    settled = look(requests, &links)?;
                }
                Ok::<_, OsError>(())
            };
            match tokio::time::timeout(limit, asking).await {
                Ok(done) => done.map(|()| settled),
                Err(_) => look(requests, &links),
            }
        })
    }
}

fn waits(link: &&Link) -> bool {
    let global = |a: &Sourced<Address>| matches!(a.value.ip(), std::net::IpAddr::V6(ip) if !ip.is_unicast_link_local());
    link.netns == Netns::This && link.addresses.iter().any(global)
}

fn look(requests: &mut Requests, links: &[&Link]) -> Result<DadResult, OsError> {
    let mut settled = DadResult::default();
    for link in links {
        let found = link_named(requests, &link.name.value)?;
        let Some(found) = found.filter(|m| m.header.flags.contains(LinkFlags::LowerUp)) else {
            continue;
        };
        for message in addresses_of(requests, found.header.index)? {
            let Some(there) = decode::address(&message, false) else {
                continue;
            };
            let Some(asked) = link.addresses.iter().find(|a| a.value == there) else {
                continue;
            };
            let entry = (link.link_at(), asked.clone());
            let flags = decode::flags(&message);
            if flags.contains(AddressFlags::Dadfailed) {
                settled.taken.push(entry);
            } else if flags.contains(AddressFlags::Tentative) {
                settled.waiting.push(entry);
            }
        }
    }
    Ok(settled)
}
