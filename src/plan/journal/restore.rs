//! What goes back to what it would be without us. It stays ours until it has gone back:
//! who is killed before that leaves a journal by which the next call goes on.

use super::Journal;
use crate::definitions::links::Lower;
use crate::model::{Kind, Link, LinkRef, LinkSpec, Netns, State};
use crate::plan::Step;
use crate::source::Sourced;

impl Journal {
    /// Whether a change gives something of ours up, and nothing else.
    pub(super) fn only_returns(&self, step: &Step, have: &State) -> bool {
        match step {
            Step::SetMtu(link, mtu) => {
                let ours = self.ours.link(&link.netns, &link.name);
                let mtu_of = |link: &LinkRef| have.link(&link.netns, &link.name)?.mtu.clone();
                let without = self.mtu_without_us(link, mtu_of);
                ours.is_some_and(|ours| ours.mtu.is_some())
                    && without.is_some_and(|without| without.value == *mtu)
            }
            Step::SetMac(link, mac) => {
                let ours = self.ours.link(&link.netns, &link.name);
                let before = self.before.inside(&link.name);
                let before = before.and_then(|before| before.mac.as_ref());
                link.netns == Netns::This
                    && ours.is_some_and(|ours| ours.mac.is_some())
                    && before.is_some_and(|before| before.value == *mac)
            }
            Step::SetMaster(_, None) => true,
            _ => false,
        }
    }

    /// What a link has been given, and was not noted before, is not ours any more. `of` is
    /// where that stands.
    pub(super) fn forget_returned<T: PartialEq>(
        &mut self,
        link: &LinkRef,
        given: &T,
        of: fn(&mut Link) -> &mut Option<Sourced<T>>,
    ) {
        let mut links = self.ours.links.iter_mut();
        if let Some(ours) = links.find(|ours| ours.link_at() == *link).map(of)
            && ours.as_ref().is_some_and(|ours| ours.value != *given)
        {
            *ours = None;
        }
    }

    /// The MTU that a link of ours has where none is asked for: of one we made, 1500, or as
    /// the link below. `mtu_of` tells that of other links.
    pub(in crate::plan) fn mtu_without_us(
        &self,
        link: &LinkRef,
        mtu_of: impl Fn(&LinkRef) -> Option<Sourced<u32>>,
    ) -> Option<Sourced<u32>> {
        let ours = self.ours.link(&link.netns, &link.name)?;
        match (&ours.kind, self.before.inside(&link.name)) {
            (kind, Some(before)) if kind.is_moved() => before.mtu.clone(),
            (Kind::Veth { .. }, _) => Some(Sourced::without_origin(1500)),
            (Kind::Virtual(made), _) => match made.of.below {
                Lower::Nothing => Some(Sourced::without_origin(1500)),
                Lower::Link => mtu_of(&made.below()?),
                // 1500 without the most that a packet of its own takes (wireguard(4))
                Lower::UnderlayNetns => {
                    (made.of.word == "wireguard").then_some(Sourced::without_origin(1420))
                }
            },
            _ => None,
        }
    }

    /// The options of a link as they are going to be said. One that goes back to the
    /// kernel's own is until then what it was.
    pub(super) fn note_options(&mut self, link: &LinkRef, change: &LinkSpec) {
        if let Kind::Virtual(spec) = &mut self.own_link(link).kind {
            for (option, value) in &change.options {
                if option.kernels_own() != Some(value.value) || spec.get(option.word).is_none() {
                    spec.set(option, value.clone());
                }
            }
        }
    }

    /// They have been said.
    pub(super) fn options_done(&mut self, link: &LinkRef, change: &LinkSpec) {
        if let Kind::Virtual(spec) = &mut self.own_link(link).kind {
            for (option, value) in &change.options {
                spec.set(option, value.clone());
            }
        }
    }
}
