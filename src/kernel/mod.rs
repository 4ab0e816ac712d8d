//! The kernel: what is there, and making a change. The only folder that speaks netlink,
//! and the only one that knows namespaces as files. It decides nothing: what to make is
//! `plan`'s to say.
//!
//! Nothing here ever joins a namespace and joins back. A thread joins, opens its socket
//! and ends; the socket stays in the namespace where it was opened (netlink(7)).

mod apply;
mod connection_links;
mod conntrack;
mod decode;
mod device;
mod link;
pub mod monitor;
mod namespace;
mod netlink;
mod observe;
mod route;
mod rule;
mod scratch;
mod sysctl;
mod uplinks;
mod verbatim;
pub mod wireguard;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;

use crate::model::nat::Legacy;
use crate::model::{LinkRef, Netns, Sysctl};
use crate::name::NetnsName;
use crate::os_error::OsError;
use crate::source::Sourced;
use crate::state_dir::NetnsId;
use crate::system::thread::{at_once, in_netns};
use crate::system::{dns, firewall, nat_table, netns};
use netlink::generic::Generic;
use netlink::socket::Requests;

pub use sysctl::SysctlRef;

/// What is asked about beside the namespace itself.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The links of other namespaces.
    pub links: BTreeSet<LinkRef>,
    /// Those of them whose routes are asked about too: the kernel goes through all routes
    /// of a namespace to find those of a link.
    pub routed: BTreeSet<LinkRef>,
    /// Those of the host that are moved: all that goes with them is asked about.
    pub moved: BTreeSet<LinkRef>,
    /// The sysctls.
    pub sysctls: BTreeSet<SysctlRef>,
    /// Whether the policy rules of the namespace are asked about.
    pub rules: bool,
}

/// The namespaces that one namespace's settings have to do with, open for requests.
pub struct Kernel {
    netns: NetnsName,
    /// The namespace that has been given the name, or is to be.
    source: Option<File>,
    sockets: BTreeMap<Netns, Socket>,
    /// The sysctls of the namespace that was made, as long as nothing else was: it has no
    /// addresses then, and no routes.
    new_ones: Option<Vec<Sourced<Sysctl>>>,
    /// The numbers of links, as far as they have been looked at and cannot have changed.
    indexes: BTreeMap<LinkRef, u32>,
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
            patience: dns::PATIENCE,
        }
    }

    /// The socket in a namespace, opened if need be.
    fn socket(&mut self, at: &Netns) -> io::Result<&mut Socket> {
        if !self.sockets.contains_key(at) {
            let netns = self.open(at)?;
            let requests = match at {
                // Where this thread is: it need not send another one there
                Netns::Host => Requests::open()?,
                _ => at_once(|| in_netns(&netns, Requests::open))?,
            };
            self.sockets.insert(at.clone(), Socket { netns, requests });
        }
        self.sockets
            .get_mut(at)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// What asks the kernel in a namespace.
    fn requests(&mut self, at: &Netns) -> io::Result<&mut Requests> {
        Ok(&mut self.socket(at)?.requests)
    }

    /// What asks a family of generic netlink in a namespace.
    fn generic(&self, at: &Netns, family: &str) -> Result<Generic, OsError> {
        in_netns(&self.open(at)?, || Ok(Generic::open(family)))?
    }

    /// The file of a namespace: the one that has been given the name, or that of the name.
    pub fn open(&self, at: &Netns) -> io::Result<File> {
        match &self.source {
            Some(source) if *at == Netns::This => source.try_clone(),
            _ => open(&self.netns, at),
        }
    }

    /// The namespace's name.
    pub fn name(&self) -> &NetnsName {
        &self.netns
    }

    /// The tables that nftables has inside, as `FAMILY NAME`.
    pub fn nft_tables(&self) -> Result<BTreeSet<String>, OsError> {
        firewall::list_tables(&self.open(&Netns::This)?)
    }

    /// All that nftables has inside, as nft(8) lists it.
    pub fn nft_ruleset(&self) -> Result<String, OsError> {
        firewall::list_ruleset(&self.open(&Netns::This)?)
    }

    /// All tables of the host, as nft prints them for programs, without what is in sets.
    pub fn host_ruleset(&self) -> Result<String, OsError> {
        nat_table::list_ruleset(&self.open(&Netns::Host)?, &self.netns)
    }

    /// The tables of the old iptables on the host, which nft does not list; those there are.
    pub fn host_iptables_legacy(&self) -> Result<Vec<Legacy>, OsError> {
        nat_table::iptables_legacy(&self.open(&Netns::Host)?)
    }

    /// The namespace's table on the host as nft lists it; nothing if it is not there, or if
    /// there is no nft to ask.
    pub fn nat_table(&self) -> Result<Option<String>, OsError> {
        nat_table::list(&self.open(&Netns::Host)?, &self.netns)
    }

    /// Which namespace has the name now that is meant.
    pub fn birth(&self, at: &Netns) -> Option<NetnsId> {
        netns::birth_of(&self.open(at).ok()?).ok()
    }

    /// Which namespace is spoken to by that name: another one may have it by now.
    pub fn birth_of_spoken_to(&mut self, at: &Netns) -> Option<NetnsId> {
        netns::birth_of(&self.socket(at).ok()?.netns).ok()
    }
}

/// Open the namespace that is meant, seen from the one of this name.
pub fn open(netns: &NetnsName, at: &Netns) -> io::Result<File> {
    match at {
        Netns::This => netns::open(netns.as_str()),
        Netns::Named(other) => netns::open(other.as_str()),
        Netns::Host => File::open("/proc/self/ns/net"),
    }
}

#[cfg(test)]
mod fuzz;
