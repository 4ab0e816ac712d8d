//! Scenarios in a throw-away host with a real init system: runs the scenario of this name
//! (a script in tests/openrc or tests/runit) in this suite, and panics with its complete
//! output if it fails. The scenario itself checks the results.

// Each test file uses a part of this.
#![allow(dead_code, unused_macros, unused_imports)]
#![allow(clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

/// The `sh` of a suite; Alpine has only busybox.
#[derive(Clone, Copy)]
pub enum Shell {
    /// busybox ash.
    Busybox,
    /// dash.
    Dash,
    /// bash, called sh.
    Bash,
}

/// A test for each scenario in each suite: `testbed::scenarios! { "openrc": a b c }`.
macro_rules! scenarios {
    ($folder:literal: $($scenario:ident)*) => {
        $crate::testbed::scenarios! { alpine [] $folder: $($scenario)* }
        $crate::testbed::scenarios! { trixie [] $folder: $($scenario)* }
        $crate::testbed::scenarios! { bookworm [] $folder: $($scenario)* }
        $crate::testbed::scenarios! { sid [#[ignore = "make test-all"]] $folder: $($scenario)* }
    };
    ($suite:ident $ignored:tt $folder:literal: $($scenario:ident)*) => {
        mod $suite {
            $($crate::testbed::scenarios! { @ $suite $ignored $folder $scenario })*
        }
    };
    (@ $suite:ident [$($ignored:tt)*] $folder:literal $scenario:ident) => {
        #[test]
        $($ignored)*
        fn $scenario() {
            let (suite, scenario) = (stringify!($suite), stringify!($scenario));
            $crate::testbed::run(suite, $crate::testbed::Shell::Busybox, $folder, scenario);
        }
    };
}
pub(crate) use scenarios;

/// Debian's packages of daemons, and of their clients.
pub const DAEMONS: &str = "openssh-server openssh-client dnsmasq-base nginx chrony";

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Run `tests/FOLDER/SCENARIO.sh` in the suite's host, with the programs and scripts of
/// the project where `make install` puts them.
#[track_caller]
pub fn run(suite: &str, shell: Shell, folder: &str, scenario: &str) {
    let mut command = host("enter-root", suite, folder);
    match shell {
        Shell::Busybox => command.env_remove("TESTBED_SHELL"),
        Shell::Dash => command.env("TESTBED_SHELL", "dash"),
        Shell::Bash => command.env("TESTBED_SHELL", "bash"),
    };
    expect_success(command, suite, scenario, 300);
}

/// Run a scenario in a host with additional packages of Debian.
#[track_caller]
pub fn run_with_packages(suite: &str, packages: &str, folder: &str, scenario: &str) {
    let mut command = host("enter-root", suite, folder);
    command.env("TESTBED_PACKAGES", packages);
    expect_success(command, suite, scenario, 300);
}

/// Run a scenario with bash as the shell that runs OpenRC's scripts, as on Gentoo.
#[track_caller]
pub fn run_by_bash(folder: &str, scenario: &str) {
    let mut command = host("enter-root", "trixie", folder);
    command.env("TESTBED_SHELL", "bash");
    let by_bash = "sed -i '1s,^#!/bin/sh,#!/bin/bash,' /usr/lib/rc/sh/*.sh && exec sh";
    command.args(["-t", "300", "sh", "-c"]);
    command.arg(format!("{by_bash} /t/{scenario}.sh"));
    expect_end(command, "trixie, by bash", scenario);
}

/// Run a scenario on a virtual machine of its own, with the suite's kernel and two NICs on one
/// LAN. It takes a quarter of a minute.
#[track_caller]
pub fn run_vm(suite: &str, folder: &str, scenario: &str) {
    let mut command = host("run-vm", suite, folder);
    command.args(["-n", "2"]);
    expect_success(command, suite, scenario, 300);
}

/// Run a scenario on a virtual machine with one NIC whose kernel is booted with these words.
#[track_caller]
pub fn run_vm_booted_with(words: &str, suite: &str, folder: &str, scenario: &str) {
    let mut command = host("run-vm", suite, folder);
    command.args(["-k", words, "-n", "1"]);
    expect_success(command, suite, scenario, 300);
}

/// Run a scenario on a virtual machine of Debian 12, with bash installed.
#[track_caller]
pub fn run_vm_with_bash(folder: &str, scenario: &str) {
    let mut command = host("run-vm", "bookworm", folder);
    command.env("TESTBED_SHELL", "bash").args(["-n", "2"]);
    expect_success(command, "bookworm", scenario, 600);
}

/// Run a scenario on a virtual machine with two NICs that OpenRC boots. After each boot the
/// scenario runs again, with the /etc and /root that it left.
#[track_caller]
pub fn run_rebooted_vm(suite: &str, folder: &str, scenario: &str) {
    let mut command = host("run-vm", suite, folder);
    command.args(["-n", "2", "-o", "-r"]);
    expect_success(command, suite, scenario, 600);
}

/// Run a scenario on a virtual machine with one NIC that OpenRC boots, with the services of
/// `tests/FOLDER/boot` in its default runlevel, and with a namespace's service for each of the
/// settings there.
#[track_caller]
pub fn run_booted_vm(suite: &str, folder: &str, scenario: &str) {
    let mut command = host("run-vm", suite, folder);
    command.args(["-n", "1", "-o"]);
    let mut bind = |from: &Path, to: String| {
        command.arg("-b").arg(format!("{}:{to}", from.display()));
    };
    let boot = Path::new(ROOT).join("tests").join(folder).join("boot");
    let model = Path::new(ROOT).join("openrc/init.d/netns");
    for kind in ["conf.d", "init.d"] {
        for entry in boot.join(kind).read_dir().expect("a folder") {
            let from = entry.expect("a file").path();
            let name = from.file_name().and_then(|name| name.to_str());
            let name = name.expect("a file's name");
            bind(&from, format!("/etc/{kind}/{name}"));
            if name.starts_with("netns.") {
                bind(&model, format!("/etc/init.d/{name}"));
                bind(&model, format!("/etc/runlevels/default/{name}"));
            } else if kind == "init.d" {
                bind(&from, format!("/etc/runlevels/default/{name}"));
            }
        }
    }
    expect_success(command, suite, scenario, 600);
}

/// The directories of OpenRC's files, and where `make install` puts the files in them.
const OPENRC: [(&str, &str); 4] = [
    ("openrc/init.d", "/etc/init.d"),
    ("openrc/init-functions.d", "/lib/lsb/init-functions.d"),
    ("openrc/rc.conf.d", "/etc/rc.conf.d"),
    ("openrc/user", "/etc/user/rc.conf.d"),
];

fn project(path: &str) -> PathBuf {
    Path::new(ROOT).join(path)
}

/// The argument of the tools' option `-b`.
fn bind(from: PathBuf, to: &str) -> String {
    assert!(from.exists(), "{}: no such file", from.display());
    format!("{}:{to}", from.display())
}

/// The command that enters a host with nothing of the project but its scenarios.
pub fn bare_host(tool: &str, suite: &str, folder: &str) -> Command {
    let mut command = Command::new(project("tests/testbed").join(tool));
    command.env("TESTBED_SUITE", suite);
    for (from, to) in [
        (project("tests/testbed"), "/testbed"),
        (project(&format!("tests/{folder}")), "/t"),
    ] {
        command.arg("-b").arg(bind(from, to));
    }
    command
}

/// The command that enters a host with the project's programs and scripts where `make install`
/// puts them.
pub fn host(tool: &str, suite: &str, folder: &str) -> Command {
    let mut command = bare_host(tool, suite, folder);
    for (from, to) in [
        (program("netns-exec"), "/usr/sbin/netns-exec"),
        (program("netns-setup"), "/usr/sbin/netns-setup"),
        (project("conf.d/netns"), "/etc/conf.d/netns"),
        (project("libexec"), "/usr/libexec/netns-services"),
        (project("runit"), "/usr/share/netns-services/runit"),
    ] {
        command.arg("-b").arg(bind(from, to));
    }
    for (folder, installed) in OPENRC {
        for script in project(folder).read_dir().expect("a folder") {
            let from = script.expect("a script").path();
            let name = from.file_name().and_then(|name| name.to_str());
            let to = format!("{installed}/{}", name.expect("a script's name"));
            command.arg("-b").arg(bind(from, &to));
        }
    }
    command
}

/// Runs a scenario, which must succeed, in a host of [`host`].
#[track_caller]
pub fn expect_success(mut command: Command, suite: &str, scenario: &str, limit: u32) {
    command.args(["-t", &limit.to_string(), "sh", &format!("/t/{scenario}.sh")]);
    expect_end(command, suite, scenario);
}

/// Runs the command, which must succeed.
#[track_caller]
pub fn expect_end(mut command: Command, suite: &str, scenario: &str) {
    command.stdin(Stdio::null());
    let output = command.output().expect("the test-bed runs");
    assert!(
        output.status.success(),
        "{scenario} on {suite}, {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}

/// The path of a static program, as `make` built it from the present sources.
pub fn program(name: &str) -> PathBuf {
    let path = Path::new(ROOT).join("target/static").join(name);
    let built = path.metadata().and_then(|metadata| metadata.modified());
    let built = built.unwrap_or_else(|_| panic!("{}: not built, run make first", path.display()));
    let sources = ["src", "Cargo.toml", "Cargo.lock"];
    let changed = sources.map(|source| newest(&Path::new(ROOT).join(source)));
    assert!(
        changed.iter().all(|&changed| changed <= built),
        "{}: older than the sources, run make first",
        path.display()
    );
    path
}

/// When the file, or the newest file in the directory, was written.
fn newest(path: &Path) -> SystemTime {
    if path.is_dir() {
        let entries = path.read_dir().expect("a folder of the sources");
        let times = entries.map(|entry| newest(&entry.expect("a source").path()));
        return times.max().unwrap_or(SystemTime::UNIX_EPOCH);
    }
    let modified = path.metadata().and_then(|metadata| metadata.modified());
    modified.expect("a source has a time")
}
