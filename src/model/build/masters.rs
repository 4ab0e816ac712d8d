//! `master_IF` of the ports, `bridge_IF` of the bridges and `slaves_IF` of the bonds,
//! which say the same from two sides and must agree, in; the master of each link out.

use super::homes::at_host;
use super::links::Maker;
use super::where_said;
use crate::conf::{Piece, Setting};
use crate::model::{Kind, Link, Where};
use crate::name::LinkName;
use crate::place::At;

impl Maker<'_> {
    pub(super) fn masters(&mut self, links: &mut [Link]) {
        for listed in &self.settings.links {
            if let Some(setting) = listed.get("master").filter(|_| !at_host(listed)) {
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
                let listed = self.settings.links.iter().find(|l| l.name.value == *name);
                let (wrong, remedy) = match listed.is_some_and(at_host) {
                    true => ("is the host's", format!("take home_{} away", name.suffix())),
                    false => (
                        "is not in netns_links",
                        format!("add {name} to netns_links"),
                    ),
                };
                let remedy = format!("{remedy}; a link and its master are in one namespace");
                return self.problems.push(word.problem(wrong, remedy));
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

fn kind_of<'a>(links: &'a [Link], name: &LinkName) -> Option<&'a Kind> {
    let mut inside = links.iter().filter(|link| link.at == Where::Inside);
    inside
        .find(|link| link.name.value == *name)
        .map(|link| &link.kind)
}
