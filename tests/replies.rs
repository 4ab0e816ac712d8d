//! A forwarded port of a namespace whose default route is not the veth but, for example,
//! a tunnel: answers to requests through the veth leave through the veth, and nothing
//! else does. Judged by counters of nft at both places.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "common/far.rs"]
mod far;
#[path = "common/talk.rs"]
mod talk;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use common::{LIMIT, NETNS_SETUP, Sandbox, wait_until};
use far::{dump, is_again, setup, write};
use talk::{answer, ask, ask_udp, at, serve};

/// A veth to the host, and the uplink, which leads to the namespace `provider`.
const SETTINGS: &str = r#"netns_links="ve0 up0"
type_ve0="veth"
peer_ve0="mgmt-ve0"
config_ve0="10.8.0.2/24 fd00:8::2/64"
peer_config_ve0="10.8.0.1/24 fd00:8::1/64"
type_up0="veth"
peer_up0="p0"
peer_netns_up0="provider"
config_up0="10.9.0.2/24 fd00:9::2/64"
peer_config_up0="10.9.0.1/24 fd00:9::1/64"
routes_up0="default via 10.9.0.1
default via fd00:9::1"
netns_publish="tcp/8080:80 udp/5353:53"
netns_sysctl="net.ipv6.conf.all.accept_dad=0
net.ipv6.conf.default.accept_dad=0"
"#;

const FAR: [&str; 2] = ["192.0.2.1", "2001:db8:10::1"];
const HOST: [&str; 2] = ["192.0.2.7", "2001:db8:10::7"];
const INSIDE: [&str; 2] = ["10.8.0.2", "fd00:8::2"];

/// With a default route of the host, and counters of the packets from the namespace that answer
/// no request: in `provider`, through the uplink, and in `far`.
#[track_caller]
fn sandbox() -> Sandbox {
    let sandbox = far::sandbox(SETTINGS);
    sandbox
        .sh(
            "for of in all default; do echo 0 >/proc/sys/net/ipv6/conf/$of/accept_dad; done
             ip route add default via 192.0.2.1; ip route add default via 2001:db8:10::1
             ip netns add provider
             ip netns exec provider nft 'table inet count { chain in {
                 type filter hook prerouting priority -300
                 ip saddr 10.8.0.0/24 counter name lost; ip6 saddr fd00:8::/64 counter name lost
             }; counter lost {}; }'
             ip netns exec far nft 'table inet count { chain in {
                 type filter hook prerouting priority 0
                 ct direction original meta l4proto { tcp, udp } counter name lost
             }; counter lost {}; }'",
        )
        .ok();
    sandbox
}

/// The number of packets that took the wrong route to this namespace.
fn lost(sandbox: &Sandbox, netns: &str) -> u64 {
    let words = format!("ip netns exec {netns} nft -j list counter inet count lost");
    let json: serde_json::Value = serde_json::from_str(&sandbox.sh(&words).ok().stdout).unwrap();
    json["nftables"][1]["counter"]["packets"].as_u64().unwrap()
}

/// Each test for both families by TCP, and by UDP if `udp`.
#[track_caller]
fn is_answered(sandbox: &Sandbox, udp: bool, case: &str) {
    for (far, host) in FAR.iter().zip(HOST) {
        let heard = format!("mgmt {far}");
        let tcp = || ask(sandbox, "far", host, 8080) == heard;
        assert!(wait_until(LIMIT, tcp), "TCP from {far}: {case}");
        let udp_too = || !udp || ask_udp(sandbox, "far", 0, host, 5353) == heard;
        assert!(wait_until(LIMIT, udp_too), "UDP from {far}: {case}");
    }
}

/// A TCP server, and a UDP server that answers from the address that received the request.
fn serve_both(sandbox: &Sandbox) {
    serve(sandbox, "mgmt", 80, "mgmt");
    for inside in INSIDE {
        let address = SocketAddr::new(inside.parse().unwrap(), 53);
        let socket = at(sandbox, "mgmt", || UdpSocket::bind(address).unwrap());
        answer(socket, "mgmt");
    }
}

/// Connections that the namespace opens, bound to the address of the veth.
fn begin(sandbox: &Sandbox) {
    for (far, inside) in FAR.iter().zip(INSIDE) {
        let to = SocketAddr::new(far.parse().unwrap(), 99);
        let from = SocketAddr::new(inside.parse().unwrap(), 0);
        at(sandbox, "mgmt", || {
            let domain = Domain::for_address(from);
            let tcp = Socket::new(domain, Type::STREAM, None).unwrap();
            tcp.bind(&from.into()).unwrap();
            // There is no answer, or it is refused
            let _ = tcp.connect_timeout(&to.into(), Duration::from_millis(20));
            let udp = UdpSocket::bind(from).unwrap();
            let _ = udp.send_to(b"out", to);
        });
    }
}

#[test]
fn who_comes_in_by_the_veth_is_answered_there_and_nothing_else_leaves() {
    let sandbox = sandbox();
    setup(&sandbox, "up mgmt").ok().stderr("");
    serve_both(&sandbox);
    for masquerade in ["", "netns_masquerade=yes\n"] {
        write(&sandbox, &format!("{SETTINGS}{masquerade}"));
        setup(&sandbox, "reload mgmt").ok();
        for rp_filter in 0..=2 {
            let all = "net.ipv4.conf.all.rp_filter";
            sandbox
                .sh(&format!("ip netns exec mgmt sysctl -qw {all}={rp_filter}"))
                .ok();
            for (way, breaks, has_route) in [
                ("up", ":", true),
                ("without carrier", "ip -n provider link set p0 down", true),
                ("down", "ip -n mgmt link set up0 down", false),
                ("gone", "ip -n mgmt link del up0", false),
            ] {
                sandbox.sh(breaks).ok();
                let case = format!("rp_filter {rp_filter}, {masquerade:?}, the way out is {way}");
                let before = lost(&sandbox, "provider");
                is_answered(&sandbox, has_route, &case);
                assert_eq!(lost(&sandbox, "provider"), before, "{case}");
                begin(&sandbox);
                assert_eq!(lost(&sandbox, "far"), 0, "{case}");
                if way == "up" {
                    assert!(lost(&sandbox, "provider") > before, "{case}");
                }
                setup(&sandbox, "reload mgmt").ok();
            }
        }
    }
}

#[test]
fn a_flush_of_the_namespaces_rules_is_mended() {
    let sandbox = sandbox();
    let before = dump(&sandbox, "");
    setup(&sandbox, "up mgmt").ok().stderr("");
    serve_both(&sandbox);
    is_answered(&sandbox, true, "up");
    setup(&sandbox, "status mgmt").ok();
    sandbox.sh("ip netns exec mgmt nft flush ruleset").ok();
    let run = setup(&sandbox, "status mgmt").code(1);
    assert!(run.stdout.contains("table inet netns_replies"), "{run}");
    setup(&sandbox, "reload mgmt").ok();
    is_answered(&sandbox, true, "reloaded");

    // Rules of the administrator begin with flush ruleset, when they are new and when they change
    for text in ["table inet own {}", "table inet own { chain c {}; }"] {
        let text = format!("flush ruleset\n{text}\n");
        sandbox.write("/etc/netns/mgmt/nftables.nft", &text);
        // In one pass
        let plan = setup(&sandbox, "plan mgmt").stdout;
        assert!(plan.contains("table inet netns_replies"), "{plan}");
        setup(&sandbox, "reload mgmt").ok();
        is_answered(&sandbox, true, &text);
        setup(&sandbox, "status mgmt").ok();
    }
    setup(&sandbox, "down mgmt").ok();
    setup(&sandbox, "up mgmt").ok();
    serve_both(&sandbox);
    is_answered(&sandbox, true, "up with rules of the owner's");

    let watch = sandbox.spawn(&[NETNS_SETUP, "watch", "mgmt"]);
    let is_there = || {
        let list = sandbox.sh("ip netns exec mgmt nft list tables").ok().stdout;
        list.contains("netns_replies")
    };
    // The watch may not listen yet
    assert!(wait_until(LIMIT, || {
        sandbox.sh("ip netns exec mgmt nft flush ruleset").ok();
        wait_until(Duration::from_secs(2), is_there)
    }));
    is_answered(&sandbox, true, "watched");
    drop(watch);

    // What the settings no longer list is removed
    write(
        &sandbox,
        &SETTINGS.replace("netns_publish", "#netns_publish"),
    );
    setup(&sandbox, "reload mgmt").ok();
    let left = "ip -n mgmt rule; ip -n mgmt -6 rule; ip -n mgmt route show table 28275;
        ip netns exec mgmt nft list tables; ip netns exec mgmt sysctl net.ipv4.tcp_fwmark_accept";
    let left = sandbox.sh(left).ok().stdout;
    assert!(
        !left.contains("28275") && !left.contains("replies"),
        "{left}"
    );
    assert!(left.ends_with("tcp_fwmark_accept = 0\n"), "{left}");
    setup(&sandbox, "down mgmt").ok();
    is_again(&sandbox, "", &before);
}
