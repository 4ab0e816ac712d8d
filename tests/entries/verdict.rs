//! Compares what was observed for a cell with the expected result, which cells.rs
//! defines.

use super::cells::{Cell, Nothing, Right};
use super::host::Seen;

/// What is thought of a cell.
pub enum Verdict {
    /// The daemon runs in the right place, or nothing was asked for.
    Right,
    /// There is no daemon, that is right, and a message says so.
    Refused,
    Wrong(String),
}

/// Judge what was observed for the cell.
pub fn judge(cell: Cell, seen: Option<&Seen>) -> Verdict {
    let Some(seen) = seen else {
        return Verdict::Wrong("it was not tried".into());
    };
    let right = cell.right();
    if cell.is_scattered() && seen.witness == "gone" {
        return Verdict::Wrong("a service that was no part of the runlevel was stopped".into());
    }
    match seen.daemons.is_empty() {
        true => judge_nothing(cell, &right, seen),
        false => judge_daemons(cell, &right, seen),
    }
}

fn judge_nothing(cell: Cell, right: &Right, seen: &Seen) -> Verdict {
    let status = &seen.status;
    match &right.nothing {
        None => Verdict::Wrong(format!("no daemon runs, exit status {status}")),
        Some(Nothing::AsAsked) => Verdict::Right,
        Some(Nothing::Refused(says)) => {
            let said = seen
                .said
                .iter()
                .any(|line| says.iter().any(|text| line.contains(text)));
            // openrc(8) exits with 0, whatever happens to the services.
            if status == "0" && !cell.way().starts_with("runlevel") {
                Verdict::Wrong("no daemon runs, but the exit status is 0".into())
            } else if seen.state == "started" {
                Verdict::Wrong("no daemon runs, but OpenRC takes it for started".into())
            } else if !said {
                Verdict::Wrong(format!("refused, but none of {says:?} was said"))
            } else {
                Verdict::Refused
            }
        }
    }
}

fn judge_daemons(cell: Cell, right: &Right, seen: &Seen) -> Verdict {
    let found = seen.daemons.join(" and ");
    let Some(spot) = right.daemon else {
        return Verdict::Wrong(format!("a daemon in {found}, and there should be none"));
    };
    let is_right = |daemon: &String| {
        let (net, dns) = daemon.split_once('/').unwrap_or((daemon, ""));
        net == spot.net && spot.dns.is_none_or(|wanted| dns == wanted)
    };
    let told = |namespace: &str| {
        let names = |line: &&String| has_word(line, cell.service()) && has_word(line, namespace);
        seen.said.iter().filter(names).count()
    };
    if !seen.daemons.iter().all(is_right) {
        let dns = spot.dns.unwrap_or("any");
        Verdict::Wrong(format!("a daemon in {found}, not in {}/{dns}", spot.net))
    } else if seen.daemons.len() > 1 {
        Verdict::Wrong(format!("more than one daemon: {found}"))
    } else if seen.status != "0" {
        Verdict::Wrong(format!(
            "the daemon runs, but the exit status is {}",
            seen.status
        ))
    } else if seen.state != "started" {
        Verdict::Wrong("the daemon runs, but OpenRC takes it for stopped".into())
    } else {
        match right.told.map(|namespace| (namespace, told(namespace))) {
            None | Some((_, 1)) => Verdict::Right,
            Some((namespace, count)) => Verdict::Wrong(format!(
                "{count} lines name the service and {namespace}, not one"
            )),
        }
    }
}

/// Whether the line contains this word, with any punctuation around it.
fn has_word(line: &str, word: &str) -> bool {
    line.split_whitespace()
        .any(|part| part.trim_matches([':', ',', '.', '"']) == word)
}
