//! `master_IF` of the ports, `bridge_IF` of the bridges and `slaves_IF` of the bonds,
//! which say the same from two sides and must agree, in; the master of each link out.

use super::links::Maker;
use super::where_said;
use crate::conf::{Piece, Setting, Settings};
use crate::model::{Kind, Link, Where};
use crate::name::LinkName;
use crate::place::{At, Problem};

impl Maker<'_> {
    pub(super) fn masters(&mut self, links: &mut [Link]) {
        for listed in &self.settings.links {
            if let Some(setting) = listed.get("master") {
                let word = setting.whole();
                if let Some(master) = self.link_name(&word) {
                    self.join(links, &listed.name.value, word.at(master), &word);
                }
            }
        }
        for listed in &self.settings.links {
            let master = &listed.name.value;
            let ports = match kind_of(links, master).map_or("", Kind::word) {
                "bridge" => listed.get("bridge"),
                "bond" => listed.get("slaves"),
                _ => None,
            };
            for word in ports.map(Setting::words).unwrap_or_default() {
                if let Some(port) = self.link_name(&word) {
                    self.join(links, &port, word.at(master.clone()), &word);
                }
            }
        }
    }

    /// Makes `master` the master of `port`; `word` asked for it.
    fn join(
        &mut self,
        links: &mut [Link],
        port: &LinkName,
        master: At<LinkName>,
        word: &Piece<'_>,
    ) {
        for name in [port, &master.value] {
            if self.settings.complete && kind_of(links, name).is_none() {
                let remedy = format!(
                    "add {name} to netns_links; a link and its master are in one namespace"
                );
                return self
                    .problems
                    .push(word.problem("is not in netns_links", remedy));
            }
        }
        let (Some(of_port), Some(of_master)) =
            (kind_of(links, port), kind_of(links, &master.value))
        else {
            return;
        };
        let refused = match (of_port.word(), of_master.word()) {
            // What could not be read has its own problem
            ("", _) | (_, "") => return,
            ("loopback", _) => "makes lo a port, which no link takes",
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
        let mut ports = links.iter_mut().filter(|link| link.at == Where::Inside);
        let Some(link) = ports.find(|link| link.name.value == *port) else {
            return;
        };
        match &link.master {
            Some(other) if *other != master => {
                let line = where_said(other, Some(&word.asked.place));
                self.problems.push(word.problem(
                    format!("gives {port} a second master, after {other}"),
                    format!("expected one master; the other is said at {line}"),
                ));
            }
            Some(_) => {}
            None => link.master = Some(master),
        }
    }
}

/// What has the addresses of a link on it: its bridge or bond, if it is a port of one, whose
/// own addresses nothing reaches; else itself.
pub(super) fn holder<'a>(link: &'a Link, links: &'a [Link]) -> &'a Link {
    let of_it = |other: &&Link| other.at == link.at && link.master.as_ref() == Some(&other.name);
    let master = links.iter().find(of_it);
    match master {
        Some(master) if matches!(master.kind.word(), "bridge" | "bond") => master,
        _ => link,
    }
}

/// A port of a bridge or a bond has no addresses of its own.
pub(super) fn check(settings: &Settings, links: &[Link], problems: &mut Vec<Problem>) {
    for listed in &settings.links {
        let name = &listed.name.value;
        let mut inside = links.iter().filter(|link| link.at == Where::Inside);
        let Some(link) = inside.find(|link| link.name.value == *name) else {
            continue;
        };
        let master = holder(link, links);
        let words = listed.get("config").map(Setting::words).unwrap_or_default();
        let Some(word) = words.iter().find(|word| word.text != "null") else {
            continue;
        };
        if master.name != link.name {
            let said = |name: &LinkName| {
                let mut all = settings.links.iter().filter(|l| l.name.value == *name);
                all.find_map(|l| Some(l.get("config")?.whole().text.to_string()))
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
                    "write config_{}=\"{}\", and take config_{} away",
                    master.name.value.suffix(),
                    both.join(" "),
                    name.suffix()
                ),
            ));
        }
    }
}

fn kind_of<'a>(links: &'a [Link], name: &LinkName) -> Option<&'a Kind> {
    let mut inside = links.iter().filter(|link| link.at == Where::Inside);
    inside
        .find(|link| link.name.value == *name)
        .map(|link| &link.kind)
}
