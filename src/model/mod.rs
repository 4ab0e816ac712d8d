//! The state of a namespace as plain data. The wanted state and the existing state have the same
//! type, so that they can be compared directly. The terms are those of ip(8). There is no I/O here,
//! and nothing that only one of the two needs.

pub mod address;
pub mod build;
pub mod condition;
pub mod device;
pub mod dhcp;
pub mod firewall;
pub mod link;
pub mod mac;
pub mod names;
pub mod nat;
mod parse;
pub mod route;
pub mod rule;
pub mod sysctl;
pub mod verbatim;
pub mod wireguard;

use std::collections::BTreeSet;
use std::fmt;

use crate::name::{LinkName, NetnsName};
use crate::source::Sourced;

pub use address::Address;
pub use build::{Context, Want};
pub use condition::Condition;
pub use device::{DeviceId, Phy};
pub use dhcp::DhcpClient;
pub use firewall::{Ruleset, Tool};
pub use link::spec::LinkSpec;
pub use link::{Kind, Link};
pub use mac::Mac;
pub use nat::Table;
pub use route::{Route, RouteKind};
pub use rule::Rule;
pub use sysctl::{Sysctl, SysctlKey};
pub use verbatim::{Verbatim, VerbatimKind};
pub use wireguard::Wireguard;

/// A namespace, relative to the one that is set up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Netns {
    /// The namespace that is set up.
    This,
    /// The namespace of the first process.
    Host,
    /// Another namespace that has a name.
    Named(NetnsName),
}

/// A link that may be in another namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkRef {
    /// Its namespace.
    pub netns: Netns,
    /// Its name in that namespace.
    pub name: LinkName,
}

impl Netns {
    /// The link of this name in this namespace.
    pub fn link(&self, name: &LinkName) -> LinkRef {
        let (netns, name) = (self.clone(), name.clone());
        LinkRef { netns, name }
    }
}

/// The state of a namespace, with everything that belongs to it on the host.
///
/// A wanted state has only what was requested, and `None` means "as it is". An existing state has
/// everything in the namespace, and the links of the host and of other namespaces that were
/// queried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// A namespace of this name exists.
    pub exists: bool,
    /// The file of the namespace, such as `/proc/812/ns/net`, if it belongs to another program and
    /// is only given a name. `None` in an existing state.
    pub attached: Option<Sourced<String>>,
    /// Other namespaces. In a wanted state, those that links lead into and that may be created for
    /// this one. In an existing state, those that were queried.
    pub others: BTreeSet<NetnsName>,
    /// The links, in the order of creation. In a wanted state, the first is `lo`.
    pub links: Vec<Link>,
    /// The routes of all links and tables, including those that discard packets.
    pub routes: Vec<Sourced<Route>>,
    /// The policy rules.
    pub rules: Vec<Sourced<Rule>>,
    /// The firewall rules. In an existing state, those that this program has loaded.
    pub firewall: Vec<Sourced<Ruleset>>,
    /// The sysctls. In an existing state, those that were queried and can be read.
    pub sysctls: Vec<Sourced<Sysctl>>,
    /// The table of the namespace in the firewall of the host.
    pub table: Option<Sourced<Table>>,
    /// The DHCP clients. In an existing state, those of this program that run.
    pub clients: Vec<Sourced<DhcpClient>>,
    /// The text of `/etc/netns/NAME/resolv.conf`, if this program has written it.
    pub resolv_conf: Option<Sourced<String>>,
    /// What else moves together with links of the host, unchanged.
    pub verbatim: Vec<Verbatim>,
    /// Devices are returned to the host without addresses, routes and a master, and not as they
    /// were taken. `None` in a wanted state without settings. In the state of the journal, what the
    /// settings last requested.
    pub bare: Option<bool>,
    /// For an existing state, when it was queried, in seconds since boot.
    pub clock: u64,
}

impl State {
    /// The link on the host of the device that has or had this name inside.
    pub fn inside(&self, name: &LinkName) -> Option<&Link> {
        let mut links = self.links.iter().filter(|link| link.netns == Netns::Host);
        links.find(|link| link.kind.is_moved() && link.other_name() == name)
    }

    /// The link of this name in this namespace.
    pub fn link(&self, at: &Netns, name: &LinkName) -> Option<&Link> {
        self.links
            .iter()
            .find(|link| link.netns == *at && link.name.value == *name)
    }

    /// The other namespaces that its links are in or lead into.
    pub fn neighbours(&self) -> BTreeSet<NetnsName> {
        let places = self.links.iter().flat_map(Link::namespaces);
        let names = places.filter_map(|at| match at {
            Netns::Named(name) => Some(name),
            _ => None,
        });
        names.collect()
    }

    /// The sysctl with this key in this namespace.
    pub fn sysctl(&self, at: &Netns, key: &SysctlKey) -> Option<&Sysctl> {
        let mut all = self.sysctls.iter().map(|sysctl| &sysctl.value);
        all.find(|sysctl| sysctl.netns == *at && sysctl.key == *key)
    }

    /// Whether the administrator has enabled the sysctl for all links of the host since this
    /// program enabled it for one. In that case it stays enabled.
    pub fn turned_on_since(&self, ours: &Sysctl, before: &State) -> bool {
        let all = ours.key.of_all().filter(|_| ours.netns == Netns::Host);
        all.is_some_and(|all| {
            let is_on = |state: &State| {
                let found = state.sysctl(&Netns::Host, &all);
                found.is_some_and(|found| found.value != "0")
            };
            is_on(self) && !is_on(before)
        })
    }

    /// Whether nothing has been set up in the namespace yet: it does not exist, or setup stopped
    /// right after its creation.
    pub fn is_bare(&self) -> bool {
        let up = |link: &Link| link.netns == Netns::This && link.up == Some(true);
        !self.links.iter().any(up)
    }
}

/// The problem of a text, such as a route, a policy rule or a sysctl.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextError {
    /// The problem, to be printed after the setting's text.
    pub wrong: String,
    /// The hint: what was expected, and what to type.
    pub remedy: String,
}

impl fmt::Display for LinkRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.netns {
            Netns::This => write!(f, "{}", self.name),
            Netns::Host => write!(f, "{} on the host", self.name),
            Netns::Named(netns) => write!(f, "{} in {netns}", self.name),
        }
    }
}
