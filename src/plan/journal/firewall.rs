//! The journal's entries for firewall rules: before, during and after loading. Data only; nothing
//! is loaded here.

use super::Journal;
use crate::model::{Ruleset, Tool};
use crate::name::LinkName;
use crate::source::Sourced;

/// Firewall rules that are being loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loading {
    /// The tool that loads them.
    pub tool: Tool,
    /// The nftables tables that existed before and are not ours, as `FAMILY NAME`.
    pub others: Vec<String>,
}

impl Journal {
    /// Note that rules are about to be loaded in place of `old`, and which existing tables are not
    /// ours. Until loading has finished, the rules may exist completely, in part or not at all.
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

    /// Note the nftables tables that loading the rules has created, and the links that they refer
    /// to by index.
    pub fn note_loaded(&mut self, tool: Tool, tables: Vec<String>, held: Vec<(LinkName, u32)>) {
        let mut rules = self.ours.firewall.iter_mut().map(|rules| &mut rules.value);
        if let Some(rules) = rules.find(|rules| rules.tool == tool) {
            rules.tables = tables;
            rules.links_by_index = held;
        }
    }

    /// Note new rules. The entry keeps the tables of the old rules, because these exist until the
    /// new rules have been loaded.
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
