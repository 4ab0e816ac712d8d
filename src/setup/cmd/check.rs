//! `check`: the settings, and the rule files that they name, are read and tried out.

use crate::model::build::Want;
use crate::setup::firewall;

/// The exit code; what is wrong with the settings has been said before.
pub fn check(want: &Want) -> u8 {
    firewall::test(want)
}
