//! What netns-setup(8) shows of `list`, `status` and `graph` is what they print, of a machine with
//! namespaces of README, one of others, one that failed and one that waits. `UPDATE_GOLDEN=1`
//! writes it into the page.

#![allow(clippy::panic, clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;
mod tree;

use std::{env, fs};

use common::{LIMIT, NETNS_EXEC, NETNS_SETUP, Sandbox, wait_until};
use far::setup;
use serde_json::Value;
use tree::{ROOT, examples, text};

const PAGE: &str = "man/netns-setup.8";

/// What comes before the first example in the page, and after the last.
const BLOCK: [&str; 2] = [".Bd -literal\n# netns-setup list\n", ".Ed\n"];

/// Two NICs, whose other ends are in a namespace without a name.
const NICS: &str = "
    set -e
    ip link set lo up
    unshare -n sh -c 'echo >/run/outside; exec sleep 1000' </dev/null >/dev/null 2>&1 &
    outside=$!
    until [ -e /run/outside ]; do sleep 0.01; done
    for n in 0 1; do
        ip link add eth$n address 52:54:00:00:00:1$n type veth peer name out$n netns $outside
        nsenter -n -t $outside ip link set out$n up
        ip link set eth$n up
    done
    ip address add 203.0.113.5/24 dev eth0
    ip route add default via 203.0.113.1";

/// The machine, with a daemon of OpenRC's service sshd in mgmt. The background processes stay as
/// long as the sandbox.
fn machine() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.sh(NICS).ok();
    for (name, settings) in examples(&text("README.md"), "```") {
        if ["mgmt", "web", "blue"].contains(&name.as_str()) {
            let file = format!("/etc/conf.d/netns.{name}");
            sandbox.write(&file, &format!("# {file}\n{settings}"));
        }
    }
    sandbox.write("/etc/conf.d/netns.backup", "netns_links=\"eth7\"\n");
    let waits = "netns_links=\"wwan0\"\nnetns_wait=\"yes\"\n";
    sandbox.write("/etc/conf.d/netns.mobile", waits);
    sandbox.sh("ip netns add theirs").ok();
    setup(&sandbox, "up --quiet mgmt web blue").ok();
    setup(&sandbox, "up backup").code(111);
    let background = format!(
        "cp /bin/sleep /run/sshd
         {NETNS_EXEC} mgmt -- /run/sshd 1000 </dev/null >/dev/null 2>&1 &
         mkdir -p /run/openrc/daemons/sshd
         echo $! >/run/sshd.pid
         echo pidfile=/run/sshd.pid >/run/openrc/daemons/sshd/001
         {NETNS_SETUP} watch mobile </dev/null >/dev/null 2>&1 &"
    );
    sandbox.sh(&background).ok();
    sandbox
}

/// Whether the links have their addresses and the processes run: all that takes a moment.
fn is_settled(sandbox: &Sandbox) -> bool {
    let all: Value = serde_json::from_str(&setup(sandbox, "list --json").stdout).unwrap();
    let all = all.as_array().unwrap();
    let of = |name: &str| all.iter().find(|one| one["name"] == name).unwrap();
    let status = setup(sandbox, "status mgmt").stdout;
    of("mobile")["reason"].is_string()
        && of("mgmt")["services"][0] == "sshd"
        && status.contains("(sshd, service sshd)")
        && status.contains("fe80::/64")
        && !status.contains("tentative")
}

#[test]
fn the_page_shows_what_is_printed() {
    let sandbox = machine();
    assert!(wait_until(LIMIT, || is_settled(&sandbox)));
    let pid = sandbox.read("/run/sshd.pid").unwrap();
    let shown = ["list", "status mgmt", "graph"].map(|verb| {
        let printed = setup(&sandbox, verb).ok().stdout;
        // A veth stands for the NIC
        let printed = printed
            .replace("eth1  veth    ", "eth1  physical")
            .replace("eth1  veth\n", "eth1  physical\n");
        let printed = printed.replace(&format!("processes {} ", pid.trim()), "processes 812 ");
        format!("# netns-setup {verb}\n{printed}")
    });
    let page = text(PAGE);
    let (before, rest) = page.split_once(BLOCK[0]).unwrap();
    let (_, after) = rest.split_once(BLOCK[1]).unwrap();
    let expected = format!(
        "{before}.Bd -literal\n{}{}{after}",
        shown.concat(),
        BLOCK[1]
    );
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(format!("{ROOT}/{PAGE}"), &expected).unwrap();
    }
    assert!(
        page == expected,
        "UPDATE_GOLDEN=1 writes\n{}",
        shown.concat()
    );
}
