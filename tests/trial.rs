//! `try` and `confirm`: without a confirmation everything is undone exactly, even if a
//! process is killed or a terminal hangs up meanwhile.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use serde_json::Value;

use common::{LIMIT, NETNS_EXEC, NETNS_SETUP, Sandbox, wait_until};
use far::{MGMT, dump, is_again, sandbox, setup, write};

/// Addresses, routes, MTUs, rules and name servers that differ from the example's.
const TRIED: &str = r#"netns_links="eth1 v0"
config_eth1="192.0.2.11/24"
routes_eth1="default via 192.0.2.254"
mtu_eth1=1300
mac_eth1=52:54:00:00:00:77
type_v0=veth
config_v0=10.0.0.1/24
netns_dns="192.0.2.99"
netns_sysctl="net.ipv4.ip_forward=1"
netns_post_down="true"
"#;

const RULES: &str = "table inet ours { chain input { type filter hook input priority 0; tcp dport 22 accept; }; }\n";

/// What must be the same afterwards, in addition to what `dump` compares.
fn files(sandbox: &Sandbox) -> Vec<String> {
    let nft = "ip netns exec mgmt nft -j list ruleset 2>/dev/null | sed 's/\"handle\": [0-9]*/H/g'";
    let said = [
        nft,
        "ip netns exec mgmt sysctl net.ipv4.ip_forward 2>/dev/null",
        "cat /etc/netns/mgmt/resolv.conf 2>/dev/null",
        "cd /run/netns-services/mgmt 2>/dev/null && ls | grep -v -e met -e ^rules- && cat ready etc",
        "ls /run/netns",
    ];
    said.iter()
        .map(|script| sandbox.sh(&format!("{script}; true")).ok().stdout)
        .collect()
}

/// The state of a host and its namespace before a trial.
struct Before {
    host: Value,
    inside: Value,
    files: Vec<String>,
}

impl Before {
    fn of(sandbox: &Sandbox) -> Self {
        Before {
            host: dump(sandbox, ""),
            inside: dump(sandbox, "-n mgmt"),
            files: files(sandbox),
        }
    }

    #[track_caller]
    fn is_again(&self, sandbox: &Sandbox) {
        is_again(sandbox, "-n mgmt", &self.inside);
        is_again(sandbox, "", &self.host);
        assert_eq!(files(sandbox), self.files);
    }
}

fn is_tried(sandbox: &Sandbox) -> bool {
    sandbox.read("/run/netns-services/mgmt/trial").is_some()
}

/// Wait until the trial was undone, and its process has ended.
#[track_caller]
fn undone(sandbox: &Sandbox) {
    assert!(wait_until(LIMIT, || !is_tried(sandbox)));
    let ended = "! grep -qsx -e netns-setup -e exe /proc/[0-9]*/comm";
    assert!(wait_until(LIMIT, || sandbox.sh(ended).exit_code() == 0));
}

/// Kill the process that would undo it, and wait until it has ended.
#[track_caller]
fn end_it(sandbox: &Sandbox, signal: &str) {
    sandbox
        .sh(&format!("read -r pid rest </run/netns-services/mgmt/trial && kill -{signal} $pid && while [ -e /proc/$pid ] && ! grep -q '^State:.Z' /proc/$pid/status; do sleep 0.01; done"))
        .ok();
}

#[test]
fn what_is_not_confirmed_is_undone_exactly() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    let before = Before::of(&sandbox);
    sandbox.write("/etc/netns/mgmt/nftables.nft", RULES);
    write(&sandbox, TRIED);
    let run = setup(&sandbox, "try mgmt --within 1").ok();
    assert!(
        run.stdout
            .contains("+ ip -n mgmt address add 192.0.2.11/24 dev eth1\n"),
        "{run}"
    );
    assert!(
        run.stderr.ends_with("netns-setup: mgmt: rolled back in 1 s unless you type\nnetns-setup: netns-setup confirm mgmt\n"),
        "{run}"
    );
    undone(&sandbox);
    before.is_again(&sandbox);
    sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).ok();
    setup(&sandbox, "confirm mgmt").code(100);
    // After the rollback, a reload has nothing to do
    sandbox.sh("rm /etc/netns/mgmt/nftables.nft").ok();
    write(&sandbox, MGMT);
    setup(&sandbox, "reload mgmt").ok().stdout("");
    setup(&sandbox, "down mgmt").ok();
}

#[test]
fn a_namespace_that_was_not_there_goes_whole() {
    let sandbox = sandbox(TRIED);
    let (host, was) = (dump(&sandbox, ""), files(&sandbox));
    setup(&sandbox, "try mgmt --within 600").ok();
    sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).ok();
    end_it(&sandbox, "TERM");
    undone(&sandbox);
    is_again(&sandbox, "", &host);
    assert_eq!(files(&sandbox), was);
    sandbox.sh("[ ! -e /run/netns-services/mgmt ]").ok();
    // Who typed it may not see that, and others look later
    let status = setup(&sandbox, "status mgmt");
    let said = "  its last trial was rolled back, less than a minute ago:\n  mgmt: it was not confirmed in time\n";
    assert!(status.stdout.contains(said), "{status}");
    setup(&sandbox, "up mgmt").ok();
    let status = setup(&sandbox, "status mgmt").ok();
    assert!(!status.stdout.contains("rolled back"), "{status}");
}

#[test]
fn what_is_confirmed_stays_and_until_then_nobody_else_changes_it() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    write(&sandbox, TRIED);
    setup(&sandbox, "try mgmt --within 600").ok();
    let tried = dump(&sandbox, "-n mgmt");
    for verb in ["up", "reload", "down", "down --force", "try"] {
        let run = setup(&sandbox, &format!("{verb} mgmt")).code(111);
        assert!(
            run.stderr
                .contains("mgmt: a trial is running; it is rolled back in"),
            "{run}"
        );
        assert!(run.stderr.contains("netns-setup confirm mgmt"), "{run}");
    }
    let status = setup(&sandbox, "status mgmt").ok();
    assert!(
        status
            .stderr
            .contains("a trial is running; it is rolled back in"),
        "{status}"
    );
    // What was refused is not its last failure
    assert!(!status.stdout.contains("failed"), "{status}");
    setup(&sandbox, "confirm mgmt").ok().stderr("");
    undone(&sandbox);
    is_again(&sandbox, "-n mgmt", &tried);
    setup(&sandbox, "reload mgmt").ok().stdout("");
    setup(&sandbox, "try mgmt --within 1")
        .ok()
        .stdout("mgmt: nothing to try: it already matches its settings\n")
        .stderr("");
    setup(&sandbox, "confirm mgmt")
        .ok()
        .stdout("mgmt: no trial is running, and nothing was rolled back\n")
        .stderr("");
    setup(&sandbox, "down mgmt").ok();
}

#[test]
fn it_is_undone_though_who_called_is_killed_with_his_terminal() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    let before = Before::of(&sandbox);
    write(&sandbox, TRIED);
    // The caller is killed right after try printed its last line, with its complete session and
    // its terminal
    let killed = format!(
        "mkfifo /run/said; script -qefc 'stty tostop; echo $$ >/run/leader; {NETNS_SETUP} try mgmt --within 8' /run/log >/run/said </dev/null &
         while read -r line; do case $line in *confirm*) break ;; esac; done </run/said
         kill -KILL $(cat /run/leader) $!; pkill -KILL -s $(cat /run/leader); true"
    );
    sandbox.run(&["bash", "-c", &killed]).ok();
    assert!(is_tried(&sandbox));
    undone(&sandbox);
    before.is_again(&sandbox);
}

#[test]
fn it_is_undone_whenever_who_called_is_killed() {
    let settings = MGMT.replace(" 2001:db8:10::10/64", "");
    let sandbox = sandbox(&settings);
    sandbox
        .sh("ip -6 route flush dev eth1; ip -6 address flush dev eth1")
        .ok();
    let (host, was) = (dump(&sandbox, ""), files(&sandbox));
    for n in [0, 1, 2, 4, 8, 15, 30] {
        sandbox.sh(&format!(
            "{NETNS_SETUP} try mgmt --within 1 >/dev/null 2>&1 & sleep 0.0{n:02}; kill -KILL $!; wait $!; true"
        ));
        undone(&sandbox);
        is_again(&sandbox, "", &host);
        assert_eq!(files(&sandbox), was, "after {n} ms");
    }
}

#[test]
fn when_the_process_that_would_undo_it_is_killed_the_next_call_makes_it_right() {
    let sandbox = sandbox(MGMT);
    let host = dump(&sandbox, "");
    setup(&sandbox, "try mgmt --within 600").ok();
    end_it(&sandbox, "KILL");
    setup(&sandbox, "confirm mgmt").code(100);
    setup(&sandbox, "up mgmt").ok().stdout("");
    setup(&sandbox, "down mgmt").ok();
    is_again(&sandbox, "", &host);
}

#[test]
fn who_is_asked_to_end_undoes_it_at_once() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    let before = Before::of(&sandbox);
    write(&sandbox, TRIED);
    for signal in ["TERM", "INT"] {
        setup(&sandbox, "try mgmt --within 600").ok();
        // No terminal can do that
        sandbox
            .sh("read -r pid rest </run/netns-services/mgmt/trial && kill -HUP $pid && sleep 0.2")
            .ok();
        assert!(is_tried(&sandbox));
        end_it(&sandbox, signal);
        undone(&sandbox);
        before.is_again(&sandbox);
    }
}

#[test]
fn what_the_kernel_refuses_is_undone_at_once() {
    let sandbox = sandbox(MGMT);
    sandbox.sh("mkdir -p /etc/netns/mgmt/.resolv.conf.new").ok();
    let host = dump(&sandbox, "");
    let run = setup(&sandbox, "try mgmt").code(111);
    assert!(run.stderr.contains("have been undone"), "{run}");
    is_again(&sandbox, "", &host);
    write(&sandbox, "netns_links=\"eth1\"\nconfig_eth1=192.0.2.10\n");
    setup(&sandbox, "try mgmt").code(100);
    setup(&sandbox, "try mgmt --within 0").code(100);
    sandbox.sh("[ ! -e /run/netns-services/mgmt ]").ok();
}

#[test]
fn a_watch_does_not_make_again_what_was_undone() {
    let sandbox = sandbox(MGMT);
    let mut watch = sandbox.spawn(&[NETNS_SETUP, "watch", "mgmt"]);
    let ready = "/run/netns-services/mgmt/ready";
    assert!(wait_until(LIMIT, || sandbox.read(ready).is_some()));
    let inside = dump(&sandbox, "-n mgmt");
    write(&sandbox, TRIED);
    setup(&sandbox, "try mgmt --within 1").ok();
    assert!(wait_until(LIMIT, || !is_tried(&sandbox)));
    is_again(&sandbox, "-n mgmt", &inside);
    // The watch restores the state before the trial, although the file has the tried settings
    sandbox
        .sh("ip -n mgmt address delete 192.0.2.10/24 dev eth1")
        .ok();
    is_again(&sandbox, "-n mgmt", &inside);
    assert!(watch.child.try_wait().unwrap().is_none());
}
