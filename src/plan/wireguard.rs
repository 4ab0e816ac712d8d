//! The settings of WireGuard links. They are set before the links come up, except for the endpoints
//! with a host name, because a name can be looked up only when there is a route to a name server.

use super::{Change, Extras, Journal, Plan, Step};
use crate::model::wireguard::{Difference, Wireguard};
use crate::model::{Link, LinkRef, Netns};
use crate::source::Sourced;

impl Plan<'_> {
    pub(super) fn wireguards(&mut self) {
        for (there, want, have) in self.wireguard_links() {
            let said = self.said(&there);
            let goes = self.rest == Extras::Remove;
            let difference = Difference::between(&want.value, &have, said, goes);
            if !difference.is_nothing() {
                let step = Step::SetWireguard(there, Box::new(difference));
                self.change(step, want.origin);
            }
        }
    }

    pub(super) fn endpoints(&mut self) {
        for (there, want, have) in self.wireguard_links() {
            let (Some(born), said) = (self.born(&there), self.said(&there)) else {
                continue;
            };
            for named in want.value.names_to_tell(&have, said, &born) {
                let step = Step::SetEndpoint(there.clone(), Box::new(named));
                self.change(step, want.origin.clone());
            }
        }
    }

    /// The links that exist after the changes so far, with their wanted and their current settings.
    fn wireguard_links(&self) -> Vec<(LinkRef, Sourced<Wireguard>, Wireguard)> {
        let of = |link: &Link| {
            let want = link.wireguard.clone()?;
            let now = self.now(&link.link_at())?;
            let have = now.wireguard.as_ref().map(|have| have.value.clone());
            Some((link.link_at(), want, have.unwrap_or_default()))
        };
        self.want.links.iter().filter_map(of).collect()
    }

    fn born(&self, link: &LinkRef) -> Option<Netns> {
        Some(self.now(link)?.kind.spec()?.born.clone())
    }

    /// What we have set on the link so far, according to the journal.
    fn said(&self, link: &LinkRef) -> Option<&Wireguard> {
        let ours = self.journal.ours.link(&link.netns, &link.name)?;
        ours.wireguard.as_ref().map(|said| &said.value)
    }
}

/// The journal's entries for WireGuard links: what has been set, without the secrets.
impl Journal {
    pub(super) fn note_wireguard(&mut self, step: &Step) {
        match step {
            Step::SetWireguard(link, difference) => self.own_wireguard(link).note(difference),
            Step::SetEndpoint(link, named) => {
                self.own_wireguard(link).note_endpoint(&named.peer, None)
            }
            _ => {}
        }
    }

    pub(super) fn done_wireguard(&mut self, step: &Step) {
        match step {
            Step::SetWireguard(link, difference) => self.own_wireguard(link).noted(difference),
            Step::SetEndpoint(link, named) => {
                let endpoint = Some(named.endpoint.clone());
                self.own_wireguard(link)
                    .note_endpoint(&named.peer, endpoint);
            }
            _ => {}
        }
    }

    /// Note that an endpoint could not be set after all, so that it is tried again.
    pub fn forget_endpoint(&mut self, change: &Change) {
        if let Step::SetEndpoint(link, named) = &change.step {
            let peers = self.own_wireguard(link).peers.iter_mut();
            peers
                .filter(|known| known.public_key == named.peer)
                .for_each(|known| known.endpoint = None);
        }
    }

    /// Our entry for what we have set on a WireGuard link.
    pub(super) fn own_wireguard(&mut self, link: &LinkRef) -> &mut Wireguard {
        let told = &mut self.own_link(link).wireguard;
        let nothing = || Sourced::without_origin(Wireguard::default());
        &mut told.get_or_insert_with(nothing).value
    }
}
