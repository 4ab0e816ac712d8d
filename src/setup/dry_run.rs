//! A dry run: computes the changes to the wanted state of a namespace, and makes none of them.

use super::failure::{Failure, Why};
use super::observe::observe;
use super::resolve_devices::resolve_all_devices;
use super::{attach, nat};
use crate::kernel::Kernel;
use crate::model::build::Want;
use crate::model::{Netns, State};
use crate::plan::{Change, Extras, Journal, plan};
use crate::setup::lock::without_lock;
use crate::setup::query::build_query;

/// Plan the changes. Returns the wanted state, the present state, and the changes between them.
pub fn planned(want: &Want, rest: Extras) -> Result<(State, State, Vec<Change>), Failure> {
    let (mut journal, mut kernel) = without_lock(&want.name)?;
    let mut state = nat::with_host(want, &journal, &mut kernel)?.state;
    if attach::prepare(want, &mut state, &journal, &mut kernel)? == attach::NameState::Earlier {
        return plan_reattach(want, &journal, kernel);
    }
    resolve_all_devices(&mut state, &journal, &mut kernel)?;
    let query = build_query(&state, &journal);
    let mut have = observe(&mut kernel, &query, &journal)?;
    if !have.exists && state.attached.is_none() {
        have.sysctls
            .extend(Kernel::sysctls_of_a_new_one(&query.sysctls));
    }
    nat::without_others(&want.name, &state, &query, (&mut journal, &mut have))?;
    let changes = plan(&state, &have, &journal, rest).map_err(Why::Obstacles)?;
    Ok((state, have, changes))
}

/// Plan for a name that refers to an earlier namespace: take that one down, then attach the wanted
/// one.
fn plan_reattach(
    want: &Want,
    journal: &Journal,
    mut kernel: Kernel,
) -> Result<(State, State, Vec<Change>), Failure> {
    let nothing = journal.with_returns(State::default());
    let have = observe(&mut kernel, &build_query(&nothing, journal), journal)?;
    let mut all = plan(&nothing, &have, journal, Extras::Remove).map_err(Why::Obstacles)?;
    let mut kernel = Kernel::new(want.name.clone());
    let forgotten = Journal::default();
    let mut state = nat::with_host(want, &forgotten, &mut kernel)?.state;
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
    all.extend(plan(&state, &have, &forgotten, Extras::Remove).map_err(Why::Obstacles)?);
    Ok((state, have, all))
}
