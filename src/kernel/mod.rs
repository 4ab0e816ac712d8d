//! The kernel: what is there, and making a change. The only folder that speaks netlink,
//! and the only one that knows namespaces as files. It decides nothing: what to make is
//! `plan`'s to say.
//!
//! Nothing here ever joins a namespace and joins back. A thread joins, opens its socket
//! and ends; the socket stays in the namespace where it was opened (netlink(7)).

mod answers;
mod attributes;
pub mod callers;
mod cards;
mod carried;
pub mod cgroup;
pub mod children;
pub mod clients;
mod conditions;
pub mod connections;
mod devconf;
pub mod entries;
pub mod events;
pub mod files;
mod flows;
pub mod folder;
pub mod holders;
pub mod inits;
mod kept;
mod kept_text;
mod links;
mod look;
mod make;
mod names;
pub mod nat;
pub mod netns;
mod options;
mod others;
pub mod owner;
mod pidfd;
mod ping;
mod policy;
mod ports;
mod proc;
pub mod processes;
mod questions;
mod read;
mod requests;
mod routes;
mod rules;
mod scratch;
pub mod service;
pub mod services;
mod settle;
mod sysctl;
pub mod syslog;
mod tables;
mod talk;
mod tap;
pub mod wireguard;
mod wireless;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io;
use std::thread;

use nix::sched::{CloneFlags, CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity, setns};
use nix::unistd::Pid;
use rtnetlink::packet_core::ErrorMessage;

use crate::model::{LinkAt, Sysctl, Where};
use crate::name::NetnsName;
use crate::place::At;
use crate::state::Birth;

use requests::Requests;

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
    /// Those of the host that are moved: all that goes with them is asked about.
    pub moved: BTreeSet<LinkAt>,
    /// The sysctls.
    pub sysctls: BTreeSet<SysctlAt>,
    /// Whether the policy rules of the namespace are asked about.
    pub policy: bool,
}

/// The namespaces that one namespace's settings have to do with, open for requests.
pub struct Kernel {
    netns: NetnsName,
    /// The namespace that has been given the name, or is to be.
    source: Option<File>,
    sockets: BTreeMap<Where, Socket>,
    /// The sysctls of the namespace that was made, as long as nothing else was: it has no
    /// addresses then, and no routes.
    new_ones: Option<Vec<At<Sysctl>>>,
    /// The numbers of links, as far as they have been looked at and cannot have changed.
    indexes: BTreeMap<LinkAt, u32>,
    /// How long names may still be looked up.
    patience: std::time::Duration,
}

/// A namespace, and a netlink socket in it.
struct Socket {
    netns: File,
    requests: Requests,
}

impl Kernel {
    /// For the namespace of this name, which need not exist. The namespace of this
    /// process is taken for the host's.
    pub fn new(netns: NetnsName) -> Self {
        Kernel {
            netns,
            source: None,
            sockets: BTreeMap::new(),
            new_ones: None,
            indexes: BTreeMap::new(),
            patience: names::PATIENCE,
        }
    }

    /// The socket in a namespace, opened if need be.
    fn socket(&mut self, at: &Where) -> io::Result<&mut Socket> {
        if !self.sockets.contains_key(at) {
            let netns = self.open(at)?;
            let requests = match at {
                // Where this thread is: it need not send another one there
                Where::Host => Requests::open()?,
                _ => at_once(|| in_netns(&netns, Requests::open))?,
            };
            self.sockets.insert(at.clone(), Socket { netns, requests });
        }
        self.sockets
            .get_mut(at)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// What asks the kernel in a namespace.
    fn requests(&mut self, at: &Where) -> io::Result<&mut Requests> {
        Ok(&mut self.socket(at)?.requests)
    }

    fn open(&self, at: &Where) -> io::Result<File> {
        match &self.source {
            Some(source) if *at == Where::Inside => source.try_clone(),
            _ => open(&self.netns, at),
        }
    }

    /// Which namespace has the name now that is meant.
    pub fn birth(&self, at: &Where) -> Option<Birth> {
        netns::birth_of(&self.open(at).ok()?).ok()
    }

    /// Which namespace is spoken to by that name: another one may have it by now.
    pub fn birth_of_spoken_to(&mut self, at: &Where) -> Option<Birth> {
        netns::birth_of(&self.socket(at).ok()?.netns).ok()
    }

    /// Make the namespace. `note` is told which it is before it has its name. The thread
    /// that is in it anyhow opens the socket, and looks what the namespace begins with.
    pub fn add_netns(
        &mut self,
        note: impl FnOnce(Birth) -> io::Result<()> + Send,
    ) -> Result<(), Refusal> {
        files::forget_clients(&self.netns)?;
        let (requests, new_ones) = netns::add(self.netns.as_str(), |birth| {
            note(birth)?;
            let mut requests = Requests::open()?;
            let new_ones = sysctl::of_a_new_one(&mut requests);
            Ok((requests, new_ones))
        })?;
        self.new_ones = Some(new_ones);
        let netns = self.open(&Where::Inside)?;
        self.sockets
            .insert(Where::Inside, Socket { netns, requests });
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

/// Do something in a namespace, on a thread that lives no longer than that.
pub(crate) fn in_netns<T: Send>(
    netns: &File,
    act: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    on_a_thread(|| {
        setns(netns, CloneFlags::CLONE_NEWNET)?;
        act()
    })
}

/// Do something short by a thread that is waited for, on the processor that this one is on:
/// to wake another takes longer than all that it would do. What is begun there stays
/// there, and so it is for nothing that begins a process.
fn at_once<T>(act: impl FnOnce() -> T) -> T {
    let this = Pid::from_raw(0);
    let (Ok(before), Ok(processor)) = (sched_getaffinity(this), sched_getcpu()) else {
        return act();
    };
    let mut only = CpuSet::new();
    let _ = only
        .set(processor)
        .and_then(|()| sched_setaffinity(this, &only));
    let done = act();
    let _ = sched_setaffinity(this, &before);
    done
}

/// Do something on a thread of its own, which may go where the process must not.
fn on_a_thread<T: Send>(act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, act)?;
        let ended = |_| io::Error::other("the thread in the namespace ended badly");
        thread.join().map_err(ended)?
    })
}

impl From<io::Error> for Refusal {
    fn from(errno: io::Error) -> Self {
        Refusal { errno, said: None }
    }
}

impl From<ErrorMessage> for Refusal {
    fn from(message: ErrorMessage) -> Self {
        Refusal {
            errno: message.to_io(),
            said: said(&message),
        }
    }
}

/// The kernel's own words: they stand behind the header of the request that is refused
/// (NLMSGERR_ATTR_MSG, netlink(7)). netlink-packet-core keeps them, but does not read them.
fn said(message: &ErrorMessage) -> Option<String> {
    const HEADER: usize = 16;
    const MESSAGE: u16 = 1;
    let text = String::from_utf8_lossy(attributes::find(&message.header, HEADER, MESSAGE)?);
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

#[cfg(test)]
mod fuzz;
