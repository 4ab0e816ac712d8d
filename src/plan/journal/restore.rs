//! What goes back to what it would be without us. It stays ours until it has gone back:
//! who is killed before that leaves a journal by which the next call goes on.

use super::Journal;
use crate::definitions::links::Lower;
use crate::definitions::option::Opt;
use crate::model::link::option_value::OptionValue;
use crate::model::{Kind, Link, LinkRef, LinkSpec, State};
use crate::plan::Step;

impl Journal {
    /// Whether a change gives something of ours up, and nothing else.
    pub(super) fn only_returns(&self, step: &Step, have: &State) -> bool {
        match step {
            Step::SetAttribute(link, option, value) => {
                let ours = self.ours.link(&link.netns, &link.name);
                let now = |link: &LinkRef| have.link(&link.netns, &link.name);
                ours.is_some_and(|ours| ours.attributes.get(option.word).is_some())
                    && self.attribute_without_us(link, option, now) == Some(*value)
            }
            Step::SetMaster(_, None) => true,
            _ => false,
        }
    }

    /// What a link has been given, and was not noted before, is not ours any more.
    pub(super) fn forget_returned(&mut self, link: &LinkRef, given: &Opt, value: OptionValue) {
        let mut links = self.ours.links.iter_mut();
        if let Some(ours) = links.find(|ours| ours.link_at() == *link) {
            ours.attributes
                .retain(|option, ours| option.word != given.word || ours == value);
        }
    }

    /// What a link of ours has where nothing is asked for. `now` tells of other links.
    pub(in crate::plan) fn attribute_without_us<'a>(
        &self,
        link: &LinkRef,
        option: &Opt,
        now: impl Fn(&LinkRef) -> Option<&'a Link>,
    ) -> Option<OptionValue> {
        let ours = self.ours.link(&link.netns, &link.name)?;
        match (&ours.kind, self.before.inside(&link.name)) {
            (kind, Some(before)) if kind.is_moved() => before.attributes.get(option.word),
            (Kind::Veth { .. }, _) => option.kernels_own(),
            (Kind::Virtual(spec), _) => match spec.of.below {
                Lower::Link if option.word == "mtu" => now(&spec.below()?)?.attributes.get("mtu"),
                _ => option.kernels_own_of(spec.of),
            },
            _ => None,
        }
    }

    /// The options of a link as they are going to be said. One that goes back to the
    /// kernel's own is until then what it was.
    pub(super) fn note_options(&mut self, link: &LinkRef, change: &LinkSpec) {
        if let Kind::Virtual(spec) = &mut self.own_link(link).kind {
            for (option, value) in &change.options {
                if option.kernels_own() != Some(value.value)
                    || spec.options.get(option.word).is_none()
                {
                    spec.options.set(option, value.clone());
                }
            }
        }
    }

    /// They have been said.
    pub(super) fn options_done(&mut self, link: &LinkRef, change: &LinkSpec) {
        if let Kind::Virtual(spec) = &mut self.own_link(link).kind {
            for (option, value) in &change.options {
                spec.options.set(option, value.clone());
            }
        }
    }
}
