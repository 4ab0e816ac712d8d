//! Rules for a namespace's firewall, as the text that a program loads. What the text says
//! is that program's. No I/O.

pub mod include;
pub mod pattern;
pub mod references;
pub mod sets;

use std::fmt;

use crate::name::LinkName;

/// The text of a rule file, and who loads it.
///
/// Comparing leaves out what loading it gave.
#[derive(Clone, Debug)]
pub struct Ruleset {
    /// The program, and with it the language.
    pub tool: Tool,
    /// The file it was read from, for messages and commands.
    pub file: String,
    /// The whole text.
    pub text: String,
    /// Once loaded: the tables of nftables that were not there before, as `FAMILY NAME`.
    /// iptables makes some, too, unless it is the older one.
    pub tables: Vec<String>,
    /// Once loaded: the links that they hold by index, with the indexes of then.
    pub links_by_index: Vec<(LinkName, u32)>,
    /// Of what is there: one of those links has been made anew since.
    pub outlived: bool,
}

impl PartialEq for Ruleset {
    fn eq(&self, other: &Self) -> bool {
        (self.tool, &self.file, &self.text) == (other.tool, &other.file, &other.text)
    }
}

impl Eq for Ruleset {}

/// The programs that load rules, in the order in which they do: rules name sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tool {
    /// ipset(8): sets, as `ipset save` prints them.
    Ipset,
    /// nft(8).
    Nftables,
    /// iptables-restore(8).
    Iptables,
    /// ip6tables-restore(8).
    Ip6tables,
    /// nft(8), for the table of ours that brings answers back over the veth. It comes last:
    /// the rules before may begin with `flush ruleset`.
    Replies,
}

impl Tool {
    /// All of them, in their order.
    pub const ALL: [Tool; 5] = [
        Tool::Ipset,
        Tool::Nftables,
        Tool::Iptables,
        Tool::Ip6tables,
        Tool::Replies,
    ];

    /// The word of the journal, and the end of the setting `netns_…` that names the file, if
    /// it has one.
    pub fn word(self) -> &'static str {
        match self {
            Tool::Ipset => "ipset",
            Tool::Nftables => "nftables",
            Tool::Iptables => "iptables",
            Tool::Ip6tables => "ip6tables",
            Tool::Replies => "replies",
        }
    }

    /// It loads a file of the owner's.
    pub fn has_file(self) -> bool {
        !self.default_files().is_empty()
    }

    /// Where its file is if no setting says so, in `/etc/netns/NAME`: ours first, then as the
    /// distributions have it in /etc. One of them may be there.
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
    /// The names of the sets that a text of ipset's leaves.
    pub fn sets(&self) -> Vec<&str> {
        match self.tool {
            Tool::Ipset => sets::left(&self.text),
            _ => Vec::new(),
        }
    }
}
