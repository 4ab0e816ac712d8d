//! A status as lines of text, for a person.

use super::{RuleStatus, Status};
use crate::setup::cmd::status::made_by::MadeBy;
use crate::setup::report::{self, event::Document};

impl Document for Status {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{}: {}", self.name, headline(self))];
        let routes = self.routes.iter();
        let routes = routes.map(|route| format!("{}{}", route.route, theirs(route.by)));
        let parts = [
            table(self),
            routes.collect(),
            rules(self),
            conditions(self),
            self.failure.clone(),
        ];
        lines.extend(parts.concat().iter().map(|line| format!("  {line}")));
        let commands = self.differences.iter().flatten();
        lines.extend(commands.map(|command| format!("+ {command}")));
        lines
    }

    fn errors(&self) -> Vec<String> {
        [&self.obstacles[..], &self.warnings].concat()
    }

    fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}

fn headline(status: &Status) -> String {
    let state = match (status.exists, status.ready) {
        (false, _) => return "there is no such namespace".into(),
        (true, true) => "ready",
        (true, false) if status.ours => "not ready",
        (true, false) => "not set up by netns-setup",
    };
    let processes = report::counted(status.processes, "process", "processes");
    match &status.differences {
        Some(none) if none.is_empty() => format!("{state}, as its settings say, {processes}"),
        Some(some) => {
            let changes = report::counted(some.len(), "change", "changes");
            format!("{state}, {changes} away from its settings, {processes}")
        }
        None => format!("{state}, {processes}"),
    }
}

/// The links, in columns.
fn table(status: &Status) -> Vec<String> {
    let mut rows = Vec::new();
    for link in &status.links {
        let addresses = link
            .addresses
            .iter()
            .map(|a| format!("{}{}", a.address, theirs(a.by)));
        rows.push([
            format!("{}{}{}", link.name, place(link.on_host), theirs(link.by)),
            link.r#type.clone(),
            if link.up { "up".into() } else { "down".into() },
            link.mtu.map(|mtu| format!("mtu {mtu}")).unwrap_or_default(),
            addresses.collect::<Vec<_>>().join(" "),
        ]);
    }
    report::columns(&rows)
}

/// The suffix of a link that is not inside.
fn place(on_host: bool) -> &'static str {
    if on_host { " on the host" } else { "" }
}

/// The suffix of an object that others made.
fn theirs(by: MadeBy) -> &'static str {
    if by == MadeBy::Others {
        " (not ours)"
    } else {
        ""
    }
}

/// The policy rules, without those that every namespace has.
fn rules(status: &Status) -> Vec<String> {
    let rules = status.rules.iter().filter(|rule| rule.by != MadeBy::Kernel);
    let line = |rule: &RuleStatus| format!("rule {}{}", rule.rule, theirs(rule.by));
    rules.map(line).collect()
}

/// The conditions of `netns_ready`, and whether each holds.
fn conditions(status: &Status) -> Vec<String> {
    let all = status.conditions.iter().map(|one| {
        let holds = if one.holds { "holds" } else { "does not hold" };
        format!("{}: {holds}", one.condition)
    });
    all.collect()
}
