//! Identifies the links that we created by their interface index, which the kernel does not use
//! again in a namespace. A link that others have recreated belongs to them, even if it has the same
//! name.

use super::Journal;
use crate::model::{Link, Netns, State};

impl Journal {
    /// Note the interface index of each link that we created and that has none in the journal, as
    /// it is in `there`, and of each NIC inside. Returns whether any was noted.
    pub fn identify(&mut self, there: &State) -> bool {
        let ours = self.ours.links.iter_mut();
        let ours = ours.filter(|link| link.index.is_none() && !link.kind.is_moved());
        let mut noted = false;
        for link in ours {
            let found = there.link(&link.netns, &link.name.value);
            link.index = found.and_then(|found| found.index);
            noted |= link.index.is_some();
        }
        // The kernel gives a NIC another index if a link inside has that
        for link in &mut self.before.links {
            let inside = there.link(&Netns::This, link.other_name());
            let index = inside.and_then(|inside| inside.index).or(link.index);
            noted |= index != link.index;
            link.index = index;
        }
        noted
    }

    /// Take over the interface indexes from `other`, because some links have been recreated.
    pub fn identify_as(&mut self, other: &Journal) {
        for link in &mut self.ours.links {
            let known = other.ours.link(&link.netns, &link.name.value);
            link.index = known.and_then(|known| known.index).or(link.index);
        }
    }

    /// Whether the link is the one that we created, and not another one with the same name. If an
    /// index is unknown, the name decides.
    pub fn is_ours(&self, found: &Link) -> bool {
        let ours = self.ours.link(&found.netns, &found.name.value);
        ours.is_some_and(|ours| {
            let both = ours.index.zip(found.index);
            both.is_none_or(|(ours, found)| ours == found)
        })
    }
}
