//! The list as lines of text, for a person.

use super::{Entry, Link, State};
use crate::setup::report::event::{Document, Line, Tone};
use crate::setup::report::{self, columns, counted};

#[derive(Debug)]
pub(super) struct List(pub Vec<Entry>);

impl Document for List {
    fn lines(&self) -> Vec<Line> {
        let rows: Vec<_> = self.0.iter().map(Entry::cells).collect();
        let with_reason = |(line, entry): (String, &Entry)| {
            let tone = entry.tone();
            let more = entry.reason.clone().into_iter().chain(entry.trial_line());
            let more = more.map(|line| tone.line(format!("  {}", report::printable(&line))));
            [tone.line(line)]
                .into_iter()
                .chain(more)
                .collect::<Vec<_>>()
        };
        let lines = columns(&rows).into_iter().zip(&self.0);
        lines.flat_map(with_reason).collect()
    }

    fn json(&self) -> serde_json::Result<String> {
        let objects: Result<Vec<_>, _> = self.0.iter().map(serde_json::to_string_pretty).collect();
        Ok(objects?.join(",\n"))
    }
}

impl Entry {
    /// The columns: name, state, since when, services and processes inside, links.
    fn cells(&self) -> [String; 5] {
        let since = self.since.map(|since| {
            let time = report::duration(report::since(since));
            match self.state {
                State::Failed => format!("{time} ago"),
                _ => format!("for {time}"),
            }
        });
        let links: Vec<String> = self.links.iter().map(Link::text).collect();
        [
            report::printable(&self.name),
            self.state_text(),
            since.unwrap_or_default(),
            self.inside(),
            links.join(", "),
        ]
    }

    fn state_text(&self) -> String {
        match (self.state, self.changes) {
            (State::Ready, Some(0) | None) => "ready".into(),
            (State::Ready, Some(changes)) => {
                format!("ready, {} away", counted(changes, "change", "changes"))
            }
            (State::NotReady, _) => "not ready".into(),
            (State::Waiting, _) => "waiting".into(),
            (State::Failed, _) => "failed".into(),
            (State::Down, _) => "down".into(),
            (State::Foreign, _) => match &self.container {
                Some(container) => format!("container {}", report::printable(container)),
                None => "by others".into(),
            },
            (State::Unknown, _) => "cannot be seen".into(),
        }
    }

    /// `sshd, chronyd, 3 processes`
    fn inside(&self) -> String {
        let services = self.services.iter().map(|name| report::printable(name));
        let processes = counted(self.processes, "process", "processes");
        let processes = (self.processes > 0).then_some(processes);
        services.chain(processes).collect::<Vec<_>>().join(", ")
    }

    fn tone(&self) -> Tone {
        match (self.state, self.changes) {
            (State::Failed | State::Unknown, _) => Tone::Bad,
            (State::NotReady | State::Waiting, _) => Tone::Attention,
            (State::Down | State::Foreign, _) => Tone::Plain,
            (State::Ready, Some(0)) if self.reason.is_none() && self.is_linked() => Tone::Good,
            (State::Ready, _) => Tone::Attention,
        }
    }

    fn is_linked(&self) -> bool {
        self.links.iter().all(Link::is_up)
    }

    fn trial_line(&self) -> Option<String> {
        let seconds = usize::try_from(self.trial?).ok()?;
        let seconds = counted(seconds, "second", "seconds");
        Some(format!(
            "a trial is running; it is rolled back in {seconds} unless confirmed"
        ))
    }
}

impl Link {
    fn text(&self) -> String {
        let state = (!self.is_up()).then(|| format!("({})", self.state));
        let words = [self.name.clone()].into_iter().chain(state);
        let words: Vec<_> = words.chain(self.addresses.iter().cloned()).collect();
        words.join(" ")
    }
}
