//! `reload`: as `up`, and what the settings no longer list goes.

use super::up::{bring_up, whole};
use crate::model::build::Want;
use crate::plan::Extras;
use crate::setup::error::Result;
use crate::setup::{Call, hooks};

/// Make it so, and take away what is no longer asked for.
pub fn reload(call: &Call, want: &Want) -> Result {
    whole(call, want, Extras::Remove)?;
    hooks::run_due(want)
}

/// As `reload`, but what `netns_ready` asks for is not waited for.
pub fn begin_reload(call: &Call, want: &Want) -> Result {
    bring_up(call, want, Extras::Remove)
}
