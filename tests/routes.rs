//! The text of a route compared with the real ip(8): ip accepts each text that the parser
//! accepts, the kernel then has exactly what was parsed, and the text that we print makes
//! the same route. The kernel is queried with `ip -j`. tests/conf.rs has the invalid
//! texts.
#![cfg(feature = "setup")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/random.rs"]
mod random;

use common::Sandbox;
use netns_services::conf::{self, Trust};
use netns_services::model::build::build;
use netns_services::model::names::{Names, Numbers};
use netns_services::model::route::{Hop, Preference};
use netns_services::model::{Context, Route, RouteKind, Want};
use netns_services::source::Problem;
use random::Random;
use serde_json::Value;

const LINK: &str = "
    ip link set lo up
    ip link add eth1 type veth peer other
    ip link set other up
    ip link set eth1 up
    ip address add 192.0.2.10/24 dev eth1
    ip address add 2001:db8::10/64 dev eth1 nodad";

#[test]
fn a_route_is_read_as_ip_reads_it_and_written_as_ip_takes_it() {
    let mut random = Random(0x726f_7574_6573);
    let texts: Vec<String> = (0..600).map(|n| text(n, &mut random)).collect();
    let read = texts
        .iter()
        .filter_map(|text| Some((text.as_str(), text.parse().ok()?)));
    let read: Vec<(&str, Route)> = read.collect();
    println!("{} of {} texts were read", read.len(), texts.len());
    assert!(read.len() > 250, "too many are refused to prove anything");

    let as_written = held_after(read.iter().map(|(text, _)| text.to_string()));
    let as_printed = held_after(read.iter().map(|(_, route)| route.to_string()));
    assert_eq!(as_written, as_printed);
    for (text, route) in &read {
        assert!(as_written.contains(route), "{text}\nwas read as {route:#?}");
    }
    assert_eq!(as_written.len(), read.len());
}

#[test]
fn names_of_tables_are_those_of_the_machine() {
    let names = Names {
        tables: Numbers::by(|| vec![("vpn".into(), 10), ("vpn".into(), 11)]),
        protos: Numbers::by(|| vec![("mine".into(), 200)]),
        vrfs: vec![("red".into(), 30)],
        ..Names::default()
    };
    let red = Route::parse("default dev eth1 vrf red", &names).unwrap();
    assert_eq!(red.table, 30);
    let route = Route::parse("default dev eth1 table vpn proto mine", &names).unwrap();
    assert_eq!((route.table, route.proto), (10, 200));
    assert!("default dev eth1 table vpn".parse::<Route>().is_err());
}

/// Routes of a link with 192.0.2.10/24, 10.9.9.1/32 and 2001:db8::10/64: if the last one needs
/// what the others provide, the kernel decides whether they do.
const GATEWAYS: [&[&str]; 24] = [
    &["default via 192.0.2.1"],
    &["default via 192.0.3.1"],
    &["default via 192.0.3.1 onlink"],
    &["default via 192.0.2.255"],
    &["default via 10.9.9.2"],
    &["10.9.9.2", "default via 10.9.9.2"],
    &["10.9.9.0/24 scope host", "default via 10.9.9.2"],
    &["10.9.9.0/24 scope site", "default via 10.9.9.2"],
    &["10.9.9.0/24 scope global", "default via 10.9.9.2"],
    &["10.9.9.0/24 via 192.0.2.1", "10.1.0.0/16 via 10.9.9.2"],
    &["default", "10.1.0.0/16 via 198.51.100.1"],
    &["10.9.9.2 table 30", "default via 10.9.9.2 table 30"],
    &["10.9.9.2 table 30", "default via 10.9.9.2 table 31"],
    &["10.9.9.2 table 30", "default via 10.9.9.2"],
    &["10.9.9.2", "default via 10.9.9.2 table 30"],
    &["default via 2001:db8::1"],
    &["default via 2001:db8:1::1"],
    &["default via 2001:db8:1::1 onlink"],
    &["default via fe80::1"],
    &["2001:db8:1::/64", "default via 2001:db8:1::1"],
    &["2001:db8:1::/64 via fe80::1", "default via 2001:db8:1::1"],
    &["::/0", "2001:db8:2::/64 via 2001:db8:1::1"],
    &["0.0.0.0/0 via inet6 2001:db8::1"],
    &["0.0.0.0/0 via inet6 2001:db8:1::1"],
];

#[test]
fn a_gateway_is_refused_where_the_kernel_would_refuse_it() {
    let sandbox = Sandbox::new();
    let mut verdicts = Vec::new();
    for routes in GATEWAYS {
        let adds = routes
            .iter()
            .map(|route| format!("ip route add {route} dev eth1 &&"));
        let adds: String = adds.collect();
        let made = sandbox.sh(&format!(
            "ip netns add new && ip netns exec new sh -c '{LINK}
            ip address add 10.9.9.1/32 dev eth1
            {adds} echo taken'; ip netns del new"
        ));
        let kernel = made.stdout.contains("taken");
        verdicts.push((routes, kernel, built(routes)));
    }
    for (routes, kernel, ours) in &verdicts {
        assert_eq!(*kernel, ours.is_ok(), "{routes:?}: {ours:?}");
    }
    assert!(verdicts.iter().filter(|(_, kernel, _)| *kernel).count() > 8);
}

/// The result of settings with these routes.
fn built(routes: &[&str]) -> Result<Want, Vec<Problem>> {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "netns_links=eth1\nconfig_eth1=\"192.0.2.10/24 10.9.9.1/32 2001:db8::10/64\"\n\
        routes_eth1=\"{}\"\n",
        routes.join(";")
    );
    std::fs::write(dir.path().join("netns.mgmt"), text).unwrap();
    let settings = conf::read(dir.path(), &"mgmt".parse().unwrap(), Trust::ROOT)?;
    build(&settings, &Context::default())
}

/// The routes of a new namespace after `ip route add` of these, without those that it has
/// anyway.
fn held_after(routes: impl Iterator<Item = String>) -> Vec<Route> {
    let sandbox = Sandbox::new();
    let adds: String = routes
        .map(|text| format!("ip route add {text} || echo {text} >&2\n"))
        .collect();
    let said = sandbox.sh(&format!("{LINK}\n{adds}")).ok().stderr;
    assert_eq!(said, "", "ip did not take a route that was read");
    let dump = sandbox.ip_json("-N -d route show table all");
    let mut held: Vec<Route> = dump.as_array().unwrap().iter().filter_map(held).collect();
    held.sort();
    held
}

/// A route of `ip -N -d -j`, unless the kernel created it.
fn held(json: &Value) -> Option<Route> {
    let number = |key: &str| json[key].as_str().unwrap().parse::<u32>().unwrap();
    let address = |value: &Value| value.as_str().map(|text| text.parse().unwrap());
    if number("protocol") == 2 {
        return None;
    }
    let v6 = json["pref"].is_string();
    let dst = match json["dst"].as_str().unwrap() {
        "default" if v6 => "::/0".into(),
        "default" => "0.0.0.0/0".into(),
        net if net.contains('/') => net.to_string(),
        one if v6 => format!("{one}/128"),
        one => format!("{one}/32"),
    };
    let kind = match number("type") {
        1 => RouteKind::Unicast,
        6 => RouteKind::Blackhole,
        7 => RouteKind::Unreachable,
        8 => RouteKind::Prohibit,
        other => unreachable!("{other}"),
    };
    let metric = |name: &str| json["metrics"][0][name].as_u64().map(|n| n as u32);
    let via = |json: &Value| address(&json["gateway"]).or(address(&json["via"]["host"]));
    let onlink = |json: &Value| json["flags"].as_array().unwrap().contains(&"onlink".into());
    let way = |json: &Value| Hop {
        dev: Some(json["dev"].as_str().unwrap().parse().unwrap()),
        via: via(json),
        weight: json["weight"].as_u64().unwrap_or(1) as u16,
        onlink: onlink(json),
    };
    let ways = json["nexthops"].as_array();
    let ways: Vec<Hop> = ways.into_iter().flatten().map(way).collect();
    let first = if ways.is_empty() {
        json
    } else {
        &json["nexthops"][0]
    };
    let dev = first["dev"].as_str().filter(|_| kind == RouteKind::Unicast);
    Some(Route {
        dev: dev.map(|dev| dev.parse().unwrap()),
        via: via(first),
        src: address(&json["prefsrc"]),
        metric: json["metric"].as_u64().unwrap_or(0) as u32,
        table: number("table"),
        scope: number("scope") as u8,
        proto: number("protocol") as u8,
        mtu: metric("mtu"),
        advmss: metric("advmss"),
        initcwnd: metric("initcwnd"),
        initrwnd: metric("initrwnd"),
        pref: match json["pref"].as_str() {
            Some("high") => Preference::High,
            Some("low") => Preference::Low,
            _ => Preference::Medium,
        },
        weight: ways.first().map_or(1, |way| way.weight),
        more: ways.iter().skip(1).cloned().collect(),
        onlink: onlink(first),
        ..Route::to(dst.parse().unwrap(), kind)
    })
}

/// A text that may or may not be a route; `n` makes it different from the other routes.
fn text(n: usize, random: &mut Random) -> String {
    let kind = random.of(&[
        "",
        "",
        "",
        "",
        "unicast ",
        "blackhole ",
        "unreachable ",
        "prohibit ",
    ]);
    let dst = match random.below(8) {
        0 | 1 => format!("10.{}.{}.0/24", n / 256, n % 256),
        2 => format!("10.{}.{}.7", n / 256, n % 256),
        3 | 4 => format!("2001:db8:{:x}::/48", n + 1),
        5 => random.of(&["::/0", "0.0.0.0/0"]).into(),
        _ => "default".into(),
    };
    let mut parts: Vec<String> = Vec::new();
    let nowhere = kind.len() > "unicast ".len() || kind == "prohibit ";
    if !nowhere {
        parts.push(random.of(&["dev eth1", "dev eth1", "oif eth1"]).into());
        parts.push(
            random
                .of(&[
                    "",
                    "",
                    "via 192.0.2.1",
                    "via 2001:db8::1",
                    "via inet6 fe80::1",
                    "via fe80::1",
                    "via inet6 2001:db8::1",
                    "via inet 192.0.2.1",
                ])
                .into(),
        );
    }
    let mut sometimes = |one_in, words: &[&'static str]| {
        if random.below(one_in) == 0 {
            parts.push(random.of(words).into());
        }
    };
    sometimes(4, &["src 192.0.2.10", "src 2001:db8::10"]);
    sometimes(
        3,
        &[
            "metric 0",
            "metric 5",
            "preference 7",
            "priority 4294967295",
        ],
    );
    sometimes(
        4,
        &[
            "scope global",
            "scope link",
            "scope host",
            "scope site",
            "scope 100",
        ],
    );
    sometimes(
        3,
        &[
            "proto static",
            "proto boot",
            "protocol 12",
            "proto bird",
            "proto 255",
        ],
    );
    sometimes(4, &["mtu 1400", "mtu 68", "mtu 65520"]);
    sometimes(6, &["onlink"]);
    sometimes(5, &["advmss 1300", "advmss 65495", "advmss 0"]);
    sometimes(5, &["initcwnd 10", "initrwnd 20", "initcwnd 0"]);
    sometimes(5, &["pref high", "pref low", "pref medium"]);
    match dst.contains('.') && !dst.starts_with('0') || dst.contains("db8") {
        true => sometimes(
            2,
            &[
                "table main",
                "table local",
                "table default",
                "table 77",
                "table 4294967295",
            ],
        ),
        // The default routes would conflict with each other.
        false => parts.push(format!("table {}", 1000 + n)),
    }
    for at in 0..parts.len() {
        let other = random.below(parts.len());
        parts.swap(at, other);
    }
    if !nowhere && random.below(5) == 0 {
        parts.retain(|part| {
            !["via", "dev", "oif", "onli"]
                .iter()
                .any(|w| part.starts_with(w))
        });
        let (one, two) = match dst.contains('.') || dst == "default" {
            true => ("192.0.2.1", "192.0.2.2 onlink weight 7"),
            false => ("2001:db8::1", "2001:db8::2 weight 256"),
        };
        let three = random.of(&["", "", "nexthop via inet6 fe80::1 dev eth1", "nexthop"]);
        parts.push(format!(
            "nexthop via {one} dev eth1 nexthop dev eth1 via {two} {three}"
        ));
    }
    let to = random.of(&["", "", "", "to "]);
    format!("{to}{kind}{dst} {}", parts.join(" "))
}

impl Random {
    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}
