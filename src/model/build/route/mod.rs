//! Parses `routes_IF` into routes, each with its own line.

pub mod gateways;

use std::collections::BTreeMap;
use std::ptr;

use super::dhcp;
use super::link::home::at_host;
use crate::conf::{Listed, Piece, Settings};
use crate::model::names::Names;
use crate::model::{Context, Netns, Route, RouteKind};
use crate::name::LinkName;
use crate::source::{Problem, Sourced};

/// A route with its text, for further checks.
pub(super) struct RouteSetting<'a> {
    pub route: Sourced<Route>,
    pub piece: Piece<'a>,
}

pub(super) fn routes<'a>(
    settings: &'a Settings,
    context: &Context,
    problems: &mut Vec<Problem>,
) -> Vec<RouteSetting<'a>> {
    let mut found = Vec::new();
    let names = with_vrfs(settings, context);
    for listed in &settings.links {
        let lines = listed.lines("routes");
        let metric = dhcp::metric(listed, problems);
        for piece in lines {
            match route(&piece, &listed.name.value, settings, &names) {
                Ok(route) => found.push(RouteSetting {
                    route: piece.at(with_metric(route, piece.text, metric.as_ref())),
                    piece,
                }),
                Err(problem) => problems.push(problem),
            }
        }
    }
    if settings.complete {
        clashes(&found, problems);
    }
    found
}

/// The route, with the metric of its link if it has none of its own.
fn with_metric(route: Route, text: &str, metric: Option<&Sourced<u32>>) -> Route {
    let says = |word: &str| matches!(word, "metric" | "preference" | "priority");
    match metric {
        Some(metric) if route.kind == RouteKind::Unicast && !text.split_whitespace().any(says) => {
            Route {
                metric: metric.value,
                ..route
            }
        }
        _ => route,
    }
}

/// The names of the host, and the tables of this namespace's VRFs.
fn with_vrfs(settings: &Settings, context: &Context) -> Names {
    let table = |listed: &Listed| {
        listed
            .get("type")
            .filter(|kind| kind.whole().text == "vrf")?;
        let text = listed.get("table")?.whole().text;
        let named = || context.names.tables.iter().find(|(name, _)| name == text);
        let table = text.parse().ok().or_else(|| named().map(|(_, n)| *n))?;
        Some((listed.name.to_string(), table))
    };
    Names {
        vrfs: settings.links.iter().filter_map(table).collect(),
        ..context.names.clone()
    }
}

/// The table of the VRF that a link belongs to. A route over the link is only found in this table.
fn vrf_of(link: &LinkName, settings: &Settings, names: &Names) -> Option<u32> {
    let listed = settings.listed(link.as_str())?;
    let master = listed.get("master")?.whole().text;
    let vrf = names.vrfs.iter().find(|(vrf, _)| vrf == master)?;
    Some(vrf.1)
}

fn route(
    piece: &Piece<'_>,
    link: &LinkName,
    settings: &Settings,
    names: &Names,
) -> Result<Route, Problem> {
    let parse = |dev: &LinkName| {
        let names = Names {
            unsaid_table: vrf_of(dev, settings, names),
            ..names.clone()
        };
        Route::parse(piece.text, &names)
    };
    // The route may be over another link than the one of the setting
    let over = |route: &Route| route.links().find(|dev| *dev != link).cloned();
    let route = parse(link).and_then(|route| over(&route).map_or(Ok(route), |dev| parse(&dev)));
    let mut route = route.map_err(|error| piece.problem(error.wrong, error.remedy))?;
    let home = |dev: &LinkName| {
        let listed = settings.links.iter().find(|l| l.name.value == *dev);
        listed.map_or(Netns::This, |listed| match at_host(listed) {
            true => Netns::Host,
            false => Netns::This,
        })
    };
    let at = home(link);
    let other = route.links().find(|dev| home(dev) != at);
    if other.is_some() || at == Netns::Host && route.kind != RouteKind::Unicast {
        let hosts = other.filter(|_| at == Netns::This).unwrap_or(link);
        return Err(piece.problem(
            format!(": {hosts} is the host's, and this route does not lead over it alone"),
            format!(
                "expected a route over {hosts}, in routes_{}",
                hosts.suffix()
            ),
        ));
    }
    if route.kind != RouteKind::Unicast {
        return Ok(route);
    }
    route.netns = at;
    route.dev.get_or_insert_with(|| link.clone());
    for hop in &mut route.more {
        hop.dev.get_or_insert_with(|| link.clone());
    }
    let listed = |dev: &&LinkName| settings.listed(dev.as_str()).is_some();
    if let Some(dev) = route.links().find(|dev| settings.complete && !listed(dev)) {
        return Err(piece.problem(
            format!(": {dev} is not in netns_links"),
            format!("expected a link of this namespace after dev; without dev it is {link}"),
        ));
    }
    Ok(route)
}

/// Report two routes with the same destination, metric and table: the kernel keeps only one.
fn clashes(routes: &[RouteSetting<'_>], problems: &mut Vec<Problem>) {
    let key = |said: &RouteSetting<'_>| {
        let route = &said.route.value;
        (route.netns.clone(), route.dst, route.metric, route.table)
    };
    let mut first = BTreeMap::new();
    for said in routes {
        let other: &&RouteSetting<'_> = first.entry(key(said)).or_insert(said);
        if !ptr::eq(*other, said) {
            problems.push(said.piece.problem(
                " leads to the same place as another route, with the same metric",
                format!(
                    "expected another metric than in {}, or only one route",
                    super::where_said(&other.route, Some(&said.piece.origin.place))
                ),
            ));
        }
    }
}
