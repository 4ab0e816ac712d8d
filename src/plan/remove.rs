//! Removal of what the settings no longer list: only what the journal lists as ours, and only what
//! still exists.

use super::link::fits;
use super::{Plan, Step};
use crate::model::{Kind, Link, LinkRef, Netns};

impl Plan<'_> {
    /// Remove policy rules and routes first, then addresses, masters and links, the namespace last.
    pub(super) fn take_away(&mut self) {
        self.mark_links();
        self.take_policy();
        self.take_routes();
        self.take_addresses();
        self.take_masters();
        self.take_sysctls();
        self.take_links();
        self.take_resolv_conf();
        match self.dies() {
            true => self.change(Step::DelNetns, None),
            false => self.take_rules(),
        }
        if !self.want.exists && self.have.exists && self.journal.ours.attached.is_some() {
            self.change(Step::Detach, None);
        }
        self.take_others();
        self.take_table();
    }

    /// Delete our links on the host before anything is moved back there. Their addresses and routes
    /// may be in its way.
    pub(super) fn take_links_of_host(&mut self) {
        for link in self.our_links_that_go() {
            let now = self.now(&link).is_some_and(|now| now.kind.spec().is_some());
            if link.netns == Netns::Host && now && !self.carries_others(&link, &None) {
                self.change(Step::DelLink(link.clone()), None);
                self.deleted(&link);
            }
        }
    }

    /// Whether the namespace is ours and is to be deleted.
    pub(super) fn dies(&self) -> bool {
        !self.want.exists && self.have.exists && self.journal.ours.exists
    }

    /// Mark the links that go as lost. Their addresses and routes need no changes of their own.
    fn mark_links(&mut self) {
        for link in self.our_links_that_go() {
            self.lost.insert(link);
        }
    }

    /// Our links that the settings no longer list, the newest first: a link on top of another one is
    /// newer. Those in the namespace come before the other ends of veth pairs, which the kernel
    /// deletes with them.
    pub(super) fn our_links_that_go(&self) -> Vec<LinkRef> {
        let made = &self.journal.ours.links;
        // The other end of a veth may be in a namespace that has lost its name. A link may also
        // have been created in such a namespace
        let is_it = |ours: &Kind, now: &Kind| {
            let veth = matches!(ours, Kind::Veth { .. });
            fits(ours, now)
                || veth && matches!(now, Kind::Veth { peer: None })
                || now.spec().is_some_and(|now| now.outlived)
        };
        let goes = |link: &&Link| {
            !(link.kind.is_moved() || link.kind == Kind::Loopback)
                && self.want.link(&link.netns, &link.name.value).is_none()
                && self
                    .now(&link.link_at())
                    .is_some_and(|now| is_it(&link.kind, &now.kind) && self.journal.is_ours(now))
        };
        let goes = made.iter().rev().filter(goes).map(Link::link_at);
        let (inside, others): (Vec<_>, Vec<_>) = goes.partition(|link| link.netns == Netns::This);
        [inside, others].concat()
    }

    fn take_routes(&mut self) {
        let have = self.have;
        for ours in &self.journal.ours.routes {
            let route = &ours.value;
            let there = have.routes.iter().any(|h| h.value == *route) && !self.is_lost(route);
            let asked = self
                .want
                .routes
                .iter()
                .any(|w| w.value.key() == route.key());
            if there && !asked && !(self.dies() && route.netns == Netns::This) {
                self.change(Step::DelRoute(route.clone()), None);
            }
        }
    }

    fn take_masters(&mut self) {
        for ours in &self.journal.ours.links {
            let at = ours.link_at();
            let wanted = self
                .want
                .link(&at.netns, &at.name)
                .is_some_and(|l| l.master.is_some());
            let stands = self.now(&at).is_some_and(|now| now.master == ours.master);
            if ours.master.is_some() && stands && !wanted && !self.lost.contains(&at) {
                self.change(Step::SetMaster(at, None), None);
            }
        }
    }

    /// Delete our links.
    fn take_links(&mut self) {
        for link in self.our_links_that_go() {
            if self.now(&link).is_none() || self.carries_others(&link, &None) {
                continue;
            }
            self.change(Step::DelLink(link.clone()), None);
            self.deleted(&link);
        }
    }

    fn take_resolv_conf(&mut self) {
        if self.want.resolv_conf.is_none() && self.have.resolv_conf.is_some() {
            self.change(Step::RemoveResolvConf, None);
        }
    }
}
