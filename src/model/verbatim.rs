//! What moves together with a link of the host although no setting describes it: nexthops, routes
//! of other types, neighbours. The kernel's messages are stored and sent back unchanged. No I/O.

use std::fmt;
use std::str::FromStr;

use crate::name::LinkName;

/// One such nexthop, route or neighbour. Comparisons ignore its lifetime and the command.
#[derive(Clone, Debug)]
pub struct Verbatim {
    /// Its kind.
    pub kind: VerbatimKind,
    /// The link that it moves with.
    pub link: LinkName,
    /// The kernel's message (rtnetlink(7)) without its header. Each interface index in it is 0.
    pub body: Vec<u8>,
    /// The links whose interface index belongs into the message, with their offsets in `body`.
    pub links: Vec<(usize, LinkName)>,
    /// For a route with a lifetime, its end in seconds since boot.
    pub until: Option<u64>,
    /// The arguments of the equivalent `ip` command, as far as they are known here.
    pub command: String,
}

/// The kinds, in the order in which they can be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VerbatimKind {
    /// A nexthop of ip-nexthop(8).
    Nexthop,
    /// A route of ip-route(8).
    Route,
    /// A neighbour of ip-neighbour(8).
    Neighbour,
}

impl VerbatimKind {
    /// All kinds, in the order of creation.
    pub const ALL: [VerbatimKind; 3] = [
        VerbatimKind::Nexthop,
        VerbatimKind::Route,
        VerbatimKind::Neighbour,
    ];

    /// The word for the kind.
    pub fn word(self) -> &'static str {
        match self {
            VerbatimKind::Nexthop => "nexthop",
            VerbatimKind::Route => "route",
            VerbatimKind::Neighbour => "neighbour",
        }
    }
}

impl PartialEq for Verbatim {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.body, &self.links) == (other.kind, &other.body, &other.links)
    }
}

impl Eq for Verbatim {}

/// As in the journal: kind, link, lifetime or `-`, links or `-`, message, command. For example
/// `route eth1 - 16/eth1 0a1b… route add …`.
impl fmt::Display for Verbatim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.kind.word(), self.link)?;
        match self.until {
            Some(until) => write!(f, "{until} ")?,
            None => f.write_str("- ")?,
        }
        let links = self.links.iter().map(|(at, link)| format!("{at}/{link}"));
        let links = links.collect::<Vec<_>>().join(",,");
        f.write_str(if links.is_empty() { "-" } else { &links })?;
        f.write_str(" ")?;
        self.body
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, " {}", self.command)
    }
}

impl FromStr for Verbatim {
    /// The problem.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.splitn(6, ' ');
        let mut next = || words.next().ok_or(format!("{text:?} is truncated"));
        let (kind, link, until, links, body) = (next()?, next()?, next()?, next()?, next()?);
        let command = next()?.to_string();
        let strange = || format!("{text:?} is not a saved message");
        let name = |text: &str| LinkName::of_kernel(text).ok_or_else(strange);
        let place = |text: &str| {
            let (at, link) = text.split_once('/').ok_or_else(strange)?;
            Ok::<_, String>((at.parse().map_err(|_| strange())?, name(link)?))
        };
        let links = links.split(",,").filter(|text| *text != "-");
        let byte = |pair: &[u8]| {
            let pair = std::str::from_utf8(pair).ok();
            pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())
        };
        let mut kinds = VerbatimKind::ALL.into_iter();
        Ok(Verbatim {
            kind: kinds.find(|k| k.word() == kind).ok_or_else(strange)?,
            link: name(link)?,
            until: match until {
                "-" => None,
                until => Some(until.parse().map_err(|_| strange())?),
            },
            links: links.map(place).collect::<Result<_, _>>()?,
            body: body
                .as_bytes()
                .chunks(2)
                .map(byte)
                .collect::<Option<_>>()
                .ok_or_else(strange)?,
            command,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn its_text_comes_back() {
        let kept = Verbatim {
            kind: VerbatimKind::Neighbour,
            link: "eth1".parse().unwrap(),
            body: vec![2, 0, 0xff],
            links: vec![(4, LinkName::of_kernel("lan~br,x").unwrap())],
            until: Some(77),
            command: "neighbour replace 192.0.2.9 dev eth1 nud permanent".into(),
        };
        let read: Verbatim = kept.to_string().parse().unwrap();
        assert_eq!(read, kept);
        assert_eq!(read.command, kept.command);
        for bad in [
            "",
            "route eth1 - - 0",
            "route eth1 - - 0g x",
            "rule eth1 - - 00 x",
            "route eth1 - x 00 x",
        ] {
            assert!(bad.parse::<Verbatim>().is_err(), "{bad}");
        }
    }
}
