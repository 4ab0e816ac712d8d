//! A policy rule, in the syntax of ip-rule(8). Settings, commands and the journal use the same text
//! form: `text.parse()` and `to_string()` are inverse to each other. Firewall rules are in
//! `firewall`. No I/O.

mod parse;

use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;

use super::TextError;
use super::names::Names;
use crate::name::LinkName;

/// A policy rule of the namespace, as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// The priority. Rules with a lower one come first. `None` only in a text without a priority.
    pub priority: Option<u32>,
    /// It is for IPv6. Each family has its own rules.
    pub v6: bool,
    /// The packets that it matches. It matches all packets if nothing is set.
    pub packets: Packets,
    /// It matches all other packets instead.
    pub not: bool,
    /// What happens to matching packets.
    pub action: Action,
    /// Routes with a prefix of this length or shorter are ignored.
    pub suppress_prefixlength: Option<u32>,
}

/// The packets that a rule matches. All conditions must be true.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Packets {
    /// The source network, without host bits.
    pub from: Option<IpNet>,
    /// The destination network.
    pub to: Option<IpNet>,
    /// The type of service, without the two lowest bits. 0 means any.
    pub tos: u8,
    /// The packet mark, and the mask of the bits that count.
    pub mark: Option<(u32, u32)>,
    /// The incoming link, or `lo` for packets of the namespace itself. It need not exist.
    pub iif: Option<LinkName>,
    /// The link that the socket is bound to.
    pub oif: Option<LinkName>,
    /// The first and last user ID.
    pub users: Option<(u32, u32)>,
    /// The protocol number. 0 means any.
    pub protocol: u8,
    /// The first and last source port.
    pub sport: Option<(u16, u16)>,
    /// The first and last destination port.
    pub dport: Option<(u16, u16)>,
}

/// What happens to packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// The route is looked up in this table.
    Table(u32),
    /// The route is looked up in the table of the VRF that the packet belongs to.
    Vrf,
    /// Evaluation continues with the rule of this priority.
    Goto(u32),
    /// The packet is discarded silently.
    Blackhole,
    /// The packet is discarded, and the sender gets "network unreachable".
    Unreachable,
    /// The packet is discarded, and the sender gets "administratively prohibited".
    Prohibit,
}

impl Rule {
    /// Parse a rule in the syntax of `ip rule add`. `names` are the host's own names for numbers, in
    /// addition to ip(8)'s built-in names. The rule may begin with `-6`.
    pub fn parse(text: &str, names: &Names) -> Result<Rule, TextError> {
        parse::parse(text, names)
    }

    /// Whether the kernel creates the rule with every namespace or with a VRF.
    pub fn is_kernels(&self) -> bool {
        let made = match self.priority {
            Some(0) => Action::Table(255),
            Some(1000) => Action::Vrf,
            Some(32766) => Action::Table(254),
            Some(32767) => Action::Table(253),
            _ => return false,
        };
        self.action == made && self.packets == Packets::default() && !self.not
    }

    /// The arguments of `ip rule add` or `ip -6 rule add`.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.priority.map(|priority| format!("priority {priority}")));
        words.extend(self.not.then(|| "not".into()));
        words.extend(self.packets.words());
        let suppress = self.suppress_prefixlength;
        words.extend(suppress.map(|length| format!("suppress_prefixlength {length}")));
        words.push(match self.action {
            Action::Table(table) => format!("table {table}"),
            Action::Vrf => "l3mdev".into(),
            Action::Goto(priority) => format!("goto {priority}"),
            Action::Blackhole => "blackhole".into(),
            Action::Unreachable => "unreachable".into(),
            Action::Prohibit => "prohibit".into(),
        });
        words.join(" ")
    }
}

impl Packets {
    fn words(&self) -> Vec<String> {
        fn range<T: PartialEq + fmt::Display>(word: &str, range: Option<(T, T)>) -> Option<String> {
            let (first, last) = range?;
            Some(match first == last && word != "uidrange" {
                true => format!("{word} {first}"),
                false => format!("{word} {first}-{last}"),
            })
        }
        let mark = |(mark, mask): (u32, u32)| match mask {
            u32::MAX => format!("fwmark {mark:#x}"),
            mask => format!("fwmark {mark:#x}/{mask:#x}"),
        };
        let all = [
            self.from.map(|net| format!("from {net}")),
            self.to.map(|net| format!("to {net}")),
            (self.tos != 0).then(|| format!("tos {:#04x}", self.tos)),
            self.mark.map(mark),
            self.iif.as_ref().map(|link| format!("iif {link}")),
            self.oif.as_ref().map(|link| format!("oif {link}")),
            range("uidrange", self.users),
            (self.protocol != 0).then(|| format!("ipproto {}", self.protocol)),
            range("sport", self.sport),
            range("dport", self.dport),
        ];
        all.into_iter().flatten().collect()
    }
}

impl FromStr for Rule {
    type Err = TextError;

    /// Only names that are the same everywhere are known.
    fn from_str(text: &str) -> Result<Self, TextError> {
        parse::parse(text, &Names::default())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = if self.v6 { "-6 " } else { "" };
        write!(f, "{family}{}", self.words())
    }
}
