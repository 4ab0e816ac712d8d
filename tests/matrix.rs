//! Real daemons under real init systems, on the host and in a namespace: every verb of
//! every service of tests/matrix under Alpine's OpenRC 0.63, Debian's 0.56 and 0.45.2,
//! and runit. The script of each init system prints its cells; the result is one table. A
//! cell in the namespace must have the same result as on the host, exit codes included.
//! tests/matrix/lib.sh judges a cell.

#![allow(clippy::expect_used)]

mod testbed;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;
use std::thread;

const SERVICES: [&str; 11] = [
    "sshd",
    "dnsmasq",
    "nginx",
    "chrony",
    "notify-fd",
    "notify-socket",
    "user",
    "capabilities",
    "healthcheck",
    "forking",
    "twins",
];
const VERBS: [&str; 7] = [
    "start", "status", "restart", "reload", "crash", "rebuilt", "stop",
];
const PLACES: [&str; 2] = ["host", "netns"];

/// An init system: its name in the table, the suite whose root directory it runs in, and its
/// script.
const INITS: [(&str, &str, &str); 4] = [
    ("alpine 0.63", "alpine", "openrc"),
    ("debian 0.56", "trixie", "openrc"),
    ("debian 0.45.2", "bookworm", "openrc"),
    ("runit", "trixie", "runit"),
];

/// The results of one init system: (service, place, verb) to "ok 0", "n/a: why" or "FAILED:
/// why".
type Cells = BTreeMap<(String, String, String), String>;

#[test]
fn every_daemon_does_in_a_namespace_what_it_does_on_the_host() {
    let runs = INITS.map(|(_, suite, runner)| thread::spawn(move || cells(suite, runner)));
    let runs = runs.map(|run| run.join().expect("a run ends by itself"));
    let (cells, said): (Vec<Cells>, Vec<String>) = runs.into_iter().unzip();
    // Not with print!, whose output the test runner shows only for a failed test.
    let table = table(&cells);
    std::io::stdout()
        .write_all(table.as_bytes())
        .expect("there is a standard output");
    let faults = faults(&cells);
    assert!(
        faults.is_empty(),
        "{}\n{}",
        faults.join("\n"),
        said.concat()
    );
}

/// The cells of the init system in the suite's root directory, and the complete output of its
/// script if a cell failed.
fn cells(suite: &str, runner: &str) -> (Cells, String) {
    let mut command = testbed::host("enter-root", suite, "matrix");
    command.env("TESTBED_PACKAGES", testbed::DAEMONS);
    command.args(["-t", "600", "sh", &format!("/t/{runner}.sh")]);
    let output = command.stdin(Stdio::null()).output();
    let output = output.expect("the test-bed runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut cells = Cells::new();
    for line in said.lines() {
        if let ["cell", service, place, verb, came] = line.split('\t').collect::<Vec<_>>()[..] {
            cells.insert((service.into(), place.into(), verb.into()), came.into());
        }
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let well = output.status.success() && !said.contains("FAILED");
    let said = match well {
        true => String::new(),
        false => format!("\n== {suite}, {runner}: {}\n{said}{stderr}", output.status),
    };
    (cells, said)
}

fn cell<'a>(cells: &'a Cells, service: &str, place: &str, verb: &str) -> &'a str {
    let key = (service.to_string(), place.to_string(), verb.to_string());
    cells
        .get(&key)
        .map_or("FAILED: there is no such cell", String::as_str)
}

/// All results that are wrong.
fn faults(inits: &[Cells]) -> Vec<String> {
    let mut faults = Vec::new();
    for ((init, _, _), cells) in INITS.iter().zip(inits) {
        for service in SERVICES {
            for verb in VERBS {
                let [host, netns] = PLACES.map(|place| cell(cells, service, place, verb));
                for (place, came) in [("host", host), ("netns", netns)] {
                    if came.starts_with("FAILED") {
                        faults.push(format!("{init}, {service}, {place}, {verb}: {came}"));
                    }
                }
                // Recreating a namespace does not concern the host.
                if verb != "rebuilt" && host != netns {
                    faults.push(format!(
                        "{init}, {service}, {verb}: \"{host}\" on the host, \"{netns}\" in the namespace"
                    ));
                }
            }
        }
    }
    faults
}

/// All results, for people: a row for each verb, two columns for each init system, and the
/// reasons below.
fn table(inits: &[Cells]) -> String {
    let mut table = format!("\n{:24}", "");
    for (init, _, _) in INITS {
        let _ = write!(table, "{init:17}");
    }
    let _ = write!(table, "\n{:14}{:10}", "service", "verb");
    for _ in INITS {
        let _ = write!(table, "{:8}{:9}", "host", "netns");
    }
    table.push('\n');
    let mut reasons: Vec<&str> = Vec::new();
    for service in SERVICES {
        for verb in VERBS {
            let _ = write!(table, "{service:14}{verb:10}");
            for cells in inits {
                for (place, width) in PLACES.into_iter().zip([8, 9]) {
                    let came = cell(cells, service, place, verb);
                    let _ = write!(table, "{:width$}", short(came, &mut reasons));
                }
            }
            table.push('\n');
        }
    }
    for (number, reason) in reasons.iter().enumerate() {
        let _ = writeln!(table, "n/a {}: {reason}", number + 1);
    }
    table
}

/// The entry of the table for a result.
fn short<'a>(came: &'a str, reasons: &mut Vec<&'a str>) -> String {
    match came.split_once(": ") {
        Some(("n/a", reason)) => {
            let known = reasons.iter().position(|known| *known == reason);
            let number = known.unwrap_or_else(|| {
                reasons.push(reason);
                reasons.len() - 1
            });
            format!("n/a {}", number + 1)
        }
        Some(_) => "FAILED".to_string(),
        None => "ok".to_string(),
    }
}
