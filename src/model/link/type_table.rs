//! The types of links that can be made, in one table: what each lies on, and what can be
//! said of it. Settings, commands, journal and kernel all go by it; a new option is a
//! row here, one in `conf::setting_table`, and its number in `kernel::link::options`. Data alone.

use std::fmt;
use std::net::IpAddr;

use crate::model::names::Names;

/// A type of link.
#[derive(Debug)]
pub struct Type {
    /// The word of `type_IF` and of ip-link(8).
    pub word: &'static str,
    /// What it is made from.
    pub below: Lower,
    /// What can be said of it, in the order of a command.
    pub options: &'static [Opt],
}

/// What a link is made from. It may be in another namespace than the link itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lower {
    /// Nothing.
    Nothing,
    /// Another link.
    Link,
    /// A namespace, whose network carries what goes through the link; and perhaps one
    /// link of that.
    UnderlayNetns,
}

/// The value of an option, printed as ip-link(8) takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// A number; of a switch 1 or 0.
    Number(u32),
    /// One of the option's words.
    Word(&'static str),
    /// An address.
    Ip(IpAddr),
}

impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionValue::Number(number) => number.fmt(f),
            OptionValue::Word(word) => f.write_str(word),
            OptionValue::Ip(ip) => ip.fmt(f),
        }
    }
}

/// Something that can be said of a link of a type.
#[derive(Debug)]
pub struct Opt {
    /// The key of the setting.
    pub key: &'static str,
    /// ip-link(8)'s word.
    pub word: &'static str,
    /// What its value looks like.
    pub form: ValueKind,
    /// What it is where nothing is said, as a setting would say it; empty: nothing.
    pub default: &'static str,
    /// A link of the type cannot be made without it.
    pub needed: bool,
    /// What the kernel takes of a link that is there. Else the link is made anew.
    pub keeps: Mutability,
}

/// Whether the kernel takes another value for a link that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutability {
    /// It does.
    InPlace,
    /// It does not.
    Recreated,
    /// Another address of the same family only.
    SameFamily,
    /// Any but to and from this word.
    ExceptWord(&'static str),
}

/// What a value looks like.
#[derive(Clone, Copy, Debug)]
pub enum ValueKind {
    /// A number from the first to the last.
    Number(u32, u32),
    /// `on` or `off`.
    Switch,
    /// One of these words; the kernel's numbers for them.
    Words(&'static [(&'static str, u32)]),
    /// An address of either family, of a station or of a group.
    Ip,
    /// An address of a station.
    Station,
    /// A multicast address.
    Group,
    /// An IPv4 address of a station.
    Station4,
    /// The number of a routing table, or its name.
    Table,
    /// A user's number, or a name of this host's.
    User,
    /// A group of users: its number, or a name of this host's.
    UserGroup,
}

impl Type {
    /// The type of this word.
    pub fn named(word: &str) -> Option<&'static Type> {
        TYPES.iter().find(|known| known.word == word)
    }

    /// It is made by opening a file (ip-tuntap(8)), and not by a request: neither can its
    /// size or hardware address be said at once, nor anything be changed that was said.
    pub fn is_opened(&self) -> bool {
        matches!(self.word, "tap" | "tun")
    }

    /// The option of this word of ip-link(8).
    pub fn option(&self, word: &str) -> Option<&'static Opt> {
        self.options.iter().find(|option| option.word == word)
    }
}

impl ValueKind {
    /// Reads a value as settings have it, and as [`OptionValue`] prints it.
    ///
    /// # Errors
    /// What was expected.
    pub fn read(self, text: &str, names: &Names) -> Result<OptionValue, String> {
        let number = || text.parse::<u32>().ok();
        let named = |known: &[(String, u32)]| {
            let known = known.iter().find(|(name, _)| name == text);
            number().or(known.map(|(_, number)| *number))
        };
        let ip = |fits: &dyn Fn(&IpAddr) -> bool| {
            let ip = text.parse::<IpAddr>().ok();
            ip.filter(|ip| !ip.is_unspecified() && fits(ip))
                .map(OptionValue::Ip)
        };
        let found = match self {
            ValueKind::Number(first, last) => number()
                .filter(|n| (first..=last).contains(n))
                .map(OptionValue::Number),
            ValueKind::Switch => match text {
                "on" | "yes" | "1" => Some(OptionValue::Number(1)),
                "off" | "no" | "0" => Some(OptionValue::Number(0)),
                _ => None,
            },
            ValueKind::Words(words) => {
                let mut words = words.iter();
                words
                    .find(|(word, _)| *word == text)
                    .map(|(word, _)| OptionValue::Word(word))
            }
            ValueKind::Ip => ip(&|_| true),
            ValueKind::Station => ip(&|ip| !ip.is_multicast()),
            ValueKind::Group => ip(&IpAddr::is_multicast),
            ValueKind::Station4 => ip(&|ip| ip.is_ipv4() && !ip.is_multicast()),
            ValueKind::Table => named(&names.tables)
                .filter(|n| *n != 0)
                .map(OptionValue::Number),
            // The highest number stands for nobody at all, chown(2)
            ValueKind::User => named(&names.users)
                .filter(|n| *n != u32::MAX)
                .map(OptionValue::Number),
            ValueKind::UserGroup => named(&names.groups)
                .filter(|n| *n != u32::MAX)
                .map(OptionValue::Number),
        };
        found.ok_or_else(|| self.expected())
    }

    fn expected(self) -> String {
        match self {
            ValueKind::Number(first, last) => format!("expected a number from {first} to {last}"),
            ValueKind::Switch => "expected on or off".into(),
            ValueKind::Words(words) => {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                match words.split_last() {
                    Some((last, rest)) if !rest.is_empty() => {
                        format!("expected {} or {last}", rest.join(", "))
                    }
                    _ => format!("expected {}", words.concat()),
                }
            }
            ValueKind::Ip | ValueKind::Station => "expected an address, such as 192.0.2.1".into(),
            ValueKind::Station4 => "expected an IPv4 address, such as 192.0.2.1".into(),
            ValueKind::Group => "expected a multicast address, such as 239.1.1.1".into(),
            ValueKind::Table => {
                "expected the number of a routing table, such as 10, or its name".into()
            }
            ValueKind::User => "expected a name of /etc/passwd, or a user's number".into(),
            ValueKind::UserGroup => "expected a name of /etc/group, or a group's number".into(),
        }
    }
}

pub(crate) const fn opt(key: &'static str, word: &'static str, form: ValueKind) -> Opt {
    Opt {
        key,
        word,
        form,
        default: "",
        needed: false,
        keeps: Mutability::InPlace,
    }
}

impl Opt {
    pub(crate) const fn default(self, default: &'static str) -> Self {
        Opt { default, ..self }
    }

    const fn needed(self) -> Self {
        Opt {
            needed: true,
            ..self
        }
    }

    const fn keeps(self, keeps: Mutability) -> Self {
        Opt { keeps, ..self }
    }
}

pub(crate) const fn of(word: &'static str, below: Lower, options: &'static [Opt]) -> Type {
    Type {
        word,
        below,
        options,
    }
}

const MACVLAN_MODES: ValueKind =
    ValueKind::Words(&[("private", 1), ("vepa", 2), ("bridge", 4), ("passthru", 8)]);

const BOND_MODES: ValueKind = ValueKind::Words(&[
    ("balance-rr", 0),
    ("active-backup", 1),
    ("balance-xor", 2),
    ("broadcast", 3),
    ("802.3ad", 4),
    ("balance-tlb", 5),
    ("balance-alb", 6),
]);

/// The two ends and the lifetime of packets of an IPv4 tunnel.
const LOCAL: Opt = opt("local", "local", ValueKind::Station4);
const REMOTE: Opt = opt("remote", "remote", ValueKind::Station4);
const TTL: Opt = opt("ttl", "ttl", ValueKind::Number(1, 255));

/// Who may open a link. What else an opener may choose (vnet_hdr, pi) is the opener's.
const OWNER: Opt = opt("owner", "user", ValueKind::User).keeps(Mutability::Recreated);
const GROUP: Opt = opt("group", "group", ValueKind::UserGroup).keeps(Mutability::Recreated);
const MULTI_QUEUE: Opt = opt("multi_queue", "multi_queue", ValueKind::Switch)
    .default("off")
    .keeps(Mutability::Recreated);

/// Every type of link that is made by one request, and alone.
#[rustfmt::skip]
pub const TYPES: &[Type] = &[
    of("bridge", Lower::Nothing, &[
        opt("stp", "stp_state", ValueKind::Switch).default("off"),
        // Hundredths of a second (bridge(8), ip-link(8))
        opt("forward_delay", "forward_delay", ValueKind::Number(0, 3000)).default("1500"),
        opt("vlan_filtering", "vlan_filtering", ValueKind::Switch).default("off"),
    ]),
    of("dummy", Lower::Nothing, &[]),
    of("vlan", Lower::Link, &[
        opt("vlan_protocol", "protocol", ValueKind::Words(&[("802.1Q", 0x8100), ("802.1ad", 0x88a8)]))
            .default("802.1Q").keeps(Mutability::Recreated),
        opt("vlan_id", "id", ValueKind::Number(1, 4094)).needed().keeps(Mutability::Recreated),
    ]),
    of("macvlan", Lower::Link, &[
        opt("mode", "mode", MACVLAN_MODES).default("bridge").keeps(Mutability::ExceptWord("passthru")),
    ]),
    of("ipvlan", Lower::Link, &[
        opt("mode", "mode", ValueKind::Words(&[("l2", 0), ("l3", 1), ("l3s", 2)])).default("l3"),
    ]),
    of("vxlan", Lower::UnderlayNetns, &[
        opt("vxlan_id", "id", ValueKind::Number(1, 0x00ff_ffff)).needed().keeps(Mutability::Recreated),
        opt("vxlan_local", "local", ValueKind::Station).keeps(Mutability::SameFamily),
        opt("vxlan_remote", "remote", ValueKind::Station).keeps(Mutability::SameFamily),
        opt("vxlan_group", "group", ValueKind::Group).keeps(Mutability::SameFamily),
        opt("vxlan_port", "dstport", ValueKind::Number(1, 65535)).default("4789").keeps(Mutability::Recreated),
    ]),
    // What it is told is `wireguard`'s
    of("wireguard", Lower::UnderlayNetns, &[]),
    of("bond", Lower::Nothing, &[
        opt("mode", "mode", BOND_MODES).default("balance-rr").keeps(Mutability::Recreated),
        // Milliseconds
        opt("miimon", "miimon", ValueKind::Number(0, 0x7fff_ffff)).default("0"),
    ]),
    of("vrf", Lower::Nothing, &[
        opt("table", "table", ValueKind::Table).needed().keeps(Mutability::Recreated),
    ]),
    of("gre", Lower::UnderlayNetns, &[
        LOCAL, REMOTE, TTL,
        opt("key", "key", ValueKind::Number(0, u32::MAX)),
    ]),
    of("ipip", Lower::UnderlayNetns, &[LOCAL, REMOTE, TTL]),
    of("sit", Lower::UnderlayNetns, &[LOCAL, REMOTE, TTL]),
    of("tap", Lower::Nothing, &[OWNER, GROUP, MULTI_QUEUE]),
    of("tun", Lower::Nothing, &[OWNER, GROUP, MULTI_QUEUE]),
];
