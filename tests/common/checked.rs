//! `netns-setup check` in this process, for settings that belong to the user who runs the
//! tests. The program itself trusts only root (tests/conf_files.rs).

// Each test file uses a part of this.
#![allow(dead_code, clippy::unwrap_used)]

use std::path::Path;
use std::sync::{Arc, OnceLock};

use netns_services::conf::{self, Trust};
use netns_services::name::NetnsName;
use netns_services::setup::args::verb::{Options, Verb};
use netns_services::setup::report::event::{Event, Events, Printer};
use netns_services::setup::{self, Call, enter_host::CalledFrom};
use netns_services::source::Problem;

/// The user who runs the tests.
pub fn own() -> Trust {
    Trust::for_tests(nix::unistd::geteuid().as_raw())
}

/// The settings are checked under this name, because the machine may have files of its own in
/// `/etc/netns/mgmt`.
const UNUSED: &str = "used-by-no-machine";

/// The exit status, and the messages about the settings of a namespace. Rule files are read but
/// not loaded.
pub fn check(conf_dir: &Path, name: &str) -> (i32, String) {
    let settings = conf_dir.join(format!("netns.{name}"));
    std::fs::copy(settings, conf_dir.join(format!("netns.{UNUSED}"))).unwrap();
    let (status, said) = check_unused(conf_dir);
    (status, said.replace(UNUSED, name))
}

fn check_unused(conf_dir: &Path) -> (i32, String) {
    let name = UNUSED.parse().unwrap();
    let call = Call {
        conf_dir: conf_dir.into(),
        verbose: false,
        quiet: false,
        moves_my_connection: false,
        verb: Verb::Check(Options::of(vec![])),
        names: vec![],
        at: CalledFrom::Host,
        trust: own(),
        events: Events::to(Arc::new(Nobody)),
        callers: OnceLock::new(),
    };
    match setup::settings(&call, &name, &setup::context()) {
        Ok(want) => {
            let lines = want.not_done.iter().map(ToString::to_string);
            let lines: Vec<String> = lines.collect();
            let lines = lines.iter().flat_map(|text| text.lines());
            (
                0,
                lines.map(|line| format!("netns-setup: {line}\n")).collect(),
            )
        }
        Err(problems) => (100, printed(&name, &problems)),
    }
}

/// The problems as `netns-setup` prints them.
pub fn printed(name: &NetnsName, problems: &[Problem]) -> String {
    let lines = conf::describe(name, problems).into_iter();
    lines.map(|line| format!("netns-setup: {line}\n")).collect()
}

/// Prints nothing.
struct Nobody;

impl Printer for Nobody {
    fn print(&self, _: Option<&NetnsName>, _: Event) {}
}
