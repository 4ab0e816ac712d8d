//! `up`, `reload` and `plan`: making a namespace what its settings say, or saying how.

use super::down;
use crate::exit;
use crate::model::build::Want;
use crate::model::{Netns, State};
use crate::name::NetnsName;
use crate::plan::{Change, Extras};
use crate::setup::converge::{converge, say_held};
use crate::setup::dry_run::planned;
use crate::setup::peers::follow::follow;
use crate::setup::signals::hold_signals;
use crate::setup::{Call, complain, hooks, ready, report, say, ssh_guard};

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

fn whole(call: &Call, want: &Want, rest: Extras) -> u8 {
    match bring_up(call, want, rest) {
        exit::DONE => ready::wait(want),
        code => code,
    }
}

fn bring_up(call: &Call, want: &Want, rest: Extras) -> u8 {
    down::say_locked(&want.name);
    let held = hold_signals();
    let (code, changed) = converge(call, want, rest);
    if code == exit::DONE {
        follow(call, &want.name, changed);
    }
    let _ = held.thread_unblock();
    code
}

/// Say what reload would do.
pub fn plan(call: &Call, want: &Want, script: bool) -> u8 {
    let name = &want.name;
    match planned(want, Extras::Remove) {
        Ok((state, have, changes)) => {
            if call.verbose && !script {
                say_held(name, &state, &have);
            }
            match script {
                true => say_script(name, &changes),
                false => {
                    let lines = changes.iter().map(|change| change.command(name));
                    lines.for_each(|line| say(&format!("+ {line}")));
                    say_what_comes_back_bare(&state, &changes);
                }
            }
            ssh_guard::warn(call, want, &changes);
            exit::DONE
        }
        Err(failure) => complain(&report::failure(name, &failure), exit::REFUSED),
    }
}

/// No command shows how the cards that are moved in are going to come back.
fn say_what_comes_back_bare(state: &State, changes: &[Change]) {
    let ways = changes.iter().flat_map(|change| change.step.ways());
    let moved = ways.filter(|(_, to)| to.at == Netns::This && state.bare == Some(true));
    for (link, _) in moved {
        say(&format!("# {} is to be given back bare", link.name));
    }
}

/// The bare commands, for a shell that ends with the first that fails.
fn say_script(name: &NetnsName, changes: &[Change]) {
    if !changes.is_empty() {
        say("set -e");
    }
    for change in changes {
        let command = change.command(name);
        // Of several, -e heeds the last alone
        let ends = if command.contains(" && ") {
            " || exit"
        } else {
            ""
        };
        say(&format!("{command}{ends}"));
    }
}
