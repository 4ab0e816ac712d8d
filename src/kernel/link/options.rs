//! What is special to a type of link, as the kernel's attributes (IFLA_INFO_DATA), and back. How
//! each option is put is said beside it, in `definitions`. Pure.

use std::net::IpAddr;

use rtnetlink::packet_core::{DefaultNla, Emitable};

use crate::definitions::option::{Encoding, Opt, ValueKind};
use crate::kernel::netlink::attr;
use crate::model::LinkSpec;
use crate::model::link::option_value::OptionValue;
use crate::source::Sourced;

/// GRE_KEY, most significant byte first.
const GRE_KEY: [u8; 2] = [0x20, 0];

/// The attributes of what is said, and of the link below (by its index) where that is one
/// of them.
pub fn encode(spec: &LinkSpec, parent: Option<u32>) -> Vec<u8> {
    let mut attributes: Vec<DefaultNla> = Vec::new();
    let mut put = |kind: u16, bytes: &[u8]| attributes.push(DefaultNla::new(kind, bytes.to_vec()));
    if let (Some(kind), Some(index)) = (spec.of.sent_by, parent) {
        put(kind, &index.to_ne_bytes());
    }
    for kind in spec.of.zeros {
        let said = |(option, _): &(&Opt, _)| option.attribute.0 == *kind;
        if !spec.options.iter().any(said) {
            put(*kind, &[0]);
        }
    }
    for (option, value) in &spec.options {
        let (kind, encoding) = option.attribute;
        let number = number(option, value.value);
        match (encoding, value.value) {
            (Encoding::Ip(_), OptionValue::Ip(IpAddr::V4(ip))) => put(kind, &ip.octets()),
            (Encoding::Ip(kind), OptionValue::Ip(IpAddr::V6(ip))) => put(kind, &ip.octets()),
            (Encoding::Ip(_), _) => {}
            (Encoding::U8, _) => put(kind, &(number as u8).to_ne_bytes()),
            (Encoding::U16, _) => put(kind, &(number as u16).to_ne_bytes()),
            (Encoding::U32, _) => put(kind, &number.to_ne_bytes()),
            (Encoding::Be16, _) => put(kind, &(number as u16).to_be_bytes()),
            (Encoding::GreKey, _) => {
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
        if let Some(value) = value(option, &find) {
            spec.set(option, Sourced::without_origin(value));
        }
    }
    let index = find(spec.of.sent_by?)?;
    let index = u32::from_ne_bytes(index.try_into().ok()?);
    (index != 0).then_some(index)
}

fn value(option: &Opt, find: &dyn Fn(u16) -> Option<Vec<u8>>) -> Option<OptionValue> {
    let (kind, encoding) = option.attribute;
    let number = match encoding {
        Encoding::Ip(other) => return ip(option, find(kind).or_else(|| find(other))?),
        Encoding::U8 => u32::from(*find(kind)?.first()?),
        Encoding::U16 => u16::from_ne_bytes(find(kind)?.try_into().ok()?).into(),
        Encoding::U32 => u32::from_ne_bytes(find(kind)?.try_into().ok()?),
        Encoding::Be16 => u16::from_be_bytes(find(kind)?.try_into().ok()?).into(),
        Encoding::GreKey => {
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
    use crate::definitions::links::{PORT, TYPES};
    use crate::model::Netns;
    use crate::model::names::Names;

    /// A value for an option, as a setting would say it.
    fn example(option: &Opt) -> &'static str {
        match option.form {
            ValueKind::Number(..) | ValueKind::Table | ValueKind::User | ValueKind::UserGroup => {
                "7"
            }
            ValueKind::Switch => "on",
            ValueKind::Words(words) => words[words.len() - 1].0,
            ValueKind::Station | ValueKind::Station4 => "192.0.2.1",
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
                assert_eq!(parent.is_some(), of.sent_by.is_some(), "{}", of.word);
            }
        }
    }
}
