//! Which links are those that we made: by their numbers, which a namespace does not give again.
//! A link that others have made anew is theirs, whatever it is called.

use super::Journal;
use crate::model::{Link, State};

impl Journal {
    /// Note the number of each link that was made, as it is `there`, by which it is known
    /// again. Whether there was one to note.
    pub fn identify(&mut self, there: &State) -> bool {
        let ours = self.ours.links.iter_mut();
        let ours = ours.filter(|link| link.index.is_none() && !link.kind.is_moved());
        let mut noted = false;
        for link in ours {
            let found = there.link(&link.netns, &link.name.value);
            link.index = found.and_then(|found| found.index);
            noted |= link.index.is_some();
        }
        noted
    }

    /// The links that are there are known by these numbers: some have been made anew.
    pub fn identify_as(&mut self, other: &Journal) {
        for link in &mut self.ours.links {
            let known = other.ours.link(&link.netns, &link.name.value);
            link.index = known.and_then(|known| known.index).or(link.index);
        }
    }

    /// The link is the one that we made, as far as can be told, and none of others that has
    /// its name by now.
    pub fn is_ours(&self, found: &Link) -> bool {
        let ours = self.ours.link(&found.netns, &found.name.value);
        ours.is_some_and(|ours| {
            let both = ours.index.zip(found.index);
            both.is_none_or(|(ours, found)| ours == found)
        })
    }
}
