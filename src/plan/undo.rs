//! Undoing: what was there before becomes what is wanted, so that an undo is a plan like
//! any other, and cannot know less of the order of things than the plan that failed.

use super::Journal;
use crate::model::{Kind, Netns, State};
use crate::name::LinkName;

/// What was there as what is wanted. What the kernel makes by itself it makes again.
pub fn as_it_was(before: &State, journal: &Journal) -> State {
    let mut want = before.clone();
    let moved = |name: &LinkName| journal.before.link(&Netns::Host, name).is_some();
    want.links
        .retain(|link| link.netns != Netns::Host || !moved(&link.name.value));
    want.routes.retain(|route| {
        let kept = journal.is_hosts(&route.value) || route.value.links().any(moved);
        !(route.value.is_kernels() || route.value.netns == Netns::Host && kept)
    });
    // It was dead, and is not to be born where the name leads now
    want.links
        .retain(|link| !link.kind.spec().is_some_and(|spec| spec.outlived));
    // They come from the journal, as far as they are of what was moved
    want.verbatim.clear();
    want.rules.retain(|rule| !rule.value.is_kernels());
    // What a namespace would have had that was not there
    let there = |at: &Netns| before.exists || *at != Netns::This;
    want.sysctls.retain(|sysctl| there(&sysctl.value.netns));
    for link in &mut want.links {
        link.addresses.retain(|address| !address.value.is_kernels());
        // What we cannot have made has not been deleted but moved
        if matches!(link.kind, Kind::Veth { peer: None } | Kind::Other(_)) {
            link.kind = Kind::Physical;
        }
    }
    journal.with_returns(want)
}
