//! `routes_IF` in, routes out, each with its own line.

use crate::conf::{Piece, Setting, Settings};
use crate::model::{Context, Route, RouteKind};
use crate::name::LinkName;
use crate::place::{At, Problem};

/// A route with its text, for what is still to be checked.
pub(super) struct Said<'a> {
    pub route: At<Route>,
    pub piece: Piece<'a>,
}

pub(super) fn routes<'a>(
    settings: &'a Settings,
    context: &Context,
    problems: &mut Vec<Problem>,
) -> Vec<Said<'a>> {
    let mut found = Vec::new();
    for listed in &settings.links {
        let lines = listed.get("routes").map(Setting::lines).unwrap_or_default();
        for piece in lines {
            match route(&piece, &listed.name.value, settings, context) {
                Ok(route) => found.push(Said {
                    route: piece.at(route),
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

fn route(
    piece: &Piece<'_>,
    link: &LinkName,
    settings: &Settings,
    context: &Context,
) -> Result<Route, Problem> {
    let route = Route::parse(piece.text, &context.names);
    let mut route = route.map_err(|error| piece.problem(error.wrong, error.remedy))?;
    if route.kind != RouteKind::Unicast {
        return Ok(route);
    }
    let dev = route.dev.get_or_insert_with(|| link.clone());
    let listed = settings.links.iter().any(|l| l.name.value == *dev);
    if settings.complete && !listed {
        return Err(piece.problem(
            format!(": {dev} is not in netns_links"),
            format!("expected a link of this namespace after dev; without dev it is {link}"),
        ));
    }
    Ok(route)
}

/// The kernel holds one route for a destination, metric and table.
fn clashes(routes: &[Said<'_>], problems: &mut Vec<Problem>) {
    let key = |said: &Said<'_>| {
        let route = &said.route.value;
        (route.dst, route.metric, route.table)
    };
    for (n, said) in routes.iter().enumerate() {
        if let Some(other) = routes[..n].iter().find(|other| key(other) == key(said)) {
            problems.push(said.piece.problem(
                " leads to the same place as another route, with the same metric",
                format!(
                    "expected another metric than in {}, or one route alone",
                    super::where_said(&other.route, Some(&said.piece.asked.place))
                ),
            ));
        }
    }
}
