//! The way out of a namespace and in: masquerading, and ports of the host that lead
//! inside. What of it was asked for, and the table and the kernel settings of the host
//! that make it so. No I/O.

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

/// What the settings ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nat {
    /// The ends on the host of the namespace's veths: its only way there.
    pub ends: Vec<LinkName>,
    /// The families of which it has addresses on the other ends.
    pub families: Vec<IpVersion>,
    /// Which links of the host it reaches the world over; none if it does not.
    pub uplinks: Option<Sourced<Uplinks>>,
    /// The ports of the host that lead inside.
    pub publish: Vec<Sourced<Publish>>,
}

/// Links of the host that lead to the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uplinks {
    /// Those of its default routes, as they are when the table is made.
    Any,
    /// These.
    Named(Vec<LinkName>),
}

/// A table of the host's, as nft(8) reads it.
///
/// Comparing leaves out what loading it gave.
#[derive(Clone, Debug)]
pub struct Table {
    /// What nft is given: one transaction, whatever was there before.
    pub text: String,
    /// The ports that it leads inside.
    pub publish: Vec<Publish>,
    /// What nft listed when it had been loaded: it says otherwise when others change it.
    pub listed: Option<String>,
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Table {}

impl Nat {
    /// The links to the world are those of the host's default routes.
    pub fn needs_defaults(&self) -> bool {
        let uplinks = self.uplinks.as_ref().map(|uplinks| &uplinks.value);
        !matches!(uplinks, Some(Uplinks::Named(_)))
    }

    /// The setting that asked for it, or the first of them.
    pub fn origin(&self) -> Option<Arc<Origin>> {
        let uplinks = self
            .uplinks
            .as_ref()
            .and_then(|uplinks| uplinks.origin.clone());
        uplinks.or_else(|| self.publish.first()?.origin.clone())
    }
}

/// A text for nft(8), each line of which ends a statement, as one line for sh.
pub fn one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.join(" ")
}

impl Table {
    /// What nft is given as one line, for sh.
    pub fn command(&self) -> String {
        format!("nft '{}'", one_line(&self.text))
    }

    /// The name of a namespace's table. What a namespace may be called, nft takes as it
    /// is: two never share a table.
    pub fn name(netns: &NetnsName) -> String {
        format!("inet netns_{netns}")
    }

    /// What takes it away, be it there or not.
    pub fn removal(netns: &NetnsName) -> String {
        let name = Table::name(netns);
        format!("add table {name}; delete table {name};")
    }
}
