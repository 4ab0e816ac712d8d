//! What a person at a terminal is told besides: that there is nothing to do, and what is waited for
//! when it takes a moment. A pipe gets none of it.

#![allow(clippy::panic, clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use common::{NETNS_SETUP, Sandbox};
use far::{MGMT, sandbox, setup, write};

/// What a call prints on a terminal, both streams as they come.
fn typed(sandbox: &Sandbox, words: &str) -> String {
    let call = format!("script -qec '{NETNS_SETUP} {words}' /dev/null </dev/null");
    sandbox.sh(&call).stdout.replace('\r', "")
}

#[test]
fn a_person_is_told_what_is_waited_for_and_a_pipe_is_not() {
    let sandbox = sandbox(&format!(
        "{MGMT}netns_sysctl=\"net.ipv6.conf.eth1.dad_transmits=2\"\n"
    ));
    let said = typed(&sandbox, "up mgmt");
    let waits = "mgmt: waiting until no other host has 2001:db8:10::10\n";
    assert!(said.contains(waits), "{said}");
    assert_eq!(typed(&sandbox, "up mgmt"), "mgmt: nothing to do\n");
    assert_eq!(typed(&sandbox, "plan mgmt"), "mgmt: nothing to do\n");
    assert_eq!(typed(&sandbox, "up --quiet mgmt"), "");
    setup(&sandbox, "up mgmt").ok().stdout("").stderr("");
    assert_eq!(
        typed(&sandbox, "try mgmt"),
        "mgmt: nothing to try: it already matches its settings\n"
    );

    // The line that matters comes last, after all changes
    write(&sandbox, &MGMT.replace("1400", "1300"));
    let tried = typed(&sandbox, "try mgmt --within 90");
    let last = "netns-setup: mgmt: rolled back in 90 s unless you type\nnetns-setup: netns-setup confirm mgmt\n";
    assert!(
        tried.contains("+ ip -n mgmt link set eth1 mtu 1300\n"),
        "{tried}"
    );
    assert!(tried.ends_with(last), "{tried}");
    setup(&sandbox, "confirm mgmt").ok();

    setup(&sandbox, "down mgmt").ok();
    write(
        &sandbox,
        &format!("{MGMT}netns_ready=\"ping 192.0.2.77\"\nnetns_timeout=2\n"),
    );
    let said = typed(&sandbox, "up mgmt");
    let waits = "mgmt: waiting for ping 192.0.2.77, at most 2 s\n";
    assert!(said.contains(waits), "{said}");
    let piped = setup(&sandbox, "up mgmt").code(111);
    assert!(!piped.stdout.contains("waiting"), "{piped}");
}

/// A script must not take an empty file for the answer. But a reader that wants no more is no
/// fault, and a full disk does not undo what was done.
#[test]
fn what_cannot_be_written_is_an_error() {
    let sandbox = sandbox(MGMT);
    let lost =
        "netns-setup: cannot write to standard output: No space left on device (os error 28)\n";
    let prints = ["plan mgmt", "plan --json mgmt", "list", "graph", "metrics"];
    for verb in prints {
        let run = sandbox.sh(&format!("{NETNS_SETUP} {verb} >/dev/full"));
        run.code(111).stderr(lost);
        let run = sandbox.sh(&format!("{NETNS_SETUP} {verb} | true"));
        run.ok().stderr("");
    }
    sandbox
        .sh(&format!("{NETNS_SETUP} up mgmt >/dev/full"))
        .ok()
        .stderr("");
    for verb in ["status mgmt", "status --json mgmt"] {
        let run = sandbox.sh(&format!("{NETNS_SETUP} {verb} >/dev/full"));
        run.code(111).stderr(lost);
    }
}
