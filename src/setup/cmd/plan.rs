//! `plan`: reports what `reload` would do, and changes nothing.

use super::up::nothing_to_do;
use crate::model::build::Want;
use crate::model::{Netns, State};
use crate::plan::{Change, Extras};
use crate::setup::converge::report_satisfied;
use crate::setup::dry_run::{Earlier, planned_after};
use crate::setup::error::{Error, Result};
use crate::setup::{Call, ssh_guard};

/// Report what reload would do. `earlier`: the namespaces before this one; it is added to them.
pub fn plan(call: &Call, want: &Want, earlier: &mut Vec<Earlier>) -> Result {
    let name = &want.name;
    let planned = planned_after(earlier, want, Extras::Remove);
    let (state, have, changes) = planned.map_err(|failure| Error::failure(name, &failure))?;
    earlier.push(Earlier {
        name: name.clone(),
        state: state.clone(),
    });
    if call.verbose {
        report_satisfied(call, name, &state, &have);
    }
    for change in &changes {
        call.events.changed(name, change);
    }
    if changes.is_empty() {
        nothing_to_do(call, name);
    }
    report_what_comes_back_bare(call, want, &state, &changes);
    ssh_guard::warn(call, want, &have, &changes);
    Ok(())
}

/// The commands do not show that NICs will go back to the host without addresses, so a comment
/// does.
fn report_what_comes_back_bare(call: &Call, want: &Want, state: &State, changes: &[Change]) {
    let ways = changes.iter().flat_map(|change| change.step.ways());
    let moved = ways.filter(|(_, to)| to.netns == Netns::This && state.bare == Some(true));
    for (link, _) in moved {
        let line = format!("# {} is to be given back bare", link.name);
        call.events.notice(&want.name, line);
    }
}
