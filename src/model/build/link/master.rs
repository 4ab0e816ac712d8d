//! Assigns masters to links. `master_IF` of the ports, `bridge_IF` of the bridges and `slaves_IF`
//! of the bonds describe the same from two sides, and must agree.

use std::collections::BTreeMap;

use super::Maker;
use super::home::at_host;
use crate::conf::{Piece, Setting, Settings};
use crate::model::build::where_said;
use crate::model::{Kind, Link, LinkRef, Netns};
use crate::name::LinkName;
use crate::source::{Problem, Sourced};

/// The index of each link of this namespace. If several have one name, that of the first.
pub(crate) type LinksByName = BTreeMap<LinkName, usize>;

/// The indexes of those of `links` that are in this namespace.
pub(crate) fn inside(links: &[Link]) -> LinksByName {
    let mut inside = LinksByName::new();
    for (n, link) in links.iter().enumerate() {
        if link.netns == Netns::This {
            inside.entry(link.name.value.clone()).or_insert(n);
        }
    }
    inside
}

impl Maker<'_> {
    pub(crate) fn masters(&mut self, links: &mut [Link], inside: &LinksByName) {
        for listed in &self.settings.links {
            if let Some(setting) = listed.get("master").filter(|_| !at_host(listed)) {
                let word = setting.whole();
                if let Some(master) = self.link_name(&word) {
                    let port = inside.get(&listed.name.value);
                    self.join(
                        links,
                        [port, inside.get(&master)],
                        (&listed.name.value, word.at(master)),
                        &word,
                    );
                }
            }
        }
        for listed in &self.settings.links {
            let master = &listed.name.value;
            let ports = match kind_of(links, inside.get(master)).map_or("", Kind::word) {
                "bridge" => listed.get("bridge"),
                "bond" => listed.get("slaves"),
                _ => None,
            };
            for word in ports.map(Setting::words).unwrap_or_default() {
                if let Some(port) = self.link_name(&word) {
                    let found = [&port, master].map(|name| inside.get(name));
                    self.join(links, found, (&port, word.at(master.clone())), &word);
                }
            }
        }
    }

    /// Make `master` the master of `port`, as `word` requests. `found` has the indexes of `port`
    /// and `master`.
    fn join(
        &mut self,
        links: &mut [Link],
        found: [Option<&usize>; 2],
        (port, master): (&LinkName, Sourced<LinkName>),
        word: &Piece<'_>,
    ) {
        for (name, found) in [port, &master.value].into_iter().zip(found) {
            if self.settings.complete && found.is_none() {
                let listed = self.settings.listed(name.as_str());
                let (wrong, remedy) = match listed.is_some_and(at_host) {
                    true => ("is the host's", format!("remove home_{}", name.suffix())),
                    false => (
                        "is not in netns_links",
                        format!("add {name} to netns_links"),
                    ),
                };
                let remedy = format!("{remedy}; a link and its master are in one namespace");
                return self.problems.push(word.problem(wrong, remedy));
            }
        }
        let [Some(&found), Some(of_master)] = found else {
            return;
        };
        let (of_port, of_master) = (&links[found].kind, &links[*of_master].kind);
        let refused = match (of_port.word(), of_master.word()) {
            // A link that could not be read has its own problem
            ("", _) | (_, "") => return,
            ("loopback", _) => "makes lo a port, which the kernel does not allow",
            ("bridge", "bridge") => "makes a bridge the port of a bridge",
            ("bond", "bond") => "makes a bond the slave of a bond",
            ("vrf", _) => "gives a vrf a master",
            (_, "bridge" | "bond" | "vrf") => "",
            _ => "names a master that is neither a bridge, a bond nor a vrf",
        };
        if !refused.is_empty() {
            let remedy = "expected a link, and the bridge, bond or vrf that it belongs to";
            return self.problems.push(word.problem(refused, remedy));
        }
        let link = &mut links[found];
        match &link.master {
            Some(other) if *other != master => {
                let line = where_said(other, Some(&word.origin.place));
                self.problems.push(word.problem(
                    format!("gives {port} a second master, after {other}"),
                    format!("expected one master; the other is at {line}"),
                ));
            }
            Some(_) => {}
            None => link.master = Some(master),
        }
    }
}

fn kind_of<'a>(links: &'a [Link], found: Option<&usize>) -> Option<&'a Kind> {
    found.map(|n| &links[*n].kind)
}

/// The links by namespace and name.
pub(crate) type Places<'a> = BTreeMap<LinkRef, &'a Link>;

pub(crate) fn places(links: &[Link]) -> Places<'_> {
    links.iter().map(|link| (link.link_at(), link)).collect()
}

/// The link that has the addresses: the bridge or bond if `link` is a port of one, because
/// addresses on a port are unreachable. Otherwise `link` itself.
pub(crate) fn holder<'a>(link: &'a Link, places: &Places<'a>) -> &'a Link {
    let master = link.master.as_ref().and_then(|master| {
        let master = link.netns.link(&master.value);
        places.get(&master).copied()
    });
    match master {
        Some(master) if matches!(master.kind.word(), "bridge" | "bond") => master,
        _ => link,
    }
}

/// Report addresses on a port of a bridge or bond.
pub(crate) fn check(settings: &Settings, links: &[Link], problems: &mut Vec<Problem>) {
    let places = places(links);
    for listed in &settings.links {
        let name = &listed.name.value;
        let inside = Netns::This.link(name);
        let Some(link) = places.get(&inside).copied() else {
            continue;
        };
        let master = holder(link, &places);
        let words = listed.words("config");
        let Some(word) = words.iter().find(|word| word.text != "null") else {
            continue;
        };
        if master.name != link.name {
            let said = |name: &LinkName| {
                let config = settings.listed(name.as_str())?.get("config")?;
                Some(config.whole().text.to_string())
            };
            let both = [said(&master.name.value), said(name)];
            let both: Vec<String> = both.into_iter().flatten().filter(|s| s != "null").collect();
            problems.push(word.problem(
                format!(
                    "is on a port of the {} {}, where nothing reaches it",
                    master.kind.word(),
                    master.name
                ),
                format!(
                    "write config_{}=\"{}\", and remove config_{}",
                    master.name.value.suffix(),
                    both.join(" "),
                    name.suffix()
                ),
            ));
        }
    }
}
