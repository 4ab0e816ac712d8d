//! The firewall: loaded when all links are there, and before any of them is up.

use super::{Plan, Step};
use crate::model::Rules;
use crate::place::At;

impl Plan<'_> {
    pub(super) fn rules(&mut self) {
        let (want, have) = (self.want, self.have);
        for rules in &want.rules {
            let old = same_tool(&have.rules, &rules.value);
            if old != Some(&rules.value) {
                let (new, old) = (Box::new(rules.value.clone()), old.cloned().map(Box::new));
                self.change(Step::LoadRules { new, old }, rules.asked.clone());
            }
        }
    }

    /// Rules before sets, which they may name.
    pub(super) fn take_rules(&mut self) {
        let (want, have) = (self.want, self.have);
        for old in have.rules.iter().rev() {
            if same_tool(&want.rules, &old.value).is_none() {
                self.change(Step::UnloadRules(Box::new(old.value.clone())), None);
            }
        }
    }
}

fn same_tool<'a>(all: &'a [At<Rules>], rules: &Rules) -> Option<&'a Rules> {
    let mut all = all.iter().map(|rules| &rules.value);
    all.find(|other| other.tool == rules.tool)
}
