//! Routes: added when all links are up and have their addresses, in the order in which
//! the kernel can follow them.

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
            // Of several ways, the kernel keeps those whose links it still has; of a route of
            // IPv6 that has lost its source, all else
            let left = !route.value.more.is_empty() || self.has_lost_source(&route.value);
            let step = match other || left {
                true => Step::ReplaceRoute(route.value.clone()),
                false => Step::AddRoute(route.value.clone()),
            };
            self.change(step, route.origin.clone());
        }
    }

    /// This very route is there, and stays.
    fn stands(&self, route: &Route) -> bool {
        self.have.routes.iter().any(|have| have.value == *route) && !self.is_lost(route)
    }

    /// The kernel has taken the route away, or will, with its link or an address.
    pub(super) fn is_lost(&self, route: &Route) -> bool {
        let bare = |link: &LinkRef| route.dst.addr().is_ipv4() && self.bare.contains(link);
        links_of(route).any(|link| self.lost.contains(&link) || bare(&link))
            || self.has_lost_source(route)
    }

    fn has_lost_source(&self, route: &Route) -> bool {
        let src = route.src.map(|src| (route.netns.clone(), src));
        src.is_some_and(|src| self.lost_sources.contains(&src))
    }

    /// The link of the route is not there: of a NIC that was pulled out, there is
    /// nothing to give back to the host.
    fn want_lost(&self, route: &Route) -> bool {
        links_of(route).any(|link| self.now(&link).is_none())
    }
}

/// A default route of the namespace that this change replaces, and that others have made: a
/// VPN client, most likely. Not by what a router announces, which replaces it again by itself.
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

/// The kernel refuses a gateway that it cannot reach yet: what lies on a link first,
/// the default routes last.
fn needs(route: &Route) -> u8 {
    match (route.via, route.dst.prefix_len()) {
        (None, _) => 0,
        (Some(_), 1..) => 1,
        (Some(_), 0) => 2,
    }
}
