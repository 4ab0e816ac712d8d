//! Namespaces that are deleted and recreated while netns-exec joins them.

#![allow(clippy::unwrap_used)]

mod common;

use common::{NETNS_EXEC, Sandbox};
use std::collections::BTreeSet;

#[test]
fn a_hundred_calls_while_the_namespace_is_remade_are_never_on_the_host() {
    let sandbox = Sandbox::new();
    let host = sandbox.sh("readlink /proc/self/ns/net").ok().stdout;
    sandbox.write("/etc/netns/blue/resolv.conf", "inside\n");
    let script = format!(
        "ip netns add blue
        i=0; while [ $i -lt 100 ]; do
            i=$((i + 1))
            {{ {NETNS_EXEC} blue sh -c 'echo $(readlink /proc/self/ns/net) $(cat /etc/resolv.conf)' 2>>/run/said
            echo $? >>/run/codes; }} &
            [ $((i % 5)) -ne 0 ] || {{ ip netns del blue; readlink /proc/self/ns/net >&2; ip netns add blue; }}
        done; wait"
    );
    let run = sandbox.sh(&script).ok();
    let codes = sandbox.read("/run/codes").unwrap();
    let said = sandbox.read("/run/said").unwrap_or_default();
    let refused = codes.lines().filter(|code| *code == "111").count();
    assert_eq!(codes.lines().count(), 100);
    assert!(
        codes.lines().all(|code| code == "0" || code == "111"),
        "{codes}{said}"
    );
    let ran: Vec<_> = run.stdout.lines().collect();
    assert_eq!(ran.len() + refused, 100, "{run}{said}");
    assert!(
        ran.iter()
            .all(|line| line.starts_with("net:[") && line.ends_with("] inside")),
        "{run}"
    );
    assert!(
        ran.iter().all(|line| !line.starts_with(host.trim())),
        "{run}"
    );
    let namespaces: BTreeSet<_> = ran.iter().collect();
    assert!(!namespaces.is_empty());
}
