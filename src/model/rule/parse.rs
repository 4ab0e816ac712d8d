//! Parses the text of a policy rule into the rule that the kernel would have.

use ipnet::IpNet;

use super::{Action, Packets, Rule};
use crate::model::TextError;
use crate::model::names::Names;
use crate::model::parse::{TABLES, Words, dev, named, number, once, value, wrong};

/// Words of ip-rule(8) that are not supported.
const NOT_BUILT: [&str; 9] = [
    "map-to",
    "nat",
    "nop",
    "proto",
    "protocol",
    "realms",
    "suppress_ifgroup",
    "tun_id",
    "type",
];

/// The protocols of /etc/protocols that are likely in a rule.
const PROTOCOLS: [(&str, u32); 13] = [
    ("icmp", 1),
    ("igmp", 2),
    ("ipencap", 4),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ipv6-icmp", 58),
    ("ospf", 89),
    ("vrrp", 112),
    ("sctp", 132),
];

const ACTIONS: [(&str, Action); 3] = [
    ("blackhole", Action::Blackhole),
    ("unreachable", Action::Unreachable),
    ("prohibit", Action::Prohibit),
];

/// The properties in the text, before the family is known.
#[derive(Default)]
struct RuleWords {
    /// The family, if a word states it.
    v6: Option<bool>,
    priority: Option<u32>,
    from: Option<Option<IpNet>>,
    to: Option<Option<IpNet>>,
    tos: Option<u8>,
    protocol: Option<u8>,
    packets: Packets,
    not: bool,
    action: Option<Action>,
    suppress_prefixlength: Option<u32>,
}

pub(super) fn parse(text: &str, names: &Names) -> Result<Rule, TextError> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let mut words = words.into_iter();
    let mut said = RuleWords::default();
    while let Some(word) = words.next() {
        selector(word, &mut words, names, &mut said)?;
    }
    assemble(said)
}

fn selector(
    word: &str,
    words: &mut Words<'_>,
    names: &Names,
    said: &mut RuleWords,
) -> Result<(), TextError> {
    let packets = &mut said.packets;
    match word {
        "-4" | "inet" => once(word, &mut said.v6, false),
        "-6" | "inet6" => once(word, &mut said.v6, true),
        "not" => {
            said.not = true;
            Ok(())
        }
        "from" => once(word, &mut said.from, network(word, words)?),
        "to" => once(word, &mut said.to, network(word, words)?),
        "tos" | "dsfield" => once(word, &mut said.tos, tos(word, words)?),
        "fwmark" => once(word, &mut packets.mark, mark(word, words)?),
        "iif" | "dev" => once(word, &mut packets.iif, dev(value(word, words)?)?),
        "oif" => once(word, &mut packets.oif, dev(value(word, words)?)?),
        "uidrange" => {
            let text = value(word, words)?;
            let (first, last) = text.split_once('-').unwrap_or((text, ""));
            let first = number(word, first, 0, u32::MAX - 1)?;
            once(
                word,
                &mut packets.users,
                (first, number(word, last, first, u32::MAX - 1)?),
            )
        }
        "ipproto" => {
            let known = (&PROTOCOLS[..], &[][..]);
            let protocol = named(word, value(word, words)?, known, (1, 255))?;
            once(word, &mut said.protocol, protocol as u8)
        }
        "sport" => once(word, &mut packets.sport, ports(word, words)?),
        "dport" => once(word, &mut packets.dport, ports(word, words)?),
        "priority" | "preference" | "pref" | "order" => {
            let priority = number(word, value(word, words)?, 1, u32::MAX)?;
            once(word, &mut said.priority, priority)
        }
        "table" | "lookup" => {
            let known = (&TABLES[..], &names.tables[..]);
            let table = named(word, value(word, words)?, known, (1, u32::MAX))?;
            action(said, Action::Table(table))
        }
        "goto" => {
            let priority = number(word, value(word, words)?, 1, u32::MAX)?;
            action(said, Action::Goto(priority))
        }
        "l3mdev" => action(said, Action::Vrf),
        "suppress_prefixlength" | "sup_pl" => {
            let length = number(word, value(word, words)?, 0, 128)?;
            once(word, &mut said.suppress_prefixlength, length)
        }
        _ if NOT_BUILT.contains(&word) => wrong(
            format!(": {word} is not supported yet"),
            "this version knows from, to, tos, fwmark, iif, oif, uidrange, ipproto, sport, dport, \
             not, priority, table, goto, l3mdev, blackhole, unreachable, prohibit and \
             suppress_prefixlength",
        ),
        _ => match ACTIONS.iter().find(|(name, _)| *name == word) {
            Some((_, what)) => action(said, *what),
            None => wrong(
                format!(": \"{word}\" is not an option of a rule"),
                "expected such as from 192.0.2.0/24 table 10 priority 100, see ip-rule(8)",
            ),
        },
    }
}

fn action(said: &mut RuleWords, action: Action) -> Result<(), TextError> {
    match said.action.replace(action) {
        None => Ok(()),
        Some(_) => wrong(
            " has two actions",
            "expected one of table, goto, l3mdev, blackhole, unreachable and prohibit",
        ),
    }
}

fn assemble(said: RuleWords) -> Result<Rule, TextError> {
    let nets = [said.from, said.to];
    let mut families = nets
        .iter()
        .flatten()
        .flatten()
        .map(|net| net.addr().is_ipv6());
    let first = families.next();
    let v6 = said.v6.or(first).unwrap_or(false);
    if first.into_iter().chain(families).any(|other| other != v6) {
        return wrong(
            " has both IPv4 and IPv6",
            "expected one family; write one rule for each",
        );
    }
    let most = if v6 { 128 } else { 32 };
    if let Some(length) = said.suppress_prefixlength.filter(|length| *length > most) {
        return wrong(
            format!(": suppress_prefixlength {length} is not possible"),
            format!("expected {most} at most"),
        );
    }
    if let Some(tos) = said.tos.filter(|tos| !v6 && tos & 0xe0 != 0) {
        return wrong(
            format!(
                ": tos {tos:#04x} is not possible with IPv4, whose routes use only bits 2 to 4"
            ),
            "expected 0x04 to 0x1c; for others set a mark and use fwmark",
        );
    }
    let action = said.action.unwrap_or(Action::Table(254));
    if let (Action::Goto(target), Some(priority)) = (action, said.priority) {
        if target <= priority {
            return wrong(
                format!(": goto {target} goes back"),
                format!("expected a priority above {priority} after goto"),
            );
        }
    }
    let packets = Packets {
        from: said.from.flatten(),
        to: said.to.flatten(),
        tos: said.tos.unwrap_or(0),
        protocol: said.protocol.unwrap_or(0),
        ..said.packets
    };
    Ok(Rule {
        priority: said.priority,
        v6,
        packets,
        not: said.not,
        action,
        suppress_prefixlength: said.suppress_prefixlength,
    })
}

/// A network or an address. `None` for `all`.
fn network(word: &str, words: &mut Words<'_>) -> Result<Option<IpNet>, TextError> {
    let text = value(word, words)?;
    if matches!(text, "all" | "any" | "default") {
        return Ok(None);
    }
    let address = text.parse::<std::net::IpAddr>().map(IpNet::from);
    match address.or_else(|_| text.parse::<IpNet>()) {
        Ok(net) if net.trunc() == net => Ok(Some(net).filter(|net| net.prefix_len() > 0)),
        Ok(net) => wrong(
            format!(": {text} has bits set after the prefix"),
            format!(
                "expected a network or an address; write {word} {}",
                net.trunc()
            ),
        ),
        Err(_) => wrong(
            format!(": \"{text}\" is not a network"),
            format!("expected ADDRESS/PREFIX, an address or all after {word}"),
        ),
    }
}

/// A number that is always hexadecimal, as in ip(8): the `0x` is optional.
fn tos(word: &str, words: &mut Words<'_>) -> Result<u8, TextError> {
    let text = value(word, words)?;
    let hex = text.strip_prefix("0x").unwrap_or(text);
    match u8::from_str_radix(hex, 16) {
        Ok(tos) if tos & 3 == 0 && tos != 0 && !hex.starts_with('+') => Ok(tos),
        _ => wrong(
            format!(": {word} {text} is not possible"),
            format!(
                "expected a hexadecimal number with the two lowest bits 0, such as {word} 0x10"
            ),
        ),
    }
}

/// Parse `1`, `0x1` or `0x1/0xff`.
fn mark(word: &str, words: &mut Words<'_>) -> Result<(u32, u32), TextError> {
    let text = value(word, words)?;
    let one = |text: &str| match text.strip_prefix("0x") {
        Some(hex) if !hex.starts_with('+') => u32::from_str_radix(hex, 16).ok(),
        _ => number(word, text, 0, u32::MAX).ok(),
    };
    let (mark, mask) = match text.split_once('/') {
        Some((mark, mask)) => (one(mark), one(mask)),
        None => (one(text), Some(u32::MAX)),
    };
    match (mark, mask) {
        (Some(0), Some(u32::MAX)) => wrong(
            ": without a mask, mark 0 is any mark to the kernel",
            "write fwmark 0/0xffffffff for packets that are not marked",
        ),
        (Some(mark), Some(mask)) => Ok((mark, mask)),
        _ => wrong(
            format!(": {word} {text} is not possible"),
            "expected MARK or MARK/MASK after fwmark, such as 1 or 0x10/0xff",
        ),
    }
}

/// Parse `443` or `1000-2000`.
fn ports(word: &str, words: &mut Words<'_>) -> Result<(u16, u16), TextError> {
    let text = value(word, words)?;
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let first = number(word, first, 1, 65534)?;
    let last = number(word, last, first, 65534)?;
    Ok((first as u16, last as u16))
}
