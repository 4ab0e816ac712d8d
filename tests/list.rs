//! `netns-setup list` prints a line for each namespace, no matter who made it and what is wrong
//! with its settings.

#![allow(clippy::panic, clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use common::{NETNS_EXEC, Sandbox};
use far::{MGMT, sandbox, setup};
use serde_json::Value;

/// The lines without the padding of the columns, and without the line of the second machine,
/// which is a namespace, too. The exit code is 0: a fault of one namespace is no error of list.
#[track_caller]
fn list(sandbox: &Sandbox) -> Vec<String> {
    let run = setup(sandbox, "list").ok().stderr("");
    let cells = |line: &str| {
        let cells = line
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty());
        cells.collect::<Vec<_>>().join("  ")
    };
    let lines = run.stdout.lines().filter(|line| !line.starts_with("far "));
    lines.map(cells).collect()
}

#[test]
fn every_namespace_has_its_line_whatever_is_wrong_with_it() {
    let sandbox = sandbox(MGMT);
    assert_eq!(list(&sandbox), ["mgmt  down"]);
    setup(&sandbox, "up --quiet mgmt").ok();
    sandbox.sh("ip netns add theirs && ip netns add od.d").ok();
    sandbox.write("/etc/conf.d/netns.gone", "netns_links=eth7\n");
    setup(&sandbox, "up gone").code(111);
    sandbox.write("/etc/conf.d/netns.wrong", "netns_lnks=eth7\n");
    sandbox.write(
        "/etc/conf.d/netns.web",
        "netns_links=d0\ntype_d0=bridge\nconfig_d0=198.51.100.1/24\n",
    );
    setup(&sandbox, "up --quiet web").ok();
    sandbox
        .sh("ip -n web address flush dev d0 scope global")
        .ok();
    let mut inside = sandbox.spawn(&[NETNS_EXEC, "web", "--", "sh", "-c", "echo; exec sleep 99"]);
    inside.line();
    assert_eq!(
        list(&sandbox),
        [
            "gone  down",
            "/etc/conf.d/netns.gone:1: netns_links: the host has no link eth7",
            "mgmt  ready  eth1 192.0.2.10/24 2001:db8:10::10/64  0 processes",
            "od.d  not set up by netns-setup  0 processes",
            "theirs  not set up by netns-setup  0 processes",
            "web  ready, 1 change away  d0  1 process",
            "wrong  down",
            "/etc/conf.d/netns.wrong:1: netns_lnks is not a setting",
        ]
    );
    let json: Value = serde_json::from_str(&setup(&sandbox, "list --json").ok().stdout).unwrap();
    let of = |name: &str| {
        let mut all = json.as_array().unwrap().iter();
        all.find(|of| of["name"] == name).unwrap()
    };
    let state = |name| of(name)["state"].as_str().unwrap();
    assert_eq!(["gone", "wrong"].map(state), ["down"; 2]);
    assert_eq!(["mgmt", "web"].map(state), ["ready"; 2]);
    assert_eq!(["theirs", "od.d"].map(state), ["foreign"; 2]);
    assert_eq!(of("mgmt")["links"][0]["addresses"][0], "192.0.2.10/24");
    let web = (&of("web")["changes"], &of("web")["processes"]);
    assert_eq!(web, (&1.into(), &1.into()));
    let reason = of("gone")["reason"].as_str().unwrap();
    assert!(reason.ends_with("no link eth7"), "{reason}");
}
