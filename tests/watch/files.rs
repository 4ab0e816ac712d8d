//! Rules of a firewall, and files of /etc that are bound for services.

use crate::common::NETNS_EXEC;
use crate::far::{MGMT, sandbox};
use crate::{PAIR, watch};

#[test]
fn rules_that_others_flush_are_loaded_again() {
    let sandbox = sandbox(PAIR);
    sandbox.write("/etc/netns/mgmt/nftables.nft", "table inet guard {\n chain in {\n  type filter hook input priority 0; policy drop;\n  ct state established accept\n }\n}\n");
    let watch = watch(&sandbox);
    let rules = "ip netns exec mgmt nft list ruleset";
    let before = sandbox.sh(rules).ok().stdout;
    assert!(before.contains("table inet guard"));
    sandbox
        .sh("ip netns exec mgmt nft add table inet theirs")
        .ok();
    sandbox.sh("ip netns exec mgmt nft flush ruleset").ok();
    watch.soon("the table is back", || sandbox.sh(rules).stdout == before);
    assert!(
        watch
            .out()
            .contains("+ ip netns exec mgmt nft -f /etc/netns/mgmt/nftables.nft"),
        "{}",
        watch.out()
    );
    assert_eq!(watch.err(), "");
}

#[test]
fn a_resolv_conf_that_is_renamed_over_is_bound_again_in_every_service() {
    let sandbox = sandbox(MGMT);
    let watch = watch(&sandbox);
    let script = "while read -r file; do head -n 2 \"$file\" | tail -n 1; done";
    let mut services: Vec<_> = (0..3)
        .map(|_| sandbox.spawn(&[NETNS_EXEC, "mgmt", "sh", "-c", script]))
        .collect();
    let mut sees = |what: &str| {
        services.iter_mut().all(|service| {
            service.say("/etc/resolv.conf\n");
            service.line() == what
        })
    };
    assert!(sees("nameserver 192.0.2.53"));
    for round in 0..3 {
        sandbox.sh("printf 'search x\\nnameserver 192.0.2.99\\n' >/etc/new && mv /etc/new /etc/resolv.conf").ok();
        watch.soon(&format!("round {round}"), || sees("nameserver 192.0.2.53"));
    }
    sandbox
        .sh("rm /etc/resolv.conf; sleep 0.1; echo >/etc/resolv.conf")
        .ok();
    watch.soon("removed and made again", || sees("nameserver 192.0.2.53"));
    let out = watch.out();
    assert!(
        out.contains("mgmt: bound again /etc/resolv.conf for "),
        "{out}"
    );
    // Others' files in /etc are no concern of ours
    watch.is_quiet();
    let out = watch.out();
    sandbox.sh("echo >/etc/new && mv /etc/new /etc/other").ok();
    watch.is_quiet();
    assert_eq!(watch.out(), out);
    assert_eq!(watch.err(), "");
}
