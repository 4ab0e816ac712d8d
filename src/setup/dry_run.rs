//! A dry run: computes the changes to the wanted state of a namespace, and makes none of them.

use super::failure::{Failure, Why};
use super::observe::observe;
use super::resolve_devices::resolve_devices;
use super::{attach, nat};
use crate::kernel::Kernel;
use crate::model::build::Want;
use crate::model::{Netns, State};
use crate::plan::{Change, Extras, Journal, Obstacle, plan_what_can_be};
use crate::setup::lock::without_lock;
use crate::setup::query::build_query;

/// What is planned for a namespace.
pub struct Planned {
    /// The wanted state.
    pub state: State,
    /// The present state.
    pub have: State,
    /// The changes between them that are possible.
    pub changes: Vec<Change>,
    /// Why others are not possible. The first reasons may be the cause of those after them.
    obstacles: Vec<Vec<Obstacle>>,
}

/// Plan the changes. Returns the wanted state, the present state, and the changes between them.
pub fn planned(want: &Want, rest: Extras) -> Result<(State, State, Vec<Change>), Failure> {
    let planned = planned_as_far_as_possible(want, rest)?;
    let mut obstacles = planned.obstacles.into_iter();
    match obstacles.find(|obstacles| !obstacles.is_empty()) {
        Some(obstacles) => Err(Why::Obstacles(obstacles).into()),
        None => Ok((planned.state, planned.have, planned.changes)),
    }
}

/// As [`planned`], but plans what is possible even if there are obstacles to the rest: hooks and
/// other namespaces can remove them before the changes are made.
pub fn planned_as_far_as_possible(want: &Want, rest: Extras) -> Result<Planned, Failure> {
    let (mut journal, mut kernel) = without_lock(&want.name)?;
    let (mut state, in_the_way) = nat::with_host_or_obstacle(want, &journal, &mut kernel)?;
    if attach::prepare(want, &mut state, &journal, &mut kernel)? == attach::NameState::Earlier {
        return plan_reattach(want, &journal, kernel);
    }
    let missing = resolve_devices(&mut state, &journal, &mut kernel)?;
    let query = build_query(&state, &journal);
    let mut have = observe(&mut kernel, &query, &journal)?;
    if !have.exists && state.attached.is_none() {
        have.sysctls
            .extend(Kernel::sysctls_of_a_new_one(&query.sysctls));
    }
    nat::without_others(&want.name, &state, &query, (&mut journal, &mut have))?;
    let (changes, others) = plan_what_can_be(&state, &have, &journal, rest);
    Ok(Planned {
        state,
        have,
        changes,
        obstacles: vec![in_the_way, missing, others],
    })
}

/// Plan for a name that refers to an earlier namespace: take that one down, then attach the wanted
/// one.
fn plan_reattach(want: &Want, journal: &Journal, mut kernel: Kernel) -> Result<Planned, Failure> {
    let nothing = journal.with_returns(State::default());
    let have = observe(&mut kernel, &build_query(&nothing, journal), journal)?;
    let (mut changes, of_earlier) = plan_what_can_be(&nothing, &have, journal, Extras::Remove);
    let mut kernel = Kernel::new(want.name.clone());
    let forgotten = Journal::default();
    let (mut state, in_the_way) = nat::with_host_or_obstacle(want, &forgotten, &mut kernel)?;
    attach::prepare_ignoring_name(want, &mut state, &mut kernel)?;
    let mut have = observe(&mut kernel, &build_query(&state, &forgotten), &forgotten)?;
    have.exists = false;
    // Once the earlier namespace is taken down, links made on the host are gone, and moved links
    // are back
    have.links.retain(|link| {
        let ours = journal.ours.link(&link.netns, &link.name.value);
        link.netns == Netns::This || ours.is_none_or(|ours| ours.kind.is_moved())
    });
    have.links.extend(journal.before.links.iter().cloned());
    let (of_new, others) = plan_what_can_be(&state, &have, &forgotten, Extras::Remove);
    changes.extend(of_new);
    Ok(Planned {
        state,
        have,
        changes,
        obstacles: vec![of_earlier, in_the_way, others],
    })
}
