//! `netns_sysctl`, and the initial values of a namespace: set by netns-setup, read back
//! by sysctl(8).

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use common::{NETNS_SETUP, Sandbox};
use far::{dump, is_again, sandbox, setup, write};

const LINKS: &str = r#"netns_links="eth1 v.5"
type_v_5=veth
peer_v_5=v5-host
config_eth1="192.0.2.10/24"
"#;

#[track_caller]
fn is(sandbox: &Sandbox, key: &str, value: &str) {
    let said = sandbox.run(&["ip", "netns", "exec", "mgmt", "sysctl", "-n", key]);
    assert_eq!(said.ok().stdout.trim().replace('\t', " "), value, "{key}");
}

#[test]
fn they_are_set_and_set_back_when_nobody_asks_any_more() {
    let settings = format!(
        "{LINKS}netns_sysctl=\"net.ipv4.conf.eth1.forwarding=0; net/ipv4/conf/v.5/rp_filter=2
net.ipv4.ip_forward=1
net.ipv4.conf.default.rp_filter=1
net.ipv4.tcp_rmem=4096 100000 200000
-net.ipv4.no_such_key=1\"\n"
    );
    let host = sandbox(&settings);
    let said = setup(&host, "up mgmt").ok().stdout;
    let at = |text: &str| {
        let found = said.lines().position(|line| line.ends_with(text));
        found.unwrap_or_else(|| panic!("{text} is not in\n{said}"))
    };
    // A key that is skipped is no change
    assert!(!said.contains("no_such_key"), "{said}");
    // First the key that sets others, then default before links are created, and the keys of a
    // link last
    let forward = at("ip netns exec mgmt sysctl -w net.ipv4.ip_forward=1");
    let default = at("sysctl -w net.ipv4.conf.default.rp_filter=1");
    let moved = at("link set eth1 netns mgmt");
    let own = at("sysctl -w net.ipv4.conf.eth1.forwarding=0");
    let dotted = at("sysctl -w net/ipv4/conf/v.5/rp_filter=2");
    assert!(forward < default && default < moved && moved < own && own < at("eth1 up"));
    assert!(dotted > moved && at("sysctl -w 'net.ipv4.tcp_rmem=4096 100000 200000'") < moved);
    is(&host, "net.ipv4.ip_forward", "1");
    is(&host, "net.ipv4.conf.eth1.forwarding", "0");
    is(&host, "net/ipv4/conf/v.5/forwarding", "1");
    is(&host, "net/ipv4/conf/v.5/rp_filter", "2");
    is(&host, "net.ipv4.conf.eth1.rp_filter", "1");
    is(&host, "net.ipv4.tcp_rmem", "4096 100000 200000");
    setup(&host, "up mgmt").ok().stdout("").stderr("");
    setup(&host, "reload mgmt").ok().stdout("").stderr("");

    // Another value, and one that another program set
    host.sh("ip netns exec mgmt sysctl -w net.ipv4.conf.default.rp_filter=2")
        .ok();
    setup(&host, "up mgmt")
        .ok()
        .stdout("+ ip netns exec mgmt sysctl -w net.ipv4.conf.default.rp_filter=1\n");
    host.sh("ip netns exec mgmt sysctl -w net.ipv4.tcp_rmem='4096 90000 200000'")
        .ok();
    write(&host, LINKS);
    setup(&host, "reload mgmt").ok();
    is(&host, "net.ipv4.ip_forward", "0");
    is(&host, "net.ipv4.conf.default.rp_filter", "0");
    is(&host, "net/ipv4/conf/v.5/rp_filter", "0");
    // Another program has written it since: netns-setup leaves it
    is(&host, "net.ipv4.tcp_rmem", "4096 90000 200000");
    setup(&host, "reload mgmt").ok().stdout("").stderr("");
}

#[test]
fn a_key_that_is_not_there_stops_it_and_all_is_undone() {
    let host = sandbox(&format!("{LINKS}netns_sysctl=net.ipv4.no_such_key=1\n"));
    let before = dump(&host, "");
    setup(&host, "up mgmt").code(111).stderr(
        "netns-setup: mgmt: cannot run \"ip netns exec mgmt sysctl -w net.ipv4.no_such_key=1\": No such file or directory
netns-setup: asked for by netns_sysctl at /etc/conf.d/netns.mgmt:5; the namespace has no such key; netns-exec NAME -- sysctl -a lists its keys
netns-setup: 1 of 9 changes were made and have been undone
",
    );
    is_again(&host, "", &before);
    // In a namespace that exists, the old values are restored
    write(&host, LINKS);
    setup(&host, "up mgmt").ok();
    write(
        &host,
        &format!(
            "{LINKS}netns_sysctl='net.ipv4.ip_forward=1;net.ipv4.ip_default_ttl=70;net.ipv4.tcp_rmem=x'\n"
        ),
    );
    let said = setup(&host, "reload mgmt").code(111).stderr;
    let refused = "sysctl -w net.ipv4.tcp_rmem=x\": Invalid argument\n";
    assert!(said.contains(refused), "{said}");
    is(&host, "net.ipv4.ip_forward", "0");
    is(&host, "net.ipv4.ip_default_ttl", "64");
}

#[test]
fn a_long_value_is_read_whole() {
    let ports: Vec<String> = (0..200).map(|n| (20000 + 2 * n).to_string()).collect();
    let ports = ports.join(",");
    let host = sandbox(&format!(
        "{LINKS}netns_sysctl=net.ipv4.ip_local_reserved_ports={ports}\n"
    ));
    setup(&host, "up mgmt").ok();
    is(&host, "net.ipv4.ip_local_reserved_ports", &ports);
    setup(&host, "up mgmt").ok().stdout("").stderr("");
}

#[test]
fn a_value_that_the_kernel_writes_otherwise_is_said_so() {
    let host = sandbox(&format!(
        "{LINKS}netns_sysctl=net.ipv4.ip_default_ttl=0x41\n"
    ));
    let said = setup(&host, "up mgmt").code(111).stderr;
    assert!(said.contains("write it as sysctl KEY prints it"), "{said}");
}

#[test]
fn a_namespace_left_when_it_had_just_been_made_opens_nothing_of_the_hosts() {
    let host = sandbox(LINKS);
    setup(&host, "up mgmt").ok();
    // As a new namespace on a router; the real case needs a virtual machine
    let open = "set -e
        for key in ipv4.ip_forward ipv4.conf.all.proxy_arp ipv4.conf.default.route_localnet ipv6.conf.all.forwarding ipv4.conf.default.rp_filter
        do ip netns exec mgmt sysctl -w net.$key=1
        done";
    host.sh(open).ok();
    // Once a link is up, the values may belong to the programs inside, and stay
    setup(&host, "reload mgmt").ok().stdout("");
    is(&host, "net.ipv4.ip_forward", "1");
    host.sh("for link in lo v.5 eth1; do ip -n mgmt link set $link down; done")
        .ok();
    write(
        &host,
        &format!("{LINKS}netns_sysctl=net.ipv6.conf.all.forwarding=1\n"),
    );
    let said = setup(&host, "up mgmt").ok().stdout;
    assert!(said.starts_with("+ ip netns exec mgmt sysctl -w net.ipv4.ip_forward=0\n"));
    is(&host, "net.ipv4.ip_forward", "0");
    is(&host, "net.ipv4.conf.all.proxy_arp", "0");
    is(&host, "net.ipv4.conf.default.route_localnet", "0");
    is(&host, "net.ipv6.conf.all.forwarding", "1");
    // Stricter than the kernel's default: it stays, even if setting another key would reset it
    is(&host, "net.ipv4.conf.default.rp_filter", "1");
    is(&host, "net.ipv4.conf.all.accept_redirects", "0");
    setup(&host, "reload mgmt").ok().stdout("").stderr("");
}

#[test]
fn nothing_is_set_in_a_namespace_of_others_but_what_is_asked_for() {
    let host = sandbox(&format!("{LINKS}netns_sysctl=net.ipv4.ip_default_ttl=70\n"));
    host.sh("ip netns add mgmt; ip netns exec mgmt sysctl -w net.ipv4.ip_forward=1")
        .ok();
    setup(&host, "up mgmt").ok();
    is(&host, "net.ipv4.ip_forward", "1");
    setup(&host, "down mgmt").ok();
    is(&host, "net.ipv4.ip_forward", "1");
    is(&host, "net.ipv4.ip_default_ttl", "64");
}

#[test]
fn many_new_ones_are_looked_at_by_a_few_procfs() {
    let host = sandbox("");
    let names: Vec<String> = (0..70).map(|n| format!("n{n}")).collect();
    for name in &names {
        host.write(&format!("/etc/conf.d/netns.{name}"), "");
    }
    let traced = format!("strace -f -o /run/calls -e trace=fsmount {NETNS_SETUP} up");
    let said = host.sh(&format!("{traced} {}", names.join(" "))).ok();
    assert_eq!(said.stdout.lines().count(), 2 * names.len(), "{said}");
    let calls = host.read("/run/calls").unwrap();
    assert_eq!(calls.matches("fsmount(").count(), 2, "{calls}");
}
