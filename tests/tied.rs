//! Namespaces that are linked to each other by a veth pair, each with settings of its
//! own: started and taken down in any order. Judged by `ip` and ping.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use common::{NETNS_EXEC, NETNS_SETUP, Sandbox, wait_until};
use far::{dump, same, setup};

/// a - b - c, where b is the router.
const A: &str = r#"netns_links="eth0"
type_eth0=veth
peer_netns_eth0=b
peer_eth0=left
config_eth0="10.0.1.2/24"
routes_eth0="default via 10.0.1.1"
"#;
const B: &str = r#"netns_links="left right"
type_left=veth
peer_netns_left=a
peer_left=eth0
config_left="10.0.1.1/24"
type_right=veth
peer_netns_right=c
peer_right=eth0
config_right="10.0.2.1/24"
"#;
const C: &str = r#"netns_links="eth0"
type_eth0=veth
peer_netns_eth0=b
peer_eth0=right
config_eth0="10.0.2.2/24"
routes_eth0="default via 10.0.2.1"
"#;

const ORDERS: [&str; 6] = ["a b c", "a c b", "b a c", "b c a", "c a b", "c b a"];

fn sandbox() -> Sandbox {
    with(&[("a", A), ("b", B), ("c", C)])
}

fn with(settings: &[(&str, &str)]) -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, text) in settings {
        sandbox.write(&format!("/etc/conf.d/netns.{name}"), text);
    }
    sandbox
}

fn is_ready(sandbox: &Sandbox, name: &str) -> bool {
    sandbox.run(&[NETNS_EXEC, name, "true"]).exit_code() == 0
}

/// Whether the chain is complete: there is nothing left to do, and a reaches c through b.
#[track_caller]
fn is_whole(sandbox: &Sandbox) {
    setup(sandbox, "status a b c").ok();
    setup(sandbox, "plan a b c").ok().stdout("").stderr("");
    sandbox
        .run(&[
            NETNS_EXEC,
            "b",
            "sh",
            "-c",
            "echo 1 >/proc/sys/net/ipv4/ip_forward",
        ])
        .ok();
    reaches(sandbox, "a", "10.0.2.2");
    reaches(sandbox, "c", "10.0.1.2");
}

#[track_caller]
fn reaches(sandbox: &Sandbox, netns: &str, address: &str) {
    let ping = [NETNS_EXEC, netns, "ping", "-c", "1", "-W", "5", address];
    sandbox.run(&ping).ok();
}

#[track_caller]
fn nothing_is_left(sandbox: &Sandbox) {
    let left = "cd /run; mkdir -p netns netns-services; ls netns netns-services | grep -v failed
        ip -o link | grep -v lo: || :";
    let nothing = "netns:\n\nnetns-services:\n";
    sandbox.sh(left).ok().stdout(nothing);
}

#[test]
fn a_chain_is_whole_in_whatever_order_it_is_started_and_gone_in_whatever_order_it_is_stopped() {
    let sandbox = sandbox();
    let mut reference = None;
    for (up, down) in ORDERS.iter().zip(ORDERS.iter().rev()) {
        for name in up.split(' ') {
            assert!(!is_ready(&sandbox, name), "{name} before its up, of {up}");
            setup(&sandbox, &format!("up {name}")).ok().stderr("");
            setup(&sandbox, &format!("status {name}")).ok();
            assert!(is_ready(&sandbox, name), "{name} after its up, of {up}");
        }
        is_whole(&sandbox);
        // The kernel chooses the MAC addresses
        let addresses = |name| sandbox.ip_json(&format!("-n {name} -4 route")).to_string();
        let now = ["a", "b", "c"].map(addresses);
        assert_eq!(*reference.get_or_insert(now.clone()), now, "{up}");
        for name in down.split(' ') {
            setup(&sandbox, &format!("down {name}")).ok();
            assert!(
                !is_ready(&sandbox, name),
                "{name} after its down, of {down}"
            );
        }
        nothing_is_left(&sandbox);
    }
}

/// Each of these sets: what a namespace needs is made by one before it in the same call.
#[test]
fn a_plan_of_all_is_what_an_up_of_all_does() {
    let lan = "netns_links=\"br0\"\ntype_br0=bridge\nconfig_br0=\"192.0.2.1/24\"\n";
    let port = |name: &str, n: u8| {
        format!(
            "netns_links=eth0\ntype_eth0=veth\npeer_netns_eth0=lan\npeer_eth0={name}0\n\
             peer_master_eth0=br0\nconfig_eth0=192.0.2.{n}/24\nroutes_eth0=\"default via 192.0.2.1\"\n"
        )
    };
    let on_lan = "netns_links=mv0\ntype_mv0=macvlan\nlink_mv0=br0\nlink_netns_mv0=lan\nconfig_mv0=192.0.2.9/24\n";
    let tunnel = "netns_links=vx0\ntype_vx0=vxlan\nvxlan_id_vx0=7\nvxlan_remote_vx0=192.0.2.77\nvxlan_port_vx0=4789\nlink_netns_vx0=lan\nconfig_vx0=10.9.0.1/24\n";
    let host_end = "netns_links=eth0\ntype_eth0=veth\npeer_eth0=host0\npeer_config_eth0=10.5.0.1/24\nconfig_eth0=10.5.0.2/24\n";
    let (dns, web) = (port("dns", 2), port("web", 3));
    for settings in [
        &[("a", A), ("b", B), ("c", C)][..],
        &[("dns", &*dns), ("lan", lan), ("web", &*web)],
        &[("aside", on_lan), ("lan", lan), ("tunnel", tunnel)],
        &[("one", host_end), ("web", &*web), ("lan", lan)],
    ] {
        let sandbox = with(settings);
        let plan = setup(&sandbox, "plan --all").ok().stderr("");
        let up = setup(&sandbox, "up --all").ok().stderr("");
        assert_eq!(plan.stdout, up.stdout);
        setup(&sandbox, "plan --all").ok().stdout("").stderr("");
        // Some of it is there
        let (first, _) = settings[0];
        setup(&sandbox, &format!("down {first}")).ok();
        let plan = setup(&sandbox, "plan --all").ok().stderr("");
        let up = setup(&sandbox, "up --all").ok().stderr("");
        assert_eq!(plan.stdout, up.stdout, "{first} was down");
    }
}

#[test]
fn all_at_once_is_whole_too() {
    let sandbox = sandbox();
    let with_ipv6 = |name, settings: &str, v4, v6| {
        let text = settings.replace(v4, &format!("{v4} {v6}"));
        sandbox.write(&format!("/etc/conf.d/netns.{name}"), &text);
    };
    with_ipv6("a", A, "10.0.1.2/24", "2001:db8:1::2/64");
    with_ipv6("b", B, "10.0.1.1/24", "2001:db8:1::1/64");
    setup(&sandbox, "up --all").ok().stderr("");
    is_whole(&sandbox);
    reaches(&sandbox, "a", "2001:db8:1::1");
    setup(&sandbox, "down --all").ok();
    nothing_is_left(&sandbox);
    sandbox.write("/etc/conf.d/netns.a", A);
    sandbox.write("/etc/conf.d/netns.b", B);
    for _ in 0..5 {
        let mut each = ["c", "b", "a"].map(|name| sandbox.spawn(&[NETNS_SETUP, "up", name]));
        for up in &mut each {
            assert_eq!(up.ended(), Some(0));
        }
        is_whole(&sandbox);
        let mut each = ["a", "b", "c"].map(|name| sandbox.spawn(&[NETNS_SETUP, "down", name]));
        for down in &mut each {
            assert_eq!(down.ended(), Some(0));
        }
        nothing_is_left(&sandbox);
    }
}

#[test]
fn down_and_up_of_any_of_them_mends_the_others() {
    let sandbox = sandbox();
    setup(&sandbox, "up --all").ok();
    for name in ["a", "b", "c"] {
        let run = setup(&sandbox, &format!("down {name}")).ok();
        let others: &[&str] = if name == "b" { &["a", "c"] } else { &["b"] };
        let are = if name == "b" { "a, c are" } else { "b is" };
        assert_eq!(
            run.stderr,
            format!(
                "netns-setup: {name}: {are} not ready until {name} is up again, because of the links between them\n"
            )
        );
        for other in others {
            assert!(!is_ready(&sandbox, other), "{other} without {name}");
            let run = setup(&sandbox, &format!("status {other}")).code(1);
            assert!(run.stdout.contains("link add name"), "{run}");
        }
        setup(&sandbox, &format!("up {name}")).ok().stderr("");
        is_whole(&sandbox);
        setup(&sandbox, &format!("reload {name}")).ok().stdout("");
        is_whole(&sandbox);
    }
}

#[test]
fn a_down_of_the_one_and_an_up_of_the_other_comes_to_a_whole_end_too() {
    let b = "netns_links=left\ntype_left=veth\npeer_netns_left=a\npeer_left=eth0\nconfig_left=10.0.1.1/24\n";
    let sandbox = with(&[("a", A), ("b", b)]);
    setup(&sandbox, "up a b").ok();
    setup(&sandbox, "down b").ok();
    // The settings of a list the pair: b exists again, but no process may join it
    setup(&sandbox, "up a").ok();
    assert!(is_ready(&sandbox, "a") && !is_ready(&sandbox, "b"));
    setup(&sandbox, "up b").ok();
    reaches(&sandbox, "a", "10.0.1.1");
    setup(&sandbox, "down b").ok();
    setup(&sandbox, "up a").ok();
    setup(&sandbox, "down a").ok();
    nothing_is_left(&sandbox);
}

#[test]
fn a_place_that_was_held_goes_with_the_last_who_holds_it() {
    let sandbox = sandbox();
    setup(&sandbox, "up a c").ok();
    assert!(!is_ready(&sandbox, "b"));
    let run = setup(&sandbox, "down a").ok();
    assert!(!run.stdout.contains("delete b"), "{run}");
    sandbox.sh("ip netns list | grep -w b").ok();
    let run = setup(&sandbox, "down c").ok();
    assert!(run.stdout.contains("+ ip netns delete b\n"), "{run}");
    nothing_is_left(&sandbox);
}

#[test]
fn a_place_that_is_held_does_not_route_because_the_host_does() {
    let sandbox = sandbox();
    sandbox.sh("for key in ip_forward conf/default/proxy_arp; do echo 1 >/proc/sys/net/ipv4/$key; done").ok();
    setup(&sandbox, "up a").ok();
    let inside = "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/left/proxy_arp";
    let closed = |sandbox: &Sandbox| {
        let read = sandbox.sh(&format!("ip netns exec b {inside}"));
        read.ok().stdout("0\n0\n");
    };
    closed(&sandbox);
    setup(&sandbox, "up b").ok();
    closed(&sandbox);
}

#[test]
fn a_stale_file_of_the_others_name_is_no_namespace() {
    let sandbox = sandbox();
    sandbox
        .sh("ip netns add b; ip netns delete b; touch /run/netns/b; chmod 0 /run/netns/b")
        .ok();
    setup(&sandbox, "up a b c").ok();
    is_whole(&sandbox);
}

#[test]
fn what_fails_leaves_no_place_behind() {
    let sandbox = with(&[
        (
            "a",
            &(A.replace("\"eth0\"", "\"eth0 m0\"")
                + "type_m0=macvlan\nlink_m0=small\nmtu_m0=1500\n"),
        ),
        ("b", B),
    ]);
    sandbox.sh("ip link add small mtu 1400 type bridge").ok();
    let run = setup(&sandbox, "up a").code(111);
    assert!(
        run.stdout
            .starts_with("+ ip netns add a\n+ ip netns add b\n"),
        "{run}"
    );
    sandbox.sh("ip link delete small").ok();
    nothing_is_left(&sandbox);
}

#[test]
fn the_printed_commands_do_the_same() {
    let (ours, theirs) = (sandbox(), sandbox());
    let script = setup(&theirs, "plan --script a").ok().stdout;
    let (first, rest) = script.split_once('\n').unwrap();
    assert!(first.starts_with("set -e #"), "{script}");
    assert!(
        rest.starts_with("ip netns add a\nip netns add b\n"),
        "{script}"
    );
    theirs.write("/run/plan", &script);
    theirs.sh("sh /run/plan").ok();
    setup(&ours, "up a").ok();
    let macs = "for n in a b; do ip -n $n -br link | sed -n 's/^\\([a-z0]*\\)@.*/\\1/p' | while read l; do \
                ip -n $n link set $l address 52:54:00:00:00:99; done; done";
    for sandbox in [&ours, &theirs] {
        sandbox.sh(macs).ok();
    }
    for netns in ["", "-n a", "-n b"] {
        wait_until(common::LIMIT, || dump(&ours, netns) == dump(&theirs, netns));
        same(&dump(&ours, netns), &dump(&theirs, netns));
    }
}

/// A switch whose settings do not name its tenants.
const SW: &str = "netns_links=br0\ntype_br0=bridge\nconfig_br0=10.9.0.1/24\n";

fn tenant(number: u8) -> String {
    format!(
        "netns_links=eth0\ntype_eth0=veth\npeer_netns_eth0=sw\npeer_eth0=port{number}\n\
         peer_master_eth0=br0\nconfig_eth0=10.9.0.1{number}/24\n"
    )
}

#[test]
fn tenants_of_a_switch() {
    let sandbox = with(&[("sw", SW), ("t1", &tenant(1)), ("a2", &tenant(2))]);
    let run = setup(&sandbox, "up t1").code(111);
    assert!(
        run.stderr
            .contains("there is no link br0 in sw, which port1 would belong to"),
        "{run}"
    );
    // The switch comes before them, whatever their names are
    setup(&sandbox, "up --all").ok();
    reaches(&sandbox, "t1", "10.9.0.12");
    reaches(&sandbox, "a2", "10.9.0.11");
    setup(&sandbox, "down t1").ok().stderr("");
    setup(&sandbox, "status sw").ok();
    setup(&sandbox, "reload sw").ok().stdout("");
    setup(&sandbox, "up t1").ok();
    reaches(&sandbox, "t1", "10.9.0.12");
    setup(&sandbox, "down sw").ok();
    assert!(!is_ready(&sandbox, "t1") && !is_ready(&sandbox, "a2"));
    setup(&sandbox, "status t1").code(1);
    setup(&sandbox, "up sw").ok().stderr("");
    reaches(&sandbox, "t1", "10.9.0.12");
    reaches(&sandbox, "a2", "10.9.0.11");
    assert!(is_ready(&sandbox, "t1") && is_ready(&sandbox, "a2"));
    setup(&sandbox, "down --all").ok();
    nothing_is_left(&sandbox);
}

#[test]
fn a_namespace_of_others_is_neither_made_nor_taken_away() {
    let sandbox = with(&[("t1", &tenant(1).replace("peer_master_eth0=br0\n", ""))]);
    let run = setup(&sandbox, "up t1").code(111);
    assert!(
        run.stderr.starts_with("netns-setup: /etc/conf.d/netns.t1:4: peer_eth0: there is no namespace sw, where port1 should be\n"),
        "{run}"
    );
    nothing_is_left(&sandbox);
    sandbox.sh("ip netns add sw").ok();
    let before = dump(&sandbox, "-n sw");
    setup(&sandbox, "up t1").ok();
    sandbox
        .sh("[ ! -e /run/netns-services/sw ] && ip -n sw link show port1")
        .ok();
    assert!(is_ready(&sandbox, "sw"));
    setup(&sandbox, "down t1").ok();
    same(&dump(&sandbox, "-n sw"), &before);
}

#[test]
fn both_ends_in_one_namespace() {
    let sandbox = with(&[(
        "a",
        "netns_links='v0 br0'\ntype_v0=veth\npeer_v0=v1\npeer_netns_v0=a\npeer_master_v0=br0\n\
         config_v0=10.1.1.1/24\ntype_br0=bridge\nconfig_br0=10.1.2.1/24\n",
    )]);
    setup(&sandbox, "up a").ok();
    let links = sandbox.ip_json("-n a link show v1");
    assert_eq!(
        (&links[0]["link"], &links[0]["master"]),
        (&"v0".into(), &"br0".into())
    );
    setup(&sandbox, "up a").ok().stdout("");
    setup(&sandbox, "reload a").ok().stdout("");
    sandbox.write("/etc/conf.d/netns.a", "");
    setup(&sandbox, "reload a").ok();
    assert_eq!(sandbox.ip_json("-n a link").as_array().unwrap().len(), 1);
    setup(&sandbox, "down a").ok();
    nothing_is_left(&sandbox);
}

#[test]
fn settings_that_contradict_each_other_are_told_with_both_places() {
    let sandbox = sandbox();
    let b = |old: &str, new: &str| sandbox.write("/etc/conf.d/netns.b", &B.replace(old, new));
    let says = |wrong: &str| {
        for verb in ["check", "up"] {
            let run = setup(&sandbox, &format!("{verb} a")).code(100);
            let line = format!("netns-setup: /etc/conf.d/netns.a:{wrong}\n");
            assert!(run.stderr.starts_with(&line), "{run}");
        }
    };
    b("peer_left=eth0", "peer_left=x");
    says(
        "4: peer_eth0: \"left\" in b would be the other end of eth0 in a, \
         but peer_left at /etc/conf.d/netns.b:4 makes it that of x in a",
    );
    b(
        "type_left=veth\npeer_netns_left=a\npeer_left=eth0\n",
        "type_left=bridge\n",
    );
    says(
        "4: peer_eth0: \"left\" in b would be the other end of eth0 in a, \
         but netns_links at /etc/conf.d/netns.b:1 makes it a bridge link",
    );
    sandbox.write(
        "/etc/conf.d/netns.b",
        "netns_links=up\ntype_up=veth\npeer_netns_up=a\npeer_up=eth0\n",
    );
    says(
        "4: peer_eth0: \"left\" in b would be the other end of eth0 in a, \
         but peer_up at /etc/conf.d/netns.b:4 makes that up",
    );
    sandbox.write("/etc/conf.d/netns.a", &(A.to_string() + "mtu_eth0=1400\n"));
    sandbox.write("/etc/conf.d/netns.b", &(B.to_string() + "mtu_left=1300\n"));
    says("7: mtu_eth0: \"1400\" but mtu_left at /etc/conf.d/netns.b:10 gives the end in b 1300");
    nothing_is_left(&sandbox);
    // Errors in b's own settings are reported for b
    sandbox.write("/etc/conf.d/netns.b", "netns_links=left\ntype_left=vethh\n");
    setup(&sandbox, "check a").ok();
}

#[test]
fn what_another_asks_for_is_not_waited_for_and_that_is_said() {
    let asks = "netns_ready=\"route 203.0.113.0/24\"\nnetns_timeout=1\n";
    let sandbox = with(&[("a", A), ("b", &format!("{B}{asks}")), ("c", C)]);
    setup(&sandbox, "up a").ok();
    setup(&sandbox, "up b").code(111);
    setup(&sandbox, "down a").ok();
    let run = setup(&sandbox, "up a").ok();
    let said = "netns-setup: a: is up; b, which has links to it, is also up, but not ready yet\n\
                netns-setup: its own watch waits for its netns_ready, as does netns-setup up b\n";
    assert!(run.stderr.contains(said), "{run}");
    assert!(!is_ready(&sandbox, "b"));
}
