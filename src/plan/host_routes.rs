//! The host's routes that lie on a link which is moved in, but not on that alone: the kernel
//! drops a route of several ways with the first of their links, and one whose source address
//! goes. They are kept without that, and are whole again when the link is back.

use std::net::IpAddr;

use super::{Plan, Step};
use crate::model::{Link, Netns, Route, Verbatim, VerbatimKind};
use crate::name::LinkName;

impl Plan<'_> {
    /// Before this link of the host is moved in.
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

    /// What the model has no words for cannot be kept in part.
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

    /// A route of the host's is what it was, as far as its links are there. What its owner
    /// has made of it since stays.
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
            // Of several ways, the kernel keeps those whose links it still has
            None if back.more.is_empty() => Step::AddRoute(back),
            _ => Step::ReplaceRoute(back),
        };
        self.change(step, None);
    }

    /// What else a link had on the host.
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

    /// An address that is, or was, on one of these links of the host alone.
    fn is_of(&self, src: IpAddr, these: impl Fn(&LinkName) -> bool) -> bool {
        let links = self.have.links.iter().chain(&self.journal.before.links);
        let links = links.filter(|link| link.netns == Netns::Host);
        let mut own = links.filter(|link| link.addresses.iter().any(|a| a.value.ip() == src));
        own.any(|link| these(&link.name.value))
    }
}
