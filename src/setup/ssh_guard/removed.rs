//! Addresses and routes that a reload removes: checking whether the caller's connection needs one
//! of them.

use std::collections::BTreeSet;

use super::Carries;
use crate::model::route::{Route, RouteKind};
use crate::model::{LinkRef, State};
use crate::plan::{Change, Step};
use crate::system::sockets::Connection;

/// The address or route that the change removes, and its link, if the connection ends without it.
pub(super) fn needed(
    change: &Change,
    changes: &[Change],
    have: &State,
    links: &BTreeSet<LinkRef>,
    carries: &Carries,
) -> Option<(LinkRef, String)> {
    let Carries::Connection(connection) = carries else {
        return None;
    };
    match &change.step {
        Step::DelAddress(link, address) if links.contains(link) => {
            let is_added = |change: &Change| match &change.step {
                Step::AddAddress(to, new) => to == link && new.ip() == connection.local,
                _ => false,
            };
            let is_needed = address.ip() == connection.local && !changes.iter().any(is_added);
            let what = || format!("the address {} of {}", address.net, link.name);
            is_needed.then(|| (link.clone(), what()))
        }
        Step::DelRoute(route) if leads_to(route, connection) => {
            let mut over = route.links().map(|name| LinkRef {
                netns: route.netns.clone(),
                name: name.clone(),
            });
            let link = over.find(|link| links.contains(link))?;
            let is_last = !routes_after(changes, have)
                .any(|left| left.netns == route.netns && leads_to(left, connection));
            is_last.then(|| (link, format!("the route {route}")))
        }
        _ => None,
    }
}

fn leads_to(route: &Route, connection: &Connection) -> bool {
    route.kind == RouteKind::Unicast && route.dst.contains(&connection.peer)
}

/// The routes that are there when all changes are made.
fn routes_after<'a>(changes: &'a [Change], have: &'a State) -> impl Iterator<Item = &'a Route> {
    let is_removed = |route: &Route| {
        changes.iter().any(|change| match &change.step {
            Step::DelRoute(removed) => removed == route,
            _ => false,
        })
    };
    let stay = have.routes.iter().map(|route| &route.value);
    let added = changes.iter().filter_map(|change| match &change.step {
        Step::AddRoute(route) | Step::ReplaceRoute(route) => Some(route),
        _ => None,
    });
    stay.filter(move |route| !is_removed(route)).chain(added)
}
