//! What is special to a type of link, as the kernel's attributes (IFLA_INFO_DATA,
//! linux/if_link.h and linux/if_tunnel.h), and back. One table says how each option of
//! `model::link::type_table` is put. Pure.

use std::net::IpAddr;

use rtnetlink::packet_core::{DefaultNla, Emitable};

use crate::kernel::netlink::attr;
use crate::model::LinkSpec;
use crate::model::link::type_table::{Opt, OptionValue, Type, ValueKind};
use crate::source::Sourced;

/// How the kernel writes a value.
#[derive(Clone, Copy)]
enum Code {
    U8,
    U16,
    U32,
    /// Most significant byte first.
    Be16,
    /// An IPv4 address under the attribute itself, an IPv6 one under this.
    Ip(u16),
    /// A GRE key of both directions: flags and key of each, four attributes in a row.
    GreKey,
}

/// The attribute of an option, by its type's word and its own.
fn attribute(of: &str, word: &str) -> Option<(u16, Code)> {
    Some(match (of, word) {
        // linux/if_link.h, IFLA_BRPORT_…
        ("bridge_slave", "priority") => (2, Code::U16),
        ("bridge_slave", "cost") => (3, Code::U32),
        ("bridge_slave", "hairpin") => (4, Code::U8),
        ("bridge_slave", "guard") => (5, Code::U8),
        ("bridge_slave", "root_block") => (6, Code::U8),
        ("bridge_slave", "fastleave") => (7, Code::U8),
        ("bridge_slave", "learning") => (8, Code::U8),
        ("bridge_slave", "flood") => (9, Code::U8),
        ("bridge_slave", "proxy_arp") => (10, Code::U8),
        ("bridge_slave", "mcast_flood") => (27, Code::U8),
        ("bridge_slave", "mcast_to_unicast") => (28, Code::U8),
        ("bridge_slave", "bcast_flood") => (30, Code::U8),
        ("bridge_slave", "neigh_suppress") => (32, Code::U8),
        ("bridge_slave", "isolated") => (33, Code::U8),
        ("bridge", "forward_delay") => (1, Code::U32),
        ("bridge", "stp_state") => (5, Code::U32),
        ("bridge", "vlan_filtering") => (7, Code::U8),
        ("vlan", "id") => (1, Code::U16),
        ("vlan", "protocol") => (5, Code::Be16),
        ("macvlan", "mode") => (1, Code::U32),
        ("ipvlan", "mode") => (1, Code::U16),
        ("vxlan", "id") => (1, Code::U32),
        ("vxlan", "remote" | "group") => (2, Code::Ip(16)),
        ("vxlan", "local") => (4, Code::Ip(17)),
        ("vxlan", "dstport") => (15, Code::Be16),
        ("bond", "mode") => (1, Code::U8),
        ("bond", "miimon") => (3, Code::U32),
        ("vrf", "table") => (1, Code::U32),
        ("gre", "key") => (2, Code::GreKey),
        ("gre", "local") => (6, Code::Ip(6)),
        ("gre", "remote") => (7, Code::Ip(7)),
        ("gre", "ttl") => (8, Code::U8),
        ("ipip" | "sit", "local") => (2, Code::Ip(2)),
        ("ipip" | "sit", "remote") => (3, Code::Ip(3)),
        ("ipip" | "sit", "ttl") => (4, Code::U8),
        ("tap" | "tun", "user") => (1, Code::U32),
        ("tap" | "tun", "group") => (2, Code::U32),
        ("tap" | "tun", "multi_queue") => (7, Code::U8),
        _ => return None,
    })
}

/// The attribute that names the link below a tunnel.
fn below(of: &str) -> Option<u16> {
    match of {
        "vxlan" => Some(3),
        "gre" | "ipip" | "sit" => Some(1),
        _ => None,
    }
}

/// IFLA_IPTUN_PROTO and IFLA_IPTUN_TTL.
const IPTUN_PROTO: u16 = 9;
const IPTUN_TTL: u16 = 4;

/// GRE_KEY, most significant byte first.
const GRE_KEY: [u8; 2] = [0x20, 0];

/// The attributes of what is said, and of the link below (by its index) where that is one
/// of them.
pub fn encode(spec: &LinkSpec, parent: Option<u32>) -> Vec<u8> {
    let mut attributes: Vec<DefaultNla> = Vec::new();
    let mut put = |kind: u16, bytes: &[u8]| attributes.push(DefaultNla::new(kind, bytes.to_vec()));
    if let (Some(kind), Some(index)) = (below(spec.of.word), parent) {
        put(kind, &index.to_ne_bytes());
    }
    if matches!(spec.of.word, "ipip" | "sit") {
        // What ip-link(8) says where nothing is said: all that can be carried, and the TTL
        // of what is carried
        put(IPTUN_PROTO, &[0]);
        if spec.get("ttl").is_none() {
            put(IPTUN_TTL, &[0]);
        }
    }
    for (option, value) in &spec.options {
        let Some((kind, code)) = attribute(spec.of.word, option.word) else {
            continue;
        };
        let number = number(option, value.value);
        match (code, value.value) {
            (Code::Ip(_), OptionValue::Ip(IpAddr::V4(ip))) => put(kind, &ip.octets()),
            (Code::Ip(kind), OptionValue::Ip(IpAddr::V6(ip))) => put(kind, &ip.octets()),
            (Code::Ip(_), _) => {}
            (Code::U8, _) => put(kind, &(number as u8).to_ne_bytes()),
            (Code::U16, _) => put(kind, &(number as u16).to_ne_bytes()),
            (Code::U32, _) => put(kind, &number.to_ne_bytes()),
            (Code::Be16, _) => put(kind, &(number as u16).to_be_bytes()),
            (Code::GreKey, _) => {
                put(kind, &GRE_KEY);
                put(kind + 1, &GRE_KEY);
                put(kind + 2, &number.to_be_bytes());
                put(kind + 3, &number.to_be_bytes());
            }
        }
    }
    let mut bytes = vec![0; attributes.as_slice().buffer_len()];
    attributes.as_slice().emit(&mut bytes);
    bytes
}

/// The kernel's number for a value that is not an address.
fn number(option: &Opt, value: OptionValue) -> u32 {
    match (value, option.form) {
        (OptionValue::Number(number), _) => number,
        (OptionValue::Word(word), ValueKind::Words(words)) => {
            let known = words.iter().find(|(known, _)| *known == word);
            known.map_or(0, |(_, number)| *number)
        }
        _ => 0,
    }
}

/// All of the type's options that the attributes say, into `made`, and the index of the
/// link below where that is one of them.
pub fn decode(spec: &mut LinkSpec, bytes: &[u8]) -> Option<u32> {
    let find = |kind| attr::find(bytes, 0, kind).map(<[u8]>::to_vec);
    for option in spec.of.options {
        if let Some(value) = value(spec.of, option, &find) {
            spec.set(option, Sourced::without_origin(value));
        }
    }
    let index = find(below(spec.of.word)?)?;
    let index = u32::from_ne_bytes(index.try_into().ok()?);
    (index != 0).then_some(index)
}

fn value(of: &Type, option: &Opt, find: &dyn Fn(u16) -> Option<Vec<u8>>) -> Option<OptionValue> {
    let (kind, code) = attribute(of.word, option.word)?;
    let number = match code {
        Code::Ip(other) => return ip(option, find(kind).or_else(|| find(other))?),
        Code::U8 => u32::from(*find(kind)?.first()?),
        Code::U16 => u16::from_ne_bytes(find(kind)?.try_into().ok()?).into(),
        Code::U32 => u32::from_ne_bytes(find(kind)?.try_into().ok()?),
        Code::Be16 => u16::from_be_bytes(find(kind)?.try_into().ok()?).into(),
        Code::GreKey => {
            let said = find(kind)? == GRE_KEY;
            u32::from_be_bytes(find(kind + 2).filter(|_| said)?.try_into().ok()?)
        }
    };
    match option.form {
        ValueKind::Words(words) => {
            let known = words.iter().find(|(_, known)| *known == number);
            known.map(|(word, _)| OptionValue::Word(word))
        }
        // 0 is how the kernel says that nothing is said
        ValueKind::Number(1.., _) if number == 0 => None,
        _ => Some(OptionValue::Number(number)),
    }
}

/// A station's and a group's address share an attribute.
fn ip(option: &Opt, bytes: Vec<u8>) -> Option<OptionValue> {
    let ip = match <[u8; 4]>::try_from(bytes) {
        Ok(bytes) => IpAddr::from(bytes),
        Err(bytes) => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
    };
    let fits = match option.form {
        ValueKind::Group => ip.is_multicast(),
        _ => !ip.is_multicast(),
    };
    (fits && !ip.is_unspecified()).then_some(OptionValue::Ip(ip))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Netns;
    use crate::model::link::bridge_port::PORT;
    use crate::model::link::type_table::TYPES;
    use crate::model::names::Names;

    /// A value for an option, as a setting would say it.
    fn example(option: &Opt) -> &'static str {
        match option.form {
            ValueKind::Number(..) | ValueKind::Table | ValueKind::User | ValueKind::UserGroup => {
                "7"
            }
            ValueKind::Switch => "on",
            ValueKind::Words(words) => words[words.len() - 1].0,
            ValueKind::Ip | ValueKind::Station | ValueKind::Station4 => "192.0.2.1",
            ValueKind::Group => "239.1.1.1",
        }
    }

    #[test]
    fn every_option_of_every_type_has_an_attribute_and_comes_back() {
        for of in TYPES.iter().chain([&PORT]) {
            for option in of.options {
                let mut spec = LinkSpec::new(of, Netns::This);
                let value = option.form.read(example(option), &Names::default());
                spec.set(option, Sourced::without_origin(value.unwrap()));
                let mut back = LinkSpec::new(of, Netns::This);
                let bytes = encode(&spec, Some(9));
                let parent = decode(&mut back, &bytes);
                assert_eq!(back, spec, "{} {}", of.word, option.word);
                assert_eq!(parent.is_some(), below(of.word).is_some(), "{}", of.word);
            }
        }
    }
}
