//! Policy rules: made when the tables they lead to have their routes, and taken away
//! before those go. The rules of a firewall are `firewall`'s.

use super::{Plan, Step};
use crate::source::Sourced;

impl Plan<'_> {
    pub(super) fn policy(&mut self) {
        let (want, have) = (self.want, self.have);
        for Sourced { value, asked } in want.policy.iter().filter(|r| !have.policy.contains(r)) {
            self.change(Step::AddPolicy(value.clone()), asked.clone());
        }
    }

    pub(super) fn take_policy(&mut self) {
        let (want, have) = (self.want, self.have);
        for made in &self.journal.made.policy {
            if have.policy.contains(made) && !want.policy.contains(made) && !self.dies() {
                self.change(Step::DelPolicy(made.value.clone()), None);
            }
        }
    }
}
