//! Loading the rules of a firewall. The journal records the tables that may appear before the load,
//! and those that did appear after it, so that the next run can continue if this one is killed.

use super::Work;
use crate::model::firewall::references::by_index;
use crate::model::{Ruleset, Tool};
use crate::name::LinkName;
use crate::os_error::OsError;
use crate::plan::Change;

impl Work<'_> {
    /// Compare the tables before and after the load: only this shows which of them are new. nft
    /// lists them; iptables-legacy makes none that nft lists, and works without nft.
    pub(super) fn load(
        &mut self,
        change: &Change,
        new: &Ruleset,
        old: Option<&Ruleset>,
    ) -> Result<(), OsError> {
        let tables = match new.tool {
            Tool::Ipset => None,
            Tool::Nftables | Tool::Replies => Some(self.kernel.nft_tables()?),
            Tool::Iptables | Tool::Ip6tables => self.kernel.nft_tables().ok(),
        };
        let has_nft = tables.is_some();
        let mut others = tables.unwrap_or_default();
        for table in old.iter().flat_map(|old| &old.tables) {
            others.remove(table);
        }
        self.journal
            .loading(new, old, others.iter().cloned().collect());
        self.store.write(&self.journal)?;
        self.kernel.make(&change.step)?;
        if has_nft {
            let made = &self.kernel.nft_tables()? - &others;
            let made = made.into_iter().collect();
            let by_link = match new.tool {
                Tool::Nftables => self.kernel.links_of(by_index(&new.text)),
                _ => Vec::new(),
            };
            self.warn_of_reload(new, old, &by_link);
            self.journal.note_loaded(new.tool, made, by_link);
        }
        self.journal.done(change);
        Ok(())
    }

    /// Warn that the same rules were loaded again because a link was recreated, and of what that
    /// loses.
    fn warn_of_reload(&self, new: &Ruleset, old: Option<&Ruleset>, by_link: &[(LinkName, u32)]) {
        let Some(old) = old.filter(|old| *old == new && !by_link.is_empty()) else {
            return;
        };
        let recreated = by_link
            .iter()
            .filter(|now| !old.links_by_index.contains(now));
        let links: Vec<String> = recreated.map(|(link, _)| link.to_string()).collect();
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
