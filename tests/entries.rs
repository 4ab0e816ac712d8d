//! Every way to start a service, from every place, under every OpenRC: a daemon is where
//! the settings of its service say, or its start is refused, and never anywhere else. In
//! come the cells of tests/entries/cells.rs, out go tables of what came of them. A cell is
//! an init, an entry way, the place of the caller and a service, and is named so:
//! `ENTRIES=alpine/restart/mgmt/plain` tries it alone, and `*` stands for any part.
//! Judged is where the daemon is by /proc, what the exit status was, and what was said.

#![allow(clippy::expect_used)]

mod testbed;

#[path = "entries/cells.rs"]
mod cells;
#[path = "entries/pairs.rs"]
mod pairs;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;
use std::thread;

use cells::{Cell, INITS, Nothing, PLACES, Right, SERVICES, WAYS};

/// What was seen of a cell.
struct Seen {
    status: String,
    witness: String,
    /// Each as NAMESPACE/NAMESERVER.
    daemons: Vec<String>,
    said: Vec<String>,
}

/// What is thought of a cell.
enum Verdict {
    /// The daemon runs where it should, or nothing was asked for.
    Right,
    /// There is none, and that is right, and was said.
    Refused,
    Wrong(String),
}

#[test]
fn each_two_parts_of_a_cell_are_tried_together() {
    let all: Vec<Cell> = Cell::all()
        .filter(|cell| cell.lacking().is_none())
        .collect();
    let chosen = pairs::pairwise(&all);
    let pairs_of = |cells: &[Cell]| -> BTreeSet<pairs::Pair> {
        cells.iter().copied().flat_map(pairs::pairs).collect()
    };
    assert_eq!(pairs_of(&chosen), pairs_of(&all));
    assert!(chosen.len() < all.len() / 10, "{} cells", chosen.len());
}

#[test]
fn every_service_is_where_its_settings_say_whoever_asks() {
    let all: Vec<Cell> = Cell::all()
        .filter(|cell| cell.lacking().is_none())
        .collect();
    let cells = match std::env::var("ENTRIES") {
        Ok(pattern) => all
            .into_iter()
            .filter(|cell| is_called(*cell, &pattern))
            .collect(),
        Err(_) => pairs::pairwise(&all),
    };
    try_all(&cells);
}

#[test]
#[ignore = "make test-all"]
fn every_service_is_where_its_settings_say_in_every_combination() {
    let all: Vec<Cell> = Cell::all()
        .filter(|cell| cell.lacking().is_none())
        .collect();
    try_all(&all);
}

/// Whether the cell is one of those named `pattern`; parts that are left out are any.
fn is_called(cell: Cell, pattern: &str) -> bool {
    let name = cell.name();
    let parts = pattern.split('/').zip(name.split('/'));
    parts
        .into_iter()
        .all(|(wanted, part)| wanted == "*" || wanted == part)
}

/// Try the cells in a host for each init, print what came of them, and fail if one is
/// not as it should be.
fn try_all(cells: &[Cell]) {
    let runs = [0, 1, 2, 3, 4].map(|init| {
        let cells: Vec<Cell> = cells.iter().copied().filter(|c| c.0[0] == init).collect();
        thread::spawn(move || seen(init, &cells))
    });
    let runs = runs.map(|run| run.join().expect("a run ends by itself"));
    let (seen, broken): (Vec<BTreeMap<Cell, Seen>>, Vec<String>) = runs.into_iter().unzip();
    let seen: BTreeMap<Cell, Seen> = seen.into_iter().flatten().collect();
    let verdicts: BTreeMap<Cell, Verdict> = cells
        .iter()
        .map(|&cell| (cell, judge(cell, seen.get(&cell))))
        .collect();
    // Not by print!, which the test runner keeps for a test that failed.
    std::io::stdout()
        .write_all(tables(&verdicts).as_bytes())
        .expect("there is a standard output");
    let faults: String = verdicts
        .iter()
        .filter_map(|(cell, verdict)| fault(*cell, verdict, seen.get(cell)))
        .collect();
    let broken = broken.concat();
    assert!(faults.is_empty() && broken.is_empty(), "\n{faults}{broken}");
}

/// What was seen of the cells, all of the init of this number, and all that its host said
/// if it did not end well.
fn seen(init: usize, cells: &[Cell]) -> (BTreeMap<Cell, Seen>, String) {
    let mut found = BTreeMap::new();
    if cells.is_empty() {
        return (found, String::new());
    }
    let list = tempfile::NamedTempFile::new().expect("a file");
    let lines: String = cells.iter().enumerate().map(line).collect();
    std::fs::write(&list, lines).expect("it can be written");
    let init = &INITS[init];
    let mut command = testbed::host("enter-root", init.suite, "entries");
    command.arg("-b");
    command.arg(format!("{}:/cells", list.path().display()));
    command.args(["-t", "7200", "sh", "/t/run.sh"]);
    command.env_remove("TESTBED_SHELL");
    if init.bash {
        command.env("TESTBED_SHELL", "bash").arg("bash");
    }
    let output = command.stdin(Stdio::null()).output();
    let output = output.expect("the test-bed runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut said: Vec<String> = Vec::new();
    let mut other = String::new();
    for line in text.lines() {
        let parts: Vec<&str> = line.split('\t').collect();
        match parts[..] {
            ["said", _, ..] => said.push(parts[2..].join("\t")),
            ["cell", number, status, witness, ..] => {
                let cell = number.parse().ok().and_then(|n: usize| cells.get(n));
                let seen = Seen {
                    status: status.into(),
                    witness: witness.into(),
                    daemons: parts[4..].iter().map(ToString::to_string).collect(),
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

/// A cell for run.sh, which the number is to come back from.
fn line((number, cell): (usize, &Cell)) -> String {
    let (way, place, service) = (cell.way(), cell.place().name, cell.service());
    let waits = match cell.right().daemon {
        Some(_) => "yes",
        None => "no",
    };
    format!("{number}\t{way}\t{place}\t{service}\t{waits}\n")
}

fn judge(cell: Cell, seen: Option<&Seen>) -> Verdict {
    let Some(seen) = seen else {
        return Verdict::Wrong("it was not tried".into());
    };
    let right = cell.right();
    if seen.witness == "gone"
        && matches!(right.nothing, Some(Nothing::Refused(_)))
        && right.daemon.is_none()
        && cell.way() == "runlevel"
        && cell.place().name != "host"
        && cell.place().name != "foreign"
    {
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
            // openrc(8) ends with 0, whatever becomes of the services.
            if status == "0" && !cell.way().starts_with("runlevel") {
                Verdict::Wrong("no daemon runs, but the exit status is 0".into())
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
        let names = |line: &&String| line.contains(cell.service()) && line.contains(namespace);
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
    } else {
        match right.told.map(|namespace| (namespace, told(namespace))) {
            None | Some((_, 1)) => Verdict::Right,
            Some((namespace, count)) => Verdict::Wrong(format!(
                "{count} lines name the service and {namespace}, not one"
            )),
        }
    }
}

/// A cell that is wrong, and its log.
fn fault(cell: Cell, verdict: &Verdict, seen: Option<&Seen>) -> Option<String> {
    let Verdict::Wrong(why) = verdict else {
        return None;
    };
    let mut text = format!("{}: {why}\n", cell.name());
    for line in seen.iter().flat_map(|seen| &seen.said) {
        let _ = writeln!(text, "    {line}");
    }
    Some(text)
}

/// Everything, for people: how many cells of each part under each init, and why there are
/// no others.
fn tables(verdicts: &BTreeMap<Cell, Verdict>) -> String {
    let mut text = String::from(
        "\nin each field: daemons where they should be + starts refused as they should be, ! wrong\n",
    );
    let names = |of: usize| -> Vec<&str> {
        match of {
            1 => WAYS.to_vec(),
            2 => PLACES.map(|place| place.name).to_vec(),
            _ => SERVICES.map(|(name, _)| name).to_vec(),
        }
    };
    for (of, title) in [(1, "entry way"), (2, "place of the caller"), (3, "service")] {
        let _ = write!(text, "\n{title:22}");
        for init in &INITS {
            let _ = write!(text, "{:14}", init.name);
        }
        text.push('\n');
        for (number, name) in names(of).into_iter().enumerate() {
            let _ = write!(text, "{name:22}");
            for init in 0..INITS.len() {
                let of_this = |cell: &Cell| cell.0[0] == init && cell.0[of] == number;
                let _ = write!(text, "{:14}", field(count(verdicts, of_this)));
            }
            text.push('\n');
        }
    }
    let [right, refused, wrong] = count(verdicts, |_| true);
    let _ = writeln!(
        text,
        "\n{} cells tried: {right} right, {refused} refused as they should be, {wrong} wrong",
        verdicts.len()
    );
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in Cell::all().filter_map(|cell| cell.lacking()) {
        *reasons.entry(reason).or_default() += 1;
    }
    for (reason, count) in reasons {
        let _ = writeln!(
            text,
            "n/a, {count} of {} combinations: {reason}",
            Cell::all().count()
        );
    }
    text
}

/// How many of the cells are right, refused and wrong.
fn count(verdicts: &BTreeMap<Cell, Verdict>, of_these: impl Fn(&Cell) -> bool) -> [usize; 3] {
    let mut counts = [0; 3];
    for (_, verdict) in verdicts.iter().filter(|(cell, _)| of_these(cell)) {
        counts[match verdict {
            Verdict::Right => 0,
            Verdict::Refused => 1,
            Verdict::Wrong(_) => 2,
        }] += 1;
    }
    counts
}

fn field([right, refused, wrong]: [usize; 3]) -> String {
    match (right + refused + wrong, wrong) {
        (0, _) => "-".into(),
        (_, 0) => format!("{right}+{refused}"),
        _ => format!("{right}+{refused} !{wrong}"),
    }
}
