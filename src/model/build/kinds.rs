//! `type_IF` and the settings that only some types have in, what the link is out.

use super::derived::default_peer;
use super::links::Maker;
use super::problem;
use crate::conf::{Listed, Piece, Setting, vars};
use crate::model::{Kind, LinkAt, MacvlanMode, Where};
use crate::name::LinkName;

impl Maker<'_> {
    /// `None` if a problem was found with it.
    pub(super) fn kind(&mut self, listed: &Listed) -> Option<Kind> {
        let setting = listed.get("type");
        if listed.name.value.as_str() == "lo" {
            return Some(Kind::Loopback);
        }
        let word = setting.map(Setting::whole);
        match word.as_ref().map_or("physical", |word| word.text) {
            "physical" => Some(Kind::Physical),
            "veth" => self.veth(listed),
            "bridge" => Some(Kind::Bridge),
            "macvlan" => self.macvlan(listed),
            "dummy" => Some(Kind::Dummy),
            text => {
                let word = word?;
                let known = vars::TYPES.iter().find(|(known, _)| *known == text);
                let now = "expected physical, veth, bridge, macvlan or dummy";
                self.problems.push(match known {
                    Some(_) => word.problem("is not built yet", format!("{now} in this version")),
                    None => word.problem("is not a type of link", now),
                });
                None
            }
        }
    }

    fn veth(&mut self, listed: &Listed) -> Option<Kind> {
        let name = match listed.get("peer") {
            Some(setting) => self.made_name(&setting.whole()),
            None => default_peer(&self.settings.name, &listed.name.value),
        };
        let at = self.netns(listed.get("peer_netns"))?;
        if at == Where::Inside {
            let setting = listed.get("peer_netns")?;
            self.problems.push(setting.whole().problem(
                "is this namespace itself; a pair with both ends in one namespace is not built yet",
                "name another namespace, or take the line away for the host",
            ));
        }
        let peer = Some(LinkAt { at, name: name? });
        Some(Kind::Veth { peer })
    }

    fn macvlan(&mut self, listed: &Listed) -> Option<Kind> {
        let Some(parent) = listed.get("link") else {
            let suffix = listed.name.value.suffix();
            self.problems.push(problem(
                &listed.name,
                "is a macvlan without a parent".into(),
                format!("expected a link of the host to put it on; write link_{suffix}=\"eth0\""),
            ));
            return None;
        };
        let parent = parent.whole();
        let name = self.made_name(&parent);
        let at = self.netns(listed.get("link_netns"));
        let mode = match listed.get("mode") {
            Some(setting) => self.mode(&setting.whole()),
            None => Some(MacvlanMode::default()),
        };
        let (name, at, mode) = (name?, at?, mode?);
        let here = self.settings.links.iter().find(|l| l.name.value == name);
        if self.settings.complete && at == Where::Inside && here.is_none() {
            self.problems.push(parent.problem(
                "is not in netns_links",
                format!("add {name} to netns_links, or take link_netns away for one of the host's"),
            ));
        }
        let moved = here.is_some_and(|here| {
            here.get("type")
                .is_none_or(|kind| kind.whole().text == "physical")
        });
        if at == Where::Host && moved {
            let suffix = listed.name.value.suffix();
            self.problems.push(parent.problem(
                "is moved into this namespace, and not on the host then",
                format!(
                    "write link_netns_{suffix}=\"{}\" as well",
                    self.settings.name
                ),
            ));
        }
        let parent = LinkAt { at, name };
        Some(Kind::Macvlan { parent, mode })
    }

    fn mode(&mut self, word: &Piece<'_>) -> Option<MacvlanMode> {
        let known = MacvlanMode::WORDS
            .iter()
            .find(|(known, _)| *known == word.text);
        if known.is_none() {
            let expected = "expected private, vepa, bridge or passthru";
            self.problems
                .push(word.problem("is not a mode of a macvlan", expected));
        }
        known.map(|(_, mode)| *mode)
    }

    /// As `link_name`, of a link that is made or built upon, as `lo` never is.
    fn made_name(&mut self, word: &Piece<'_>) -> Option<LinkName> {
        if word.text == "lo" {
            let remedy = "expected the name of another link";
            self.problems
                .push(word.problem("is in every namespace already", remedy));
            return None;
        }
        self.link_name(word)
    }
}
