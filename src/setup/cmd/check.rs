//! `check`: reads the settings and the rule files that they name, and loads the rules into a
//! scratch namespace.

use crate::model::build::{Want, claimed_twice};
use crate::setup::error::Result;
use crate::setup::{Call, firewall, report};

/// Warn of what two of the namespaces take from the host, such as one device.
pub fn warn_of_claims(call: &Call, wants: &[Want]) {
    for (want, problem) in claimed_twice(wants) {
        call.events.warning(&want.name, report::lines(&problem));
    }
}

/// Test the rule files. Errors in the settings have been reported before.
pub fn check(call: &Call, want: &Want) -> Result {
    firewall::test(call, want)
}
