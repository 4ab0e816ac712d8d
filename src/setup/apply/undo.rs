//! Undoing changes: restoring the state before the first one, as far as possible.

use super::{PASSES, Work};
use crate::plan::{Change, Extras, as_it_was, plan_what_can_be};
use crate::setup::nat::HeldSysctls;
use crate::setup::query::{made_on_host, ways};
use crate::setup::report;

impl Work<'_> {
    /// Restore the journal's record of how NICs go back to the host. Returns false if the journal
    /// could not be written.
    pub(super) fn forget_way_back(&mut self) -> bool {
        let is_new = self.journal.note_way_back(&self.start.1.ours);
        self.write_if(is_new).is_ok()
    }

    /// Restore the state before the first change. Returns the changes that are left to make, or
    /// `None` if they are not known.
    pub(super) fn undo(&mut self) -> Option<Vec<Change>> {
        // Other namespaces may have come up or gone down since
        self.others =
            HeldSysctls::to(self.store.name(), &self.query).unwrap_or(self.others.clone());
        let ways = ways(&self.journal);
        self.query.links.extend(ways.clone());
        self.query.routed.extend(ways);
        self.query.made = made_on_host(&self.journal);
        let mut want = as_it_was(&self.start.0, &self.journal);
        self.others.leave_as_it_is(&mut want);
        self.others.leave_to(&mut self.journal, &want);
        let (mut left, mut undone) = (None, false);
        for _ in 0..=PASSES {
            let Ok(mut now) = self.observe() else {
                continue;
            };
            let given_up = self.give_up_links_on_top(&want, &mut now);
            let lost = report::given_up(self.store.name(), &given_up);
            self.changes.logged_warning(lost);
            self.journal.identify(&now);
            let start = &self.start.0;
            want.sysctls
                .retain(|s| !now.turned_on_since(&s.value, start));
            let changes = plan_what_can_be(&want, &now, &self.journal, Extras::Remove).0;
            for change in &changes {
                self.journal.note(change, &now);
                let _ = self.make_one(change);
            }
            undone = changes.is_empty();
            left = Some(changes);
            if undone {
                let made_again = std::mem::replace(&mut self.journal, self.start.1.clone());
                self.journal.identify_as(&made_again);
                break;
            }
        }
        // A journal of nothing is removed with its directory, and needs no space in a full /run
        let has_journal = self.write().is_ok() || undone && self.journal.is_empty();
        left.filter(|_| has_journal)
    }
}
