//! What is done for one namespace does not grow with the number of others: a host can have a
//! thousand.

#![allow(clippy::unwrap_used)]

mod common;

use common::{NETNS_SETUP, Sandbox};

/// A veth to the host, with addresses at both ends: it has sysctls on the host.
fn settings(number: usize) -> String {
    format!(
        "netns_links=eth0\ntype_eth0=veth\npeer_eth0=v{number}\n\
         config_eth0=192.0.2.{}/31\npeer_config_eth0=192.0.2.{}/31\n\
         routes_eth0='default via 192.0.2.{}'\n",
        2 * number + 1,
        2 * number,
        2 * number
    )
}

#[test]
fn no_verb_for_one_namespace_reads_the_journals_of_the_others() {
    let sandbox = Sandbox::new();
    for number in 0..4 {
        sandbox.write(&format!("/etc/conf.d/netns.n{number}"), &settings(number));
    }
    sandbox.run(&[NETNS_SETUP, "up", "--all"]).ok();
    for verb in [
        "up", "status", "plan", "reload", "check", "down", "plan", "up",
    ] {
        let traced = format!("strace -f -o /run/calls -e trace=openat {NETNS_SETUP} {verb} n0");
        sandbox.sh(&traced).ok();
        let calls = sandbox.read("/run/calls").unwrap();
        let others = |line: &&str| {
            let mut others = (1..4).map(|number| format!("/run/netns-services/n{number}/"));
            others.any(|other| line.contains(&other))
        };
        let read: Vec<_> = calls.lines().filter(others).collect();
        assert_eq!(read, [""; 0], "{verb}");
        // So the trace shows what it read of its own
        let own = ["/etc/conf.d/netns.n0", "/run/netns-services/n0/"];
        let reads_own = own.iter().any(|own| calls.contains(own));
        assert!(reads_own, "{verb}: {calls}");
    }
}
