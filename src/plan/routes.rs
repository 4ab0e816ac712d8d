//! Routes: added when all links are up and have their addresses, in the order in which
//! the kernel can follow them.

use super::{Plan, Step};
use crate::model::{LinkAt, Route};

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
            let step = match other {
                true => Step::ReplaceRoute(route.value.clone()),
                false => Step::AddRoute(route.value.clone()),
            };
            self.change(step, route.asked.clone());
        }
    }

    /// This very route is there, and stays.
    fn stands(&self, route: &Route) -> bool {
        self.have.routes.iter().any(|have| have.value == *route) && !self.is_lost(route)
    }

    /// The kernel has taken the route away, or will, with its link.
    pub(super) fn is_lost(&self, route: &Route) -> bool {
        link_of(route).is_some_and(|link| self.lost.contains(&link))
    }

    /// The link of the route is not there: of a NIC that was pulled out, there is
    /// nothing to give back to the host.
    fn want_lost(&self, route: &Route) -> bool {
        link_of(route).is_some_and(|link| self.now(&link).is_none())
    }
}

fn link_of(route: &Route) -> Option<LinkAt> {
    let at = route.at.clone();
    route.dev.clone().map(|name| LinkAt { at, name })
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
