//! `reload`: as `up`, and also removes what the settings no longer list.

use super::up::{bring_up, up_and_wait};
use crate::model::build::Want;
use crate::plan::Extras;
use crate::setup::error::Result;
use crate::setup::{Call, hooks};

/// Make the namespace match its settings, and remove what they no longer list.
pub fn reload(call: &Call, want: &Want) -> Result {
    up_and_wait(call, want, Extras::Remove)?;
    hooks::run_due(want)
}

/// As `reload`, but does not wait for the conditions of `netns_ready`.
pub fn begin_reload(call: &Call, want: &Want) -> Result {
    bring_up(call, want, Extras::Remove)
}
