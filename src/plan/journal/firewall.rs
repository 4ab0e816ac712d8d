//! The journal's part about the rules of firewalls: what is known of them before they are
//! loaded, while they are, and afterwards. Data and its bookkeeping.

use super::Journal;
use crate::model::{Ruleset, Tool};
use crate::name::LinkName;
use crate::source::Sourced;

/// Rules that are being loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loading {
    /// By whom.
    pub tool: Tool,
    /// The tables of nftables that were there before and are not ours, as `FAMILY NAME`.
    pub others: Vec<String>,
}

impl Journal {
    /// Note that rules are about to be loaded, in the place of `old`, and which tables are
    /// there that are not ours. Until that is done, they may be there, in part or not at all.
    pub fn loading(&mut self, new: &Ruleset, old: Option<&Ruleset>, others: Vec<String>) {
        let text = old.map(|old| old.text.as_str()).unwrap_or_default();
        let both = Ruleset {
            text: format!("{text}\n{}\n# is being loaded\n", new.text),
            ..new.clone()
        };
        self.note_rules(&both);
        self.loading = Some(Loading {
            tool: new.tool,
            others,
        });
    }

    /// Note which tables of nftables loading the rules has made, and which links they hold.
    pub fn note_loaded(&mut self, tool: Tool, tables: Vec<String>, held: Vec<(LinkName, u32)>) {
        let mut rules = self.ours.firewall.iter_mut().map(|rules| &mut rules.value);
        if let Some(rules) = rules.find(|rules| rules.tool == tool) {
            rules.tables = tables;
            rules.links_by_index = held;
        }
    }

    /// The tables of the rules before these are there until these have been loaded.
    pub(super) fn note_rules(&mut self, new: &Ruleset) {
        self.loading = None;
        let rules = &mut self.ours.firewall;
        let old = rules.iter().find(|rules| rules.value.tool == new.tool);
        let known = old.map(|old| (old.value.tables.clone(), old.value.links_by_index.clone()));
        let (tables, held) = known.unwrap_or_default();
        rules.retain(|rules| rules.value.tool != new.tool);
        rules.push(Sourced::without_origin(Ruleset {
            tables,
            links_by_index: held,
            ..new.clone()
        }));
        rules.sort_by_key(|rules| rules.value.tool);
    }

    pub(super) fn forget_rules(&mut self, tool: Tool) {
        self.ours.firewall.retain(|rules| rules.value.tool != tool);
    }
}
