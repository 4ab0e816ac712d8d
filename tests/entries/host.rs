//! Runs the cells of one init system in a host of their own, with run.sh, and returns
//! what was observed for each.

use std::collections::BTreeMap;
use std::process::Stdio;

use super::cells::{Cell, Init};
use super::testbed;

/// What was observed for a cell.
pub struct Seen {
    /// The exit status of the command.
    pub status: String,
    /// The state according to OpenRC: started, or stopped.
    pub state: String,
    /// The state of a service in no runlevel: runs, or gone.
    pub witness: String,
    /// Each as NAMESPACE/NAMESERVER.
    pub daemons: Vec<String>,
    /// The output, line by line.
    pub said: Vec<String>,
}

/// What was observed for the cells of an init system, and the other output of its host if that
/// failed.
pub fn seen(init: &Init, cells: &[Cell]) -> (BTreeMap<Cell, Seen>, String) {
    let mut found = BTreeMap::new();
    if cells.is_empty() {
        return (found, String::new());
    }
    let list = tempfile::NamedTempFile::new().expect("a file");
    let lines: String = cells.iter().enumerate().map(line).collect();
    std::fs::write(&list, lines).expect("it can be written");
    let mut command = testbed::host("enter-root", init.suite, "entries");
    command.arg("-b");
    command.arg(format!("{}:/cells", list.path().display()));
    // A cell takes a tenth of a second, and a minute if something hangs.
    let limit = 300 + cells.len();
    command.args(["-t", &limit.to_string(), "sh", "/t/run.sh"]);
    let users = match init.user_services {
        true => "yes",
        false => "no",
    };
    command.args([init.shell, users]);
    match init.shell {
        "bash" => command.env("TESTBED_SHELL", "bash"),
        _ => command.env_remove("TESTBED_SHELL"),
    };
    let output = command.stdin(Stdio::null()).output();
    let output = output.expect("the test-bed runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut said: Vec<String> = Vec::new();
    let mut other = String::new();
    for line in text.lines() {
        let parts: Vec<&str> = line.split('\t').collect();
        match parts[..] {
            ["said", _, ..] => said.push(parts[2..].join("\t")),
            ["cell", number, status, state, witness, ..] => {
                let cell = number.parse().ok().and_then(|n: usize| cells.get(n));
                let seen = Seen {
                    status: status.into(),
                    state: state.into(),
                    witness: witness.into(),
                    daemons: parts[5..].iter().map(ToString::to_string).collect(),
                    said: std::mem::take(&mut said),
                };
                found.insert(*cell.expect("a number that was given"), seen);
            }
            _ => other += &format!("{line}\n"),
        }
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let broken = match output.status.success() {
        true => String::new(),
        false => format!("\n== {}: {}\n{other}{stderr}", init.name, output.status),
    };
    (found, broken)
}

/// A cell for run.sh, which prints its number with the result.
fn line((number, cell): (usize, &Cell)) -> String {
    let (way, place, service) = (cell.way(), cell.place().name, cell.service());
    let waits = match cell.right().daemon {
        Some(_) => "yes",
        None => "no",
    };
    format!("{number}\t{way}\t{place}\t{service}\t{waits}\n")
}
