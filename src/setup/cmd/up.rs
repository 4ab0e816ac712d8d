//! `up`: makes a namespace match its settings.

use super::down::warn_of_lock;
use crate::model::build::Want;
use crate::name::NetnsName;
use crate::plan::Extras;
use crate::setup::converge::converge;
use crate::setup::error::Result;
use crate::setup::linked_netns::follow::follow;
use crate::setup::signals::block_signals;
use crate::setup::{Call, hooks, ready};

/// Make the namespace match its settings. What they do not list stays.
pub fn up(call: &Call, want: &Want) -> Result {
    hooks::around_up(want, || up_and_wait(call, want, Extras::Keep))
}

/// As `up`, but does not wait for the conditions of `netns_ready`. `prepared` is true if this is a
/// retry, and `netns_pre_up` has been run.
pub fn begin_up(call: &Call, want: &Want, prepared: &mut bool) -> Result {
    hooks::around_each_up(want, prepared, || bring_up(call, want, Extras::Keep))
}

/// Bring the namespace up, and wait for the conditions of `netns_ready`.
pub fn up_and_wait(call: &Call, want: &Want, rest: Extras) -> Result {
    bring_up(call, want, rest)?;
    ready::wait(call, want)
}

/// Bring up the namespace and those that are linked to it, without waiting for the conditions of
/// `netns_ready`.
pub fn bring_up(call: &Call, want: &Want, rest: Extras) -> Result {
    warn_of_lock(call, &want.name);
    let blocked = block_signals();
    let converged = converge(call, want, rest);
    if let Ok(changed) = &converged {
        follow(call, &want.name, *changed);
    }
    let _ = blocked.thread_unblock();
    if let Ok(false) = &converged {
        nothing_to_do(call, &want.name);
    }
    converged.map(drop)
}

/// Print at a terminal that the namespace matches its settings already.
pub fn nothing_to_do(call: &Call, name: &NetnsName) {
    if !call.quiet {
        call.events.progress(name, format!("{name}: nothing to do"));
    }
}
