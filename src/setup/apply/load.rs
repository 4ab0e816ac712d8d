//! Loading the rules of a firewall, so that whoever is killed half way can be followed by
//! another: what may be there is written down before, what is there afterwards.

use std::collections::BTreeSet;

use super::Work;
use crate::kernel::Refusal;
use crate::model::{Rules, Tool};
use crate::plan::Change;

impl Work<'_> {
    /// Which tables nft makes is known only by looking before and after.
    pub(super) fn load(
        &mut self,
        change: &Change,
        new: &Rules,
        old: Option<&Rules>,
    ) -> Result<(), Refusal> {
        let mut others = BTreeSet::new();
        if new.tool == Tool::Nftables {
            others = self.kernel.tables()?;
            for table in old.iter().flat_map(|old| &old.tables) {
                others.remove(table);
            }
        }
        self.journal
            .loading(new, old, others.iter().cloned().collect());
        self.store.write(&self.journal)?;
        self.kernel.make(&change.step)?;
        if new.tool == Tool::Nftables {
            let made = &self.kernel.tables()? - &others;
            self.journal.note_tables(made.into_iter().collect());
        }
        self.journal.done(change);
        Ok(())
    }
}
