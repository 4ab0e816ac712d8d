//! Waits until the kernel has ended namespaces whose names were deleted, and the links in them.
//!
//! Deleting a link takes the kernel some 20 milliseconds, because the request waits for an RCU grace
//! period. A namespace that nothing uses any more ends by itself with all of its links, and the
//! kernel ends many at once. So the names are deleted first, and their end is awaited here. A netlink
//! socket in the namespace is released after a grace period, too: so `down` looks at its links by the
//! host's socket (`Query::ends`).
//!
//! A socket that a process outside has opened in the namespace keeps it alive, and /proc does not
//! show that. Then the links are deleted one by one. The namespace has no name by then, and a
//! descriptor of it would keep it alive, too. Its id on the host (nsid) does not: requests can name
//! the namespace by it (`IFLA_TARGET_NETNSID`, Linux 4.16).

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage};
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{Socket, SocketAddr};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::kernel::Kernel;
use crate::kernel::netlink::query::link_at;
use crate::kernel::netlink::socket::{RequestKind, Requests};
use crate::model::LinkRef;
use crate::os_error::OsError;

/// How long the namespace may exist without a name before its links are deleted one by one. On a
/// busy machine, the kernel begins to end the last of 50 namespaces after some 50 milliseconds.
const UNUSED: Duration = Duration::from_millis(500);

/// How long it may exist after that before this is reported. A `watch` closes it as soon as it can.
const CLOSED: Duration = Duration::from_secs(2);

/// How long to wait for the links, once it is certain that they end. The kernel ends the namespaces
/// of the machine in batches, one after the other. On a busy machine this has taken more than 10
/// seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long of that is too short to be reported.
const MOMENT: Duration = Duration::from_secs(2);

/// How many reports are skipped before the state is queried.
const AT_ONCE: usize = 512;

/// The interface index of `lo` in every namespace.
const LO: u32 = 1;

/// How long to wait for a report of the kernel before the state is queried.
const INTERVAL: Duration = Duration::from_millis(100);

/// A namespace that is about to lose its name, as the host sees it.
#[derive(Debug)]
pub struct Dying {
    /// The id of the namespace on the host.
    nsid: i32,
    /// The interface indexes of the links in it.
    inside: Vec<u32>,
    /// The interface indexes of the other ends of veth pairs, on the host.
    peers: Vec<u32>,
}

/// How a namespace without a name has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The kernel has ended it with its links.
    Complete,
    /// Something outside still uses it. Its links were deleted.
    StillUsed,
}

/// Listens on the host for the end of links and of namespaces. A report only says that something
/// has changed.
pub struct Ends {
    socket: Socket,
    requests: Requests,
}

impl Kernel {
    /// What is needed to wait for the end of the namespace with these links (interface indexes).
    /// `peers` are the other ends of those links on the host.
    pub fn dying(&mut self, inside: Vec<u32>, peers: &[LinkRef]) -> Result<Dying, OsError> {
        let peers = peers.iter().map(|link| self.index(link));
        Ok(Dying {
            peers: peers.collect::<Result<_, _>>()?,
            nsid: self.nsid_on_host()?,
            inside,
        })
    }
}

impl Dying {
    /// A message about a link in the namespace, sent from the host.
    fn link(&self, index: u32) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes = vec![LinkAttribute::IfNetnsId(self.nsid)];
        message
    }
}

impl Ends {
    /// Listen from now on.
    pub fn listen() -> Result<Self, OsError> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind(&SocketAddr::new(0, 0))?;
        socket.add_membership(libc::RTNLGRP_LINK)?;
        socket.add_membership(libc::RTNLGRP_NSID)?;
        Ok(Ends {
            socket,
            requests: Requests::open()?,
        })
    }

    /// Wait until the links of the namespace are gone. Its name has been deleted. `report` is called
    /// if that takes longer than a moment. The error is `TimedOut` after a minute.
    pub fn wait(&mut self, dying: &Dying, report: impl FnOnce()) -> Result<End, OsError> {
        let mut end = End::Complete;
        if !self.until(UNUSED, |ends| ends.is_ended(dying))? {
            log::info!("the namespace with the id {} is still used", dying.nsid);
            if self.delete_links(dying)? && !self.until(CLOSED, |ends| ends.is_ended(dying))? {
                end = End::StillUsed;
            }
        }
        if self.until(MOMENT, |ends| ends.are_peers_gone(dying))? {
            return Ok(end);
        }
        report();
        match self.until(PATIENCE, |ends| ends.are_peers_gone(dying))? {
            true => Ok(end),
            false => Err(io::Error::from(ErrorKind::TimedOut).into()),
        }
    }

    /// Delete the links in the namespace one by one. Returns false if it has ended meanwhile.
    fn delete_links(&mut self, dying: &Dying) -> Result<bool, OsError> {
        for index in &dying.inside {
            let message = RouteNetlinkMessage::DelLink(dying.link(*index));
            match self.requests.tell(message, RequestKind::Change) {
                // It was the other end of a link that is deleted already
                Err(no) if no.is(Errno::ENODEV) => {}
                // No namespace has this id any more
                Err(no) if no.is(Errno::EINVAL) => return Ok(false),
                answer => answer?,
            }
        }
        Ok(true)
    }

    /// Whether no namespace has the id any more. The kernel takes it away before it ends the links.
    fn is_ended(&mut self, dying: &Dying) -> Result<bool, OsError> {
        let message = RouteNetlinkMessage::GetLink(dying.link(LO));
        match self.requests.get(message) {
            Err(no) if no.is(Errno::EINVAL) => Ok(true),
            answer => answer.map(|_| false),
        }
    }

    fn are_peers_gone(&mut self, dying: &Dying) -> Result<bool, OsError> {
        for peer in &dying.peers {
            if link_at(&mut self.requests, *peer)?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Wait until the condition holds. Returns false if it does not within `limit`.
    fn until(
        &mut self,
        limit: Duration,
        mut holds: impl FnMut(&mut Self) -> Result<bool, OsError>,
    ) -> Result<bool, OsError> {
        let limit = Instant::now() + limit;
        loop {
            self.skip_reports();
            if holds(self)? {
                return Ok(true);
            }
            let left = limit.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            self.wait_for_report(left.min(INTERVAL))?;
        }
    }

    fn wait_for_report(&self, limit: Duration) -> io::Result<()> {
        let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
        let mut socket = [PollFd::new(&self.socket, PollFlags::IN)];
        match poll(&mut socket, Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Skip the reports that have arrived. An overflow of the buffer (ENOBUFS) is a report, too.
    fn skip_reports(&self) {
        for _ in 0..AT_ONCE {
            match self
                .socket
                .recv(&mut Vec::with_capacity(1), libc::MSG_DONTWAIT)
            {
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
    }
}
