//! What goes back to what it would be without us. It stays ours until it has gone back:
//! who is killed before that leaves a journal by which the next call goes on.

use super::Journal;
use crate::model::link::type_table::Below;
use crate::model::{Kind, Link, LinkAt, Made, State, Where};
use crate::plan::Step;
use crate::plan::link::options::default;
use crate::source::At;

impl Journal {
    /// Whether a change gives something of ours up, and nothing else.
    pub(super) fn gives_up(&self, step: &Step, have: &State) -> bool {
        match step {
            Step::SetMtu(link, mtu) => {
                let ours = self.made.link(&link.at, &link.name);
                let mtu_of = |link: &LinkAt| have.link(&link.at, &link.name)?.mtu.clone();
                let without = self.mtu_without_us(link, mtu_of);
                ours.is_some_and(|ours| ours.mtu.is_some())
                    && without.is_some_and(|without| without.value == *mtu)
            }
            Step::SetMac(link, mac) => {
                let ours = self.made.link(&link.at, &link.name);
                let before = self.before.inside(&link.name);
                let before = before.and_then(|before| before.mac.as_ref());
                link.at == Where::Inside
                    && ours.is_some_and(|ours| ours.mac.is_some())
                    && before.is_some_and(|before| before.value == *mac)
            }
            Step::SetMaster(_, None) => true,
            _ => false,
        }
    }

    /// What a link has been given, and was not noted before, is not ours any more. `of` is
    /// where that stands.
    pub(super) fn given_up<T: PartialEq>(
        &mut self,
        link: &LinkAt,
        given: &T,
        of: fn(&mut Link) -> &mut Option<At<T>>,
    ) {
        let mut links = self.made.links.iter_mut();
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
        link: &LinkAt,
        mtu_of: impl Fn(&LinkAt) -> Option<At<u32>>,
    ) -> Option<At<u32>> {
        let ours = self.made.link(&link.at, &link.name)?;
        match (&ours.kind, self.before.inside(&link.name)) {
            (kind, Some(before)) if kind.is_moved() => before.mtu.clone(),
            (Kind::Veth { .. }, _) => Some(At::nobody(1500)),
            (Kind::Made(made), _) => match made.of.below {
                Below::Nothing => Some(At::nobody(1500)),
                Below::Parent => mtu_of(&made.below()?),
                // 1500 without the most that a packet of its own takes (wireguard(4))
                Below::Birth => (made.of.word == "wireguard").then_some(At::nobody(1420)),
            },
            _ => None,
        }
    }

    /// The options of a link as they are going to be said. One that goes back to the
    /// kernel's own is until then what it was.
    pub(super) fn note_options(&mut self, link: &LinkAt, change: &Made) {
        if let Kind::Made(made) = &mut self.made(link).kind {
            for (option, value) in &change.options {
                if default(option) != Some(value.value) || made.get(option.word).is_none() {
                    made.set(option, value.clone());
                }
            }
        }
    }

    /// They have been said.
    pub(super) fn options_done(&mut self, link: &LinkAt, change: &Made) {
        if let Kind::Made(made) = &mut self.made(link).kind {
            for (option, value) in &change.options {
                made.set(option, value.clone());
            }
        }
    }
}
