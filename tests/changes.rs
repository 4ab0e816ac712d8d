//! Changes from one set of settings to another and back: by `netns-setup reload` on one host,
//! and by sh and the real ip(8) from the plan of netns-setup on another. reload prints the same
//! lines as the plan, and both hosts end with the same state.
//!
//! The settings are chosen by a seed, the same one at each run. `NETNS_TESTS_SEED=N` uses
//! another seed, `NETNS_TESTS_PAIRS=N` more pairs of settings.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;
#[path = "common/far.rs"]
mod far;
#[path = "common/random.rs"]
mod random;

use serde_json::Value;

use common::{LIMIT, Sandbox, wait_until};
use far::{dump, same, sandbox, setup, write};
use random::Random;

/// The number of pairs of settings, unless the environment asks for more.
const PAIRS: usize = 6;

/// Resets a host to what a new one has, after each pair.
const RESET: &str = "ip -all netns delete; rm -rf /run/netns-services /etc/netns
    for link in eth1 v0-host p0-host; do ip link delete $link 2>/dev/null; done
    nft flush ruleset";

/// Firewall rules that settings name.
const RULES: [&str; 2] = [
    "table inet guard { chain in { type filter hook input priority 0; tcp dport 22 accept; }; }\n",
    "table inet guard { chain in { type filter hook input priority 0; tcp dport 80 accept; }; }
     table ip6 third { set these { type ipv6_addr; elements = { 2001:db8::1 }; }; }\n",
];

const SETS: &str = "create banned hash:net family inet hashsize 1024 maxelem 65536
add banned 198.51.100.0/24\n";

#[test]
fn what_is_planned_is_what_happens() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seed = number("NETNS_TESTS_SEED").unwrap_or(0x6e65_746e_7322);
    let pairs = number("NETNS_TESTS_PAIRS").map_or(PAIRS, |pairs| pairs as usize);
    let mut random = Random(seed);
    let hosts = [sandbox(""), sandbox("")];
    for host in &hosts {
        for (n, rules) in RULES.iter().enumerate() {
            host.write(&format!("/etc/rules-{n}.nft"), rules);
        }
        host.write("/etc/sets", SETS);
    }
    for pair in 0..pairs {
        let (first, second) = (settings(&mut random), settings(&mut random));
        println!("seed {seed}, pair {pair}:\n{first}\nand then\n{second}");
        change(&hosts, &first, &second, random.below(2) == 0);
    }
}

/// Each setting lists the types that take it, and lists them all.
#[test]
fn renumbering() {
    let hosts = [sandbox(""), sandbox("")];
    let eth1 = |addresses: &str, routes: &str| {
        format!("netns_links=eth1\nconfig_eth1=\"{addresses}\"\nroutes_eth1=\"{routes}\"\n")
    };
    let one = eth1("192.0.2.10/24", "default via 192.0.2.1");
    let two = eth1("192.0.2.11/24", "default via 192.0.2.1 src 192.0.2.11");
    let three = eth1("192.0.2.12/24 scope link 192.0.2.10/24 scope link", "");
    let none = eth1("2001:db8:10::10/64 nodad", "10.1.0.0/16");
    for pair in [
        (&one, &two),
        (&two, &one),
        (&three, &two),
        (&one, &none),
        (&none, &one),
    ] {
        change(&hosts, pair.0, pair.1, false);
    }
}

/// One host by reload, the other by the script. `promoted` says whether others have turned on
/// promote_secondaries, which keeps the other addresses of a network when its first is deleted.
#[track_caller]
fn change([ours, theirs]: &[Sandbox; 2], first: &str, second: &str, promoted: bool) {
    let key = "net.ipv4.conf.all.promote_secondaries";
    let promote = format!("ip netns exec mgmt sysctl -qw {key}={}", u8::from(promoted));
    for host in [ours, theirs] {
        host.sh(RESET);
        host.sh(far::NETWORK).ok();
        write(host, first);
        setup(host, "up mgmt").ok();
        host.sh(&promote).ok();
        write(host, second);
    }
    let script = setup(theirs, "plan --script mgmt").ok().stdout;
    println!("which takes\n{script}");
    assert!(script.starts_with("set -e # ") || script.is_empty());
    theirs.write("/run/plan", &script);
    theirs.sh("sh /run/plan").ok();
    let reload = setup(ours, "reload mgmt").ok().stdout;
    let bare = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with("set -e # "));
        let bare = lines.map(|line| line.trim_start_matches("+ ").trim_end_matches(" || exit"));
        bare.map(String::from).collect()
    };
    assert_eq!(bare(&reload), bare(&script));
    for netns in ["", "-n mgmt"] {
        wait_until(LIMIT, || whole(ours, netns) == whole(theirs, netns));
        same(&whole(ours, netns), &whole(theirs, netns));
    }
    let rest = "ip netns exec mgmt sysctl -a 2>/dev/null | grep -e promote_sec -e rp_filter
        nft list ruleset; ip netns exec mgmt nft list ruleset; cat /etc/netns/mgmt/resolv.conf
        ip netns exec mgmt ipset save | sed 's, initval .*,,'; ip -n far -4 -br address | sed 's,@[^ ]*,,'";
    assert_eq!(ours.sh(rest).stdout, theirs.sh(rest).stdout);
    // To netns-setup, the result of sh is what it would have done itself, except for what only
    // the journal tells: which rules and sets are loaded
    let left = setup(theirs, "plan mgmt").ok().stderr("").stdout;
    let rules = [
        "+ nft ",
        "+ ip netns exec mgmt nft ",
        "+ ip netns exec mgmt ipset ",
    ];
    assert!(
        left.lines()
            .all(|line| rules.iter().any(|rules| line.starts_with(rules))),
        "{left}"
    );
}

/// Everything that `ip` prints, except the hardware address that the kernel chooses, and what a
/// bridge changes on its ports after a while.
fn whole(host: &Sandbox, netns: &str) -> Value {
    const IN_TIME: [&str; 5] = [
        "state",
        "topology_change",
        "topology_change_detected",
        "topology_change_ack",
        "config_pending",
    ];
    let mut dump = dump(host, netns);
    dump["rule"] = host.ip_json(&format!("{netns} rule"));
    for list in ["link", "address"] {
        let list = dump[list].as_array_mut().unwrap();
        for link in list.iter_mut() {
            if link["ifname"] == "v0-host" || link["ifname"] == "p0-host" {
                link.as_object_mut().unwrap().remove("address");
            }
            for data in ["info_data", "info_slave_data"] {
                let data = link.pointer_mut(&format!("/linkinfo/{data}"));
                if let Some(data) = data.and_then(Value::as_object_mut) {
                    data.retain(|key, _| !IN_TIME.contains(&key.as_str()));
                }
            }
        }
        list.sort_by_key(Value::to_string);
    }
    dump
}

/// Settings of a namespace; each can follow any other.
fn settings(random: &mut Random) -> String {
    let mut text = String::new();
    let mut links = Vec::new();
    let mut maybe = |random: &mut Random, one_in: usize, line: &str| {
        if random.below(one_in) == 0 {
            text += line;
            text.push('\n');
        }
    };
    if random.below(8) > 0 {
        links.push("eth1");
        card(random, &mut maybe);
    }
    let mut publishes = false;
    if random.below(2) == 0 {
        links.push("v0");
        maybe(
            random,
            1,
            "type_v0=veth\npeer_v0=v0-host\nmac_v0=52:54:00:00:01:01",
        );
        maybe(random, 2, "mtu_v0=1420");
        maybe(random, 2, "peer_config_v0=\"10.8.0.1/24\"");
        let addresses = [
            "10.8.0.2/24",
            "10.8.0.3/24",
            "10.8.0.3/24 10.8.0.2/24",
            "10.8.0.2/16",
        ];
        let address = addresses[random.below(4)];
        maybe(random, 1, &format!("config_v0=\"{address}\""));
        maybe(
            random,
            2,
            "routes_v0=\"10.9.0.0/16 via 10.8.0.1\n10.10.0.0/16 metric 3\"",
        );
        maybe(random, 3, "netns_masquerade=yes");
        publishes = !address.contains(' ');
    }
    if random.below(2) == 0 {
        links.push("br0");
        maybe(random, 1, "type_br0=bridge\nmac_br0=52:54:00:00:01:00");
        maybe(random, 2, "stp_br0=1");
        maybe(random, 2, "forward_delay_br0=400");
        maybe(random, 2, "mtu_br0=1300");
        // A port has no addresses of its own
        if random.below(2) == 0 {
            links.push("p0");
            maybe(
                random,
                1,
                "type_p0=veth\npeer_p0=p0-host\nmac_p0=52:54:00:00:01:02",
            );
            maybe(random, 2, "bridge_br0=p0");
        }
        maybe(random, 2, "config_br0=\"10.7.0.1/24 10.7.0.2/24\"");
    }
    // To one address, not to that of the bridge whose port leads to the host
    if publishes && !links.contains(&"p0") {
        maybe(random, 2, "netns_publish=\"tcp/8080:80 udp/53\"");
    }
    others(random, &mut links, &mut maybe);
    let dns = ["192.0.2.53", "192.0.2.54 2001:db8::53"][random.below(2)];
    maybe(random, 2, &format!("netns_dns=\"{dns}\""));
    let rule = [
        "from 192.0.2.0/24 table 100 priority 100",
        "fwmark 3 table 100 priority 101",
    ];
    let rule = rule[random.below(2)];
    maybe(random, 2, &format!("netns_rules=\"{rule}\""));
    maybe(random, 3, "config_lo=\"10.99.0.1/32 10.99.0.2/32\"");
    format!("netns_links=\"{}\"\n{text}", links.join(" "))
}

/// Links of other types, on the links that there are; and rules, which name some of them.
fn others(
    random: &mut Random,
    links: &mut Vec<&'static str>,
    maybe: &mut impl FnMut(&mut Random, usize, &str),
) {
    if random.below(3) == 0 {
        links.push("t0");
        maybe(
            random,
            1,
            "type_t0=veth\npeer_t0=t0-far\npeer_netns_t0=far\nmac_t0=52:54:00:00:01:03",
        );
        maybe(random, 2, "config_t0=\"10.6.0.2/24 10.6.0.3/24\"");
        maybe(random, 2, "peer_config_t0=10.6.0.1/24");
        maybe(random, 2, "mtu_t0=1380");
        maybe(random, 2, "altname_t0=\"tenant upstream\"");
    }
    if random.below(3) == 0 {
        links.push("vx0");
        let number = 40 + random.below(2);
        maybe(
            random,
            1,
            &format!("type_vx0=vxlan\nvxlan_id_vx0={number}\nmac_vx0=52:54:00:00:01:05"),
        );
        let remote = ["198.51.100.9", "198.51.100.10"][random.below(2)];
        maybe(random, 2, &format!("vxlan_remote_vx0={remote}"));
        maybe(random, 2, "vxlan_port_vx0=8472");
        maybe(random, 2, "config_vx0=10.12.0.1/24");
        maybe(random, 2, "txqueuelen_vx0=500");
    }
    if random.below(3) == 0 {
        // Below it: a link of this namespace
        if let Some(below) = ["eth1", "br0", "v0"]
            .into_iter()
            .find(|l| links.contains(l))
        {
            links.push("mv0");
            let below = format!("link_mv0={below}\nlink_netns_mv0=mgmt");
            maybe(random, 1, "type_mv0=macvlan\nmac_mv0=52:54:00:00:01:04");
            maybe(random, 1, &below);
            let mode = ["private", "vepa", "bridge"][random.below(3)];
            maybe(random, 2, &format!("mode_mv0={mode}"));
            maybe(random, 2, "config_mv0=10.11.0.1/24");
            maybe(random, 3, "mtu_mv0=1290");
        }
    }
    if random.below(3) == 0 {
        links.push("tap0");
        maybe(random, 1, "type_tap0=tap\nmac_tap0=52:54:00:00:01:06");
        maybe(random, 2, "owner_tap0=1000");
        maybe(random, 2, "multi_queue_tap0=on");
        if links.contains(&"br0") {
            maybe(
                random,
                2,
                "master_tap0=br0\nport_tap0=\"isolated on cost 10\"",
            );
        } else {
            maybe(random, 2, "config_tap0=10.13.0.1/24");
        }
    }
    let file = random.below(RULES.len());
    maybe(random, 2, &format!("netns_nftables=/etc/rules-{file}.nft"));
    maybe(random, 3, "netns_ipset=/etc/sets");
}

/// The addresses and routes of eth1, and its other settings.
fn card(random: &mut Random, maybe: &mut impl FnMut(&mut Random, usize, &str)) {
    let scope = ["", " scope link"][random.below(2)];
    let (brd, prefix) = (["", " brd +"][random.below(2)], [24, 25][random.below(2)]);
    let mut addresses = Vec::new();
    for host in [10, 11, 12] {
        if random.below(2) == 0 {
            addresses.push(format!("192.0.2.{host}/24{brd}"));
        }
    }
    let near = addresses.len();
    for address in [
        format!("192.0.2.13/{prefix}"),
        format!("10.5.0.1/16{scope}"),
        format!("10.5.0.2/16{scope}"),
        "203.0.113.7 peer 203.0.113.1/30 noprefixroute".into(),
        "2001:db8:10::10/64 nodad".into(),
        "2001:db8:10::11/64 nodad".into(),
        "2001:db8:11::10/64 nodad noprefixroute".into(),
    ] {
        if random.below(3) == 0 {
            addresses.push(address);
        }
    }
    let mut routes = Vec::new();
    let mut metric = || [String::new(), " metric 7".into()][random.below(2)].clone();
    if near > 0 {
        let (with, without) = (metric(), metric());
        let first = addresses[0].split('/').next().unwrap();
        routes.push(format!("default via 192.0.2.1{with}"));
        routes.push(format!(
            "198.51.100.0/24 via 192.0.2.254{without} src {first}"
        ));
    }
    routes.push(format!("10.1.0.0/16{}", metric()));
    routes.push("blackhole 10.2.0.0/16".into());
    routes.push("10.3.0.0/16 via 172.16.0.1 onlink table 100".into());
    if addresses
        .iter()
        .any(|address| address.starts_with("2001:db8:10:"))
    {
        routes.push(format!("default via 2001:db8:10::1{}", metric()));
    }
    routes.retain(|_| random.below(3) > 0);
    // The order is part of the wanted state
    if random.below(2) == 0 {
        addresses.reverse();
    }
    maybe(
        random,
        1,
        &format!("config_eth1=\"{}\"", addresses.join("\n")),
    );
    maybe(random, 1, &format!("routes_eth1=\"{}\"", routes.join("\n")));
    maybe(random, 2, "mtu_eth1=1400");
    maybe(random, 3, "mac_eth1=52:54:00:00:01:09");
    maybe(random, 3, "netns_sysctl=\"net.ipv4.conf.eth1.rp_filter=2\"");
}
