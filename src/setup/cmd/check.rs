//! `check`: reads the settings and the rule files that they name, and loads the rules into a
//! scratch namespace.

use crate::model::build::Want;
use crate::setup::error::Result;
use crate::setup::{Call, firewall};

/// Test the rule files. Errors in the settings have been reported before.
pub fn check(call: &Call, want: &Want) -> Result {
    firewall::test(call, want)
}
