//! `reload`: as `up`, and what the settings no longer list goes.

use super::up::{bring_up, whole};
use crate::exit;
use crate::model::build::Want;
use crate::plan::Extras;
use crate::setup::{Call, hooks};

/// Make it so, and take away what is no longer asked for.
pub fn reload(call: &Call, want: &Want) -> u8 {
    match whole(call, want, Extras::Remove) {
        exit::DONE if !hooks::run_due(want) => exit::REFUSED,
        code => code,
    }
}

/// As `reload`, but what `netns_ready` asks for is not waited for.
pub fn begin_reload(call: &Call, want: &Want) -> u8 {
    bring_up(call, want, Extras::Remove)
}
