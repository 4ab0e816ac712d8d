//! Policy rules: added when their tables have routes, and deleted before those routes. The rules of
//! a firewall are in `firewall`.

use super::{Plan, Step};
use crate::source::Sourced;

impl Plan<'_> {
    pub(super) fn policy(&mut self) {
        let (want, have) = (self.want, self.have);
        for Sourced {
            value,
            origin: asked,
        } in want.rules.iter().filter(|r| !have.rules.contains(r))
        {
            self.change(Step::AddRule(value.clone()), asked.clone());
        }
    }

    pub(super) fn take_policy(&mut self) {
        let (want, have) = (self.want, self.have);
        for ours in &self.journal.ours.rules {
            if have.rules.contains(ours) && !want.rules.contains(ours) && !self.dies() {
                self.change(Step::DelRule(ours.value.clone()), None);
            }
        }
    }
}
