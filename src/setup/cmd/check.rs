//! `check`: the settings, and the rule files that they name, are read and tried out.

use crate::model::build::Want;
use crate::setup::error::Result;
use crate::setup::{Call, firewall};

/// What is wrong with the settings has been reported before.
pub fn check(call: &Call, want: &Want) -> Result {
    firewall::test(call, want)
}
