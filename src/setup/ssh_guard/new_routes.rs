//! New routes of the host in the settings: checking whether one of them takes over the caller's
//! connection.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::Carries;
use crate::kernel::Kernel;
use crate::model::{LinkRef, Netns};
use crate::plan::{Change, Step};

/// The new route of the host that a change adds: its link, destination and metric. `None` for a
/// route that is restored.
pub(super) fn new_route(change: &Change) -> Option<(LinkRef, IpNet, u32)> {
    change.origin.as_ref()?;
    match &change.step {
        Step::AddRoute(route) | Step::ReplaceRoute(route) if route.netns == Netns::Host => {
            let (at, name) = (Netns::Host, route.links().next()?.clone());
            Some((LinkRef { netns: at, name }, route.dst, route.metric))
        }
        Step::AddAddress(link, address) if link.netns == Netns::Host => {
            Some((link.clone(), address.network(), 0))
        }
        _ => None,
    }
}

/// The link of the new route, if that route takes over the connection.
pub(super) fn link_taken_over(
    change: &Change,
    links: &BTreeSet<LinkRef>,
    carries: &Carries,
    kernel: &mut Kernel,
) -> Option<LinkRef> {
    let (link, dst, metric) = new_route(change)?;
    let takes = match carries {
        Carries::Connection(connection) => kernel.would_take(connection, &dst, metric),
        Carries::DefaultRoute => Ok(dst.prefix_len() == 0 && !links.is_empty()),
    };
    takes.unwrap_or(true).then_some(link)
}
