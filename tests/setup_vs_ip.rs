//! The same settings twice: made by netns-setup in one sandbox, and by sh and the real
//! ip(8) from netns-setup's own plan in another. The two hosts are alike to the last line.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use common::wait_until;
use far::{MGMT, dump, same, sandbox, setup};

/// Both ways, and what `ip` says of the namespaces afterwards.
fn compare(settings: &str, prepare: &str, namespaces: &[&str]) {
    let (ours, theirs) = (sandbox(settings), sandbox(settings));
    for sandbox in [&ours, &theirs] {
        sandbox.sh(prepare).ok();
    }
    let script = setup(&theirs, "plan --script mgmt").ok().stdout;
    theirs.write("/run/plan", &script);
    setup(&ours, "up mgmt").ok();
    theirs.sh("sh /run/plan").ok();
    for netns in namespaces {
        wait_until(common::LIMIT, || dump(&ours, netns) == dump(&theirs, netns));
        same(&dump(&ours, netns), &dump(&theirs, netns));
    }
    assert_eq!(
        ours.read("/etc/netns/mgmt/resolv.conf"),
        theirs.read("/etc/netns/mgmt/resolv.conf")
    );
    // And ip's work is, to netns-setup, what it would have done itself
    setup(&theirs, "plan mgmt").ok().stdout("").stderr("");
}

#[test]
fn a_card_with_addresses_and_routes() {
    compare(MGMT, ":", &["", "-n mgmt", "-n far"]);
}

#[test]
fn sysctls() {
    let settings = r#"netns_links="eth1 v.5"
type_v_5=veth
peer_v_5=v5-host
mac_v_5=52:54:00:00:01:02
config_eth1="192.0.2.10/24"
netns_sysctl="net.ipv4.conf.eth1.forwarding=0
net/ipv4/conf/v.5/rp_filter=2
net.ipv4.conf.default.rp_filter=1
net.ipv4.ip_forward=1
net.ipv6.conf.all.forwarding=1
net.ipv4.ip_local_port_range=40000 50000
-net.ipv4.no_such_key=1"
"#;
    compare(settings, ":", &["-n mgmt"]);
    let (ours, theirs) = (sandbox(settings), sandbox(settings));
    theirs.write(
        "/run/plan",
        &setup(&theirs, "plan --script mgmt").ok().stdout,
    );
    setup(&ours, "up mgmt").ok();
    theirs.sh("sh /run/plan").ok();
    let all = "ip netns exec mgmt sysctl -a 2>/dev/null | grep ^net | grep -v -e _time -e random";
    let (ours, theirs) = (ours.sh(all).ok().stdout, theirs.sh(all).ok().stdout);
    assert!(ours.contains("net.ipv4.conf.eth1.forwarding = 0\n"));
    assert_eq!(ours, theirs);
}

#[test]
fn every_word_of_an_address() {
    let settings = r#"netns_links="eth1"
config_eth1="192.0.2.10/24 brd + scope link
192.0.2.11/24 brd 192.0.2.254 scope link
203.0.113.7 peer 203.0.113.1/30 brd + noprefixroute
192.0.2.20/32 peer 192.0.2.1
192.0.2.21 peer 192.0.2.2/32 scope host
198.51.100.7/32 scope 100
127.1.0.1/16 127.2.0.1/16 scope global
2001:db8::10/64 nodad noprefixroute
2001:db8:2::10 peer 2001:db8:3::10/128 nodad"
config_lo="10.99.0.1/32 2001:db8:9::1/128"
"#;
    compare(settings, ":", &["-n mgmt"]);
}

#[test]
fn every_word_of_a_route() {
    let settings = r#"netns_links="eth1"
config_eth1="192.0.2.10/24 192.0.2.11/24 10.5.0.1/32 2001:db8:10::10/64"
routes_eth1="default via 192.0.2.1 metric 5 src 192.0.2.11
10.1.0.0/16 via 192.0.2.1 mtu 1300 proto static
10.2.0.0/16 scope link
10.3.0.0/16 via 172.16.9.9 onlink
10.4.0.0/16 via 192.0.2.254 table 100 metric 3
10.6.0.0/16 via inet6 2001:db8:10::1
blackhole 10.7.0.0/16
unreachable 10.8.0.0/16 metric 9
prohibit 10.9.0.0/16 table 1000
203.0.113.9 via 192.0.2.1
2001:db8:1::/48 via 2001:db8:10::1
2001:db8:2::/48 via 2001:db8:10::1 metric 7 mtu 1400
2001:db8:3::/48 dev eth1
2001:db8:4::/48 via fe80::1 proto ra
2001:db8:5::/48 via 2001:db8:77::1 onlink
blackhole 2001:db8:7::/48
unreachable 2001:db8:8::/48
prohibit 2001:db8:9::/48 table 1000
10.10.0.0/16 advmss 1300 initcwnd 20 initrwnd 30 nexthop via 192.0.2.1 weight 3 nexthop via 172.16.9.9 onlink nexthop via inet6 2001:db8:10::1
10.11.0.0/16 via 192.0.2.1 advmss 1400 initcwnd 10
2001:db8:10:1::/64 via 2001:db8:10::1 pref high
2001:db8:11::/48 metric 9 nexthop via 2001:db8:10::1 nexthop via 2001:db8:10::2 weight 20
2001:db8:12::/48 via fe80::1 pref low initcwnd 10
default via 2001:db8:10::1 src 2001:db8:10::10
"
"#;
    // The address is waited for before a route can have it as its source; ip does not wait
    let settings_without_src = settings.replace(" src 2001:db8:10::10", "");
    compare(&settings_without_src, ":", &["", "-n mgmt"]);
    let host = sandbox(settings);
    setup(&host, "up mgmt").ok();
    let routes = host.ip_json("-n mgmt -6 route show default");
    assert_eq!(routes[0]["prefsrc"], "2001:db8:10::10");
    setup(&host, "up mgmt").ok().stdout("");
}

#[test]
fn links_of_every_kind_that_this_kernel_has() {
    let settings = r#"netns_links="br0 v0 v1 m0"
type_br0=bridge
mac_br0=52:54:00:00:01:00
bridge_br0="v1"
config_br0="10.9.0.1/24"
type_v0=veth
peer_v0=v0-host
peer_config_v0="10.8.0.1/24"
config_v0="10.8.0.2/24"
mac_v0=52:54:00:00:01:01
mtu_v0=1420
type_v1=veth
mac_v1=52:54:00:00:01:02
peer_v1=v1-host
peer_master_v1=hostbr
type_m0=macvlan
mac_m0=52:54:00:00:01:03
link_m0=eth1
mode_m0=vepa
mtu_m0=1300
"#;
    let macs = "ip link add hostbr address 52:54:00:00:00:99 type bridge; ip link set hostbr up";
    let (ours, theirs) = (sandbox(settings), sandbox(settings));
    for sandbox in [&ours, &theirs] {
        sandbox.sh(macs).ok();
    }
    theirs.write(
        "/run/plan",
        &setup(&theirs, "plan --script mgmt").ok().stdout,
    );
    setup(&ours, "up mgmt").ok();
    theirs.sh("sh /run/plan").ok();
    // The peers' addresses are the kernel's choice: give both the same afterwards
    for sandbox in [&ours, &theirs] {
        sandbox.sh("ip link set v0-host address 52:54:00:00:02:00; ip link set v1-host address 52:54:00:00:02:01").ok();
    }
    for netns in ["", "-n mgmt"] {
        wait_until(common::LIMIT, || dump(&ours, netns) == dump(&theirs, netns));
        same(&dump(&ours, netns), &dump(&theirs, netns));
    }
    setup(&theirs, "plan mgmt").ok().stdout("").stderr("");
}
