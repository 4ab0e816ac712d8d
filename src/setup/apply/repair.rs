//! Repairing what others have changed. In contrast to `up`, which is all or nothing, this makes as
//! many changes as possible.

use super::{PASSES, Work};
use crate::model::State;
use crate::os_error::OsError;
use crate::plan::{Change, Extras, Obstacle, Step, plan_what_can_be, replaced_default};
use crate::setup::failure::Why;
use crate::setup::report;

/// The result of a repair.
#[derive(Debug, Default)]
pub struct RepairResult {
    /// Number of changes made.
    pub done: usize,
    /// The changes that failed, with their errors.
    pub refused: Vec<(Change, OsError)>,
    /// The changes that are not possible now.
    pub obstacles: Vec<Obstacle>,
}

impl RepairResult {
    /// Returns true if the namespace matches its settings now.
    pub fn is_complete(&self) -> bool {
        // A tunnel that still waits for a name server counts as complete
        let mut steps = self.refused.iter().map(|(change, _)| &change.step);
        steps.all(|step| matches!(step, Step::SetEndpoint(..))) && self.obstacles.is_empty()
    }

    /// Returns true if the firewall could not be loaded, so the namespace is not protected.
    pub fn is_open(&self) -> bool {
        let mut steps = self.refused.iter().map(|(change, _)| &change.step);
        steps.any(|step| matches!(step, Step::LoadFirewall { .. }))
    }
}

impl Work<'_> {
    /// Make as many of the changes as possible, and undo none: the state before was broken by
    /// others, and is no state to go back to. If rules cannot be loaded, the repair stops there,
    /// before anything comes up without them.
    pub fn repair(&mut self, want: &State) -> Result<RepairResult, Why> {
        let mut result = RepairResult::default();
        self.others.leave_to(&mut self.journal, want);
        let mut now = self.start.0.clone();
        for _ in 0..=PASSES {
            let (changes, obstacles) = plan_what_can_be(want, &now, &self.journal, Extras::Remove);
            let refused = |c: &Change| result.refused.iter().any(|(r, _)| r.step == c.step);
            let mut changes: Vec<Change> = changes.into_iter().filter(|c| !refused(c)).collect();
            result.obstacles = obstacles;
            if changes.is_empty() {
                break;
            }
            // What a new namespace inherits from the host is known only once it exists
            if changes[0].step == Step::AddNetns {
                changes.truncate(1);
            }
            for change in changes {
                let replaced = self.replaced(std::slice::from_ref(&change), &now);
                let before = self.journal.clone();
                self.journal.note(&change, &now);
                self.write()?;
                match self.step(&change, want) {
                    Ok(()) => {
                        result.done += 1;
                        self.changes.warning(replaced);
                    }
                    Err(error) => {
                        let is_firewall = matches!(change.step, Step::LoadFirewall { .. });
                        self.journal = before;
                        result.refused.push((change, error));
                        if is_firewall {
                            self.write()?;
                            return Ok(result);
                        }
                    }
                }
            }
            now = self.observe()?;
            self.journal.identify(&now);
            self.write()?;
        }
        Ok(result)
    }

    /// The warnings to report once these changes have been made: which default routes of other
    /// programs they replace.
    pub(super) fn replaced(&self, changes: &[Change], have: &State) -> Vec<String> {
        let name = self.store.name();
        let replaced = changes.iter().filter_map(|change| {
            let route = replaced_default(change, have, &self.journal)?;
            Some(report::replaced(name, change, route))
        });
        replaced.flatten().collect()
    }
}
