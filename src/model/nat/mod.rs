//! Masquerading and port forwarding: what the settings request, and the table and sysctls of the
//! host for it. No I/O.

mod host;
mod iptables_legacy;
mod link_set;
mod nft_text;
mod other_tables;
mod publish;
pub mod replies;

use std::sync::Arc;

pub use host::{Host, IpVersion, OnHost};
pub use iptables_legacy::Legacy;
pub use other_tables::in_the_way;
pub use publish::{Proto, Publish};

use crate::name::{LinkName, NetnsName};
use crate::source::{Origin, Sourced};

/// What the settings request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nat {
    /// The ends on the host of the namespace's veth pairs, which are its only connections to the
    /// host.
    pub ends: Vec<LinkName>,
    /// The families in which the namespace has addresses on these veth pairs.
    pub families: Vec<IpVersion>,
    /// The links of the host through which the namespace reaches the outside. `None` without
    /// masquerading.
    pub uplinks: Option<Sourced<Uplinks>>,
    /// The ports of the host that are forwarded.
    pub publish: Vec<Sourced<Publish>>,
}

/// The links of the host to the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uplinks {
    /// The links of its default routes, as they are when the table is built.
    Any,
    /// These links.
    Named(Vec<LinkName>),
}

/// A table of the host's firewall, for nft(8).
///
/// Comparisons ignore the fields that are set after loading.
#[derive(Clone, Debug)]
pub struct Table {
    /// The text for nft: one transaction that works whether or not the table exists.
    pub text: String,
    /// The ports that it forwards.
    pub publish: Vec<Publish>,
    /// nft's listing after the table was loaded. A different listing means that another program has
    /// changed the table.
    pub listed: Option<String>,
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Table {}

impl Nat {
    /// Whether the links to the outside are those of the host's default routes.
    pub fn needs_defaults(&self) -> bool {
        let uplinks = self.uplinks.as_ref().map(|uplinks| &uplinks.value);
        !matches!(uplinks, Some(Uplinks::Named(_)))
    }

    /// The origin of the request, or of the first forwarded port.
    pub fn origin(&self) -> Option<Arc<Origin>> {
        let uplinks = self
            .uplinks
            .as_ref()
            .and_then(|uplinks| uplinks.origin.clone());
        uplinks.or_else(|| self.publish.first()?.origin.clone())
    }
}

/// A text for nft(8) as one line for sh. Each line of the text must end a statement.
pub fn one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.join(" ")
}

impl Table {
    /// The command that loads the table, as one line for sh.
    pub fn command(&self) -> String {
        format!("nft '{}'", one_line(&self.text))
    }

    /// The name of a namespace's table. Every valid name of a namespace can be used in it
    /// unchanged, so two namespaces never share a table.
    pub fn name(netns: &NetnsName) -> String {
        format!("inet netns_{netns}")
    }

    /// The statements that remove the table, whether or not it exists.
    pub fn removal(netns: &NetnsName) -> String {
        let name = Table::name(netns);
        format!("add table {name}; delete table {name};")
    }
}
