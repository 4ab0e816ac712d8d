//! `list`: prints a line for each namespace that has a name, settings or a state directory, and for
//! each container. `containers` finds the containers.

mod containers;
mod text;

use std::collections::BTreeSet;

use serde::Serialize;

use super::status::link::{LinkState, LinkStatus};
use super::status::{self, Seen};
use crate::name::NetnsName;
use crate::setup::error::Outcome;
use crate::setup::report::event::JSON_VERSION;
use crate::setup::{Call, report};
use crate::system::{container, netns, occupants};

/// What `list --json` prints: an object for each namespace.
#[derive(Debug, Serialize)]
struct Entry {
    version: u32,
    name: String,
    state: State,
    /// When it became ready or failed, or when others made it, in seconds since 1970.
    since: Option<u64>,
    /// Number of changes to match its settings, if known.
    changes: Option<usize>,
    links: Vec<Link>,
    /// The services that have started processes inside.
    services: BTreeSet<String>,
    processes: usize,
    /// The container that the namespace belongs to.
    container: Option<String>,
    /// A trial is running, and is rolled back after this many seconds.
    trial: Option<u64>,
    /// The reason of this state: an error in the settings, or why the last start failed.
    reason: Option<String>,
}

/// The state of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// It is ready: services can start inside.
    Ready,
    /// netns-setup made it, and it is not complete.
    NotReady,
    /// `watch` brings it up as soon as that is possible.
    Waiting,
    /// Its last start failed, and it does not exist.
    Failed,
    /// It has settings, and does not exist.
    Down,
    /// Another program made it.
    Foreign,
    /// Its state cannot be read.
    Unknown,
}

#[derive(Debug, Serialize)]
struct Link {
    name: String,
    r#type: String,
    /// `up`, `down`, `no carrier` or `gone`.
    state: &'static str,
    addresses: Vec<String>,
}

/// Report all namespaces. An error with one of them is in its line, and does not make the list
/// fail.
pub fn list(call: &Call) -> Outcome {
    let named = call.names.iter().map(ToString::to_string);
    let names: BTreeSet<String> = named.chain(netns::names()).collect();
    let known = names
        .iter()
        .filter_map(|name| netns::identity(name).ok()?)
        .collect();
    let mut entries: Vec<Entry> = names
        .into_iter()
        .map(|name| Entry::of(call, name))
        .collect();
    entries.extend(containers::without_name(&known));
    call.events.found(text::List(entries));
    Outcome::Done
}

impl Entry {
    fn of(call: &Call, name: String) -> Self {
        let Ok(known) = name.parse::<NetnsName>() else {
            return Entry::of_others(name);
        };
        match status::observe(call, &known) {
            Ok(seen) => Entry::seen(name, seen),
            Err(failure) => Entry {
                reason: report::why(&known, &failure.why).into_iter().next(),
                ..Entry::new(name, State::Unknown)
            },
        }
    }

    /// A namespace whose name is not valid in settings, so it is another program's.
    fn of_others(name: String) -> Self {
        let identity = netns::identity(&name).ok().flatten();
        let inside = identity.and_then(|identity| occupants::inside(identity).ok());
        let inside = inside.unwrap_or_default();
        let first = inside.first();
        Entry {
            container: first.and_then(|process| container::of(process.pid)),
            services: inside.iter().filter_map(|p| p.service.clone()).collect(),
            processes: inside.len(),
            ..Entry::new(name, State::Foreign)
        }
    }

    fn new(name: String, state: State) -> Self {
        Entry {
            version: JSON_VERSION,
            name,
            state,
            since: None,
            changes: None,
            links: Vec::new(),
            services: BTreeSet::new(),
            processes: 0,
            container: None,
            trial: None,
            reason: None,
        }
    }

    fn seen(name: String, Seen { status, wrong, .. }: Seen) -> Self {
        let is_failed = !status.failure.is_empty() || wrong.is_some();
        let state = match (status.exists, status.ready, status.is_set_up()) {
            (true, true, _) => State::Ready,
            _ if status.waits => State::Waiting,
            (true, false, true) => State::NotReady,
            (true, false, false) => State::Foreign,
            (false, ..) if is_failed => State::Failed,
            (false, ..) => State::Down,
        };
        let wrong = wrong.filter(|_| state != State::Foreign);
        let wrong = wrong.and_then(|wrong| wrong.lines.into_iter().next());
        let failed = status.failure.get(1).cloned();
        let obstacle = status.obstacles.first().cloned();
        let obstacle = obstacle.filter(|_| !matches!(state, State::Down | State::Foreign));
        let links = status.links.iter().filter(|link| link.name != "lo");
        let services = status.inside.iter();
        Entry {
            since: status.since,
            changes: status.differences.as_ref().map(Vec::len),
            links: links.map(Link::of).collect(),
            services: services.filter_map(|p| p.service.clone()).collect(),
            processes: status.processes,
            container: status.container,
            trial: status.trial,
            reason: wrong.or(failed).or(obstacle),
            ..Entry::new(name, state)
        }
    }
}

impl Link {
    fn of(link: &LinkStatus) -> Self {
        let addresses = link.addresses.iter().map(|one| &one.address);
        Link {
            name: link.name.clone(),
            r#type: link.r#type.clone(),
            state: link.state().word(),
            // Link-local addresses are omitted: every link has one
            addresses: addresses
                .filter(|one| !one.starts_with("fe80:"))
                .cloned()
                .collect(),
        }
    }

    fn is_up(&self) -> bool {
        self.state == LinkState::Up.word()
    }
}
