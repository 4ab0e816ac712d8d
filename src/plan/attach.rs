//! A namespace of another program that gets a name (`netns_attach`). The name, and what we add to
//! the namespace, are ours. Nothing that belongs to its owner is ever deleted or replaced.

use super::Plan;
use crate::model::{Netns, Route};

impl Plan<'_> {
    /// Whether the namespace belongs to another program.
    pub(super) fn is_attached(&self) -> bool {
        self.want.attached.is_some() || self.journal.ours.attached.is_some()
    }

    /// Whether another route with the same key may be replaced. Reports an obstacle if not.
    pub(super) fn may_replace(&mut self, route: &crate::source::Sourced<Route>) -> bool {
        let key = route.value.key();
        let ours = |made: &crate::source::Sourced<Route>| made.value.key() == key;
        let owned = self.is_attached() || route.value.netns == Netns::Host;
        let may = !owned || self.journal.ours.routes.iter().any(ours);
        if !may {
            self.obstacle(
                &route.origin,
                format!(
                    "another program made a route to {} with this metric",
                    route.value.dst
                ),
                "use a different metric, or remove this route",
            );
        }
        may
    }
}
