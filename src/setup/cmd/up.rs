//! `up`: making a namespace what its settings say.

use super::down;
use crate::exit;
use crate::model::build::Want;
use crate::plan::Extras;
use crate::setup::converge::converge;
use crate::setup::linked_netns::follow::follow;
use crate::setup::signals::block_signals;
use crate::setup::{Call, hooks, ready};

/// Make it so, and leave the rest as it is.
pub fn up(call: &Call, want: &Want) -> u8 {
    hooks::around_up(want, (), || (whole(call, want, Extras::Keep), ())).0
}

/// As `up`, but what `netns_ready` asks for is not waited for; and where it is tried
/// again, what comes before has been done (`prepared`).
pub fn begin_up(call: &Call, want: &Want, prepared: &mut bool) -> u8 {
    let up = || (bring_up(call, want, Extras::Keep), ());
    hooks::around_each_up(want, prepared, (), up).0
}

/// All of it: brought up, and what `netns_ready` asks for has been waited for.
pub fn whole(call: &Call, want: &Want, rest: Extras) -> u8 {
    match bring_up(call, want, rest) {
        exit::DONE => ready::wait(want),
        code => code,
    }
}

/// Make it so, and what is tied to it; what `netns_ready` asks for is not waited for.
pub fn bring_up(call: &Call, want: &Want, rest: Extras) -> u8 {
    down::say_locked(&want.name);
    let blocked = block_signals();
    let (code, changed) = converge(call, want, rest);
    if code == exit::DONE {
        follow(call, &want.name, changed);
    }
    let _ = blocked.thread_unblock();
    code
}
