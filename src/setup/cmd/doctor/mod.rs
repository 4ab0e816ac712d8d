//! `doctor`: reports every leak and difference of a namespace, with a hint for each. `faults` decides
//! what is a fault, without the kernel; the other files read the state. Nothing is changed.

mod faults;
mod firewall;
mod host;
mod host_config;
mod leaks;
mod links;
mod observe;

use serde::Serialize;

use crate::name::NetnsName;
use crate::setup::error::{Error, Outcome, Result};
use crate::setup::report::event::{Document, JSON_VERSION, Line};
use crate::setup::{Call, report};
use faults::{Finding, faults};

/// What `doctor --json` prints of each namespace.
#[derive(Debug, Serialize)]
struct Report {
    version: u32,
    name: String,
    findings: Vec<Finding>,
}

/// Report what is wrong with a namespace.
pub fn doctor(call: &Call, name: &NetnsName) -> Result<Outcome> {
    let observed = observe::observe(call, name);
    let (seen, outcome) = observed.map_err(|failure| Error::failure(name, &failure))?;
    let findings = faults(name, &seen);
    let found = if findings.is_empty() {
        Outcome::Done
    } else {
        Outcome::Differs
    };
    let report = Report {
        version: JSON_VERSION,
        name: name.to_string(),
        findings,
    };
    call.events.found(report);
    Ok(outcome.max(found))
}

impl Document for Report {
    /// Two lines for each finding: what is wrong, and the hint.
    fn lines(&self) -> Vec<Line> {
        let lines = |found: &Finding| {
            let what = format!("{}: {}", self.name, report::printable(&found.what));
            [what, format!("  {}", report::printable(&found.remedy))]
        };
        let lines = self.findings.iter().flat_map(lines);
        lines.map(Line::from).collect()
    }

    fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}
