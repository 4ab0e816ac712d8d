//! Encodes options of links as the kernel's attributes, and decodes them: the options of a link
//! itself, of its type (IFLA_INFO_DATA) and of a bridge port. `definitions` lists the encoding of
//! each option. Pure.

use std::net::IpAddr;

use rtnetlink::packet_core::{DefaultNla, Nla};
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage};

use crate::definitions::links::ATTRIBUTES;
use crate::definitions::option::{Encoding, Opt, ValueKind};
use crate::kernel::netlink::attr;
use crate::model::link::option_value::OptionValue;
use crate::model::link::options::Options;
use crate::model::{LinkSpec, Mac};

/// The flag GRE_KEY, most significant byte first.
const GRE_KEY: [u8; 2] = [0x20, 0];

/// The options of a type as attributes. `parent` is the interface index of the link below: it is
/// included if the type has an attribute for it.
pub fn encode_type(spec: &LinkSpec, parent: Option<u32>) -> Vec<u8> {
    let mut all = Vec::new();
    if let (Some(kind), Some(index)) = (spec.of.sent_by, parent) {
        all.push(DefaultNla::new(kind, index.to_ne_bytes().to_vec()));
    }
    for kind in spec.of.zeros {
        let mut said = spec.options.iter();
        if !said.any(|(option, _)| option.attribute.0 == *kind) {
            all.push(DefaultNla::new(*kind, vec![0]));
        }
    }
    all.extend(said(&spec.options));
    attr::bytes(&all)
}

/// The options as consecutive attributes.
pub fn encode(options: &Options) -> Vec<u8> {
    let all: Vec<DefaultNla> = said(options).collect();
    attr::bytes(&all)
}

/// The options of a link itself, as attributes of its message.
pub fn attributes(options: &Options) -> impl Iterator<Item = LinkAttribute> {
    said(options).map(LinkAttribute::Other)
}

fn said(options: &Options) -> impl Iterator<Item = DefaultNla> {
    let said = options.iter();
    said.flat_map(|(option, value)| attributes_of(option, value.value))
}

/// The attributes that encode one option.
fn attributes_of(option: &Opt, value: OptionValue) -> Vec<DefaultNla> {
    let (kind, encoding) = option.attribute;
    let number = number(option, value);
    let one = |kind, bytes: &[u8]| vec![DefaultNla::new(kind, bytes.to_vec())];
    match (encoding, value) {
        (Encoding::Ip(_), OptionValue::Ip(IpAddr::V4(ip))) => one(kind, &ip.octets()),
        (Encoding::Ip(kind), OptionValue::Ip(IpAddr::V6(ip))) => one(kind, &ip.octets()),
        (Encoding::Mac, OptionValue::Mac(mac)) => one(kind, &mac.0),
        (Encoding::Ip(_) | Encoding::Mac, _) => Vec::new(),
        (Encoding::U8, _) => one(kind, &(number as u8).to_ne_bytes()),
        (Encoding::U16, _) => one(kind, &(number as u16).to_ne_bytes()),
        (Encoding::U32, _) => one(kind, &number.to_ne_bytes()),
        (Encoding::Be16, _) => one(kind, &(number as u16).to_be_bytes()),
        (Encoding::GreKey, _) => {
            let key = number.to_be_bytes();
            let all: [&[u8]; 4] = [&GRE_KEY, &GRE_KEY, &key, &key];
            (kind..)
                .zip(all)
                .flat_map(|(kind, bytes)| one(kind, bytes))
                .collect()
        }
    }
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

/// Decode all options of a type into `spec`, and return the interface index of the link below if
/// the type has an attribute for it.
pub fn decode_type(spec: &mut LinkSpec, bytes: &[u8]) -> Option<u32> {
    spec.options = decode(spec.of.options, bytes);
    let index = attr::find(bytes, 0, spec.of.sent_by?)?;
    let index = u32::from_ne_bytes(index.try_into().ok()?);
    (index != 0).then_some(index)
}

/// All options in `table` that have a value in these attributes.
pub fn decode(table: &'static [Opt], bytes: &[u8]) -> Options {
    let find = |kind| attr::find(bytes, 0, kind).map(<[u8]>::to_vec);
    Options::with(table, |option| value(option, &find))
}

/// The options of a link itself that its message contains.
pub fn decode_attributes(message: &LinkMessage) -> Options {
    let find = |kind| {
        let found = message.attributes.iter().find(|one| one.kind() == kind)?;
        let mut bytes = vec![0; found.value_len()];
        found.emit_value(&mut bytes);
        Some(bytes)
    };
    Options::with(ATTRIBUTES, |option| value(option, &find))
}

/// The value of an option, if a setting could have it: the journal, too, has values as a setting
/// writes them. The kernel has others, such as 0 for an option that is not set.
fn value(option: &Opt, find: &dyn Fn(u16) -> Option<Vec<u8>>) -> Option<OptionValue> {
    present(option, find).filter(|value| option.form.holds(*value))
}

fn present(option: &Opt, find: &dyn Fn(u16) -> Option<Vec<u8>>) -> Option<OptionValue> {
    let (kind, encoding) = option.attribute;
    let number = match encoding {
        Encoding::Ip(other) => return ip(find(kind).or_else(|| find(other))?),
        Encoding::Mac => return Some(OptionValue::Mac(Mac(find(kind)?.try_into().ok()?))),
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
        _ => Some(OptionValue::Number(number)),
    }
}

fn ip(bytes: Vec<u8>) -> Option<OptionValue> {
    let ip = match <[u8; 4]>::try_from(bytes) {
        Ok(bytes) => IpAddr::from(bytes),
        Err(bytes) => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
    };
    Some(OptionValue::Ip(ip))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::links::{PORT, TYPES};
    use crate::model::Netns;

    #[test]
    fn every_option_comes_back_from_its_attribute() {
        for of in TYPES {
            // Two options can share an attribute
            for options in Options::examples(of.options).each() {
                let spec = LinkSpec {
                    options,
                    ..LinkSpec::new(of, Netns::This)
                };
                let mut back = LinkSpec::new(of, Netns::This);
                let parent = decode_type(&mut back, &encode_type(&spec, Some(9)));
                assert_eq!(back, spec);
                assert_eq!(parent.is_some(), of.sent_by.is_some(), "{}", of.word);
            }
        }
        let port = Options::examples(PORT);
        assert_eq!(decode(PORT, &encode(&port)), port);
        let said = Options::examples(ATTRIBUTES);
        let mut message = LinkMessage::default();
        message.attributes = attributes(&said).collect();
        assert_eq!(decode_attributes(&message), said);
    }

    #[test]
    fn a_value_that_no_setting_can_have_is_none() {
        // One of lo, which takes any; one of a tunnel that computes its own; those of a VRF and of lo
        for (mtu, expected) in [(100_000, false), (0, false), (65575, true), (65536, true)] {
            let mut message = LinkMessage::default();
            message.attributes = vec![LinkAttribute::Mtu(mtu)];
            assert_eq!(!decode_attributes(&message).is_empty(), expected, "{mtu}");
        }
    }
}
