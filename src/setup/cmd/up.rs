//! `up`: making a namespace what its settings say.

use super::down::warn_of_lock;
use crate::model::build::Want;
use crate::plan::Extras;
use crate::setup::converge::converge;
use crate::setup::error::Result;
use crate::setup::linked_netns::follow::follow;
use crate::setup::signals::block_signals;
use crate::setup::{Call, hooks, ready};

/// Make it so, and leave the rest as it is.
pub fn up(call: &Call, want: &Want) -> Result {
    hooks::around_up(want, || whole(call, want, Extras::Keep))
}

/// As `up`, but what `netns_ready` asks for is not waited for; and where it is tried
/// again, what comes before has been done (`prepared`).
pub fn begin_up(call: &Call, want: &Want, prepared: &mut bool) -> Result {
    hooks::around_each_up(want, prepared, || bring_up(call, want, Extras::Keep))
}

/// All of it: brought up, and what `netns_ready` asks for has been waited for.
pub fn whole(call: &Call, want: &Want, rest: Extras) -> Result {
    bring_up(call, want, rest)?;
    ready::wait(want)
}

/// Make it so, and what is tied to it; what `netns_ready` asks for is not waited for.
pub fn bring_up(call: &Call, want: &Want, rest: Extras) -> Result {
    warn_of_lock(call, &want.name);
    let blocked = block_signals();
    let converged = converge(call, want, rest);
    if let Ok(changed) = &converged {
        follow(call, &want.name, *changed);
    }
    let _ = blocked.thread_unblock();
    converged.map(drop)
}
