//! Loading the rules of a firewall, so that whoever is killed half way can be followed by
//! another: what may be there is written down before, what is there afterwards.

use super::Work;
use crate::kernel::Refusal;
use crate::model::{Rules, Tool};
use crate::plan::Change;

impl Work<'_> {
    /// Which tables are made is known only by looking before and after, with nft; the older
    /// iptables makes none that it knows of, and does without it.
    pub(super) fn load(
        &mut self,
        change: &Change,
        new: &Rules,
        old: Option<&Rules>,
    ) -> Result<(), Refusal> {
        let there = match new.tool {
            Tool::Ipset => None,
            Tool::Nftables => Some(self.kernel.tables()?),
            Tool::Iptables | Tool::Ip6tables => self.kernel.tables().ok(),
        };
        let looked = there.is_some();
        let mut others = there.unwrap_or_default();
        for table in old.iter().flat_map(|old| &old.tables) {
            others.remove(table);
        }
        self.journal
            .loading(new, old, others.iter().cloned().collect());
        self.store.write(&self.journal)?;
        self.kernel.make(&change.step)?;
        if looked {
            let made = &self.kernel.tables()? - &others;
            let made = made.into_iter().collect();
            self.journal.note_tables(new.tool, made);
        }
        self.journal.done(change);
        Ok(())
    }
}
