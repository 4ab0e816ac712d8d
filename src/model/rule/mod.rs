//! A policy rule, which says in which table a packet's route is looked for, as ip-rule(8)
//! writes it. Its text form is the one of the settings, of the commands and of the
//! journal: `text.parse()` and `to_string()` are each other's inverse. The rules of a
//! firewall are `firewall`'s. No I/O.

mod parse;

use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;

use super::TextError;
use super::names::Names;
use crate::name::LinkName;

/// A policy rule of the namespace, as the kernel holds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// The lower, the sooner it is asked. None only in a text that leaves it open.
    pub priority: Option<u32>,
    /// It is one for IPv6. Each family has rules of its own.
    pub v6: bool,
    /// What packets it is for; one for which none of it is said is for all.
    pub packets: Packets,
    /// It is for all others.
    pub not: bool,
    /// What becomes of them.
    pub action: Action,
    /// A route to a network with so many bits or less is as good as none.
    pub suppress_prefixlength: Option<u32>,
}

/// What packets a rule is for: those of which all of it is true.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Packets {
    /// The network they come from. No bits stand behind the prefix.
    pub from: Option<IpNet>,
    /// The network they go to.
    pub to: Option<IpNet>,
    /// The type of service, without the two lowest bits; 0: any.
    pub tos: u8,
    /// A mark, and which bits of it count.
    pub mark: Option<(u32, u32)>,
    /// The link they came in by; `lo` for this namespace's own. It need not be there.
    pub iif: Option<LinkName>,
    /// The link that their socket is bound to.
    pub oif: Option<LinkName>,
    /// The first and the last user, by number.
    pub users: Option<(u32, u32)>,
    /// The protocol's number; 0: any.
    pub protocol: u8,
    /// The first and the last port they come from.
    pub sport: Option<(u16, u16)>,
    /// The first and the last port they go to.
    pub dport: Option<(u16, u16)>,
}

/// What becomes of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Their route is looked for in this table.
    Table(u32),
    /// Their route is looked for in the table of the vrf they belong to.
    Vrf,
    /// They go on with the rule of this priority.
    Goto(u32),
    /// They are dropped without a word.
    Blackhole,
    /// They are dropped; the sender is told "network unreachable".
    Unreachable,
    /// They are dropped; the sender is told "administratively prohibited".
    Prohibit,
}

impl Rule {
    /// Reads a rule as ip-rule(8) takes it after `ip rule add`, with the names of this
    /// machine beside those that are the same everywhere. `-6` may stand before it.
    pub fn parse(text: &str, names: &Names) -> Result<Rule, TextError> {
        parse::parse(text, names)
    }

    /// The kernel makes it with the namespace, or with a vrf.
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

    /// What stands behind `ip rule add`, or behind `ip -6 rule add`.
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

    /// With the names that are the same everywhere.
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
