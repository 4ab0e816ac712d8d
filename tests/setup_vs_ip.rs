//! The same settings, applied twice: by netns-setup in one sandbox, and by sh and the
//! real ip(8) from the plan of netns-setup in another. Both hosts end with the same
//! state.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use std::collections::BTreeSet;

use common::{Sandbox, wait_until};
use far::{MGMT, blur, dump, same, sandbox, setup, write};
use netns_services::definitions::links::{ATTRIBUTES, Lower, PORT, TYPES, Type};
use netns_services::definitions::option::{Mutability, Opt, ValueKind};
use serde_json::Value;

/// Compares both ways: what `ip` prints about the namespaces afterwards.
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
    // netns-setup finds nothing to change in what ip made
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
    // netns-setup waits until the address can be the source of a route; ip does not wait
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
    // The kernel chooses the addresses of the peers: set the same on both hosts
    for sandbox in [&ours, &theirs] {
        sandbox.sh("ip link set v0-host address 52:54:00:00:02:00; ip link set v1-host address 52:54:00:00:02:01").ok();
    }
    for netns in ["", "-n mgmt"] {
        wait_until(common::LIMIT, || dump(&ours, netns) == dump(&theirs, netns));
        same(&dump(&ours, netns), &dump(&theirs, netns));
    }
    setup(&theirs, "plan mgmt").ok().stdout("").stderr("");
}

/// The types of link that every kernel which these tests run on has, with the settings that
/// each requires. tests/vm/every_type_of_link.sh has the others.
const HERE: [(&str, &str); 5] = [
    ("bridge", "mac_x0=52:54:00:00:00:07\n"),
    ("macvlan", "mac_x0=52:54:00:00:00:07\nlink_x0=eth1\n"),
    (
        "vxlan",
        "mac_x0=52:54:00:00:00:07\nlink_x0=eth1\nvxlan_id_x0=7\n",
    ),
    ("tap", "mac_x0=52:54:00:00:00:07\n"),
    ("tun", ""),
];

/// The key of an option that some of these kernels do not support.
const NOT_HERE: &str = "vlan_filtering";

/// A value that differs from the default.
fn another(option: &Opt) -> String {
    match option.form {
        ValueKind::Number(first, last) => 400.clamp(first, last).to_string(),
        ValueKind::Switch => if option.default == "on" { "off" } else { "on" }.into(),
        ValueKind::Words(words) => {
            let mut words = words.iter().map(|(word, _)| *word);
            words.find(|word| *word != option.default).unwrap().into()
        }
        ValueKind::Station | ValueKind::Station4 => "192.0.2.9".into(),
        ValueKind::Group => "239.1.1.1".into(),
        ValueKind::Mac => "52:54:00:12:34:56".into(),
        ValueKind::Table | ValueKind::User | ValueKind::UserGroup => "1000".into(),
    }
}

/// Settings with `line` in place of the line that sets the same.
fn with(settings: &str, line: &str) -> String {
    let key = line.split_once('=').unwrap().0;
    let lines = settings.lines().filter(|other| !other.starts_with(key));
    lines
        .chain([line])
        .map(|line| format!("{line}\n"))
        .collect()
}

/// What ip prints about x0, and the index of the link.
fn described(sandbox: &Sandbox) -> (Value, Value) {
    let mut link = sandbox.ip_json("-n mgmt -d link show dev x0")[0].take();
    let index = link["ifindex"].take();
    blur(&mut link);
    // ip takes the index of a link in another namespace for one in this namespace
    link["linkinfo"]["info_data"]["link"].take();
    (link, index)
}

/// Set an option and unset it again: on one host by reloads, on the other by the real ip(8) from
/// the plan.
fn reloaded([ours, theirs]: &[Sandbox; 2], base: &str, said: &str, option: &Opt) {
    let told = format!("{} {base}{said}", option.word);
    let (before, number) = described(ours);
    write(theirs, &with(base, said));
    let script = setup(theirs, "plan --script mgmt").ok().stdout;
    theirs.write("/run/plan", &script);
    theirs.sh("sh /run/plan").ok();
    write(ours, &with(base, said));
    setup(ours, "reload mgmt").ok();
    wait_until(common::LIMIT, || described(ours).0 == described(theirs).0);
    let (now, made) = described(ours);
    assert_eq!(now, described(theirs).0, "{told}");
    assert_ne!(now, before, "ip says nothing of {told}");
    setup(theirs, "plan mgmt").ok().stdout("").stderr("");
    write(ours, base);
    setup(ours, "reload mgmt").ok();
    setup(ours, "plan mgmt").ok().stdout("").stderr("");
    wait_until(common::LIMIT, || described(ours).0 == before);
    let (back, again) = described(ours);
    assert_eq!(back, before, "{told}");
    match option.keeps {
        Mutability::InPlace if !option.default.is_empty() => {
            assert_eq!([&number, &number], [&made, &again], "made anew for {told}");
        }
        Mutability::Recreated => assert!(number != made && made != again, "{told}"),
        _ => {}
    }
    theirs
        .sh("ip -n mgmt link delete x0; ip netns delete mgmt; rm -rf /run/netns-services")
        .ok();
}

#[test]
fn each_option_of_a_link_is_what_ip_makes_of_it_and_can_be_taken_back() {
    let hosts = [sandbox(""), sandbox("")];
    for (word, more) in HERE {
        let of = Type::named(word).unwrap();
        let base = format!("netns_links=x0\ntype_x0={word}\n{more}");
        write(&hosts[0], &base);
        setup(&hosts[0], "up mgmt").ok();
        let of_every = ATTRIBUTES.iter();
        let of_every = of_every.filter(|o| o.form != ValueKind::Mac || of.has_mac);
        // The MTU that a tunnel computes is unknown once another one was set
        let of_every = of_every.filter(|o| o.word != "mtu" || of.below != Lower::UnderlayNetns);
        let of_type = of.options.iter().filter(|o| o.key != NOT_HERE);
        for option in of_type.chain(of_every) {
            let said = format!("{}_x0={}", option.key, another(option));
            reloaded(&hosts, &base, &said, option);
        }
        setup(&hosts[0], "down mgmt").ok();
    }
    let base = "netns_links=\"br0 x0\"\ntype_br0=bridge\nbridge_br0=x0\nmac_br0=52:54:00:00:00:08\n\
        type_x0=veth\npeer_x0=x0-host\nmac_x0=52:54:00:00:00:07\n";
    write(&hosts[0], base);
    setup(&hosts[0], "up mgmt").ok();
    for option in PORT {
        let said = format!("port_x0=\"{} {}\"", option.word, another(option));
        reloaded(&hosts, base, &said, option);
    }
}

#[test]
fn each_option_of_a_type_that_takes_a_virtual_machine_is_changed_there() {
    let script = include_str!("vm/every_type_of_link.sh");
    let here: BTreeSet<&str> = HERE.iter().map(|(word, _)| *word).collect();
    for of in TYPES {
        let is_here = |o: &&Opt| here.contains(of.word) && o.key != NOT_HERE;
        for option in of.options.iter().filter(|o| !is_here(o)) {
            let key = format!("{}_", option.key);
            assert!(script.contains(&key), "{} {}", of.word, option.key);
        }
    }
}
