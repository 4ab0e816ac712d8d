//! Listens for changes that the kernel reports. A filter selects what matters in a namespace, and
//! an event says only that something has changed. Nothing is queried or remembered here: `observe`
//! queries the state. Messages are parsed only as far as is necessary to skip those of a busy host.

use std::collections::BTreeSet;
use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::task::{Context, Poll};

use nix::libc;
use rtnetlink::sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE};
use rtnetlink::sys::{AsyncSocket, SocketAddr, TokioSocket};

use crate::kernel::device::Devices;
use crate::kernel::netlink::attr;
use crate::model::{LinkRef, Netns, State};
use crate::plan::Journal;
use crate::system::netns::identity::NetnsInode;
use crate::system::thread::in_netns;

/// The message for a deleted table of nftables, which the library does not know
/// (linux/netfilter/nf_tables.h).
const NFT_DELTABLE: u16 = (libc::NFNL_SUBSYS_NFTABLES << 8 | libc::NFT_MSG_DELTABLE) as u16;
const NFTA_TABLE_NAME: u16 = 1;

/// The size of the receive buffer in bytes. Datagrams are well below this.
const LONGEST: usize = 32 * 1024;

/// How many messages are read before other tasks have their turn.
const AT_ONCE: usize = 512;

/// The changes that matter in one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The names of the links. `None` means all links.
    links: Option<BTreeSet<String>>,
    /// The NICs on the host that belong in the namespace.
    cards: Devices,
    addresses: BTreeSet<IpAddr>,
    routes: BTreeSet<(IpAddr, u8)>,
    /// Whether policy rules matter. If so, any rule does, because their order is significant.
    policy: bool,
    tables: BTreeSet<String>,
}

/// A change that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A NIC has appeared on the host. The device manager (udev, mdev) may be about to rename it.
    Device,
    /// Any other change that matters.
    Change,
}

/// Sockets in one namespace. They keep it alive: drop them when its name is deleted.
pub struct Listener {
    /// The identity of the namespace.
    pub netns: NetnsInode,
    matter: Filter,
    sockets: Vec<TokioSocket>,
}

impl Filter {
    /// The filter for the namespace `at`: what matters there for the state `want`. Outside the
    /// namespace that is set up, only the links in `asked` matter, with their addresses and routes.
    /// `journal` has the firewall rules that are loaded, and the NICs that have been moved into the
    /// namespace.
    pub fn of(at: &Netns, want: &State, asked: &BTreeSet<LinkRef>, journal: &Journal) -> Self {
        let loaded = &journal.ours.firewall;
        let here = |link: &&LinkRef| link.netns == *at;
        let named = asked.iter().filter(here).map(|l| l.name.to_string());
        let links = || want.links.iter().filter(|link| link.netns == *at);
        let routes = want.routes.iter().map(|route| &route.value);
        let tables = loaded.iter().flat_map(|rules| &rules.value.tables);
        let inside = *at == Netns::This;
        Filter {
            links: (!inside).then(|| named.collect()),
            cards: match at {
                Netns::Host => Devices::of(want, journal),
                _ => Devices::default(),
            },
            addresses: links()
                .flat_map(|link| link.addresses.iter().map(|a| a.value.ip()))
                .collect(),
            routes: routes
                .filter(|route| route.netns == *at)
                .map(|route| (route.dst.network(), route.dst.prefix_len()))
                .collect(),
            policy: inside && !want.rules.is_empty(),
            tables: tables
                .filter(|_| inside)
                .filter_map(|table| table.split_once(' '))
                .map(|(_, name)| name.to_string())
                .collect(),
        }
    }

    /// The same filter for the host, where the nftables table of this name matters too. With
    /// `defaults`, the uplinks are the links of the default routes, so these routes matter too.
    pub fn with_table(mut self, name: String, defaults: bool) -> Self {
        self.tables.insert(name);
        if defaults {
            self.routes.insert((IpAddr::from([0; 4]), 0));
            self.routes.insert((IpAddr::from([0; 16]), 0));
        }
        self
    }

    /// The event for all messages of a datagram: nftables reports a transaction in one datagram.
    fn heard_in(&self, mut datagram: &[u8]) -> Option<Event> {
        let mut heard = None;
        while let Some(length) = datagram
            .first_chunk()
            .map(|l| u32::from_ne_bytes(*l) as usize)
        {
            let Some(message) = datagram.get(..length) else {
                return Some(Event::Change);
            };
            heard = heard.max(self.heard(message));
            datagram = datagram
                .get(length.max(1).next_multiple_of(4)..)
                .unwrap_or_default();
        }
        heard
    }

    /// The event for a message. `None` if it does not matter.
    fn heard(&self, message: &[u8]) -> Option<Event> {
        const HEADER: usize = 16;
        let kind = u16::from_ne_bytes(message.get(4..6)?.try_into().ok()?);
        let body = message.get(HEADER..)?;
        let text = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes)
                .trim_end_matches('\0')
                .to_string()
        };
        let matters = match kind {
            libc::RTM_NEWLINK | libc::RTM_DELLINK => {
                let name = attr::find(body, 16, libc::IFLA_IFNAME).map(text);
                if kind == libc::RTM_NEWLINK && self.cards.has(name.as_deref(), body) {
                    return Some(Event::Device);
                }
                match (&self.links, name) {
                    (Some(links), Some(name)) => links.contains(&name),
                    _ => true,
                }
            }
            libc::RTM_NEWADDR | libc::RTM_DELADDR => {
                let of = |kind| attr::find(body, 8, kind).and_then(ip);
                let address = of(libc::IFA_LOCAL).or_else(|| of(libc::IFA_ADDRESS));
                address.is_none_or(|ip| self.addresses.contains(&ip))
            }
            libc::RTM_NEWROUTE | libc::RTM_DELROUTE => {
                let (family, length) = (*body.first()?, *body.get(1)?);
                let any = match i32::from(family) {
                    libc::AF_INET => IpAddr::from([0; 4]),
                    libc::AF_INET6 => IpAddr::from([0; 16]),
                    _ => return None,
                };
                let to = attr::find(body, 12, libc::RTA_DST).and_then(ip);
                self.routes.contains(&(to.unwrap_or(any), length))
            }
            NFT_DELTABLE => {
                let name = attr::find(body, 4, NFTA_TABLE_NAME).map(text);
                name.is_none_or(|name| self.tables.contains(&name))
            }
            libc::RTM_NEWRULE | libc::RTM_DELRULE => self.policy,
            _ => false,
        };
        matters.then_some(Event::Change)
    }
}

impl Listener {
    /// Listen in a namespace from now on. Must be called within a tokio runtime.
    pub fn open(netns: &File, matter: Filter) -> io::Result<Listener> {
        let mut groups = vec![libc::RTNLGRP_LINK];
        if !matter.addresses.is_empty() {
            groups.extend([libc::RTNLGRP_IPV4_IFADDR, libc::RTNLGRP_IPV6_IFADDR]);
        }
        if !matter.routes.is_empty() {
            groups.extend([libc::RTNLGRP_IPV4_ROUTE, libc::RTNLGRP_IPV6_ROUTE]);
        }
        if matter.policy {
            groups.extend([libc::RTNLGRP_IPV4_RULE, libc::RTNLGRP_IPV6_RULE]);
        }
        let tables = !matter.tables.is_empty();
        let runtime = tokio::runtime::Handle::current();
        let sockets = in_netns(netns, || {
            let _inside = runtime.enter();
            let mut sockets = vec![listening(NETLINK_ROUTE, &groups)?];
            if tables {
                sockets.push(listening(
                    NETLINK_NETFILTER,
                    &[libc::NFNLGRP_NFTABLES as u32],
                )?);
            }
            Ok(sockets)
        })?;
        let found = netns.metadata()?;
        Ok(Listener {
            netns: (found.dev(), found.ino()),
            matter,
            sockets,
        })
    }

    /// Whether this listens in the namespace `netns` with the filter `matter`.
    pub fn is_for(&self, netns: &File, matter: &Filter) -> bool {
        let same = |found: std::fs::Metadata| (found.dev(), found.ino()) == self.netns;
        netns.metadata().is_ok_and(same) && self.matter == *matter
    }

    /// Ready when something that matters has changed.
    pub fn poll_heard(&mut self, context: &mut Context) -> Poll<Event> {
        let mut heard = None;
        for socket in &self.sockets {
            if let Poll::Ready(now) = poll_socket(socket, &self.matter, context) {
                heard = heard.max(Some(now));
            }
        }
        heard.map_or(Poll::Pending, Poll::Ready)
    }
}

/// A socket in one namespace that reports any change of certain kinds.
pub(super) struct Changes(TokioSocket);

impl Changes {
    /// Listen to these groups of rtnetlink from now on. Must be called within a tokio runtime.
    pub(super) fn open(netns: &File, groups: &[u32]) -> io::Result<Self> {
        let runtime = tokio::runtime::Handle::current();
        in_netns(netns, || {
            let _inside = runtime.enter();
            Ok(Changes(listening(NETLINK_ROUTE, groups)?))
        })
    }

    /// Wait for a change. All messages that have arrived by then count as one change.
    pub(super) async fn next(&self) {
        let anything = |context: &mut Context| {
            let mut heard = Poll::Pending;
            let mut message = Vec::with_capacity(LONGEST);
            for _ in 0..AT_ONCE {
                message.clear();
                // An overflow of the buffer (ENOBUFS) is a change, too
                match self.0.poll_recv(context, &mut message) {
                    Poll::Pending => return heard,
                    Poll::Ready(_) => heard = Poll::Ready(()),
                }
            }
            heard
        };
        poll_fn(anything).await;
    }
}

fn listening(protocol: isize, groups: &[u32]) -> io::Result<TokioSocket> {
    let mut socket = TokioSocket::new(protocol)?;
    socket.socket_mut().bind(&SocketAddr::new(0, 0))?;
    for group in groups {
        socket.socket_mut().add_membership(*group)?;
    }
    Ok(socket)
}

fn poll_socket(socket: &TokioSocket, matter: &Filter, context: &mut Context) -> Poll<Event> {
    let mut heard = None;
    let mut message = Vec::new();
    for _ in 0..AT_ONCE {
        message.clear();
        message.reserve(LONGEST);
        match socket.poll_recv(context, &mut message) {
            Poll::Pending => return heard.map_or(Poll::Pending, Poll::Ready),
            Poll::Ready(Ok(())) => heard = heard.max(matter.heard_in(&message)),
            // ENOBUFS: the buffer has overflowed. Anything may have been lost, so report a change
            Poll::Ready(Err(_)) => heard = Some(Event::Change),
        }
    }
    context.waker().wake_by_ref();
    heard.map_or(Poll::Pending, Poll::Ready)
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let sixteen = <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    four.or(sixteen).ok()
}
