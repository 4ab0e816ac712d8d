//! Builds the wanted links from the settings: `lo` first, then in the order of `netns_links`, but
//! none before its master or parent.

pub mod bridge_port;
pub mod derived;
pub mod home;
pub mod kind;
pub mod master;
pub mod order;
pub mod wireguard;

use std::collections::btree_map::{BTreeMap, Entry};
use std::ptr;

use super::address::{addresses, auto};
use super::link::derived::{mtu_of_parents, stable_mac};
use super::link::master::inside;
use super::{dhcp, keep, problem};
use crate::conf::{Listed, Piece, Setting, Settings};
use crate::definitions::option::ValueKind;
use crate::model::link::option_value::OptionValue;
use crate::model::link::options::Options;
use crate::model::{Context, DeviceId, Kind, Link, LinkRef, Netns};
use crate::name::{Altname, LinkName, NetnsName};
use crate::source::{Problem, Sourced};

/// The links, and the names of those whose addresses are not all known because of DHCP or a
/// problem.
pub(super) fn links(
    settings: &Settings,
    context: &Context,
    problems: &mut Vec<Problem>,
) -> (Vec<Link>, Vec<LinkName>) {
    let mut maker = Maker {
        settings,
        context,
        problems,
        unread: Vec::new(),
    };
    let mut links = Vec::new();
    for listed in &settings.links {
        links.extend(maker.link(listed));
    }
    let inside = inside(&links);
    maker.masters(&mut links, &inside);
    maker.ports(&mut links, &inside);
    if settings.complete {
        maker.clashes(&links);
        links = order::in_order(links, maker.problems);
        mtu_of_parents(&mut links);
    }
    (links, maker.unread)
}

pub(super) struct Maker<'a> {
    pub settings: &'a Settings,
    pub context: &'a Context,
    pub problems: &'a mut Vec<Problem>,
    unread: Vec<LinkName>,
}

impl Maker<'_> {
    /// The link. If it is a veth, its other end follows.
    fn link(&mut self, listed: &Listed) -> Vec<Link> {
        let kind = self.kind(listed);
        match &kind {
            Some(kind) => self.not_taken(listed, kind),
            None => {
                addresses(listed.get("peer_config"), false, self.problems);
            }
        }
        // A link with a problem gets an unknown kind, so that the other links can still be checked.
        let kind = kind.unwrap_or(Kind::other(""));
        let mut link = Link::new(self.home(listed), listed.name.clone(), kind);
        link.up = Some(true);
        link.device = listed.get("match").and_then(|s| self.card(s));
        link.altnames = self.altnames(listed);
        self.attributes(listed, &mut link.attributes);
        let before = self.problems.len();
        let is_tunnel = link.kind.word() == "wireguard";
        link.addresses = addresses(listed.get("config"), is_tunnel, self.problems);
        if dhcp::is_asked_for(listed) || self.problems.len() > before {
            self.unread.push(listed.name.value.clone());
        }
        let Kind::Veth { peer: Some(peer) } = &link.kind else {
            return vec![link];
        };
        let other = self.other_end(listed, peer.clone(), &link);
        vec![link, other]
    }

    /// The other end of a veth. It has its own settings and the MTU of this end: packets that are
    /// too large for the receiving end would be lost silently.
    fn other_end(&mut self, listed: &Listed, peer: LinkRef, link: &Link) -> Link {
        let name = match listed.get("peer") {
            Some(setting) => setting.whole().at(peer.name),
            None => Sourced {
                value: peer.name,
                origin: listed.name.origin.clone(),
            },
        };
        let this = Some(link.link_at());
        let mut other = Link::new(peer.netns, name, Kind::Veth { peer: this });
        other.up = Some(true);
        other.attributes = link.attributes.clone();
        other.attributes.retain(|option, _| option.word == "mtu");
        other.addresses = addresses(listed.get("peer_config"), false, self.problems);
        if let Some(word) = auto(listed.get("peer_config")) {
            let remedy =
                "expected addresses; the settings of its namespace say what the other end accepts";
            self.problems
                .push(word.problem("is for this end only", remedy));
        }
        if let Some(setting) = listed.get("peer_master") {
            let word = setting.whole();
            other.master = self.link_name(&word).map(|name| word.at(name));
        }
        other
    }

    /// Report settings that the type of the link does not accept.
    fn not_taken(&mut self, listed: &Listed, kind: &Kind) {
        for (var, setting) in listed.settings() {
            let lo = matches!(kind, Kind::Loopback);
            let taken = match lo {
                true => matches!(var.name, "config" | "routes"),
                false => var.types().is_empty() || var.types().contains(&kind.word()),
            };
            if taken {
                continue;
            }
            let (name, suffix) = (&listed.name, listed.name.value.suffix());
            let remedy = match lo {
                true => "expected only config_lo and routes_lo; remove the line".into(),
                false => match &var.types()[..] {
                    [one] => {
                        format!("write type_{suffix}=\"{one}\" as well, or remove the line")
                    }
                    _ => format!(
                        "it is for {}: write type_{suffix} as well, or remove the line",
                        var.types().join(", ")
                    ),
                },
            };
            let article = format!("has no effect for {name}, which is {}", what(kind));
            self.problems.push(setting.whole().problem(article, remedy));
        }
    }

    fn altnames(&mut self, listed: &Listed) -> Vec<Sourced<Altname>> {
        let mut altnames: Vec<Sourced<Altname>> = Vec::new();
        for word in listed.words("altname") {
            let read: Result<Altname, String> = word.text.parse();
            let wrong = match read {
                Ok(name) if altnames.iter().any(|a| a.value == name) => "is given twice".into(),
                Ok(name) => {
                    altnames.push(word.at(name));
                    continue;
                }
                Err(wrong) => format!("is not another name for a link: {wrong}"),
            };
            let expected = "expected names that no other link has, such as uplink";
            self.problems.push(word.problem(wrong, expected));
        }
        altnames
    }

    fn attributes(&mut self, listed: &Listed, attributes: &mut Options) {
        for option in attributes.table {
            let Some(setting) = listed.get(option.key) else {
                continue;
            };
            let word = setting.whole();
            let read = match word.text {
                "stable" if option.form == ValueKind::Mac => self.stable_mac(listed),
                text => option.read(text, &self.context.names, "link"),
            };
            if let Some(value) = keep(&word, read, self.problems) {
                attributes.set(option, value);
            }
        }
    }

    fn stable_mac(&self, listed: &Listed) -> Result<OptionValue, (String, String)> {
        let seed = (self.context.seed)().map_err(|e| {
            let wrong = format!("needs an identifier of this machine: {e}");
            let expected = "expected a file that root can read; or write an address";
            (wrong, expected.into())
        })?;
        let mac = stable_mac(&seed, &self.settings.name, &listed.name.value);
        Ok(OptionValue::Mac(mac))
    }

    fn card(&mut self, setting: &Setting) -> Option<Sourced<DeviceId>> {
        let word = setting.whole();
        let expected =
            "expected mac and its permanent address, or bus and its path, such as bus 0000:02:00.0";
        let card = word.text.parse().map_err(|wrong: String| (wrong, expected));
        keep(&word, card, self.problems)
    }

    /// Report two links with the same name in one namespace.
    fn clashes(&mut self, links: &[Link]) {
        let mut names: BTreeMap<(&Netns, &str), &Link> = BTreeMap::new();
        for link in links {
            names
                .entry((&link.netns, link.name.value.as_str()))
                .or_insert(link);
        }
        let mut altnames: BTreeMap<(&Netns, &Altname), &Sourced<Altname>> = BTreeMap::new();
        for link in links {
            let first = names.get(&(&link.netns, link.name.value.as_str()));
            if let Some(other) = first.filter(|first| !ptr::eq(**first, link)) {
                let line = super::where_said(&other.name, super::place(&link.name));
                self.problems.push(problem(
                    &link.name,
                    format!("would be the second {}", link.link_at()),
                    format!("expected another name than the one of {line}"),
                ));
            }
            for altname in &link.altnames {
                let own = names.get(&(&link.netns, altname.value.as_str()));
                let before = altnames.entry((&link.netns, &altname.value));
                let taken = match before {
                    Entry::Occupied(first) => Some(*first.get()),
                    Entry::Vacant(new) => {
                        new.insert(altname);
                        None
                    }
                };
                let line = match (own, taken) {
                    (Some(other), _) => super::where_said(&other.name, super::place(altname)),
                    (None, Some(other)) => super::where_said(other, super::place(altname)),
                    (None, None) => continue,
                };
                self.problems.push(problem(
                    altname,
                    "is already the name of a link of this namespace".into(),
                    format!("expected another name than the one of {line}"),
                ));
            }
        }
    }

    pub(super) fn link_name(&mut self, word: &Piece<'_>) -> Option<LinkName> {
        let refuse = |wrong: String| {
            let wrong = format!("is not a name for a link: {wrong}");
            (wrong, "expected the name of a link")
        };
        let name = keep(word, word.text.parse().map_err(refuse), self.problems);
        name.map(|name| name.value)
    }

    /// The namespace that the setting names. The host if it is not set.
    pub(super) fn netns(&mut self, setting: Option<&Setting>) -> Option<Netns> {
        let Some(word) = setting.map(Setting::whole) else {
            return Some(Netns::Host);
        };
        let refuse = |wrong: String| {
            let wrong = format!("is not a name for a namespace: {wrong}");
            (
                wrong,
                "expected a name such as mgmt, or nothing for the host",
            )
        };
        let name = word.text.parse::<NetnsName>().map_err(refuse);
        match keep(&word, name, self.problems)?.value {
            name if name == self.settings.name => Some(Netns::This),
            name => Some(Netns::Named(name)),
        }
    }
}

fn what(kind: &Kind) -> String {
    match kind {
        Kind::Loopback => "the loopback link".into(),
        _ => format!("a {} link", kind.word()),
    }
}
