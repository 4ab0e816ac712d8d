//! `netns-setup watch`: changes by hand, by the host and by the kernel are repaired soon,
//! and while nothing changes, watch does nothing. The kernel is real. Judged by `ip`.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;
#[path = "watch/events.rs"]
mod events;
#[path = "common/far.rs"]
mod far;
#[path = "watch/files.rs"]
mod files;
#[path = "watch/links.rs"]
mod links;
#[path = "watch/others.rs"]
mod others;
#[path = "watch/upgrade.rs"]
mod upgrade;
#[path = "watch/waiting.rs"]
mod waiting;

use std::time::Duration;

use common::{Background, LIMIT, NETNS_SETUP, Sandbox, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A namespace without a NIC: a veth to the host and a bridge.
const PAIR: &str = "netns_links=\"v0 br0\"\ntype_v0=veth\npeer_v0=v0h\npeer_config_v0=10.0.0.1/24\nconfig_v0=10.0.0.2/24\nroutes_v0=\"default via 10.0.0.1\"\ntype_br0=bridge\nconfig_br0=10.9.0.1/24\n";

/// A watch that runs in a sandbox.
struct Watch<'a> {
    sandbox: &'a Sandbox,
    process: Background,
}

/// Start it, and wait until everything is up and it listens.
#[track_caller]
fn watch(sandbox: &Sandbox) -> Watch<'_> {
    let watch = begin(sandbox);
    watch.soon("it is up", || {
        sandbox.read("/run/netns-services/mgmt/ready").is_some()
    });
    watch.is_quiet();
    watch
}

/// Start it.
fn begin(sandbox: &Sandbox) -> Watch<'_> {
    begin_by(sandbox, NETNS_SETUP)
}

/// Start it, by this program.
fn begin_by<'a>(sandbox: &'a Sandbox, program: &str) -> Watch<'a> {
    let script = format!("exec {program} watch mgmt >/run/out 2>/run/err");
    Watch {
        process: sandbox.spawn(&["sh", "-c", &script]),
        sandbox,
    }
}

impl Watch<'_> {
    fn pid(&self) -> i32 {
        self.process.pid()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    fn out(&self) -> String {
        self.sandbox.read("/run/out").unwrap_or_default()
    }

    fn err(&self) -> String {
        self.sandbox.read("/run/err").unwrap_or_default()
    }

    /// Panics with the output unless the condition soon holds.
    #[track_caller]
    fn soon(&self, what: &str, holds: impl FnMut() -> bool) {
        let so = wait_until(LIMIT, holds);
        assert!(
            so,
            "{what}: not so\nout:\n{}err:\n{}",
            self.out(),
            self.err()
        );
    }

    /// Whether it waits for events, and has waited for a second.
    #[track_caller]
    fn is_quiet(&self) {
        let switches = || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
            let status = status.unwrap_or_default();
            let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
            lines.map(String::from).collect::<Vec<_>>()
        };
        self.soon("it is quiet", || {
            let before = switches();
            std::thread::sleep(Duration::from_millis(700));
            !before.is_empty() && switches() == before
        });
    }

    #[track_caller]
    fn ends(&mut self) {
        self.signal(Signal::SIGTERM);
        assert_eq!(
            self.process.ended(),
            Some(0),
            "{}{}",
            self.out(),
            self.err()
        );
    }
}

fn has_default(sandbox: &Sandbox) -> bool {
    let shown = sandbox.sh("ip -n mgmt route show default").stdout;
    !shown.is_empty()
}

/// The lines that `after` has in addition to `before`, with which it begins.
#[track_caller]
fn since<'a>(before: &str, after: &'a str) -> &'a str {
    after.strip_prefix(before).unwrap()
}
