//! The firewall rules of a namespace, as the text that a program loads. The rules themselves are
//! not interpreted. No I/O.

pub mod include;
pub mod pattern;
pub mod references;
pub mod removal;
pub mod sets;

use std::fmt;

use crate::name::LinkName;

/// The text of a rule file, and the program that loads it.
///
/// Comparisons ignore the fields that are set after loading.
#[derive(Clone, Debug)]
pub struct Ruleset {
    /// The program, which also determines the language.
    pub tool: Tool,
    /// The path of the file, for messages and commands.
    pub file: String,
    /// The complete text.
    pub text: String,
    /// Set after loading: the nftables tables that the text has created, as `FAMILY NAME`. iptables
    /// creates some as well, unless it is the legacy variant.
    pub tables: Vec<String>,
    /// Set after loading: the links that the rules refer to by index, with their indexes at that
    /// time.
    pub links_by_index: Vec<(LinkName, u32)>,
    /// Set for loaded rules: one of these links has been recreated since.
    pub outlived: bool,
}

impl PartialEq for Ruleset {
    fn eq(&self, other: &Self) -> bool {
        (self.tool, &self.file, &self.text) == (other.tool, &other.file, &other.text)
    }
}

impl Eq for Ruleset {}

/// The programs that load rules, in the order of loading: rules refer to sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tool {
    /// ipset(8), for sets as `ipset save` prints them.
    Ipset,
    /// nft(8).
    Nftables,
    /// iptables-restore(8).
    Iptables,
    /// ip6tables-restore(8).
    Ip6tables,
    /// nft(8), for this program's own table, which returns answers through the veth. It comes last,
    /// because other rules may begin with `flush ruleset`.
    Replies,
}

impl Tool {
    /// All programs, in the order of loading.
    pub const ALL: [Tool; 5] = [
        Tool::Ipset,
        Tool::Nftables,
        Tool::Iptables,
        Tool::Ip6tables,
        Tool::Replies,
    ];

    /// The word in the journal. If the program has a rule file, the setting `netns_…` with this
    /// ending names it.
    pub fn word(self) -> &'static str {
        match self {
            Tool::Ipset => "ipset",
            Tool::Nftables => "nftables",
            Tool::Iptables => "iptables",
            Tool::Ip6tables => "ip6tables",
            Tool::Replies => "replies",
        }
    }

    /// The program that loads them.
    pub fn program(self) -> &'static str {
        match self {
            Tool::Ipset => "ipset",
            Tool::Nftables | Tool::Replies => "nft",
            Tool::Iptables => "iptables-restore",
            Tool::Ip6tables => "ip6tables-restore",
        }
    }

    /// Whether it loads a file of the administrator.
    pub fn has_file(self) -> bool {
        !self.default_files().is_empty()
    }

    /// The default files in `/etc/netns/NAME`: first the one of this program, then the names that
    /// distributions use in /etc. At most one of them may exist.
    pub fn default_files(self) -> &'static [&'static str] {
        match self {
            Tool::Ipset => &["ipset.conf", "ipset.d"],
            Tool::Nftables => &["nftables.nft", "nftables.conf"],
            Tool::Iptables => &[
                "iptables/rules.v4",
                "iptables/rules-save",
                "iptables/iptables.rules",
            ],
            Tool::Ip6tables => &[
                "iptables/rules.v6",
                "iptables/rules6-save",
                "iptables/ip6tables.rules",
            ],
            Tool::Replies => &[],
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Ruleset {
    /// The sets that exist after loading. Empty unless the program is ipset.
    pub fn sets(&self) -> Vec<&str> {
        match self.tool {
            Tool::Ipset => sets::left(&self.text),
            _ => Vec::new(),
        }
    }
}
