//! The kernel: what is there, and making a change. The only folder that speaks netlink,
//! and the only one that knows namespaces as files. It decides nothing: what to make is
//! `plan`'s to say.
//!
//! Nothing here ever joins a namespace and joins back. A thread joins, opens its socket
//! and ends; the socket stays in the namespace where it was opened (netlink(7)).

mod cards;
pub mod entries;
pub mod events;
pub mod files;
mod flows;
mod links;
mod look;
mod make;
pub mod nat;
pub mod netns;
mod options;
mod others;
mod policy;
pub mod processes;
mod read;
mod rules;
mod settle;
mod sysctl;
mod tap;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io;
use std::thread;

use nix::sched::{CloneFlags, setns};
use rtnetlink::packet_core::{ErrorMessage, NlasIterator};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::proto::Connection;
use rtnetlink::sys::AsyncSocket;
use rtnetlink::{Handle, MulticastGroup};
use tokio::runtime::{Builder, Runtime};

use crate::model::{LinkAt, Where};
use crate::name::NetnsName;

pub use sysctl::SysctlAt;

/// A no from the kernel.
#[derive(Debug)]
pub struct Refusal {
    /// Its errno.
    pub errno: io::Error,
    /// What it said beyond that (extended acknowledgement, netlink(7)).
    pub said: Option<String>,
}

/// What is asked about beside the namespace itself.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The links of other namespaces.
    pub links: BTreeSet<LinkAt>,
    /// Those of them whose routes are asked about too: the kernel goes through all routes
    /// of a namespace to find those of a link.
    pub routed: BTreeSet<LinkAt>,
    /// The sysctls.
    pub sysctls: BTreeSet<SysctlAt>,
}

/// The namespaces that one namespace's settings have to do with, open for requests.
pub struct Kernel {
    runtime: Runtime,
    netns: NetnsName,
    /// The namespace that has been given the name, or is to be.
    source: Option<File>,
    sockets: BTreeMap<Where, Socket>,
    /// The numbers of links, as far as they have been looked at and cannot have changed.
    indexes: BTreeMap<LinkAt, u32>,
}

/// A namespace, and a netlink socket in it.
struct Socket {
    netns: File,
    handle: Handle,
}

impl Kernel {
    /// For the namespace of this name, which need not exist. The namespace of this
    /// process is taken for the host's.
    pub fn new(netns: NetnsName) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Kernel {
            runtime,
            netns,
            source: None,
            sockets: BTreeMap::new(),
            indexes: BTreeMap::new(),
        })
    }

    /// The socket in a namespace, opened if need be.
    fn socket(&mut self, at: &Where) -> io::Result<&Socket> {
        if !self.sockets.contains_key(at) {
            let netns = self.open(at)?;
            let handle = match at {
                // Where this thread is: it need not send another one there
                Where::Host => self.spawned(self.connect_here(&[])?).0,
                _ => self.connect(&netns, &[])?.0,
            };
            self.sockets.insert(at.clone(), Socket { netns, handle });
        }
        self.sockets
            .get(at)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn open(&self, at: &Where) -> io::Result<File> {
        match &self.source {
            Some(source) if *at == Where::Inside => source.try_clone(),
            _ => open(&self.netns, at),
        }
    }

    /// A netlink socket opened in a namespace by a thread that joins it and ends.
    fn connect(&self, netns: &File, groups: &[MulticastGroup]) -> io::Result<(Handle, Events)> {
        let new = in_netns(netns, || self.connect_here(groups))?;
        Ok(self.spawned(new))
    }

    /// A netlink socket in the namespace of the thread that calls this.
    fn connect_here(&self, groups: &[MulticastGroup]) -> io::Result<New> {
        let _inside = self.runtime.enter();
        let mut new = rtnetlink::new_multicast_connection(groups)?;
        let socket = new.0.socket_mut().socket_mut();
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        socket.set_netlink_get_strict_chk(true)?;
        Ok(new)
    }

    fn spawned(&self, (connection, handle, events): New) -> (Handle, Events) {
        self.runtime.spawn(connection);
        (handle, events)
    }

    /// Make the namespace. The thread that is in it anyhow opens the socket.
    fn add_netns(&mut self) -> io::Result<()> {
        let new = netns::add(self.netns.as_str(), || self.connect_here(&[]))?;
        let netns = self.open(&Where::Inside)?;
        let handle = self.spawned(new).0;
        self.sockets.insert(Where::Inside, Socket { netns, handle });
        Ok(())
    }
}

/// Open the namespace that is meant, seen from the one of this name.
pub fn open(netns: &NetnsName, at: &Where) -> io::Result<File> {
    match at {
        Where::Inside => netns::open(netns.as_str()),
        Where::Netns(other) => netns::open(other.as_str()),
        Where::Host => File::open("/proc/self/ns/net"),
    }
}

/// A socket, what makes requests of it, and what it is told.
type New = (Connection<RouteNetlinkMessage>, Handle, Events);

/// What a socket is told without having asked.
type Events = futures_channel::mpsc::UnboundedReceiver<(
    rtnetlink::packet_core::NetlinkMessage<RouteNetlinkMessage>,
    rtnetlink::sys::SocketAddr,
)>;

/// Do something in a namespace, on a thread that lives no longer than that.
pub(crate) fn in_netns<T: Send>(
    netns: &File,
    act: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    let joined = thread::scope(|scope| {
        let thread = scope.spawn(|| {
            setns(netns, CloneFlags::CLONE_NEWNET)?;
            act()
        });
        thread.join()
    });
    joined.unwrap_or_else(|_| Err(io::Error::other("the thread in the namespace ended badly")))
}

impl From<io::Error> for Refusal {
    fn from(errno: io::Error) -> Self {
        Refusal { errno, said: None }
    }
}

impl From<rtnetlink::Error> for Refusal {
    fn from(error: rtnetlink::Error) -> Self {
        match error {
            rtnetlink::Error::NetlinkError(message) => Refusal {
                errno: message.to_io(),
                said: said(&message),
            },
            other => Refusal {
                errno: io::Error::other(other.to_string()),
                said: None,
            },
        }
    }
}

/// The kernel's own words: they stand behind the header of the request that is refused
/// (NLMSGERR_ATTR_MSG, netlink(7)). netlink-packet-core keeps them, but does not read them.
fn said(message: &ErrorMessage) -> Option<String> {
    const HEADER: usize = 16;
    const MESSAGE: u16 = 1;
    let attributes = NlasIterator::new(message.header.get(HEADER..)?);
    let text = attributes.flatten().find(|a| a.kind() == MESSAGE)?;
    let text = String::from_utf8_lossy(text.value());
    Some(text.trim_end_matches(['\0', '.']).to_string())
}

/// The kernel's own words where there are any, else those of its errno.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(said) = &self.said {
            return f.write_str(said);
        }
        let text = self.errno.to_string();
        f.write_str(text.split(" (os error").next().unwrap_or(&text))
    }
}
