//! The types of links that can be made, in one table: what each lies on, and what can be
//! said of it. Settings, commands, journal and kernel all go by it; a new option is a
//! row here, one in `conf::vars`, and its number in `kernel::options`. Data alone.

use std::fmt;
use std::net::IpAddr;

use crate::model::names::Names;

/// A type of link.
#[derive(Debug)]
pub struct Type {
    /// The word of `type_IF` and of ip-link(8).
    pub word: &'static str,
    /// What it is made from.
    pub below: Below,
    /// What can be said of it, in the order of a command.
    pub options: &'static [Opt],
}

/// What a link is made from. It may be in another namespace than the link itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Below {
    /// Nothing.
    Nothing,
    /// Another link.
    Parent,
    /// A namespace, whose network carries what goes through the link; and perhaps one
    /// link of that.
    Birth,
}

/// The value of an option, printed as ip-link(8) takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number; of a switch 1 or 0.
    Number(u32),
    /// One of the option's words.
    Word(&'static str),
    /// An address.
    Ip(IpAddr),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(number) => number.fmt(f),
            Value::Word(word) => f.write_str(word),
            Value::Ip(ip) => ip.fmt(f),
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
    pub form: Form,
    /// What it is where nothing is said, as a setting would say it; empty: nothing.
    pub default: &'static str,
    /// A link of the type cannot be made without it.
    pub needed: bool,
    /// What the kernel takes of a link that is there. Else the link is made anew.
    pub keeps: Keeps,
}

/// Whether the kernel takes another value for a link that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// It does.
    Link,
    /// It does not.
    Nothing,
    /// Another address of the same family only.
    Family,
    /// Any but to and from this word.
    But(&'static str),
}

/// What a value looks like.
#[derive(Clone, Copy, Debug)]
pub enum Form {
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

impl Form {
    /// Reads a value as settings have it, and as [`Value`] prints it.
    ///
    /// # Errors
    /// What was expected.
    pub fn read(self, text: &str, names: &Names) -> Result<Value, String> {
        let number = || text.parse::<u32>().ok();
        let named = |known: &[(String, u32)]| {
            let known = known.iter().find(|(name, _)| name == text);
            number().or(known.map(|(_, number)| *number))
        };
        let ip = |fits: &dyn Fn(&IpAddr) -> bool| {
            let ip = text.parse::<IpAddr>().ok();
            ip.filter(|ip| !ip.is_unspecified() && fits(ip))
                .map(Value::Ip)
        };
        let found = match self {
            Form::Number(first, last) => number()
                .filter(|n| (first..=last).contains(n))
                .map(Value::Number),
            Form::Switch => match text {
                "on" | "yes" | "1" => Some(Value::Number(1)),
                "off" | "no" | "0" => Some(Value::Number(0)),
                _ => None,
            },
            Form::Words(words) => {
                let mut words = words.iter();
                words
                    .find(|(word, _)| *word == text)
                    .map(|(word, _)| Value::Word(word))
            }
            Form::Ip => ip(&|_| true),
            Form::Station => ip(&|ip| !ip.is_multicast()),
            Form::Group => ip(&IpAddr::is_multicast),
            Form::Station4 => ip(&|ip| ip.is_ipv4() && !ip.is_multicast()),
            Form::Table => named(&names.tables).filter(|n| *n != 0).map(Value::Number),
            // The highest number stands for nobody at all, chown(2)
            Form::User => named(&names.users)
                .filter(|n| *n != u32::MAX)
                .map(Value::Number),
            Form::UserGroup => named(&names.groups)
                .filter(|n| *n != u32::MAX)
                .map(Value::Number),
        };
        found.ok_or_else(|| self.expected())
    }

    fn expected(self) -> String {
        match self {
            Form::Number(first, last) => format!("expected a number from {first} to {last}"),
            Form::Switch => "expected on or off".into(),
            Form::Words(words) => {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                match words.split_last() {
                    Some((last, rest)) if !rest.is_empty() => {
                        format!("expected {} or {last}", rest.join(", "))
                    }
                    _ => format!("expected {}", words.concat()),
                }
            }
            Form::Ip | Form::Station => "expected an address, such as 192.0.2.1".into(),
            Form::Station4 => "expected an IPv4 address, such as 192.0.2.1".into(),
            Form::Group => "expected a multicast address, such as 239.1.1.1".into(),
            Form::Table => "expected the number of a routing table, such as 10, or its name".into(),
            Form::User => "expected a name of /etc/passwd, or a user's number".into(),
            Form::UserGroup => "expected a name of /etc/group, or a group's number".into(),
        }
    }
}

pub(crate) const fn opt(key: &'static str, word: &'static str, form: Form) -> Opt {
    Opt {
        key,
        word,
        form,
        default: "",
        needed: false,
        keeps: Keeps::Link,
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

    const fn keeps(self, keeps: Keeps) -> Self {
        Opt { keeps, ..self }
    }
}

pub(crate) const fn of(word: &'static str, below: Below, options: &'static [Opt]) -> Type {
    Type {
        word,
        below,
        options,
    }
}

const MACVLAN_MODES: Form =
    Form::Words(&[("private", 1), ("vepa", 2), ("bridge", 4), ("passthru", 8)]);

const BOND_MODES: Form = Form::Words(&[
    ("balance-rr", 0),
    ("active-backup", 1),
    ("balance-xor", 2),
    ("broadcast", 3),
    ("802.3ad", 4),
    ("balance-tlb", 5),
    ("balance-alb", 6),
]);

/// The two ends and the lifetime of packets of an IPv4 tunnel.
const LOCAL: Opt = opt("local", "local", Form::Station4);
const REMOTE: Opt = opt("remote", "remote", Form::Station4);
const TTL: Opt = opt("ttl", "ttl", Form::Number(1, 255));

/// Who may open a link. What else an opener may choose (vnet_hdr, pi) is the opener's.
const OWNER: Opt = opt("owner", "user", Form::User).keeps(Keeps::Nothing);
const GROUP: Opt = opt("group", "group", Form::UserGroup).keeps(Keeps::Nothing);
const MULTI_QUEUE: Opt = opt("multi_queue", "multi_queue", Form::Switch)
    .default("off")
    .keeps(Keeps::Nothing);

/// Every type of link that is made by one request, and alone.
#[rustfmt::skip]
pub const TYPES: &[Type] = &[
    of("bridge", Below::Nothing, &[
        opt("stp", "stp_state", Form::Switch).default("off"),
        // Hundredths of a second (bridge(8), ip-link(8))
        opt("forward_delay", "forward_delay", Form::Number(0, 3000)).default("1500"),
        opt("vlan_filtering", "vlan_filtering", Form::Switch).default("off"),
    ]),
    of("dummy", Below::Nothing, &[]),
    of("vlan", Below::Parent, &[
        opt("vlan_protocol", "protocol", Form::Words(&[("802.1Q", 0x8100), ("802.1ad", 0x88a8)]))
            .default("802.1Q").keeps(Keeps::Nothing),
        opt("vlan_id", "id", Form::Number(1, 4094)).needed().keeps(Keeps::Nothing),
    ]),
    of("macvlan", Below::Parent, &[
        opt("mode", "mode", MACVLAN_MODES).default("bridge").keeps(Keeps::But("passthru")),
    ]),
    of("ipvlan", Below::Parent, &[
        opt("mode", "mode", Form::Words(&[("l2", 0), ("l3", 1), ("l3s", 2)])).default("l3"),
    ]),
    of("vxlan", Below::Birth, &[
        opt("vxlan_id", "id", Form::Number(1, 0x00ff_ffff)).needed().keeps(Keeps::Nothing),
        opt("vxlan_local", "local", Form::Station).keeps(Keeps::Family),
        opt("vxlan_remote", "remote", Form::Station).keeps(Keeps::Family),
        opt("vxlan_group", "group", Form::Group).keeps(Keeps::Family),
        opt("vxlan_port", "dstport", Form::Number(1, 65535)).default("4789").keeps(Keeps::Nothing),
    ]),
    // What it is told is `wireguard`'s
    of("wireguard", Below::Birth, &[]),
    of("bond", Below::Nothing, &[
        opt("mode", "mode", BOND_MODES).default("balance-rr").keeps(Keeps::Nothing),
        // Milliseconds
        opt("miimon", "miimon", Form::Number(0, 0x7fff_ffff)).default("0"),
    ]),
    of("vrf", Below::Nothing, &[
        opt("table", "table", Form::Table).needed().keeps(Keeps::Nothing),
    ]),
    of("gre", Below::Birth, &[
        LOCAL, REMOTE, TTL,
        opt("key", "key", Form::Number(0, u32::MAX)),
    ]),
    of("ipip", Below::Birth, &[LOCAL, REMOTE, TTL]),
    of("sit", Below::Birth, &[LOCAL, REMOTE, TTL]),
    of("tap", Below::Nothing, &[OWNER, GROUP, MULTI_QUEUE]),
    of("tun", Below::Nothing, &[OWNER, GROUP, MULTI_QUEUE]),
];
