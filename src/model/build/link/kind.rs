//! Parses `type_IF` and the settings that only some types have into the kind of the link.

use super::Maker;
use super::derived::default_peer;
use super::home::at_host;
use crate::conf::{Listed, Piece, Setting};
use crate::definitions::links::{self, Lower, Type};
use crate::definitions::option::{Mutability, Opt, ValueKind};
use crate::model::build::problem;
use crate::model::link::option_value::OptionValue;
use crate::model::link::spec::LinkSpec;
use crate::model::{Kind, LinkRef, Netns};
use crate::name::LinkName;
use crate::source::{Problem, Sourced};

impl Maker<'_> {
    /// The kind of the link. `None` if it has a problem.
    pub(crate) fn kind(&mut self, listed: &Listed) -> Option<Kind> {
        let setting = listed.get("type");
        if listed.name.value.as_str() == "lo" {
            return Some(Kind::Loopback);
        }
        let word = setting.map(Setting::whole);
        let text = word.as_ref().map_or("physical", |word| word.text);
        match (text, Type::named(text)) {
            ("physical", _) => Some(Kind::Physical),
            ("wireless", _) => Some(Kind::Wireless),
            ("veth", _) => self.veth(listed),
            (_, Some(of)) => self.spec(of, listed),
            (_, None) => {
                let words: Vec<&str> = links::words().collect();
                let expected = format!("expected one of {}", words.join(", "));
                let problem = word?.problem("is not a type of link", expected);
                self.problems.push(problem);
                None
            }
        }
    }

    fn veth(&mut self, listed: &Listed) -> Option<Kind> {
        let name = match listed.get("peer") {
            Some(setting) => self.created_link_name(&setting.whole()),
            None => default_peer(&self.settings.name, &listed.name.value),
        };
        let at = self.netns(listed.get("peer_netns"))?;
        let peer = Some(LinkRef {
            netns: at,
            name: name?,
        });
        Some(Kind::Veth { peer })
    }

    fn spec(&mut self, of: &'static Type, listed: &Listed) -> Option<Kind> {
        let mut spec = LinkSpec::new(of, Netns::This);
        let below = self.below(of, listed);
        let from = listed.get("link_netns").or_else(|| listed.get("link"));
        spec.origin = from.and_then(|from| from.whole().at(()).origin);
        let mut whole = true;
        for option in of.options {
            match self.option(of, option, listed) {
                Ok(Some(value)) => spec.options.set(option, value),
                Ok(None) => {}
                Err(()) => whole = false,
            }
        }
        (spec.born, spec.parent) = below?;
        whole.then_some(Kind::Virtual(spec))
    }

    /// The value of an option. If the setting is missing, this is the kernel's default for options
    /// that cannot be changed later. For other options it is `None`, and the kernel chooses. `Err` means
    /// that a problem was reported.
    fn option(
        &mut self,
        of: &Type,
        option: &'static Opt,
        listed: &Listed,
    ) -> Result<Option<Sourced<OptionValue>>, ()> {
        let names = &self.context.names;
        let Some(setting) = listed.get(option.key) else {
            if option.needed && self.settings.complete {
                self.problems.push(lacks(of, option, listed));
                return Err(());
            }
            let fixed = option.keeps != Mutability::InPlace;
            let default = option.kernels_own();
            return Ok(default.filter(|_| fixed).map(Sourced::without_origin));
        };
        let word = setting.whole();
        let read = option.read(word.text, names, of.word);
        let refuse = |(wrong, remedy)| self.problems.push(word.problem(wrong, remedy));
        read.map(|value| Some(word.at(value))).map_err(refuse)
    }

    /// What a link is created on: the namespace, and the parent link if there is one.
    fn below(&mut self, of: &Type, listed: &Listed) -> Option<(Netns, Option<LinkName>)> {
        if of.below == Lower::Nothing {
            return Some((Netns::This, None));
        }
        // A link of the host is created from this namespace
        let at = match (listed.get("link_netns"), at_host(listed)) {
            (None, true) => Some(Netns::This),
            (said, _) => self.netns(said),
        };
        let Some(setting) = listed.get("link") else {
            if of.below == Lower::Link {
                let (word, suffix) = (of.word, listed.name.value.suffix());
                self.problems.push(problem(
                    &listed.name,
                    format!("is a {word} without a parent"),
                    format!("expected a link of the host as parent; write link_{suffix}=\"eth0\""),
                ));
                return None;
            }
            return Some((at?, None));
        };
        let parent = setting.whole();
        let name = self.created_link_name(&parent);
        let (name, at) = (name?, at?);
        let here = self.settings.listed(name.as_str());
        if self.settings.complete && at == Netns::This && here.is_none() {
            self.problems.push(parent.problem(
                "is not in netns_links",
                format!(
                    "add {name} to netns_links, or remove link_netns if the link is the host's"
                ),
            ));
        }
        // A device that was moved in is no longer on the host, but a link with `home_IF="host"` is
        let at = match here.is_some_and(at_host) {
            true => Netns::Host,
            false => at,
        };
        let moved = here.is_some_and(|here| {
            here.get("type")
                .is_none_or(|kind| matches!(kind.whole().text, "physical" | "wireless"))
        });
        let at = match at {
            Netns::Host if moved => Netns::This,
            at => at,
        };
        Some((at, Some(name)))
    }

    /// As `link_name`, for a link that is created or is a parent. That cannot be `lo`.
    fn created_link_name(&mut self, word: &Piece<'_>) -> Option<LinkName> {
        if word.text == "lo" {
            let remedy = "expected the name of another link";
            self.problems
                .push(word.problem("is in every namespace", remedy));
            return None;
        }
        self.link_name(word)
    }
}

fn lacks(of: &Type, option: &Opt, listed: &Listed) -> Problem {
    let (name, suffix) = (&listed.name, listed.name.value.suffix());
    let example = match option.form {
        ValueKind::Table => "10",
        _ => "42",
    };
    problem(
        name,
        format!("is a {} without {}_{suffix}", of.word, option.key),
        format!(
            "write {}_{suffix}=\"{example}\", or another value",
            option.key
        ),
    )
}
