//! The state of a namespace, as plain data: the state that is wanted and the state
//! that is there have this one type, so that the difference is a plain comparison.
//! The words are ip(8)'s. No I/O, and nothing that only one of the two would need.

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

/// The namespace that something is in, as seen from the namespace that is set up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Netns {
    /// The namespace that is set up.
    This,
    /// The namespace of the first process.
    Host,
    /// Another namespace that has a name.
    Named(NetnsName),
}

/// A link that may be in another namespace than the one who speaks of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkRef {
    /// Its namespace.
    pub netns: Netns,
    /// Its name there.
    pub name: LinkName,
}

impl Netns {
    /// A link of it.
    pub fn link(&self, name: &LinkName) -> LinkRef {
        let (netns, name) = (self.clone(), name.clone());
        LinkRef { netns, name }
    }
}

/// What a namespace is, or is to be, with what belongs to it on the host.
///
/// As what is wanted, it holds only what was asked for, and `None` is "as it is". As
/// what is there, it holds all of the namespace, and of the host (or of other
/// namespaces) the links that were asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// There is a namespace of this name.
    pub exists: bool,
    /// The file, such as `/proc/812/ns/net`, of the namespace that is somebody else's and
    /// has the name only by us; of what is there, nothing.
    pub attached: Option<Sourced<String>>,
    /// Other namespaces: of what is wanted, those that links lead into and that may be
    /// made for it; of what is there, those that were asked about.
    pub others: BTreeSet<NetnsName>,
    /// In the order in which they are made. What is wanted begins with `lo`.
    pub links: Vec<Link>,
    /// Of all links and tables, the blackholes among them.
    pub routes: Vec<Sourced<Route>>,
    /// The rules that say in which table a route is looked for.
    pub rules: Vec<Sourced<Rule>>,
    /// The rules of its firewall: of what is there, those that we loaded.
    pub firewall: Vec<Sourced<Ruleset>>,
    /// Of what is there, those that were asked about and can be read.
    pub sysctls: Vec<Sourced<Sysctl>>,
    /// Its table in the firewall of the host.
    pub table: Option<Sourced<Table>>,
    /// The DHCP clients: of what is there, those of ours that run.
    pub clients: Vec<Sourced<DhcpClient>>,
    /// The text of `/etc/netns/NAME/resolv.conf`, if it is ours.
    pub resolv_conf: Option<Sourced<String>>,
    /// Of the links of the host that are moved, what else goes with them.
    pub verbatim: Vec<Verbatim>,
    /// Cards are given back without addresses, routes and a master, not as they were taken.
    /// Of what is wanted, nothing if no settings say it; of what is ours, what they said last.
    pub bare: Option<bool>,
    /// Of what is there, when it was looked at: in seconds since the machine started.
    pub clock: u64,
}

impl State {
    /// The card of the host that is called so inside, or was, as it is on the host.
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

    /// The other namespaces that its links are in, or lead into.
    pub fn neighbours(&self) -> BTreeSet<NetnsName> {
        let places = self.links.iter().flat_map(Link::namespaces);
        let names = places.filter_map(|at| match at {
            Netns::Named(name) => Some(name),
            _ => None,
        });
        names.collect()
    }

    /// What this key of this namespace is set to.
    pub fn sysctl(&self, at: &Netns, key: &SysctlKey) -> Option<&Sysctl> {
        let mut all = self.sysctls.iter().map(|sysctl| &sysctl.value);
        all.find(|sysctl| sysctl.netns == *at && sysctl.key == *key)
    }

    /// The owner of the host has turned this on for all links since we did for one: it
    /// stays on.
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

    /// Nothing has been made in the namespace yet: it is still to be made, or was left
    /// just when it had been.
    pub fn is_bare(&self) -> bool {
        let up = |link: &Link| link.netns == Netns::This && link.up == Some(true);
        !self.links.iter().any(up)
    }
}

/// What is wrong with the text of a route, a rule or a sysctl.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextError {
    /// To stand after the setting's text.
    pub wrong: String,
    /// What was expected, and what to type.
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
