//! States for the model of the kernel in memory: hosts as they are found, and settings as
//! `conf` would read them.

#![allow(clippy::unwrap_used)]

use netns_services::definitions::links::{ATTRIBUTES, PORT, Type};
use netns_services::definitions::option::{Opt, ValueKind};
use netns_services::model::link::bridge_port::Vlans;
use netns_services::model::link::options::Options;
use netns_services::model::names::Names;
use netns_services::model::wireguard::{Peer, PublicKey, Secret};
use netns_services::model::{
    Address, Kind, Link, LinkRef, LinkSpec, Netns, Route, RouteKind, Ruleset, State, Sysctl,
    SysctlKey, Table, Tool, Wireguard,
};
use netns_services::name::LinkName;
use netns_services::source::Sourced;
use proptest::prelude::*;

pub fn link(at: Netns, name: &str, kind: Kind) -> Link {
    Link::new(at, Sourced::without_origin(name.parse().unwrap()), kind)
}

pub fn route(dst: &str, dev: &str, via: Option<&str>, metric: u32) -> Route {
    Route {
        netns: Netns::This,
        kind: RouteKind::Unicast,
        dst: dst.parse().unwrap(),
        dev: Some(dev.parse().unwrap()),
        via: via.map(|via| via.parse().unwrap()),
        metric,
        scope: 0,
        ..Route::to(dst.parse().unwrap(), RouteKind::Unicast)
    }
}

/// The third byte of the networks of a link, so that no two links share one.
fn net(name: &str) -> u8 {
    name.bytes()
        .map(|b| b.wrapping_mul(31))
        .fold(7, u8::wrapping_add)
}

/// Addresses and routes of one link. The networks are its own, so any choice is valid.
fn dress(at: Netns, name: &'static str) -> impl Strategy<Value = (Vec<Address>, Vec<Route>)> {
    let n = net(name);
    let addresses = proptest::sample::subsequence(vec![10u8, 11, 12], 0..=3);
    let v6 = proptest::option::of(prop_oneof![Just(64u8), Just(80)]);
    let routes = proptest::sample::subsequence(vec![0u8, 1, 2, 3, 4, 5], 0..=6);
    (addresses.prop_shuffle(), v6, routes, any::<bool>()).prop_map(
        move |(v4, v6, routes, other)| {
            let mut addresses: Vec<Address> = v4
                .iter()
                .map(|host| format!("10.1.{n}.{host}/24").parse().unwrap())
                .collect();
            addresses.extend(
                v6.map(|len| -> Address { format!("2001:db8:{n:x}::1/{len}").parse().unwrap() }),
            );
            let gateway = format!("10.1.{n}.{}", if other { 253 } else { 254 });
            let mut made = Vec::new();
            for which in routes {
                let metric = u32::from(n) * 10;
                let route = match which {
                    0 if !v4.is_empty() => route("0.0.0.0/0", name, Some(&gateway), metric),
                    1 if !v4.is_empty() => {
                        route(&format!("10.2.{n}.0/24"), name, Some(&gateway), 0)
                    }
                    2 => route(&format!("10.3.{n}.0/24"), name, None, 0),
                    3 => route(
                        &format!("10.4.{n}.0/24"),
                        name,
                        Some(&format!("10.3.{n}.9")),
                        0,
                    ),
                    4 if v4.contains(&10) => Route {
                        src: Some(format!("10.1.{n}.10").parse().unwrap()),
                        ..route(&format!("10.5.{n}.0/24"), name, None, 0)
                    },
                    5 if v6.is_some() => route(
                        "::/0",
                        name,
                        Some(&format!("2001:db8:{n:x}::fe")),
                        1024 + metric,
                    ),
                    _ => continue,
                };
                made.push(Route {
                    netns: at.clone(),
                    ..route
                });
            }
            // A route over another route needs that route
            let near = made.iter().any(|r| r.dst.to_string().starts_with("10.3."));
            made.retain(|r| near || !r.dst.to_string().starts_with("10.4."));
            (addresses, made)
        },
    )
}

fn forwarding(of: &str) -> SysctlKey {
    format!("net/ipv4/conf/{of}/forwarding").parse().unwrap()
}

const BRIDGE: &str = "br0";

/// A host as found: three NICs in any state, and a bridge.
pub fn host() -> impl Strategy<Value = State> {
    let card = |name: &'static str| {
        let more = (dress(Netns::Host, name), any::<bool>(), any::<bool>());
        more.prop_map(move |((addresses, routes), up, port)| {
            let mut link = link(Netns::Host, name, Kind::Physical);
            link.attributes = super::memory::with_mtu(if port { 1500 } else { 9000 });
            let mac = format!("52:54:00:00:00:{:02x}", net(name));
            say(&mut link.attributes, "address", &mac);
            link.master = port.then(|| Sourced::without_origin(BRIDGE.parse().unwrap()));
            link.port = port.then(super::memory::as_joined);
            link.up = Some(up);
            let altname = port.then(|| format!("en-{name}").parse().unwrap());
            link.altnames = altname.map(Sourced::without_origin).into_iter().collect();
            link.addresses = addresses.into_iter().map(Sourced::without_origin).collect();
            (link, if up { routes } else { Vec::new() })
        })
    };
    (card("eth0"), card("eth1"), card("eth2")).prop_map(|cards| {
        let mut state = State::default();
        for of in ["default", "eth0", "eth1", "eth2"] {
            let sysctl = Sysctl::new(Netns::Host, forwarding(of), "0");
            state.sysctls.push(Sourced::without_origin(sysctl));
        }
        for of in ["eth0", "eth1", "eth2"] {
            let [_, key] = SysctlKey::of_secondaries(&of.parse().unwrap());
            let sysctl = Sysctl::new(Netns::Host, key, "0");
            state.sysctls.push(Sourced::without_origin(sysctl));
        }
        let mut bridge = link(Netns::Host, BRIDGE, made("bridge", Netns::Host));
        bridge.up = Some(true);
        bridge.attributes = super::memory::with_mtu(1500);
        state.links.push(bridge);
        for (link, routes) in [cards.0, cards.1, cards.2] {
            state.links.push(link);
            state
                .routes
                .extend(routes.into_iter().map(Sourced::without_origin));
        }
        state
    })
}

/// Any wanted state that `model::build` can make of settings.
pub fn settings() -> impl Strategy<Value = State> {
    let names = [
        "eth1", "eth2", "brin", "v0", "d0", "m0", "w0", "t0", "mt", "mb",
    ];
    let chosen = proptest::sample::subsequence(names.to_vec(), 0..=names.len());
    let each: Vec<_> = names
        .iter()
        .map(|name| {
            let attributes = ATTRIBUTES.iter().map(|option| attribute(option, name));
            let attributes: Vec<_> = attributes.collect();
            let altname = proptest::sample::subsequence(vec!["one", "two"], 0..=2);
            let said = (
                any::<bool>(),
                options(name),
                wireguard(),
                altname,
                as_port(),
            );
            (dress(Netns::This, name), attributes, said)
        })
        .collect();
    let rules = proptest::option::of(prop_oneof![Just("one"), Just("two")]);
    // Keys of links that exist, and of one that does not, which may be missing
    let keys = [
        ("net/ipv4/ip_forward", "1"),
        ("net/ipv4/conf/default/forwarding", "1"),
        ("net/ipv4/conf/eth1/forwarding", "0"),
        ("net/ipv4/conf/v0/rp_filter", "2"),
        ("net/ipv4/ip_default_ttl", "65"),
        ("net/ipv4/conf/theirs/rp_filter", "1"),
    ];
    let sysctls = proptest::sample::subsequence(keys.to_vec(), 0..=keys.len()).prop_shuffle();
    let policy = [
        "priority 10 from 10.1.0.0/16 table 10",
        "-6 priority 10 table 10",
        "priority 32766 table main",
    ];
    let policy = proptest::sample::subsequence(policy.to_vec(), 0..=policy.len());
    let table = proptest::option::of("[ab]");
    let whole = (
        proptest::option::of("[a-z]{1,4}"),
        rules,
        sysctls,
        policy,
        table,
    );
    (chosen, each, whole).prop_map(
        move |(chosen, each, (dns, rules, sysctls, policy, table))| {
            let rules = rules.map(|text| {
                Sourced::without_origin(Ruleset {
                    tool: Tool::Nftables,
                    file: "/rules".into(),
                    text: text.into(),
                    tables: Vec::new(),
                    links_by_index: Vec::new(),
                    outlived: false,
                })
            });
            let mut state = State {
                exists: true,
                ..State::default()
            };
            state.resolv_conf = dns.map(Sourced::without_origin);
            state.firewall = rules.into_iter().collect();
            let policy = policy
                .iter()
                .map(|text| Sourced::without_origin(text.parse().unwrap()));
            state.rules = policy.collect();
            for (key, value) in sysctls {
                let sysctl = Sysctl::new(Netns::This, key.parse().unwrap(), value);
                let link = sysctl.key.link();
                let optional = link == Some("theirs");
                if link.is_none_or(|link| optional || chosen.contains(&link)) {
                    state
                        .sysctls
                        .push(Sourced::without_origin(Sysctl { optional, ..sysctl }));
                }
            }
            // Masquerading through a NIC that stays on the host
            if let Some(text) = table.filter(|_| chosen.contains(&"v0")) {
                for link in ["v0-host", "eth0"] {
                    let sysctl = Sysctl::new(Netns::Host, forwarding(link), "1");
                    state.sysctls.push(Sourced::without_origin(sysctl));
                }
                state.table = Some(Sourced::without_origin(Table {
                    text,
                    publish: Vec::new(),
                    listed: None,
                }));
            }
            let mut lo = link(Netns::This, "lo", Kind::Loopback);
            lo.up = Some(true);
            state.links.push(lo);
            for (
                name,
                ((addresses, routes), attributes, (port, options, told, altnames, (said, vlans))),
            ) in names.iter().zip(each)
            {
                let kind = kind(name);
                let below = kind.parent().filter(|below| below.netns == Netns::This);
                let lies = below.is_none_or(|below| chosen.contains(&below.name.as_str()));
                if !(chosen.contains(name) && lies) {
                    continue;
                }
                let mut wanted = link(Netns::This, name, kind);
                if let Kind::Virtual(made) = &mut wanted.kind {
                    for (word, text) in options {
                        say(&mut made.options, word, text);
                    }
                }
                wanted.up = Some(true);
                wanted.wireguard = (*name == "w0").then(|| Sourced::without_origin(told));
                for (option, text) in ATTRIBUTES.iter().zip(attributes) {
                    if let Some(text) = text {
                        say(&mut wanted.attributes, option.word, &text);
                    }
                }
                let below = wanted.kind.parent();
                let below = state.links.iter().find(|l| Some(l.link_at()) == below);
                let mtu = below.and_then(|below| below.attributes.number("mtu"));
                if let Some(mtu) = mtu.filter(|_| wanted.attributes.number("mtu").is_none()) {
                    say(&mut wanted.attributes, "mtu", &mtu.to_string());
                }
                // The earlier address of a link that is created is unknown
                let card = wanted.kind == Kind::Physical;
                wanted
                    .attributes
                    .retain(|option, _| card || option.word != "address");
                wanted.altnames = altnames
                    .iter()
                    .map(|altname| {
                        Sourced::without_origin(format!("{altname}-{name}").parse().unwrap())
                    })
                    .collect();
                wanted.addresses = addresses.into_iter().map(Sourced::without_origin).collect();
                let bridge = port
                    && chosen.contains(&"brin")
                    && !matches!(*name, "brin" | "m0" | "w0" | "mb");
                wanted.master = bridge.then(|| Sourced::without_origin("brin".parse().unwrap()));
                if bridge && !said.is_empty() {
                    let mut told = Options::of(PORT);
                    for (word, text) in said {
                        say(&mut told, word, text);
                    }
                    wanted.port = Some(told);
                }
                if bridge || *name == "brin" {
                    let rows = vlans.iter().map(|text| text.parse::<Vlans>().unwrap());
                    wanted.vlans = rows
                        .flat_map(Vlans::each)
                        .map(Sourced::without_origin)
                        .collect();
                }
                if let Kind::Veth { peer: Some(other) } = &wanted.kind {
                    let back = LinkRef {
                        netns: Netns::This,
                        name: name.parse().unwrap(),
                    };
                    let kind = Kind::Veth { peer: Some(back) };
                    let mut peer = Link::new(
                        other.netns.clone(),
                        Sourced::without_origin(other.name.clone()),
                        kind,
                    );
                    peer.up = Some(true);
                    peer.master = port.then(|| Sourced::without_origin(BRIDGE.parse().unwrap()));
                    state.links.push(peer);
                }
                state.links.push(wanted);
                state
                    .routes
                    .extend(routes.into_iter().map(Sourced::without_origin));
            }
            state
        },
    )
}

/// Add an option, as a setting would.
fn say(options: &mut Options, word: &str, text: &str) {
    let option = options.table.iter().find(|o| o.word == word).unwrap();
    let value = option.form.read(text, &Names::default()).unwrap();
    options.set(option, Sourced::without_origin(value));
}

/// An attribute that every link has, or none.
fn attribute(option: &Opt, name: &str) -> impl Strategy<Value = Option<String>> + use<> {
    let values = match option.form {
        ValueKind::Number(..) if option.word == "mtu" => vec!["1400".into(), "1420".into()],
        ValueKind::Number(first, last) => vec![first.to_string(), last.to_string()],
        ValueKind::Mac => vec![format!("02:00:00:00:01:{:02x}", net(name))],
        form => panic!("no example of {form:?}"),
    };
    proptest::option::of(proptest::sample::select(values))
}

/// The options that a link can have besides its type.
fn options(name: &str) -> BoxedStrategy<Vec<(&'static str, &'static str)>> {
    let stp = proptest::option::of(prop_oneof![
        Just(("stp_state", "on")),
        Just(("stp_state", "off"))
    ]);
    let delay = proptest::option::of(Just(("forward_delay", "400")));
    match name {
        "brin" => (stp, delay)
            .prop_map(|(stp, delay)| stp.into_iter().chain(delay).collect())
            .boxed(),
        // Another value requires that the link is recreated
        "t0" => proptest::sample::select(vec!["on", "off"])
            .prop_map(|value| vec![("multi_queue", value)])
            .boxed(),
        "m0" | "mb" | "mt" => proptest::sample::select(vec!["bridge", "vepa", "passthru"])
            .prop_map(|mode| vec![("mode", mode)])
            .boxed(),
        _ => Just(Vec::new()).boxed(),
    }
}

/// The options of a port, and VLANs.
fn as_port() -> impl Strategy<Value = (Vec<(&'static str, &'static str)>, Vec<&'static str>)> {
    let said = [
        ("isolated", "on"),
        ("cost", "10"),
        ("priority", "8"),
        ("flood", "off"),
    ];
    let said = proptest::sample::subsequence(said.to_vec(), 0..=4);
    let vlans = prop_oneof![
        Just(vec![]),
        Just(vec!["1 pvid untagged", "20"]),
        Just(vec!["1", "10 pvid untagged"]),
        Just(vec!["10", "20 pvid", "30-40 untagged"]),
        Just(vec!["30-35"]),
    ];
    (said, vlans)
}

/// What wg(8)'s file can contain. Each peer has an endpoint, and the link a port: the kernel
/// cannot reset them.
fn wireguard() -> impl Strategy<Value = Wireguard> {
    let key = |number: u8| [number; 32];
    let peers = proptest::sample::subsequence(vec![1u8, 2, 3], 0..=3);
    let networks = proptest::collection::vec(0usize..4, 4);
    let each = (0u8..3, any::<bool>(), any::<bool>());
    let each = proptest::collection::vec(each, 3);
    (peers.prop_shuffle(), networks, each, 0u8..2, 0u32..2).prop_map(
        move |(peers, networks, each, private, fwmark)| Wireguard {
            file: "/wg0.conf".into(),
            is_quick: false,
            private_key: Some(Secret(key(8 + private))),
            listen_port: Some(7 + u16::from(private)),
            fwmark,
            peers: peers
                .iter()
                .zip(each)
                .enumerate()
                .map(|(n, (number, (endpoint, secret, keepalive)))| Peer {
                    preshared_key: secret.then(|| Secret(key(9))),
                    endpoint: Some(
                        ["192.0.2.1:7", "192.0.2.9:7", "vpn.example.org:7"][usize::from(endpoint)]
                            .parse()
                            .unwrap(),
                    ),
                    keepalive: if keepalive { 25 } else { 0 },
                    allowed_ips: (0..4)
                        .filter(|net| networks[*net] == n)
                        .map(|net| format!("10.{net}.0.0/16").parse().unwrap())
                        .collect(),
                    ..Peer::new(PublicKey(key(*number)))
                })
                .collect(),
        },
    )
}

fn kind(name: &str) -> Kind {
    let on_host = |name: &str| LinkRef {
        netns: Netns::Host,
        name: name.parse::<LinkName>().unwrap(),
    };
    match name {
        "brin" => made("bridge", Netns::This),
        "v0" => Kind::Veth {
            peer: Some(on_host("v0-host")),
        },
        "d0" => made("dummy", Netns::This),
        "w0" => made("wireguard", Netns::Host),
        "m0" => macvlan(Netns::Host, "eth0"),
        "t0" => made("tap", Netns::This),
        "mt" => macvlan(Netns::This, "t0"),
        "mb" => macvlan(Netns::This, "brin"),
        _ => Kind::Physical,
    }
}

fn made(word: &str, born: Netns) -> Kind {
    Kind::Virtual(LinkSpec::new(Type::named(word).unwrap(), born))
}

fn macvlan(at: Netns, below: &str) -> Kind {
    let spec = LinkSpec::new(Type::named("macvlan").unwrap(), at);
    Kind::Virtual(LinkSpec {
        parent: Some(below.parse().unwrap()),
        ..spec
    })
}
