//! `list`: prints a line for each namespace that has a name, settings or a state directory.

use std::collections::BTreeSet;

use serde::Serialize;

use super::status::{self, LinkStatus, Seen};
use crate::name::NetnsName;
use crate::setup::Call;
use crate::setup::error::Outcome;
use crate::setup::report::event::Document;
use crate::setup::report::{self, columns, counted};
use crate::system::{netns, occupants};

/// What `list --json` prints: an object for each namespace.
#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    state: State,
    /// Number of changes to match its settings, if known.
    changes: Option<usize>,
    links: Vec<Link>,
    processes: usize,
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
    addresses: Vec<String>,
}

/// Report all namespaces. An error with one of them is in its line, and does not make the list
/// fail.
pub fn list(call: &Call) -> Outcome {
    let named = call.names.iter().map(ToString::to_string);
    let names: BTreeSet<String> = named.chain(netns::names()).collect();
    let entries: Vec<Entry> = names
        .into_iter()
        .map(|name| Entry::of(call, name))
        .collect();
    call.events.found(List(entries));
    Outcome::Done
}

impl Entry {
    fn of(call: &Call, name: String) -> Self {
        let Ok(known) = name.parse::<NetnsName>() else {
            // The name is not valid in settings, so it is another program's
            let inside = netns::identity(&name).ok().flatten();
            let inside = inside.and_then(|identity| occupants::inside(identity).ok());
            return Entry {
                processes: inside.map_or(0, |inside| inside.len()),
                ..Entry::new(name, State::Foreign)
            };
        };
        match status::observe(call, &known) {
            Ok(seen) => Entry::seen(name, seen),
            Err(failure) => Entry {
                reason: report::why(&known, &failure.why).into_iter().next(),
                ..Entry::new(name, State::Unknown)
            },
        }
    }

    fn new(name: String, state: State) -> Self {
        Entry {
            name,
            state,
            changes: None,
            links: Vec::new(),
            processes: 0,
            reason: None,
        }
    }

    fn seen(name: String, Seen { status, wrong, .. }: Seen) -> Self {
        let state = match (status.exists, status.ready, status.is_set_up()) {
            (true, true, _) => State::Ready,
            (true, false, true) => State::NotReady,
            (true, false, false) => State::Foreign,
            (false, ..) => State::Down,
        };
        let wrong = wrong.filter(|_| state != State::Foreign);
        let wrong = wrong.and_then(|wrong| wrong.lines.into_iter().next());
        let failed = status.failure.get(1).cloned();
        let links = status.links.iter().filter(|link| link.name != "lo");
        Entry {
            changes: status.differences.as_ref().map(Vec::len),
            links: links.map(Link::of).collect(),
            processes: status.processes,
            reason: wrong.or(failed),
            ..Entry::new(name, state)
        }
    }

    /// The columns: name, state, links, processes inside.
    fn cells(&self) -> [String; 4] {
        let state = match (self.state, self.changes) {
            (State::Ready, Some(0) | None) => "ready".into(),
            (State::Ready, Some(changes)) => {
                format!("ready, {} away", counted(changes, "change", "changes"))
            }
            (State::NotReady, _) => "not ready".into(),
            (State::Down, _) => "down".into(),
            (State::Foreign, _) => "not set up by netns-setup".into(),
            (State::Unknown, _) => "cannot be seen".into(),
        };
        let links: Vec<String> = self.links.iter().map(Link::text).collect();
        let inside = match self.state {
            State::Down | State::Unknown => String::new(),
            _ => counted(self.processes, "process", "processes"),
        };
        [self.name.clone(), state, links.join(", "), inside]
    }
}

impl Link {
    fn of(link: &LinkStatus) -> Self {
        let addresses = link.addresses.iter().map(|one| &one.address);
        Link {
            name: link.name.clone(),
            r#type: link.r#type.clone(),
            // Link-local addresses are omitted: every link has one
            addresses: addresses
                .filter(|one| !one.starts_with("fe80:"))
                .cloned()
                .collect(),
        }
    }

    fn text(&self) -> String {
        let words = [std::slice::from_ref(&self.name), &self.addresses[..]].concat();
        words.join(" ")
    }
}

#[derive(Debug)]
struct List(Vec<Entry>);

impl Document for List {
    fn lines(&self) -> Vec<String> {
        let rows: Vec<_> = self.0.iter().map(Entry::cells).collect();
        let with_reason = |(line, entry): (String, &Entry)| {
            let reason = entry.reason.iter().map(|reason| format!("  {reason}"));
            [line].into_iter().chain(reason).collect::<Vec<_>>()
        };
        let lines = columns(&rows).into_iter().zip(&self.0);
        lines.flat_map(with_reason).collect()
    }

    fn json(&self) -> serde_json::Result<String> {
        let objects: Result<Vec<_>, _> = self.0.iter().map(serde_json::to_string_pretty).collect();
        Ok(objects?.join(",\n"))
    }
}
