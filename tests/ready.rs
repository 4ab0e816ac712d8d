//! `netns_ready`: a namespace is ready when all conditions hold, and not before. The
//! kernel is real, and `ip` shows the state; the NIC is a veth to a router of its own.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use common::{Background, LIMIT, NETNS_EXEC, NETNS_SETUP, Sandbox, wait_until};
use far::{MGMT, sandbox, setup, write};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const READY: &str = "/run/netns-services/mgmt/ready";

/// All conditions that need no WireGuard.
const ALL: &str = "netns_ready=\"carrier eth1, address eth1, route default, route 198.51.100.0/24, ping 192.0.2.1, ping 2001:db8:10::1\"\n";

/// Hooks that record that they were run, and whether the namespace was ready then.
const HOOKS: &str = "netns_pre_up='echo pre_up >>/run/said'\nnetns_post_up='echo post_up >>/run/said; test -e /run/netns-services/$NETNS_NAME/ready && echo ready >>/run/said'\n";

/// Turn off the router at the other end.
fn off(sandbox: &Sandbox) {
    sandbox.sh("ip -n far link set far1 down").ok();
}

/// Turn the router on; its IPv6 addresses were lost when it was turned off.
fn on(sandbox: &Sandbox) {
    sandbox
        .sh("ip -n far link set far1 up && ip -n far address replace 2001:db8:10::1/64 dev far1 nodad")
        .ok();
}

fn spawn(sandbox: &Sandbox, verb: &str) -> Background {
    let script = format!("exec {NETNS_SETUP} {verb} mgmt >/run/out 2>/run/err");
    sandbox.spawn(&["sh", "-c", &script])
}

fn is_ready(sandbox: &Sandbox) -> bool {
    sandbox.read(READY).is_some()
}

fn err(sandbox: &Sandbox) -> String {
    sandbox.read("/run/err").unwrap_or_default()
}

#[track_caller]
fn soon(sandbox: &Sandbox, what: &str, holds: impl FnMut() -> bool) {
    assert!(wait_until(LIMIT, holds), "{what}: not so\n{}", err(sandbox));
}

/// Everything is made, and the conditions do not hold.
#[track_caller]
fn is_up_and_not_ready(sandbox: &Sandbox) {
    soon(sandbox, "it is up", || {
        let routes = sandbox.sh("ip -n mgmt route show default").stdout;
        !routes.is_empty()
    });
    assert!(!is_ready(sandbox));
    sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).code(111);
}

#[test]
fn up_waits_until_all_of_it_holds() {
    let sandbox = sandbox(&format!("{MGMT}{ALL}{HOOKS}"));
    off(&sandbox);
    let mut up = spawn(&sandbox, "up");
    let mut waits = sandbox.spawn(&[NETNS_EXEC, "--wait", "60", "mgmt", "true"]);
    is_up_and_not_ready(&sandbox);
    assert_eq!(sandbox.read("/run/said").unwrap(), "pre_up\n");
    on(&sandbox);
    assert_eq!(up.ended(), Some(0), "{}", err(&sandbox));
    assert_eq!(waits.ended(), Some(0));
    assert_eq!(
        sandbox.read("/run/said").unwrap(),
        "pre_up\npost_up\nready\n"
    );
    let status = setup(&sandbox, "status mgmt").ok().stdout;
    for line in [
        "carrier eth1: holds",
        "ping 192.0.2.1: holds",
        "ping 2001:db8:10::1: holds",
    ] {
        assert!(status.contains(line), "{status}");
    }
    // The condition had to hold only until the namespace counted as ready: later changes do not
    // matter
    off(&sandbox);
    setup(&sandbox, "up mgmt").ok().stdout("").stderr("");
    sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).ok();
}

#[test]
fn what_does_not_hold_in_time_is_said_and_all_stays_as_it_is() {
    let settings = format!(
        "{MGMT}netns_ready=\"route default, carrier eth1, ping 192.0.2.1\"\nnetns_timeout=1\n"
    );
    let sandbox = sandbox(&settings);
    off(&sandbox);
    setup(&sandbox, "up mgmt").code(111).stderr(
        "netns-setup: mgmt: not ready after 1 s: carrier eth1, ping 192.0.2.1 does not hold\n\
         netns-setup: asked for by netns_ready at /etc/conf.d/netns.mgmt:7; netns_timeout sets how long to wait\n\
         netns-setup: mgmt: everything else is up and stays up; netns-setup up mgmt waits again\n",
    );
    is_up_and_not_ready(&sandbox);
    let status = setup(&sandbox, "status mgmt").code(1).stdout;
    for line in [
        "route default: holds",
        "carrier eth1: does not hold",
        "ping 192.0.2.1: does not hold",
    ] {
        assert!(status.contains(line), "{status}");
    }
    let run = setup(&sandbox, "status --json mgmt").code(1).stdout;
    let json: serde_json::Value = serde_json::from_str(&run).unwrap();
    assert_eq!(json[0]["conditions"][1]["condition"], "carrier eth1");
    assert_eq!(json[0]["conditions"][1]["holds"], false);
    assert_eq!(json[0]["ready"], false);
    on(&sandbox);
    setup(&sandbox, "up mgmt").ok().stdout("").stderr("");
    sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).ok();
}

/// Print `status`; each of these conditions does not hold in it.
#[track_caller]
fn holds_not(sandbox: &Sandbox, conditions: &[&str]) {
    let status = setup(sandbox, "status mgmt").code(1).stdout;
    for condition in conditions {
        let line = format!("{condition}: does not hold\n");
        assert!(status.contains(&line), "{condition}:\n{status}");
    }
}

#[test]
fn a_route_to_elsewhere_or_to_nowhere_is_not_the_one() {
    let routes = [
        "route 203.0.113.0/24",
        "route 198.51.100.0/24",
        "route ::/0",
    ];
    let settings = format!(
        "netns_links=eth1\nconfig_eth1=192.0.2.10/24\nroutes_eth1=\"default via 192.0.2.1\"\nnetns_ready=\"{}\"\nnetns_timeout=1\n",
        routes.join(", ")
    );
    let sandbox = sandbox(&settings);
    setup(&sandbox, "up mgmt").code(111);
    let add = |route: &str| {
        let command = format!("ip -n mgmt route add {route}");
        sandbox.sh(&command).ok();
    };
    add("unreachable 203.0.113.0/24");
    add("198.51.100.0/25 via 192.0.2.1");
    add("198.51.100.0/22 via 192.0.2.1");
    holds_not(&sandbox, &routes);
    add("203.0.113.0/24 via 192.0.2.1 metric 9 table 9");
    add("198.51.100.0/24 via 192.0.2.1");
    add("::/0 dev eth1");
    setup(&sandbox, "up mgmt").ok();
    assert!(is_ready(&sandbox));
}

#[test]
fn an_address_that_cannot_be_used_yet_or_is_the_links_own_is_none() {
    let settings = |config: &str| {
        format!(
            "netns_links=eth1\nconfig_eth1={config}\nnetns_ready=\"address eth1\"\nnetns_timeout=4\n"
        )
    };
    let host = sandbox(&settings("null"));
    setup(&host, "up mgmt").code(111);
    let own = host.sh("ip -n mgmt address show dev eth1 scope link -tentative");
    assert!(own.stdout.contains("fe80::"), "{own}");
    // Duplicate address detection runs only if there is another host
    let host = sandbox(&settings("2001:db8:10::10/64"));
    off(&host);
    setup(&host, "up mgmt").code(111);
    holds_not(&host, &["address eth1"]);
    on(&host);
    setup(&host, "up mgmt").ok();
    assert!(is_ready(&host));
}

#[test]
fn down_does_not_wait_for_an_up_that_does() {
    let sandbox = sandbox(&format!(
        "{MGMT}netns_ready=\"carrier eth1\"\nnetns_timeout=4\n"
    ));
    off(&sandbox);
    let mut up = spawn(&sandbox, "up");
    is_up_and_not_ready(&sandbox);
    setup(&sandbox, "down mgmt").ok();
    assert_eq!(up.ended(), Some(111));
    assert!(
        err(&sandbox).contains("another netns-setup changed it"),
        "{}",
        err(&sandbox)
    );
    assert!(sandbox.read("/run/netns/mgmt").is_none());
    assert!(!is_ready(&sandbox));
}

#[test]
fn a_watch_waits_beside_its_work() {
    let sandbox = sandbox(&format!("{MGMT}{ALL}{HOOKS}netns_timeout=1\n"));
    off(&sandbox);
    let mut watch = spawn(&sandbox, "watch");
    is_up_and_not_ready(&sandbox);
    soon(&sandbox, "it is said", || {
        err(&sandbox).contains("the watch goes on waiting")
    });
    // The watch repairs the namespace, although it is not ready
    sandbox.sh("ip -n mgmt route del default").ok();
    is_up_and_not_ready(&sandbox);
    on(&sandbox);
    soon(&sandbox, "it is ready", || is_ready(&sandbox));
    let said = || sandbox.read("/run/said").unwrap_or_default();
    soon(&sandbox, "the hook was run", || {
        said() == "pre_up\npost_up\nready\n"
    });
    // When the namespace is recreated, the watch waits again; the veth is deleted with the
    // namespace, and created again
    sandbox
        .sh("rm /run/said; ip netns delete mgmt; until ! ip -n far link show far1 2>/dev/null; do sleep 0.1; done
            ip link add eth1 address 52:54:00:00:00:01 type veth peer name far1 netns far
            ip -n far address add 192.0.2.1/24 dev far1")
        .ok();
    soon(&sandbox, "it is there again", || {
        !sandbox
            .sh("ip -n mgmt route show default 2>/dev/null")
            .stdout
            .is_empty()
    });
    sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).code(111);
    on(&sandbox);
    soon(&sandbox, "the hook was run again", || {
        // Each time, the earlier one was
        said().ends_with("pre_up\npost_up\nready\n")
    });
    sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).ok();
    kill(Pid::from_raw(watch.pid()), Signal::SIGTERM).unwrap();
    assert_eq!(watch.ended(), Some(0));
}

#[test]
fn an_up_that_waits_is_told_of_a_route() {
    let sandbox = sandbox(&format!(
        "{MGMT}netns_ready=\"route 203.0.113.0/24\"\nnetns_timeout=600\n"
    ));
    let mut up = spawn(&sandbox, "up");
    is_up_and_not_ready(&sandbox);
    sandbox
        .sh("sleep 1; ip -n mgmt route add 203.0.113.0/24 via 192.0.2.1")
        .ok();
    soon(&sandbox, "it is ready", || is_ready(&sandbox));
    assert_eq!(up.ended(), Some(0), "{}", err(&sandbox));
}

#[test]
fn a_namespace_that_is_made_anew_while_a_watch_waits_is_waited_for_anew() {
    let sandbox = sandbox(&format!("{MGMT}netns_ready=\"carrier eth1\"\n"));
    off(&sandbox);
    let mut watch = spawn(&sandbox, "watch");
    is_up_and_not_ready(&sandbox);
    // The old namespace is deleted, because nothing waits in it any more. ip finds the name in
    // use again if the watch is fast enough
    sandbox.sh("ip netns delete mgmt");
    soon(&sandbox, "the card is gone with it", || {
        sandbox.sh("ip -n far link show far1").exit_code() != 0
    });
    sandbox
        .sh("ip link add eth1 address 52:54:00:00:00:01 type veth peer name far1 netns far")
        .ok();
    is_up_and_not_ready(&sandbox);
    sandbox.sh("ip -n far link set far1 up").ok();
    soon(&sandbox, "it is ready", || is_ready(&sandbox));
    kill(Pid::from_raw(watch.pid()), Signal::SIGTERM).unwrap();
    assert_eq!(watch.ended(), Some(0));
}

#[test]
fn a_watch_that_waits_ends_when_it_is_told_to_and_reads_new_settings() {
    let sandbox = sandbox(&format!("{MGMT}netns_ready=\"carrier eth1\"\n"));
    off(&sandbox);
    let mut watch = spawn(&sandbox, "watch");
    is_up_and_not_ready(&sandbox);
    let pid = Pid::from_raw(watch.pid());
    write(&sandbox, &format!("{MGMT}netns_ready=\"route default\"\n"));
    kill(pid, Signal::SIGHUP).unwrap();
    soon(&sandbox, "it is ready", || is_ready(&sandbox));
    setup(&sandbox, "down mgmt").ok();
    write(&sandbox, &format!("{MGMT}netns_ready=\"carrier eth1\"\n"));
    kill(pid, Signal::SIGHUP).unwrap();
    is_up_and_not_ready(&sandbox);
    kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(watch.ended(), Some(0));
    assert!(!is_ready(&sandbox));
}
