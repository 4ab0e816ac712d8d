//! Prints the results of all cells as tables for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::cells::{Cell, INITS, PLACES, SERVICES, WAYS};
use super::verdict::Verdict;

/// The number of cells of each part under each init system, and why other cells do not exist.
pub fn tables(verdicts: &BTreeMap<Cell, Verdict>) -> String {
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
            let _ = write!(text, "{:17}", format!("{} {}", init.name, init.version));
        }
        text.push('\n');
        for (number, name) in names(of).into_iter().enumerate() {
            let _ = write!(text, "{name:22}");
            for init in 0..INITS.len() {
                let of_this = |cell: &Cell| cell.0[0] == init && cell.0[of] == number;
                let _ = write!(text, "{:17}", field(count(verdicts, of_this)));
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

/// The number of cells that are right, refused and wrong.
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
