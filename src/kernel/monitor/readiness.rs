//! Checks conditions in a namespace, and waits until they hold. The kernel reports changes of
//! links, addresses and routes. Handshakes, answers to pings and leases are checked once a second,
//! because nothing reports them. The caller knows what follows from the conditions.

use std::net::IpAddr;
use std::task::Poll;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use rtnetlink::packet_route::address::{AddressFlags, AddressMessage};
use rtnetlink::packet_route::link::LinkFlags;
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::sleep_until;

use super::events::Changes;
use super::ping::Ping;
use crate::kernel::netlink::query::{addresses_of, link_named};
use crate::kernel::netlink::socket::Requests;
use crate::kernel::{Kernel, decode};
use crate::model::{Condition, LinkRef, Netns};
use crate::name::LinkName;
use crate::os_error::OsError;
use crate::system::dhcp;
use crate::system::thread::in_netns;

/// The groups of changes that the kernel reports.
const GROUPS: [u32; 5] = [
    libc::RTNLGRP_LINK,
    libc::RTNLGRP_IPV4_IFADDR,
    libc::RTNLGRP_IPV6_IFADDR,
    libc::RTNLGRP_IPV4_ROUTE,
    libc::RTNLGRP_IPV6_ROUTE,
];

/// The interval for checking what nothing reports.
const ASK: Duration = Duration::from_secs(1);

impl Kernel {
    /// Wait until all conditions hold, `limit` has passed, or the sender of `end` is dropped.
    /// Returns whether each condition holds, in their order. Only answers to pings that this call
    /// sends count.
    pub fn until_hold(
        &mut self,
        conditions: &[&Condition],
        limit: Option<Duration>,
        mut end: Option<&mut oneshot::Receiver<()>>,
    ) -> Result<Vec<bool>, OsError> {
        let until = limit.map(|limit| Instant::now() + limit);
        let inside = self.open(&Netns::This)?;
        // Listen before the query, so that no change in between is missed
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let changes = runtime.block_on(async { Changes::open(&inside, &GROUPS) })?;
        let addresses = conditions.iter().filter_map(|condition| match condition {
            Condition::Ping(address) => Some(*address),
            _ => None,
        });
        let addresses: Vec<IpAddr> = addresses.collect();
        let sockets = in_netns(&inside, || {
            addresses.iter().map(|ip| Ping::socket(*ip)).collect()
        })?;
        let sockets: Vec<_> = sockets;
        let pings = {
            let _inside = runtime.enter();
            let opened = addresses.iter().zip(sockets);
            let pings = opened.map(|(ip, socket)| Ping::new(*ip, socket));
            pings.collect::<Result<Vec<_>, _>>()
        };
        let mut pings = pings?;
        let mut ask = Instant::now();
        loop {
            if ask <= Instant::now() {
                runtime.block_on(async {
                    for ping in &mut pings {
                        ping.send().await;
                    }
                });
                ask = Instant::now() + ASK;
            }
            let held = self.which_hold(conditions, &pings)?;
            let now = Instant::now();
            if held.iter().all(|held| *held) || until.is_some_and(|until| until <= now) {
                return Ok(held);
            }
            let asked = conditions.iter().zip(&held);
            let asked = asked.into_iter().any(|(c, held)| c.is_asked_for() && !held);
            let moment = [until, asked.then_some(ask)];
            let moment = moment.into_iter().flatten().min();
            let ended = runtime.block_on(async {
                let moment = async {
                    match moment {
                        Some(moment) => sleep_until(moment.into()).await,
                        None => std::future::pending().await,
                    }
                };
                let answer = std::future::poll_fn(|context| {
                    let mut answers = pings.iter_mut().map(|ping| ping.poll_answer(context));
                    // Each is polled, so that each can wake this task
                    match answers.by_ref().filter(Poll::is_ready).count() {
                        0 => Poll::Pending,
                        _ => Poll::Ready(()),
                    }
                });
                let end = async {
                    match &mut end {
                        Some(end) => drop(end.await),
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    biased;
                    () = end => true,
                    () = answer => false,
                    () = changes.next() => false,
                    () = moment => false,
                }
            });
            if ended {
                return Ok(held);
            }
        }
    }

    fn which_hold(
        &mut self,
        conditions: &[&Condition],
        pings: &[Ping],
    ) -> Result<Vec<bool>, OsError> {
        let mut held = Vec::new();
        for condition in conditions {
            held.push(match condition {
                Condition::Handshake(link) => self.has_handshake(link)?,
                Condition::Lease(link) => dhcp::has_lease(&self.netns, link),
                Condition::Ping(ip) => pings.iter().any(|ping| ping.has_answered(*ip)),
                Condition::Carrier(link) => has_carrier(self.requests(&Netns::This)?, link)?,
                Condition::Address(link) => has_address(self.requests(&Netns::This)?, link)?,
                Condition::Route(to) => {
                    let to = to.map(|to| (to.network(), to.prefix_len()));
                    has_route(self.requests(&Netns::This)?, to)?
                }
            });
        }
        Ok(held)
    }

    fn has_handshake(&mut self, link: &LinkName) -> Result<bool, OsError> {
        let (at, name) = (Netns::This, link.clone());
        match self.wireguard(&LinkRef { netns: at, name }) {
            Ok(seen) => Ok(!seen.handshakes.is_empty()),
            Err(no) if no.is(Errno::ENODEV) => Ok(false),
            Err(no) => Err(no),
        }
    }
}

fn has_carrier(requests: &mut Requests, link: &LinkName) -> Result<bool, OsError> {
    let found = link_named(requests, link)?;
    Ok(found.is_some_and(|link| link.header.flags.contains(LinkFlags::LowerUp)))
}

fn has_address(requests: &mut Requests, link: &LinkName) -> Result<bool, OsError> {
    let Some(found) = link_named(requests, link)? else {
        return Ok(false);
    };
    let addresses = addresses_of(requests, found.header.index)?;
    let usable = |message: &AddressMessage| {
        let doubt = AddressFlags::Tentative | AddressFlags::Dadfailed;
        let local = |ip| match ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        let address = decode::address(message, false);
        address.is_some_and(|a| !local(a.ip())) && !decode::flags(message).intersects(doubt)
    };
    Ok(addresses.iter().any(usable))
}

/// Whether there is a route to exactly this destination. `None` means a default route of either
/// family.
fn has_route(requests: &mut Requests, to: Option<(IpAddr, u8)>) -> Result<bool, OsError> {
    let mut found = false;
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut request = RouteMessage::default();
        request.header.address_family = family;
        for answer in requests.dump(RouteNetlinkMessage::GetRoute(request))? {
            let RouteNetlinkMessage::NewRoute(route) = answer else {
                continue;
            };
            found |= route.header.address_family == family
                && route.header.kind == RouteType::Unicast
                && leads_to(&route, to);
        }
    }
    Ok(found)
}

fn leads_to(message: &RouteMessage, to: Option<(IpAddr, u8)>) -> bool {
    let dst = message.attributes.iter().find_map(|one| match one {
        RouteAttribute::Destination(RouteAddress::Inet(ip)) => Some(IpAddr::V4(*ip)),
        RouteAttribute::Destination(RouteAddress::Inet6(ip)) => Some(IpAddr::V6(*ip)),
        _ => None,
    });
    let length = message.header.destination_prefix_length;
    match to {
        None => length == 0,
        Some((to, 0)) => {
            let inet = message.header.address_family == AddressFamily::Inet;
            length == 0 && to.is_ipv4() == inet
        }
        Some((to, prefix)) => length == prefix && dst == Some(to),
    }
}
