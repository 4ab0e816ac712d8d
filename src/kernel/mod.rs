//! The kernel: queries the current state and applies changes. This is the only directory that
//! speaks netlink. It decides nothing: `plan` decides which changes are needed.
//!
//! No thread joins a namespace and then goes back. A thread joins the namespace, opens a socket and
//! ends. The socket stays in the namespace in which it was opened (netlink(7)).

mod apply;
mod connection;
mod conntrack;
mod decode;
mod device;
mod link;
pub mod live;
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

pub use connection::{Hop, Path};
pub use observe::seconds_since_boot;
pub use sysctl::{SysctlRef, has_ipv6};

/// What is queried besides the namespace itself.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The links of other namespaces and of the host.
    pub links: BTreeSet<LinkRef>,
    /// The subset of `links` whose routes are queried too. This costs time: to find the routes of a
    /// link, the kernel goes through all routes of its namespace.
    pub routed: BTreeSet<LinkRef>,
    /// The links of the host that are moved. Everything that such a move would lose is queried.
    pub moved: BTreeSet<LinkRef>,
    /// The subset of `links` that are ours and on the host. The links on top of them, which would be
    /// deleted with them, are queried too.
    pub made: BTreeSet<LinkRef>,
    /// The sysctls to read.
    pub sysctls: BTreeSet<SysctlRef>,
    /// Whether the policy rules of the namespace are queried.
    pub rules: bool,
    /// The namespace is about to end with all that is in it. Then only the links in it are queried,
    /// by the host's socket: a socket in it would keep it alive for an RCU grace period longer.
    pub ends: bool,
}

/// The namespaces that the settings of one namespace concern, and netlink sockets in them.
pub struct Kernel {
    netns: NetnsName,
    /// An existing namespace that is used in place of the one that has the name: one that is
    /// attached, or a scratch namespace.
    source: Option<File>,
    opened: BTreeMap<Netns, Opened>,
    /// The initial sysctls of a namespace that has just been created. Set until something in it is
    /// changed: until then it has no addresses and no routes.
    new_ones: Option<Vec<Sourced<Sysctl>>>,
    /// The interface indexes of links that have been looked up. Cleared when an index may have
    /// changed.
    indexes: BTreeMap<LinkRef, u32>,
    /// How much time is left for resolving names.
    patience: std::time::Duration,
}

/// A namespace, and the netlink socket in it once there is one.
struct Opened {
    netns: File,
    requests: Option<Requests>,
}

impl Kernel {
    /// Access to the namespace of this name, which need not exist, and to the host. The namespace
    /// of this process counts as the host's.
    pub fn new(netns: NetnsName) -> Self {
        Kernel {
            netns,
            source: None,
            opened: BTreeMap::new(),
            new_ones: None,
            indexes: BTreeMap::new(),
            patience: dns::PATIENCE,
        }
    }

    /// A namespace. It is opened on first use.
    fn opened(&mut self, at: &Netns) -> io::Result<&mut Opened> {
        if !self.opened.contains_key(at) {
            let (netns, requests) = (self.open(at)?, None);
            self.opened.insert(at.clone(), Opened { netns, requests });
        }
        self.opened
            .get_mut(at)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The file of a namespace, without a socket in it.
    fn file(&mut self, at: &Netns) -> io::Result<&File> {
        Ok(&self.opened(at)?.netns)
    }

    /// The netlink requests in a namespace. The socket is opened on first use.
    fn requests(&mut self, at: &Netns) -> io::Result<&mut Requests> {
        let Opened { netns, requests } = self.opened(at)?;
        match requests {
            Some(requests) => Ok(requests),
            none => Ok(none.insert(match at {
                // This thread is in that namespace already
                Netns::Host => Requests::open()?,
                _ => at_once(|| in_netns(netns, Requests::open))?,
            })),
        }
    }

    /// A generic netlink family in a namespace.
    fn generic(&self, at: &Netns, family: &str) -> Result<Generic, OsError> {
        in_netns(&self.open(at)?, || Ok(Generic::open(family)))?
    }

    /// Open a namespace. `Netns::This` is the attached namespace if there is one, and otherwise the
    /// namespace that has the name.
    pub fn open(&self, at: &Netns) -> io::Result<File> {
        match &self.source {
            Some(source) if *at == Netns::This => source.try_clone(),
            _ => open(&self.netns, at),
        }
    }

    /// The name of the namespace.
    pub fn name(&self) -> &NetnsName {
        &self.netns
    }

    /// The nftables tables in the namespace, as `FAMILY NAME`.
    pub fn nft_tables(&self) -> Result<BTreeSet<String>, OsError> {
        firewall::list_tables(&self.open(&Netns::This)?)
    }

    /// The nftables ruleset in the namespace, as nft(8) lists it.
    pub fn nft_ruleset(&self) -> Result<String, OsError> {
        firewall::list_ruleset(&self.open(&Netns::This)?)
    }

    /// The nftables ruleset of the host as JSON (`nft -j`), without the elements of sets.
    pub fn host_ruleset(&self) -> Result<String, OsError> {
        nat_table::list_ruleset(&self.open(&Netns::Host)?, &self.netns)
    }

    /// The `filter` tables of iptables-legacy on the host, which nft does not list.
    pub fn host_iptables_legacy(&self) -> Result<Vec<Legacy>, OsError> {
        nat_table::iptables_legacy(&self.open(&Netns::Host)?)
    }

    /// The nftables table of the namespace on the host, as nft lists it. `None` if there is no such
    /// table, or if nft is not installed.
    pub fn nat_table(&self) -> Result<Option<String>, OsError> {
        nat_table::list(&self.open(&Netns::Host)?, &self.netns)
    }

    /// The identity of the namespace that has this name now. `None` if it cannot be opened.
    pub fn birth(&self, at: &Netns) -> Option<NetnsId> {
        netns::birth_of(&self.open(at).ok()?).ok()
    }

    /// The identity of the namespace that was opened first. Another namespace may have the name by
    /// now.
    pub fn birth_of_spoken_to(&mut self, at: &Netns) -> Option<NetnsId> {
        netns::birth_of(self.file(at).ok()?).ok()
    }
}

/// Open a namespace, as seen from the settings of `netns`. `Netns::Host` is the namespace of this
/// process.
pub fn open(netns: &NetnsName, at: &Netns) -> io::Result<File> {
    match at {
        Netns::This => netns::open(netns.as_str()),
        Netns::Named(other) => netns::open(other.as_str()),
        Netns::Host => File::open("/proc/self/ns/net"),
    }
}

#[cfg(test)]
mod fuzz;
