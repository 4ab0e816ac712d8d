//! A link of the journal and its namespace, as text and back. Sections and everything else are in
//! the parent module.

use super::section_writer::SectionWriter;
use super::wireguard;
use crate::definitions::links::{ATTRIBUTES, PORT, Type};
use crate::definitions::option::Opt;
use crate::ini::Properties;
use crate::model::link::bridge_port::Vlans;
use crate::model::link::options::Options;
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

/// A property of a link that is one line: its key, its text, and the function that parses it.
type Field = (
    &'static str,
    fn(&Link) -> Option<String>,
    fn(&mut Link, &str) -> Option<()>,
);

#[rustfmt::skip]
const FIELDS: [Field; 6] = [
    // A master on the host can have any name
    ("master", |link| text(&link.master), |link, name| set(&mut link.master, LinkName::of_kernel(name).map(Sourced::without_origin))),
    ("inside", |link| text(&link.other), |link, name| set(&mut link.other, name.parse().ok())),
    ("card", |link| text(&link.device), |link, card| set(&mut link.device, card.parse().ok().map(Sourced::without_origin))),
    ("phy", |link| Some(link.phy.as_ref()?.name.clone()), |link, name| {
        let (name, links) = (name.into(), Vec::new());
        set(&mut link.phy, Some(Phy { name, links }))
    }),
    ("up", |link| link.up.map(|up| if up { "yes" } else { "no" }.into()), |link, up| set(&mut link.up, Some(up == "yes"))),
    ("index", |link| text(&link.index), |link, index| set(&mut link.index, index.parse().ok())),
];

fn text(value: &Option<impl ToString>) -> Option<String> {
    value.as_ref().map(ToString::to_string)
}

fn set<T>(place: &mut Option<T>, value: Option<T>) -> Option<()> {
    *place = value;
    place.is_some().then_some(())
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
                text.append(option.word, value);
            }
        }
        _ => {}
    }
    for (option, value) in &link.attributes {
        text.append(option.key, value);
    }
    for (key, said, _) in FIELDS {
        if let Some(value) = said(link) {
            text.append(key, value);
        }
    }
    wireguard::write(text, link);
    for altname in &link.altnames {
        text.append("altname", altname.value.as_str());
    }
    for (option, value) in link.port.iter().flatten() {
        text.append("port", format!("{} {value}", option.word));
    }
    for row in Vlans::rows(link.vlans.iter().map(|vlan| vlan.value)) {
        text.append("vlans", row.to_string());
    }
    // The remaining lifetimes of addresses are relative to this time
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
    link.attributes = read_options(ATTRIBUTES, |option| section.get(option.key))?;
    for (key, _, read) in FIELDS {
        if let Some(value) = section.get(key) {
            read(&mut link, value).ok_or_else(|| format!("{key}={value} is not possible"))?;
        }
    }
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
            None => Kind::other(word),
        },
    })
}

fn read_spec(of: &'static Type, section: &Properties) -> Result<LinkSpec, String> {
    let born = where_of(section.get("born").unwrap_or_default())?;
    let mut spec = LinkSpec::new(of, born);
    spec.birth = section.get("birth").map(String::from);
    spec.parent = section.get("link").map(str::parse).transpose()?;
    spec.options = read_options(of.options, |option| section.get(option.word))?;
    Ok(spec)
}

/// Read the options of a bridge port. Each line is a word and its value.
fn read_port(section: &Properties) -> Result<Option<Options>, String> {
    let port = read_options(PORT, |option| {
        let mut said = section
            .get_all("port")
            .filter_map(|text| text.split_once(' '));
        said.find(|(word, _)| *word == option.word)
            .map(|(_, value)| value)
    })?;
    Ok(Some(port).filter(|port| !port.is_empty()))
}

/// The options of a table for which the section has a text.
fn read_options<'a>(
    table: &'static [Opt],
    text_of: impl Fn(&Opt) -> Option<&'a str>,
) -> Result<Options, String> {
    let mut options = Options::of(table);
    for option in table {
        if let Some(text) = text_of(option) {
            let value = option.form.read(text, &Names::default())?;
            options.set(option, Sourced::without_origin(value));
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::links::TYPES;
    use crate::plan::Journal;
    use crate::setup::journal_format;

    /// Every option can be read back. This also shows that no two options share a key.
    #[test]
    fn each_option_of_a_link_comes_back() {
        for of in TYPES {
            let mut spec = LinkSpec::new(of, Netns::This);
            spec.options = Options::examples(of.options);
            let name = Sourced::without_origin("x0".parse().unwrap());
            let mut link = Link::new(Netns::This, name, Kind::Virtual(spec));
            link.attributes = Options::examples(ATTRIBUTES);
            link.port = Some(Options::examples(PORT));
            link.master = Some(Sourced::without_origin("br0".parse().unwrap()));
            (link.up, link.index) = (Some(true), Some(7));
            link.other = Some("y0".parse().unwrap());
            link.device = Some(Sourced::without_origin(
                "mac 52:54:00:00:00:01".parse().unwrap(),
            ));
            let mut journal = Journal::default();
            journal.ours.links.push(link);
            let text = journal_format::write(&journal, None);
            assert_eq!(journal_format::read(&text), Ok((journal, None)), "{text}");
        }
    }
}
