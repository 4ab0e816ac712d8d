//! A namespace that is somebody else's and is given a name: the name is ours, and what we
//! bring; nothing of its owner's is ever deleted or replaced.

use super::Plan;
use crate::model::{Netns, Route};

impl Plan<'_> {
    /// The namespace is another's, who lives in it.
    pub(super) fn is_attached(&self) -> bool {
        self.want.attached.is_some() || self.journal.ours.attached.is_some()
    }

    /// Another route of the same key may be replaced; if not, it is said.
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
