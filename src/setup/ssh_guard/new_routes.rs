//! New ways of the host that settings ask for: whether one of them takes over what carries
//! the caller.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::Carries;
use crate::kernel::Kernel;
use crate::model::{LinkRef, Netns};
use crate::plan::{Change, Step};

/// The new way of the host that settings ask for: over which link, to where, and its metric.
/// What the host has back was its own.
pub(super) fn leads(change: &Change) -> Option<(LinkRef, IpNet, u32)> {
    change.asked.as_ref()?;
    match &change.step {
        Step::AddRoute(route) | Step::ReplaceRoute(route) if route.at == Netns::Host => {
            let (at, name) = (Netns::Host, route.links().next()?.clone());
            Some((LinkRef { at, name }, route.dst, route.metric))
        }
        Step::AddAddress(link, address) if link.at == Netns::Host => {
            Some((link.clone(), address.network(), 0))
        }
        _ => None,
    }
}

/// The link over which the change leads what is carried.
pub(super) fn over(
    change: &Change,
    links: &BTreeSet<LinkRef>,
    carries: &Carries,
    kernel: &mut Kernel,
) -> Option<LinkRef> {
    let (link, dst, metric) = leads(change)?;
    let takes = match carries {
        Carries::Connection(connection) => kernel.would_take(connection, &dst, metric),
        Carries::DefaultRoute => Ok(dst.prefix_len() == 0 && !links.is_empty()),
    };
    takes.unwrap_or(true).then_some(link)
}
