//! A link of the journal, and where it is, as text and back. The sections, and all that is
//! no link, are the file's above.

use super::section_writer::SectionWriter;
use super::wireguard;
use crate::ini::Properties;
use crate::model::link::bridge_port::{PORT, Vlans};
use crate::model::link::type_table::Type;
use crate::model::names::Names;
use crate::model::{Address, Kind, Link, LinkRef, LinkSpec, Netns, Phy};
use crate::name::LinkName;
use crate::source::Sourced;

pub(super) fn where_text(at: &Netns) -> String {
    match at {
        Netns::This => "inside".into(),
        Netns::Host => "host".into(),
        Netns::Named(netns) => format!("netns {netns}"),
    }
}

pub(super) fn where_of(text: &str) -> Result<Netns, String> {
    match text.split_once(' ') {
        None if text == "inside" => Ok(Netns::This),
        None if text == "host" => Ok(Netns::Host),
        Some(("netns", netns)) => Ok(Netns::Named(netns.parse()?)),
        _ => Err(format!("{text:?} is neither inside, host nor netns NAME")),
    }
}

pub(super) fn write_link(text: &mut SectionWriter, link: &Link) {
    text.append("type", link.kind.word());
    match &link.kind {
        Kind::Veth { peer: Some(other) } => text.append("peer", link_at_text(other)),
        Kind::Virtual(spec) => {
            text.append("born", where_text(&spec.born));
            if let Some(birth) = &spec.birth {
                text.append("birth", birth);
            }
            if let Some(parent) = &spec.parent {
                text.append("link", parent.as_str());
            }
            for (option, value) in &spec.options {
                text.append(option.word, value.value.to_string());
            }
        }
        _ => {}
    }
    let up = link.up.map(|up| if up { "yes" } else { "no" });
    let optional = [
        ("mtu", link.mtu.as_ref().map(ToString::to_string)),
        ("mac", link.mac.as_ref().map(ToString::to_string)),
        ("master", link.master.as_ref().map(ToString::to_string)),
        ("inside", link.other.as_ref().map(ToString::to_string)),
        ("card", link.device.as_ref().map(ToString::to_string)),
        ("phy", link.phy.as_ref().map(|phy| phy.name.clone())),
        ("up", up.map(String::from)),
        ("index", link.index.map(|index| index.to_string())),
    ];
    for (key, value) in optional.into_iter().filter(|(_, value)| value.is_some()) {
        text.append(key, value.unwrap_or_default());
    }
    wireguard::write(text, link);
    for altname in &link.altnames {
        text.append("altname", altname.value.as_str());
    }
    for (option, value) in link.port.iter().flat_map(|port| &port.options) {
        text.append("port", format!("{} {value}", option.word));
    }
    for row in Vlans::rows(link.vlans.iter().map(|vlan| vlan.value)) {
        text.append("vlans", row.to_string());
    }
    // What is left of their lives is said as of then
    let mut lives = link.addresses.iter().filter_map(|a| a.value.lifetime);
    if let Some(lifetime) = lives.next() {
        text.append("seen", lifetime.seen);
    }
    for address in &link.addresses {
        text.append("address", address.to_string());
    }
}

fn link_at_text(link: &LinkRef) -> String {
    format!("{} {}", link.name, where_text(&link.netns))
}

fn link_at_of(text: &str) -> Result<LinkRef, String> {
    let (name, at) = text
        .split_once(' ')
        .ok_or_else(|| format!("{text:?} names no namespace"))?;
    Ok(LinkRef {
        netns: where_of(at)?,
        name: name.parse()?,
    })
}

pub(super) fn read_link(name: &str, at: Netns, section: &Properties) -> Result<Link, String> {
    let mut link = Link::new(
        at,
        Sourced::without_origin(name.parse()?),
        read_kind(section)?,
    );
    link.mtu = value(section, "mtu")?;
    link.mac = value(section, "mac")?;
    // One of the host's can have any name
    let master = section.get("master").map(|text| {
        LinkName::of_kernel(text).ok_or_else(|| format!("master={text} is no name of a link"))
    });
    link.master = master.transpose()?.map(Sourced::without_origin);
    link.up = section.get("up").map(|up| up == "yes");
    link.other = section.get("inside").map(str::parse).transpose()?;
    link.device = value(section, "card")?;
    link.phy = section.get("phy").map(|name| Phy {
        name: name.into(),
        links: Vec::new(),
    });
    let index = section.get("index").map(str::parse).transpose();
    link.index = index.map_err(|e| format!("index: {e}"))?;
    link.wireguard = wireguard::read(section)?.map(Sourced::without_origin);
    for altname in section.get_all("altname") {
        link.altnames
            .push(Sourced::without_origin(altname.parse()?));
    }
    link.port = read_port(section)?;
    for row in section.get_all("vlans") {
        let row: Vlans = row.parse()?;
        link.vlans.extend(row.each().map(Sourced::without_origin));
    }
    let seen = section.get("seen").map_or(Ok(0), str::parse);
    let seen: u64 = seen.map_err(|e| format!("seen: {e}"))?;
    for address in section.get_all("address") {
        link.addresses
            .push(Sourced::without_origin(Address::parse_with_attributes(
                address, seen,
            )?));
    }
    Ok(link)
}

fn read_kind(section: &Properties) -> Result<Kind, String> {
    Ok(match section.get("type").unwrap_or_default() {
        "physical" => Kind::Physical,
        "wireless" => Kind::Wireless,
        "loopback" => Kind::Loopback,
        "veth" => Kind::Veth {
            peer: section.get("peer").map(link_at_of).transpose()?,
        },
        word => match Type::named(word) {
            Some(of) => Kind::Virtual(read_spec(of, section)?),
            None => Kind::Other(word.into()),
        },
    })
}

fn read_spec(of: &'static Type, section: &Properties) -> Result<LinkSpec, String> {
    let born = where_of(section.get("born").unwrap_or_default())?;
    let mut spec = LinkSpec::new(of, born);
    spec.birth = section.get("birth").map(String::from);
    spec.parent = section.get("link").map(str::parse).transpose()?;
    for option in of.options {
        if let Some(text) = section.get(option.word) {
            let value = option.form.read(text, &Names::default())?;
            spec.set(option, Sourced::without_origin(value));
        }
    }
    Ok(spec)
}

/// Of each option a word and its value.
fn read_port(section: &Properties) -> Result<Option<LinkSpec>, String> {
    let mut port = LinkSpec::new(&PORT, Netns::This);
    for text in section.get_all("port") {
        let (word, value) = text.split_once(' ').unwrap_or((text, ""));
        let option = PORT.options.iter().find(|option| option.word == word);
        let option = option.ok_or_else(|| format!("an option {word:?} of a port"))?;
        let value = option.form.read(value, &Names::default())?;
        port.set(option, Sourced::without_origin(value));
    }
    Ok(Some(port).filter(|port| !port.options.is_empty()))
}

fn value<T>(section: &Properties, key: &str) -> Result<Option<Sourced<T>>, String>
where
    T: std::str::FromStr<Err: ToString>,
{
    let parse = |text: &str| {
        text.parse()
            .map_err(|e: T::Err| format!("{key}={text}: {}", e.to_string()))
    };
    Ok(section
        .get(key)
        .map(parse)
        .transpose()?
        .map(Sourced::without_origin))
}
