//! What changes take from the caller's connection other than its link: addresses, routes, published
//! ports, masters, VLANs. Firewall rules are not checked here: their effect on the connection is known
//! only when they are loaded (`answers`).

use super::Carries;
use crate::kernel::Path;
use crate::model::link::option_value::OptionValue;
use crate::model::nat::Publish;
use crate::model::route::{Route, RouteKind};
use crate::model::{Link, LinkRef, Netns, State};
use crate::plan::{Change, Step};
use crate::system::sockets::Connection;

/// What the change does to the connection, as in "it would WHAT", and the link that this belongs to.
/// The connection ends or hangs then.
pub(super) fn needed(
    change: &Change,
    changes: &[Change],
    have: &State,
    path: &Path,
    carries: &Carries,
) -> Option<(LinkRef, String)> {
    let Carries::Connection(connection) = carries else {
        return None;
    };
    let links = &path.links;
    let loses = |link: &LinkRef, what: String| Some((link.clone(), what));
    match &change.step {
        Step::DelAddress(link, address) if links.contains(link) => {
            let is_added = |change: &Change| match &change.step {
                Step::AddAddress(to, new) => to == link && new.ip() == connection.local,
                _ => false,
            };
            let is_needed = address.ip() == connection.local && !changes.iter().any(is_added);
            let what = || format!("remove the address {} of {}", address.net, link.name);
            is_needed.then(|| loses(link, what()))?
        }
        Step::DelRoute(route) if leads_to(route, connection) => {
            let mut over = route.links().map(|name| LinkRef {
                netns: route.netns.clone(),
                name: name.clone(),
            });
            let link = over.find(|link| links.contains(link))?;
            let is_last = !routes_after(changes, have)
                .any(|left| left.netns == route.netns && leads_to(left, connection));
            is_last.then(|| loses(&link, format!("remove the route {route}")))?
        }
        Step::LoadNatTable(new) => unpublished(&new.publish, have, path, connection),
        Step::DropNatTable => unpublished(&[], have, path, connection),
        Step::AddLink { link, .. } => {
            let parent = takes_packets_of(link).filter(|parent| links.contains(parent))?;
            loses(
                &parent,
                format!("give {} all packets of {}", link.name, parent.name),
            )
        }
        step => {
            let (link, what) = changed(step)?;
            let what = format!("{what} of {}", link.name);
            links.contains(link).then(|| loses(link, what))?
        }
    }
}

/// The parent link whose packets all go to this new link.
fn takes_packets_of(link: &Link) -> Option<LinkRef> {
    let spec = link.kind.spec()?;
    let mode = spec.options.get("mode");
    spec.below()
        .filter(|_| mode == Some(OptionValue::Word("passthru")))
}

/// The link that no longer passes on the same packets after this step, and what the step does to it.
fn changed(step: &Step) -> Option<(&LinkRef, &'static str)> {
    match step {
        Step::SetMaster(link, _) => Some((link, "change the master")),
        Step::DelVlans(link, ..) => Some((link, "remove VLANs")),
        Step::SetUp(link, false) => Some((link, "end the use")),
        Step::SetAttribute(link, options) if options.said("address").is_some() => {
            Some((link, "change the hardware address"))
        }
        Step::SetOptions(link, spec) => {
            let filters = spec.options.said("vlan_filtering").is_some();
            filters.then_some((link, "change the VLAN filter"))
        }
        _ => None,
    }
}

/// The published port through which the connection comes in, if it is not one of these.
fn unpublished(
    new: &[Publish],
    have: &State,
    path: &Path,
    connection: &Connection,
) -> Option<(LinkRef, String)> {
    let ends_inside = path.hops.first()?.netns == Netns::This;
    let is_forwarded = ends_inside && path.hops.iter().any(|hop| hop.netns == Netns::Host);
    let old = have.table.iter().flat_map(|table| &table.value.publish);
    let mut old = old.filter(|publish| publish.leads_to(connection.local_port));
    // The journal has no destinations
    let stays = |publish: &Publish| new.iter().any(|new| new.to_string() == publish.to_string());
    let lost = old.find(|publish| !stays(publish));
    let link = path.links.iter().next()?;
    let lost = lost.filter(|_| is_forwarded)?;
    Some((link.clone(), format!("remove the published port {lost}")))
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
