//! Firewall rules, and files of /etc that are bound for services.

use crate::common::NETNS_EXEC;
use crate::far::{MGMT, sandbox};
use crate::{PAIR, since, watch};

#[test]
fn rules_that_others_flush_are_loaded_again() {
    let sandbox = sandbox(PAIR);
    sandbox.write("/etc/netns/mgmt/nftables.nft", "table inet guard {\n chain in {\n  type filter hook input priority 0; policy drop;\n  ct state established accept\n }\n}\n");
    sandbox.write(
        "/etc/netns/mgmt/iptables/rules.v4",
        "*raw\n-A PREROUTING -s 203.0.113.0/24 -j DROP\nCOMMIT\n",
    );
    let watch = watch(&sandbox);
    let listed = |table: &str| {
        let list = format!("ip netns exec mgmt nft list table {table}");
        sandbox.sh(&list).stdout
    };
    let before = ["inet guard", "ip raw"].map(listed);
    assert!(before[1].contains("203.0.113.0/24"), "{}", before[1]);
    let iptables = "+ ip netns exec mgmt iptables-restore -w 5 /etc/netns/mgmt/";
    let nft = "+ ip netns exec mgmt nft 'table inet guard; delete table inet guard; include ";
    for (flush, said) in [("delete table ip raw", iptables), ("flush ruleset", nft)] {
        watch.is_quiet();
        let out = watch.out();
        sandbox
            .sh(&format!(
                "ip netns exec mgmt nft add table inet theirs && ip netns exec mgmt nft {flush}"
            ))
            .ok();
        watch.soon(flush, || ["inet guard", "ip raw"].map(listed) == before);
        watch.soon("it is said", || since(&out, &watch.out()).contains(said));
    }
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
    // Files of others in /etc are not watched
    watch.is_quiet();
    let out = watch.out();
    sandbox.sh("echo >/etc/new && mv /etc/new /etc/other").ok();
    watch.is_quiet();
    assert_eq!(watch.out(), out);
    assert_eq!(watch.err(), "");
}
