//! Parses `port_IF` and `vlans_IF`, the options of each link as a bridge port. Both need a bridge
//! of this namespace, so this runs when the master of each link is known.

use std::collections::BTreeMap;

use super::Maker;
use super::master::LinksByName;
use crate::conf::{Listed, Piece, Setting};
use crate::definitions::links::PORT;
use crate::definitions::option::Opt;
use crate::model::build::{place, where_said};
use crate::model::link::bridge_port::{Vlan, Vlans};
use crate::model::link::options::Options;
use crate::model::{Kind, Link, Netns};
use crate::source::Sourced;

impl Maker<'_> {
    pub(crate) fn ports(&mut self, links: &mut [Link], inside: &LinksByName) {
        let bridges = inside.values().map(|n| &links[*n]).filter(|l| is_bridge(l));
        let bridges: BTreeMap<_, _> = bridges
            .map(|bridge| (bridge.name.value.clone(), bridge.clone()))
            .collect();
        for listed in &self.settings.links {
            let port = listed.get("port").and_then(|s| self.port(s));
            let vlans = listed.get("vlans").map(|s| self.vlans(s));
            let Some(n) = inside.get(&listed.name.value) else {
                continue;
            };
            let link = &mut links[*n];
            let name = match (is_bridge(link), &link.master) {
                (true, _) => Some(&link.name.value),
                (false, master) => master.as_ref().map(|master| &master.value),
            };
            let bridge = name.and_then(|name| bridges.get(name));
            if self.settings.complete && *link.kind.word() != *"" {
                self.belongs(listed, link, bridge);
            }
            link.port = port;
            link.vlans = vlans.unwrap_or_default();
        }
    }

    /// Report `port_IF` of a link that is not a port, and `vlans_IF` without a bridge that filters
    /// VLANs.
    fn belongs(&mut self, listed: &Listed, link: &Link, bridge: Option<&Link>) {
        let suffix = listed.name.value.suffix();
        let is_port = bridge.is_some() && !is_bridge(link);
        if let Some(setting) = listed.get("port").filter(|_| !is_port) {
            let wrong = format!("has no effect for {}, which is not a port", link.name);
            let remedy = format!("write master_{suffix} as well: a bridge of this namespace");
            self.problems.push(setting.whole().problem(wrong, remedy));
        }
        let Some(setting) = listed.get("vlans") else {
            return;
        };
        let whole = setting.whole();
        let Some(bridge) = bridge else {
            let wrong = format!(
                "has no effect for {}, which is neither a bridge nor a port of one",
                link.name
            );
            let remedy = format!("write master_{suffix} as well: a bridge of this namespace");
            return self.problems.push(whole.problem(wrong, remedy));
        };
        let heeds = bridge
            .kind
            .spec()
            .and_then(|spec| spec.options.number("vlan_filtering"));
        if heeds.is_none_or(|heeds| heeds == 0) {
            let wrong = format!("has no effect while {} does not filter VLANs", bridge.name);
            let suffix = bridge.name.value.suffix();
            let remedy = format!("write vlan_filtering_{suffix}=\"on\" as well");
            self.problems.push(whole.problem(wrong, remedy));
        }
    }

    /// Parse options of a bridge port and their values, in pairs.
    fn port(&mut self, setting: &Setting) -> Option<Options> {
        let mut port = Options::of(PORT);
        let words = setting.words();
        for (n, pair) in words.chunks(2).enumerate() {
            if words
                .chunks(2)
                .take(n)
                .any(|before| before[0].text == pair[0].text)
            {
                let problem = pair[0].problem("is given twice", "keep one of the two");
                self.problems.push(problem);
            }
            let option = PORT.iter().find(|o| o.word == pair[0].text);
            match (option, pair.get(1)) {
                (Some(option), Some(value)) => self.port_option(&mut port, option, value),
                (Some(_), None) => self.problems.push(pair[0].problem(
                    "has no value",
                    "expected options of a port, each with its value, such as isolated on",
                )),
                (None, _) => {
                    let known: Vec<&str> = PORT.iter().map(|o| o.word).collect();
                    let remedy = format!("expected one of {}", known.join(", "));
                    let wrong = "is not an option of a port";
                    self.problems.push(pair[0].problem(wrong, remedy));
                    // The rest may be shifted by one word
                    return None;
                }
            }
        }
        Some(port)
    }

    fn port_option(&mut self, port: &mut Options, option: &'static Opt, value: &Piece<'_>) {
        match option.form.read(value.text, &self.context.names) {
            Ok(read) => port.set(option, value.at(read)),
            Err(expected) => {
                let wrong = format!("is not possible for {}", option.word);
                self.problems.push(value.problem(wrong, expected));
            }
        }
    }

    /// The VLANs, sorted by number.
    fn vlans(&mut self, setting: &Setting) -> Vec<Sourced<Vlan>> {
        let mut found: Vec<Sourced<Vlan>> = Vec::new();
        for line in setting.lines() {
            let row: Vlans = match line.text.parse() {
                Ok(row) => row,
                Err(wrong) => {
                    let wrong: String = wrong;
                    let remedy = "expected a VLAN ID from 1 to 4094, or two with - between \
                                  them, and perhaps pvid and untagged";
                    self.problems.push(line.problem(wrong, remedy));
                    continue;
                }
            };
            let clash = |other: &&Sourced<Vlan>| {
                let again = (row.first.id..=row.last).contains(&other.value.id);
                again || row.first.pvid && other.value.pvid
            };
            if let Some(other) = found.iter().find(clash) {
                let wrong = match row.first.pvid && other.value.pvid {
                    true => "is the second VLAN with pvid",
                    false => "has a VLAN that is already given",
                };
                let mine = line.at(());
                let said = where_said(other, place(&mine));
                let remedy = format!("expected another VLAN than those of {said}");
                self.problems.push(line.problem(wrong, remedy));
                continue;
            }
            found.extend(row.each().map(|vlan| line.at(vlan)));
        }
        found.sort_by_key(|vlan| vlan.value.id);
        found
    }
}

fn is_bridge(link: &Link) -> bool {
    link.netns == Netns::This
        && matches!(&link.kind, Kind::Virtual(spec) if spec.of.word == "bridge")
}
