//! `doctor`: every leak and drift that is found of a namespace, and what to do against it.
//! What there is is looked up in `observe` and `leaks`; what of it is a fault `faults` says,
//! which knows no kernel. Nothing is changed.

mod faults;
mod firewall;
mod leaks;
mod observe;

use serde::Serialize;

use crate::exit;
use crate::setup::{Call, complain, report, say};
use faults::{Finding, faults};

/// What `doctor --json` prints of each namespace.
#[derive(Debug, Serialize)]
struct Report {
    name: String,
    findings: Vec<Finding>,
}

/// What is wrong with each namespace. The code is that of a difference if anything is.
pub fn doctor(call: &Call, json: bool) -> u8 {
    let (mut all, mut code) = (Vec::new(), exit::DONE);
    for name in &call.names {
        match observe::look(call, name) {
            Ok((seen, of_look)) => {
                let findings = faults(name, &seen);
                let found = match findings.is_empty() {
                    true => exit::DONE,
                    false => exit::DIFFERS,
                };
                code = code.max(of_look).max(found);
                all.push(Report {
                    name: name.to_string(),
                    findings,
                });
            }
            Err(failure) => {
                code = complain(&report::failure(name, &failure), exit::REFUSED);
            }
        }
    }
    if !json {
        all.iter().flat_map(lines).for_each(|line| say(&line));
        return code;
    }
    match serde_json::to_string_pretty(&all) {
        Ok(text) => say(&text),
        Err(e) => return complain(&[format!("cannot print: {e}")], exit::REFUSED),
    }
    code
}

/// Two for each finding: what, and the remedy.
fn lines(told: &Report) -> Vec<String> {
    let lines = |found: &Finding| {
        let what = format!("{}: {}", told.name, report::printable(&found.what));
        [what, format!("  {}", report::printable(&found.remedy))]
    };
    told.findings.iter().flat_map(lines).collect()
}
