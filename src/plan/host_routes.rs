//! Routes of the host that use a link which is moved in, and something else too. The kernel deletes
//! a multipath route with the first of its links, and a route with its source address. Such a route
//! is replaced by one without that part, and is complete again when the link is back.

use std::net::IpAddr;

use super::{Plan, Step};
use crate::model::{Link, Netns, Route, Verbatim, VerbatimKind};
use crate::name::LinkName;

impl Plan<'_> {
    /// Trim the host's routes before this link of the host is moved in.
    pub(super) fn keep_routes(&mut self, moved: &Link) {
        let gone = |name: &LinkName| {
            let mut lost = self.lost.iter().filter(|link| link.netns == Netns::Host);
            *name == moved.name.value || lost.any(|link| link.name == *name)
        };
        let mut kept = Vec::new();
        for route in self.have.routes.iter().map(|route| &route.value) {
            if route.netns == Netns::Host && route.needs(moved) {
                let left = route.without(|name| !gone(name), |src| !self.is_of(src, gone));
                kept.extend(left.filter(|left| left != route));
            }
        }
        for left in kept {
            self.change(Step::TrimRoute(left), moved.name.origin.clone());
        }
    }

    /// Whether the host's routes can be kept while this link is moved in. A route that the model
    /// cannot represent cannot be kept in part: reports an obstacle if one also uses other links.
    pub(super) fn keeps_routes(&mut self, moved: &Link) -> bool {
        let have = self.have;
        let others = |kept: &&Verbatim| {
            let mut links = kept.links.iter();
            kept.link == moved.name.value && links.any(|(_, name)| *name != kept.link)
        };
        let Some(route) = have.verbatim.iter().find(others) else {
            return true;
        };
        self.obstacle(
            &moved.name.origin,
            format!(
                "a route of the host uses {} and other links, and would be lost with it: ip {}",
                moved.name, route.command
            ),
            "replace it by one without that link first: ip route replace",
        );
        false
    }

    /// Restore a route of the host, as far as its links exist. Later changes by its owner stay.
    pub(super) fn put_back(&mut self, whole: &Route) {
        let have = self.have;
        let is_there = |name: &LinkName| self.is_on_host(name);
        let back = whole.without(is_there, |src| !self.is_of(src, |name| !is_there(name)));
        let Some(back) = back else {
            return;
        };
        let same = |route: &&Route| route.key() == whole.key() && !self.is_lost(route);
        let mut there = have.routes.iter().map(|have| &have.value).filter(same);
        let step = match there.next() {
            Some(left) if !left.is_left_of(whole) || *left == back => return,
            // The kernel may have kept a multipath route with the next hops whose links still exist
            None if back.more.is_empty() => Step::AddRoute(back),
            _ => Step::ReplaceRoute(back),
        };
        self.change(step, None);
    }

    /// Restore the other entries of these kinds that a link had on the host.
    pub(super) fn restore_verbatim(&mut self, kinds: &[VerbatimKind]) {
        let (want, have) = (self.want, self.have);
        for kept in want
            .verbatim
            .iter()
            .filter(|kept| kinds.contains(&kept.kind))
        {
            let stays = kept.until.is_none_or(|until| until > have.clock);
            if stays && !have.verbatim.contains(kept) && self.is_on_host(&kept.link) {
                self.change(Step::RestoreVerbatim(Box::new(kept.clone())), None);
            }
        }
    }

    fn is_on_host(&self, name: &LinkName) -> bool {
        let mut now = self.now.iter().filter(|link| link.netns == Netns::Host);
        now.any(|link| link.name.value == *name)
    }

    /// Whether this address is, or was, on the host, and only on links for which `these` is true.
    fn is_of(&self, src: IpAddr, these: impl Fn(&LinkName) -> bool) -> bool {
        let links = self.have.links.iter().chain(&self.journal.before.links);
        let links = links.filter(|link| link.netns == Netns::Host);
        let mut own = links.filter(|link| link.addresses.iter().any(|a| a.value.ip() == src));
        own.any(|link| these(&link.name.value))
    }
}
