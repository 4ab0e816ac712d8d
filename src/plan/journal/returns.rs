//! What goes back to what it would be without us. It stays ours until it has gone back:
//! who is killed before that leaves a journal by which the next call goes on.

use super::Journal;
use crate::model::link_types::Below;
use crate::model::{Kind, LinkAt, Mac, Made, State, Where};
use crate::place::At;
use crate::plan::Step;
use crate::plan::options::default;

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

    /// An MTU that has been set, and was not noted before, is not ours any more.
    pub(super) fn mtu_given_up(&mut self, link: &LinkAt, mtu: u32) {
        let ours = self.made.link(&link.at, &link.name);
        let ours = ours.and_then(|ours| ours.mtu.as_ref());
        if ours.is_some_and(|ours| ours.value != mtu) {
            self.made(link).mtu = None;
        }
    }

    /// As [`Journal::mtu_given_up`].
    pub(super) fn mac_given_up(&mut self, link: &LinkAt, mac: Mac) {
        let ours = self.made.link(&link.at, &link.name);
        let ours = ours.and_then(|ours| ours.mac.as_ref());
        if ours.is_some_and(|ours| ours.value != mac) {
            self.made(link).mac = None;
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

    /// The options of a link as they are said, `done` when they have been. Until then, one
    /// that goes back to the kernel's own is what it was.
    pub(super) fn note_options(&mut self, link: &LinkAt, change: &Made, done: bool) {
        let Kind::Made(made) = &mut self.made(link).kind else {
            return;
        };
        for (option, value) in &change.options {
            let goes = default(option) == Some(value.value) && made.get(option.word).is_some();
            if done || !goes {
                made.set(option, value.clone());
            }
        }
    }
}
