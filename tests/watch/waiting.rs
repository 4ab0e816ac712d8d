//! Waiting for a NIC that is missing, with and without `netns_wait`.

use nix::sys::signal::Signal;

use super::common::{NETNS_SETUP, Sandbox};
use super::far::{MGMT, dump, is_again, sandbox, setup, write};
use super::{Watch, begin, watch};

const WAITS: &str = "netns_wait=yes\nnetns_pre_up='echo pre_up >>/run/said'\nnetns_post_up='echo post_up >>/run/said'\n";

fn plug_in(sandbox: &Sandbox, name: &str) {
    let far = "type veth peer name far1 address 52:54:00:00:00:02 netns far";
    sandbox
        .sh(&format!(
            "ip -n far link delete far1; ip link add {name} {far} && ip -n far link set far1 up"
        ))
        .ok();
}

fn said(sandbox: &Sandbox) -> String {
    sandbox.read("/run/said").unwrap_or_default()
}

fn count(watch: &Watch, line: &str) -> usize {
    watch.err().matches(line).count()
}

#[test]
fn without_the_setting_it_ends() {
    let sandbox = sandbox(&MGMT.replace("eth1", "eth7"));
    setup(&sandbox, "watch mgmt").code(111);
    assert!(sandbox.read("/run/netns-services/mgmt/journal").is_none());
}

/// A watch that is restarted after a wrong edit: a person who is logged in over the NIC stays
/// logged in.
#[test]
fn settings_that_are_refused_take_nothing_from_what_is_ready() {
    for wait in ["no", "yes", "stop"] {
        let sandbox = sandbox(MGMT);
        setup(&sandbox, "up mgmt").ok();
        let before = dump(&sandbox, "-n mgmt");
        let settings = MGMT.replace("eth1", "eth9");
        write(&sandbox, &format!("{settings}netns_wait={wait}\n"));
        setup(&sandbox, "watch mgmt").code(111);
        is_again(&sandbox, "-n mgmt", &before);
    }
}

#[test]
fn with_it_what_is_missing_is_said_once_and_waited_for_without_a_move() {
    let sandbox = sandbox(&format!("{}{WAITS}", MGMT.replace("eth1", "eth7")));
    let mut watch = begin(&sandbox);
    watch.soon("it waits", || watch.err().contains("is not complete yet"));
    watch.is_quiet();
    assert_eq!(count(&watch, "the host has no link eth7"), 1);
    // Another link is not the NIC; and a down has nothing to take down
    sandbox.sh("ip link add eth8 type bridge").ok();
    setup(&sandbox, "down mgmt").ok();
    watch.is_quiet();
    assert!(!sandbox.sh("ip netns").stdout.contains("mgmt"));
    // Other settings are waited for as well
    write(
        &sandbox,
        &format!("{}{WAITS}", MGMT.replace("eth1", "eth9")),
    );
    watch.signal(Signal::SIGHUP);
    watch.soon("it waits for the other", || {
        count(&watch, "the host has no link eth9") == 1
    });
    plug_in(&sandbox, "eth7");
    watch.is_quiet();
    assert!(!sandbox.sh("ip netns").stdout.contains("mgmt"));
    assert_eq!(said(&sandbox), "pre_up\n");
    sandbox.sh("ip link delete eth7").ok();
    plug_in(&sandbox, "eth9");
    watch.soon("it has come up", || {
        sandbox.read("/run/netns-services/mgmt/ready").is_some()
    });
    watch.soon("all is done", || said(&sandbox) == "pre_up\npost_up\n");
    watch.soon("that is said", || {
        watch.out().contains("mgmt: has come up\n")
    });
    setup(&sandbox, "status mgmt").ok();
    watch.ends();
}

#[test]
fn an_up_by_hand_ends_the_waiting() {
    let waits = format!("{}netns_wait=yes\n", MGMT.replace("eth1", "eth7"));
    let sandbox = sandbox(&waits);
    let watch = begin(&sandbox);
    watch.soon("it waits", || watch.err().contains("is not complete yet"));
    write(&sandbox, MGMT);
    setup(&sandbox, "up mgmt").ok();
    watch.soon("it knows", || watch.out().contains("mgmt: has come up\n"));
    sandbox.sh("ip -n mgmt route delete default").ok();
    watch.soon("it keeps it", || super::has_default(&sandbox));
}

#[test]
fn what_comes_before_an_up_is_done_once_while_a_card_is_missing() {
    let sandbox = sandbox(&format!("{MGMT}{}", WAITS.replace("=yes", "=no")));
    let mut watch = watch(&sandbox);
    assert_eq!(said(&sandbox), "pre_up\npost_up\n");
    sandbox.sh("ip netns delete mgmt").ok();
    watch.soon("it is said", || watch.err().contains("no link eth1"));
    watch.is_quiet();
    for name in ["one", "two"] {
        sandbox.write(&format!("/etc/netns/mgmt/{name}"), "");
        watch.is_quiet();
    }
    assert_eq!(said(&sandbox), "pre_up\npost_up\npre_up\n");
    plug_in(&sandbox, "eth1");
    watch.soon("all is done", || {
        said(&sandbox) == "pre_up\npost_up\npre_up\npost_up\n"
    });
    // The hooks also run the next time
    sandbox.sh("ip netns delete mgmt").ok();
    watch.soon("it is done again", || {
        said(&sandbox).matches("pre_up").count() == 3
    });
    watch.ends();
    assert!(sandbox.run(&[NETNS_SETUP, "down", "mgmt"]).exit_code() == 0);
}
