//! `plan`: what `reload` would do, and nothing done.

use crate::exit;
use crate::model::build::Want;
use crate::model::{Netns, State};
use crate::name::NetnsName;
use crate::plan::{Change, Extras};
use crate::setup::converge::say_satisfied;
use crate::setup::dry_run::planned;
use crate::setup::{Call, complain, report, say, ssh_guard};

/// Say what reload would do.
pub fn plan(call: &Call, want: &Want, script: bool) -> u8 {
    let name = &want.name;
    match planned(want, Extras::Remove) {
        Ok((state, have, changes)) => {
            if call.verbose && !script {
                say_satisfied(name, &state, &have);
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
    let moved = ways.filter(|(_, to)| to.netns == Netns::This && state.bare == Some(true));
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
