//! Every way to start a service, from every place, under every OpenRC: a daemon runs
//! where the settings of its service say, or its start is an error, and it never runs
//! anywhere else. tests/entries/cells.rs lists the cells; the result is printed as
//! tables. A cell is an init system, a way to start a service, the place of the caller,
//! and a service, and is named like this: `ENTRIES=alpine/restart/mgmt/plain` runs only
//! that one, and `*` stands for any part. The test judges where the daemon is according
//! to /proc, the exit status, and the messages.

#![allow(clippy::expect_used)]

#[path = "entries/cells.rs"]
mod cells;
#[path = "entries/host.rs"]
mod host;
#[path = "entries/pairs.rs"]
mod pairs;
#[path = "entries/table.rs"]
mod table;
mod testbed;
#[path = "entries/verdict.rs"]
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::thread;

use cells::{Cell, INITS};
use host::Seen;
use verdict::Verdict;

#[test]
fn each_two_parts_of_a_cell_are_tried_together() {
    let all = all_cells();
    let chosen = pairs::pairwise(&all);
    let pairs_of = |cells: &[Cell]| -> BTreeSet<pairs::Pair> {
        cells.iter().copied().flat_map(pairs::pairs).collect()
    };
    assert_eq!(pairs_of(&chosen), pairs_of(&all));
    assert!(chosen.len() < all.len() / 10, "{} cells", chosen.len());
}

#[test]
fn every_service_is_where_its_settings_say_whoever_asks() {
    let all = all_cells();
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
    try_all(&all_cells());
}

/// Whether the cell matches `pattern`; parts that are left out match any.
fn is_called(cell: Cell, pattern: &str) -> bool {
    let name = cell.name();
    let parts = pattern.split('/').zip(name.split('/'));
    parts
        .into_iter()
        .all(|(wanted, part)| wanted == "*" || wanted == part)
}

/// Run the cells in a host for each init system, print the results, and fail if one is wrong.
fn try_all(cells: &[Cell]) {
    assert!(!cells.is_empty(), "there is no such cell");
    let runs = INITS.each_ref().map(|init| {
        let of_it = |cell: &Cell| cell.init().name == init.name;
        let cells: Vec<Cell> = cells.iter().copied().filter(of_it).collect();
        thread::spawn(move || host::seen(init, &cells))
    });
    let runs = runs.map(|run| run.join().expect("a run ends by itself"));
    let (seen, broken): (Vec<BTreeMap<Cell, Seen>>, Vec<String>) = runs.into_iter().unzip();
    let seen: BTreeMap<Cell, Seen> = seen.into_iter().flatten().collect();
    let verdicts: BTreeMap<Cell, Verdict> = cells
        .iter()
        .map(|&cell| (cell, verdict::judge(cell, seen.get(&cell))))
        .collect();
    // Not with print!, whose output the test runner shows only for a failed test.
    std::io::stdout()
        .write_all(table::tables(&verdicts).as_bytes())
        .expect("there is a standard output");
    let faults: String = verdicts
        .iter()
        .filter_map(|(cell, verdict)| fault(*cell, verdict, seen.get(cell)?))
        .collect();
    let mut broken = broken.concat();
    if seen.len() < cells.len() {
        let _ = writeln!(broken, "{} cells were not tried", cells.len() - seen.len());
    }
    assert!(faults.is_empty() && broken.is_empty(), "\n{faults}{broken}");
}

/// Every combination that exists.
fn all_cells() -> Vec<Cell> {
    Cell::all()
        .filter(|cell| cell.lacking().is_none())
        .collect()
}

/// The fault of a cell, and its log.
fn fault(cell: Cell, verdict: &Verdict, seen: &Seen) -> Option<String> {
    let Verdict::Wrong(why) = verdict else {
        return None;
    };
    let mut text = format!("{}: {why}\n", cell.name());
    for line in &seen.said {
        let _ = writeln!(text, "    {line}");
    }
    Some(text)
}
