//! Loading the rules of a firewall, so that whoever is killed half way can be followed by
//! another: what may be there is written down before, what is there afterwards.

use super::Work;
use crate::model::firewall::references::by_index;
use crate::model::{Ruleset, Tool};
use crate::name::LinkName;
use crate::os_error::OsError;
use crate::plan::Change;

impl Work<'_> {
    /// Which tables are made is known only by looking before and after, with nft; the older
    /// iptables makes none that it knows of, and does without it.
    pub(super) fn load(
        &mut self,
        change: &Change,
        new: &Ruleset,
        old: Option<&Ruleset>,
    ) -> Result<(), OsError> {
        let there = match new.tool {
            Tool::Ipset => None,
            Tool::Nftables | Tool::Replies => Some(self.kernel.nft_tables()?),
            Tool::Iptables | Tool::Ip6tables => self.kernel.nft_tables().ok(),
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
            let made = &self.kernel.nft_tables()? - &others;
            let made = made.into_iter().collect();
            let held = match new.tool {
                Tool::Nftables => self.kernel.links_of(by_index(&new.text)),
                _ => Vec::new(),
            };
            self.tell_of_anew(new, old, &held);
            self.journal.note_loaded(new.tool, made, held);
        }
        self.journal.done(change);
        Ok(())
    }

    /// The same rules were loaded again for a link: say what that takes away.
    fn tell_of_anew(&self, new: &Ruleset, old: Option<&Ruleset>, held: &[(LinkName, u32)]) {
        let Some(old) = old.filter(|old| *old == new && !held.is_empty()) else {
            return;
        };
        let anew = held.iter().filter(|now| !old.links_by_index.contains(now));
        let links: Vec<String> = anew.map(|(link, _)| link.to_string()).collect();
        let name = self.store.name();
        let lines = [
            format!(
                "{name}: {} was recreated, and {} was loaded again, because its rules refer to links by index",
                links.join(", "),
                new.file
            ),
            "rules that other programs added to its tables and its counters are lost; rules with iifname and oifname need no reload"
                .into(),
        ];
        self.changes.warning(lines.into());
    }
}
