//! The options of bridge ports. Judged by `ip`. tests/vm/vlans.sh has their VLANs, which
//! need another kernel.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use common::Sandbox;
use far::{dump, is_again, sandbox, setup, write};
use serde_json::{Value, json};

/// Two ports, one of which is the NIC.
const BRIDGE: &str = r#"netns_links="eth1 br0 v0"
type_br0=bridge
bridge_br0="eth1 v0"
type_v0=veth
peer_v0=vms
"#;

/// What is said of them.
const PORTS: &str = r#"port_eth1="isolated on hairpin on cost 10 priority 8
  guard on root_block on learning off flood off"
port_v0="fastleave on mcast_flood off bcast_flood off mcast_to_unicast on
  neigh_suppress on proxy_arp on"
"#;

/// The same, by hand.
const BY_HAND: &str = "
    ip -n mgmt link set eth1 type bridge_slave isolated on hairpin on cost 10 priority 8 \
        guard on root_block on learning off flood off
    ip -n mgmt link set v0 type bridge_slave fastleave on mcast_flood off bcast_flood off \
        mcast_to_unicast on neigh_suppress on proxy_arp on
";

/// The options of a port, without the kernel's counters.
fn port(sandbox: &Sandbox, netns: &str, link: &str) -> Value {
    let found = sandbox.ip_json(&format!("{netns} -d link show dev {link}"));
    let mut port = found[0]["linkinfo"]["info_slave_data"].clone();
    far::blur(&mut port);
    let map = port.as_object_mut().unwrap();
    map.retain(|key, _| !matches!(key.as_str(), "state" | "no" | "id" | "designated_port"));
    port
}

fn together(sandbox: &Sandbox) -> Value {
    let ports = ["eth1", "v0"].map(|link| port(sandbox, "-n mgmt", link));
    json!(ports)
}

#[test]
fn ports_are_told_what_ip_and_bridge_would_tell_them() {
    let (ours, theirs) = (sandbox(&format!("{BRIDGE}{PORTS}")), sandbox(BRIDGE));
    setup(&theirs, "up mgmt").ok();
    let untold = together(&theirs);
    theirs.sh(&format!("set -e\n{BY_HAND}")).ok();
    let planned = setup(&ours, "plan mgmt").ok().stdout;
    for line in [
        "+ ip -n mgmt link set v0 type bridge_slave fastleave on mcast_flood off",
        "+ ip -n mgmt link set eth1 type bridge_slave isolated on hairpin on cost 10",
    ] {
        assert!(planned.contains(line), "{planned}");
    }
    setup(&ours, "up mgmt").ok().stdout(&planned).stderr("");
    assert_eq!(together(&ours), together(&theirs));
    setup(&ours, "reload mgmt").ok().stdout("").stderr("");
    // The printed commands have the same result
    let bare = sandbox(&format!("{BRIDGE}{PORTS}"));
    let script = setup(&bare, "plan --script mgmt").ok().stdout;
    bare.sh(&format!("set -e\n{script}")).ok();
    assert_eq!(together(&bare), together(&theirs));

    // What others changed on it is repaired, each by its own command
    ours.sh("ip -n mgmt link set eth1 type bridge_slave isolated off")
        .ok();
    let mut run = setup(&ours, "reload mgmt").ok();
    run.stderr.clear();
    assert_eq!(
        run.stdout,
        "+ ip -n mgmt link set eth1 type bridge_slave isolated on\n"
    );
    assert_eq!(together(&ours), together(&theirs));

    // One setting is changed, in place
    write(
        &ours,
        &format!("{BRIDGE}{PORTS}").replace("cost 10", "cost 11"),
    );
    setup(&ours, "reload mgmt")
        .ok()
        .stdout("+ ip -n mgmt link set eth1 type bridge_slave cost 11\n");

    // All of it back to the kernel's initial values
    write(&ours, BRIDGE);
    setup(&ours, "reload mgmt").ok().stderr("");
    assert_eq!(together(&ours), untold);
    setup(&ours, "reload mgmt").ok().stdout("").stderr("");
    setup(&ours, "down mgmt").ok().stderr("");
}

#[test]
fn a_card_that_was_a_port_of_the_host_is_what_it_was_again() {
    let sandbox = sandbox("netns_links=eth1\n");
    sandbox
        .sh(
            "ip link add hostbr address 52:54:00:00:00:99 type bridge; ip link set hostbr up
            ip link set eth1 master hostbr
            ip link set eth1 type bridge_slave isolated on learning off",
        )
        .ok();
    let before = port(&sandbox, "", "eth1");
    setup(&sandbox, "up mgmt").ok();
    let run = setup(&sandbox, "down mgmt").ok();
    assert!(
        run.stdout
            .contains("+ ip link set eth1 type bridge_slave isolated on learning off\n"),
        "{run}"
    );
    assert_eq!(port(&sandbox, "", "eth1"), before);
}

#[test]
fn what_the_kernel_refuses_is_undone() {
    let sandbox = sandbox(&format!("{BRIDGE}{PORTS}"));
    setup(&sandbox, "up mgmt").ok();
    let before = together(&sandbox);
    let host = dump(&sandbox, "");
    // A change that is rejected after the options of the ports were set
    sandbox
        .sh("ip netns exec mgmt sysctl -qw net.ipv6.conf.br0.disable_ipv6=1")
        .ok();
    let edited = PORTS
        .replace("isolated on", "isolated off")
        .replace("cost 10", "");
    write(
        &sandbox,
        &format!("{BRIDGE}{edited}config_br0=2001:db8::1/64\n"),
    );
    let run = setup(&sandbox, "reload mgmt").code(111);
    assert!(run.stderr.contains("have been undone"), "{run}");
    assert_eq!(together(&sandbox), before);
    is_again(&sandbox, "", &host);
}
