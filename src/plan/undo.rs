//! An undo: the state before becomes the wanted state. So an undo is a plan like any other, with
//! the same order of changes as the plan that failed.

use super::Journal;
use crate::model::{Kind, Netns, State};
use crate::name::LinkName;

/// The earlier state as a wanted state, without what the kernel creates by itself.
pub fn as_it_was(before: &State, journal: &Journal) -> State {
    let mut want = before.clone();
    let returning = &journal.before.links;
    // Under its own name, or under the one by which the kernel has moved it back
    let moved = |name: &LinkName| {
        returning.iter().any(|link| {
            let back = link.moved_back_in(&before.links);
            link.name.value == *name || back.is_some_and(|back| back.name.value == *name)
        })
    };
    want.links
        .retain(|link| link.netns != Netns::Host || !moved(&link.name.value));
    want.routes.retain(|route| {
        let kept = journal.is_hosts(&route.value) || route.value.links().any(moved);
        !(route.value.is_kernels() || route.value.netns == Netns::Host && kept)
    });
    // The namespace that such a link was created in has lost its name. The link must not be
    // recreated in the one that has the name now
    want.links
        .retain(|link| !link.kind.spec().is_some_and(|spec| spec.outlived));
    // `with_returns` adds the entries of the links that were moved, from the journal
    want.verbatim.clear();
    want.rules.retain(|rule| !rule.value.is_kernels());
    // The sysctls of a namespace that did not exist are only those that a new one would have had
    let there = |at: &Netns| before.exists || *at != Netns::This;
    want.sysctls.retain(|sysctl| there(&sysctl.value.netns));
    for link in &mut want.links {
        link.addresses.retain(|address| !address.value.is_kernels());
        // We cannot have created such a link, so it was not deleted but moved
        if matches!(link.kind, Kind::Veth { peer: None } | Kind::Other { .. }) {
            link.kind = Kind::Physical;
        }
    }
    journal.with_returns(want)
}
