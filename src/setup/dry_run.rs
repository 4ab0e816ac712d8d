//! A dry run: computes the changes to the wanted state of a namespace, and makes none of them.

use std::collections::BTreeSet;

use super::failure::{Failure, Why};
use super::observe::observe;
use super::resolve_devices::resolve_devices;
use super::{attach, nat};
use crate::kernel::Kernel;
use crate::model::build::Want;
use crate::model::{Kind, Link, LinkRef, Netns, State};
use crate::name::NetnsName;
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

/// A namespace that comes first, and the state that its settings ask for.
pub struct Earlier {
    /// Its name.
    pub name: NetnsName,
    /// Its wanted state.
    pub state: State,
}

impl Earlier {
    /// Add to the present state of the namespace `later` what exists then and concerns it.
    fn add_to(&self, later: &NetnsName, want: &State, (journal, have): (&mut Journal, &mut State)) {
        if !want.neighbours().contains(&self.name) {
            return;
        }
        have.others.insert(self.name.clone());
        if self.state.others.contains(later) && !have.exists {
            have.exists = true;
            have.links.extend(want.links.iter().filter_map(not_up));
        }
        let known: BTreeSet<LinkRef> = have.links.iter().map(Link::link_at).collect();
        let theirs = self.state.links.iter();
        let seen = theirs.map(|link| link.seen_from(&self.name, later));
        have.links
            .extend(seen.filter(|link| !known.contains(&link.link_at())));
        let mut theirs = Journal::default();
        theirs.ours.links = self.state.links.clone();
        journal.adopt(later, &self.name, &theirs, |link| {
            let wanted = want.link(&link.netns, &link.name.value);
            wanted.is_some_and(|wanted| wanted.kind == link.kind)
        });
    }
}

/// The loopback link of a new namespace.
fn not_up(link: &Link) -> Option<Link> {
    let is_lo = link.kind == Kind::Loopback;
    is_lo.then(|| Link {
        up: Some(false),
        addresses: Vec::new(),
        ..link.clone()
    })
}

/// Plan the changes. Returns the wanted state, the present state, and the changes between them.
pub fn planned(want: &Want, rest: Extras) -> Result<(State, State, Vec<Change>), Failure> {
    planned_after(&[], want, rest)
}

/// As [`planned`], if these namespaces come first: what their settings make counts as present.
pub fn planned_after(
    earlier: &[Earlier],
    want: &Want,
    rest: Extras,
) -> Result<(State, State, Vec<Change>), Failure> {
    let planned = as_far_as_possible(earlier, want, rest)?;
    let mut obstacles = planned.obstacles.into_iter();
    match obstacles.find(|obstacles| !obstacles.is_empty()) {
        Some(obstacles) => Err(Why::Obstacles(obstacles).into()),
        None => Ok((planned.state, planned.have, planned.changes)),
    }
}

/// As [`planned`], but plans what is possible even if there are obstacles to the rest: hooks and
/// other namespaces can remove them before the changes are made.
pub fn planned_as_far_as_possible(want: &Want, rest: Extras) -> Result<Planned, Failure> {
    as_far_as_possible(&[], want, rest)
}

fn as_far_as_possible(earlier: &[Earlier], want: &Want, rest: Extras) -> Result<Planned, Failure> {
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
    for earlier in earlier {
        earlier.add_to(&want.name, &state, (&mut journal, &mut have));
    }
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
