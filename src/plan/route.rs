//! Routes: added when all links are up and have their addresses, in an order in which the kernel
//! can reach the gateways.

use super::{Change, Journal, Plan, Step};
use crate::model::{LinkRef, Netns, Route, State};

impl Plan<'_> {
    pub(super) fn routes(&mut self) {
        let want = self.want;
        let mut routes: Vec<_> = want
            .routes
            .iter()
            .filter(|r| !self.stands(&r.value))
            .collect();
        routes.sort_by_key(|route| needs(&route.value));
        for route in routes {
            if self.journal.is_hosts(&route.value) {
                self.put_back(&route.value);
                continue;
            }
            if self.want_lost(&route.value) {
                continue;
            }
            let other =
                self.have.routes.iter().any(|have| {
                    have.value.key() == route.value.key() && !self.is_lost(&have.value)
                });
            if other && !self.may_replace(route) {
                continue;
            }
            // The kernel keeps a multipath route with the next hops whose links still exist, and an
            // IPv6 route that has lost its source without that source
            let left = !route.value.more.is_empty() || self.has_lost_source(&route.value);
            let step = match other || left {
                true => Step::ReplaceRoute(route.value.clone()),
                false => Step::AddRoute(route.value.clone()),
            };
            self.change(step, route.origin.clone());
        }
    }

    /// Whether this route exists, and stays.
    fn stands(&self, route: &Route) -> bool {
        self.have.routes.iter().any(|have| have.value == *route) && !self.is_lost(route)
    }

    /// Whether the kernel has deleted the route, or will delete it, with its link or an address.
    pub(super) fn is_lost(&self, route: &Route) -> bool {
        let bare = |link: &LinkRef| route.dst.addr().is_ipv4() && self.bare.contains(link);
        links_of(route).any(|link| self.lost.contains(&link) || bare(&link))
            || self.has_lost_source(route)
    }

    fn has_lost_source(&self, route: &Route) -> bool {
        let src = route.src.map(|src| (route.netns.clone(), src));
        src.is_some_and(|src| self.lost_sources.contains(&src))
    }

    /// Whether a link of the route does not exist. If a NIC was unplugged, its routes cannot be
    /// restored on the host.
    fn want_lost(&self, route: &Route) -> bool {
        links_of(route).any(|link| self.now(&link).is_none())
    }
}

/// The default route of the namespace that this change replaces, if another program has added it: a
/// VPN client, most likely. A route from a router advertisement does not count, because the router
/// announces it again.
pub fn replaced_default<'a>(
    change: &Change,
    have: &'a State,
    journal: &Journal,
) -> Option<&'a Route> {
    const RTPROT_RA: u8 = 9;
    let Step::ReplaceRoute(new) = &change.step else {
        return None;
    };
    if new.netns != Netns::This || new.dst.prefix_len() != 0 {
        return None;
    }
    let ours = |route: &Route| {
        let mut made = journal.ours.routes.iter();
        route.is_left_of(new) || made.any(|made| route.is_left_of(&made.value))
    };
    let mut have = have.routes.iter().map(|have| &have.value);
    have.find(|route| route.key() == new.key() && route.proto != RTPROT_RA && !ours(route))
}

fn links_of(route: &Route) -> impl Iterator<Item = LinkRef> {
    route.links().map(|name| route.netns.link(name))
}

/// The position of a route in the order of additions. The kernel rejects a gateway that it cannot
/// reach yet, so routes without a gateway come first, and default routes last.
fn needs(route: &Route) -> u8 {
    match (route.via, route.dst.prefix_len()) {
        (None, _) => 0,
        (Some(_), 1..) => 1,
        (Some(_), 0) => 2,
    }
}
