//! Texts that people and programs write: settings, files of wg(8), routes and the like, and the
//! output of nft(8).

use std::fmt::Display;
use std::str::FromStr;

use super::fuzz;
use crate::conf::{self, Settings};
use crate::model::build::build;
use crate::model::dhcp::Run;
use crate::model::firewall::{include, pattern, references, sets};
use crate::model::link::bridge_port::Vlans;
use crate::model::names::Names;
use crate::model::nat::{IpVersion, Legacy, Nat, Publish, in_the_way};
use crate::model::wireguard::parse;
use crate::model::{Address, Condition, Context, DeviceId, Mac, Route, Rule, SysctlKey, Verbatim};
use crate::name::{Altname, LinkName, NetnsName};

macro_rules! case {
    ($name:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/conf/",
            $name,
            ".conf"
        ))
        .as_slice()
    };
}

const SETTINGS: [&[u8]; 14] = [
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/conf.d/netns")),
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/conf.d/netns.example")),
    case!("all-of-a-link"),
    case!("address-more"),
    case!("attach-container"),
    case!("good-dhcp"),
    case!("good-nat"),
    case!("good-nat-none"),
    case!("many-at-once"),
    case!("nat-masquerade-words"),
    case!("sh-command"),
    case!("sh-function"),
    case!("address-ipv6-off"),
    b"netns_links=\"br0 vm0 up0 wg0 v0\"\ntype_br0=bridge\nbridge_br0='vm0 up0'\nconfig_br0=10.8.0.2/24\ntype_vm0=tap\ntype_up0=veth\npeer_config_up0=10.8.0.1/24\nnetns_masquerade=yes\nnetns_publish=\"tcp/8000-8010 from 192.0.2.0/24 udp/53\"\ntype_wg0=wireguard\nwireguard_wg0=/etc/wg0\ntype_v0=vlan\nlink_v0=eth0\nvlan_id_v0=7\nconfig_v0=dhcp\nmetric_v0=7\ndhcp_v0=nodns\nrules_v0=\"from 10.0.0.0/8 table 7\"\nnetns_sysctl=net.ipv4.ip_forward=1\nnetns_ready='ping 192.0.2.1'",
];

const WORDS: &[&str] = &[
    "=",
    "\"",
    "'",
    "\\",
    "\n",
    "$",
    "${",
    "}",
    "#",
    ";",
    " ",
    "\t",
    "`",
    "\u{e9}",
    "-",
    "/",
    ":",
    ",",
    "netns_links=",
    "netns_publish=",
    "netns_sysctl=",
    "netns_dns=",
    "netns_ready=",
    "netns_rules=",
    "config_eth1=",
    "routes_eth1=",
    "type_eth1=",
    "rules_eth1=",
    "master_eth1=",
    "metric_eth1=",
    "dhcp_eth1=",
    "vlans_br0=",
    "port_eth1=",
    "match_eth1=",
    "default",
    "via",
    "dev",
    "src",
    "metric",
    "table",
    "nexthop",
    "weight",
    "scope",
    "onlink",
    "blackhole",
    "from",
    "to",
    "iif",
    "fwmark",
    "0x",
    "65535",
    "65536",
    "4294967295",
    "4294967296",
    "18446744073709551616",
    "-1",
    "0",
    "/33",
    "/129",
    "192.0.2.1",
    "192.0.2.0/24",
    "2001:db8::1",
    "2001:db8::/32",
    "fe80::1%eth0",
    "::",
    "0.0.0.0",
    "tcp/",
    "udp/",
    "8000-8010",
    "[::1]:",
    "veth",
    "bridge",
    "dhcp",
    "null",
    "auto",
    "pvid",
    "untagged",
];

#[test]
fn settings() {
    let name: NetnsName = "mgmt".parse().unwrap();
    let context = Context::default();
    fuzz("settings", &SETTINGS, WORDS, |bytes| {
        let files = vec![("/etc/conf.d/netns.mgmt", bytes)];
        let settings = Settings::of(&name, files);
        match build(&settings, &context) {
            Ok(want) => format!("good links {}", "more ".repeat(want.state.links.len())),
            Err(problems) => {
                assert!(!problems.is_empty());
                let lines = conf::describe(&name, &problems);
                // Two lines for each problem, and one that says what was done
                assert_eq!(lines.len(), 2 * problems.len() + 1, "{lines:?}");
                problems
                    .iter()
                    .map(|p| p.wrong.as_str())
                    .collect::<Vec<_>>()
                    .join(" ")
            }
        }
    });
}

#[test]
fn wireguard() {
    let whole = "[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\nListenPort = 51820\nFwMark = 0x7\nAddress = 10.0.0.1/24\n\n[Peer]\nPublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\nPresharedKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\nEndpoint = [2001:db8::1]:51820\nAllowedIPs = 10.192.122.3/32, ::/0\nPersistentKeepalive = off\n";
    let named = whole
        .replace("[2001:db8::1]", "vpn.example.org")
        .replace("off", "25");
    let corpus = [
        whole.as_bytes(),
        named.as_bytes(),
        b"[Peer]\n#\n[peer]\nsaveconfig=true\r\n",
    ];
    fuzz("wireguard", &corpus, WORDS, |bytes| {
        let read = parse::read("/etc/wg0.conf", &String::from_utf8_lossy(bytes));
        match read {
            Ok((read, quick)) => format!(
                "good {}{}",
                "peer ".repeat(read.peers.len()),
                "setting ".repeat(quick.settings().len())
            ),
            Err(problems) => {
                assert!(!problems.is_empty());
                assert!(
                    problems.iter().all(|p| p.to_string().lines().count() == 2),
                    "{problems:?}"
                );
                problems
                    .iter()
                    .map(|p| p.wrong.as_str())
                    .collect::<Vec<_>>()
                    .join(" ")
            }
        }
    });
}

/// Print a parsed value and parse it again: the value must be the same.
fn comes_back<T: FromStr + Display>(text: &str) -> &'static str {
    let Ok(read) = text.parse::<T>() else {
        return "no";
    };
    let printed = read.to_string();
    let again = printed.parse::<T>().map(|again| again.to_string());
    assert_eq!(again.ok().as_ref(), Some(&printed), "of {text:?}");
    "yes"
}

#[test]
fn routes_and_other_values() {
    let corpus = [
        "default via 192.0.2.1 dev eth1 onlink metric 7 table 10",
        "198.51.100.0/24 nexthop via 192.0.2.1 weight 2 nexthop dev eth2",
        "blackhole 2001:db8::/32 metric 1024 proto static",
        "10.0.0.0/8 via inet6 fe80::1 dev eth1 src 192.0.2.7 mtu 1400 advmss 1000 initcwnd 10",
        "from 192.0.2.0/24 to 10.0.0.0/8 iif eth1 fwmark 0x1/0xff table 10 priority 100",
        "uidrange 1000-2000 lookup main suppress_prefixlength 0",
        "192.0.2.10/24 brd + scope link noprefixroute",
        "192.0.2.10 peer 192.0.2.1/32",
        "tcp/[2001:db8::1]:8000-8010 from 2001:db8::/32",
        "udp/192.0.2.7:53:5353",
        "10-20 pvid untagged",
        "mac 52:54:00:12:34:56",
        "bus 0000:02:00.0",
        "ping 192.0.2.1 from eth1",
        "net.ipv4.conf.eth1.forwarding",
        "dhcpcd 501 no metric 7 nogateway hostname web client_id 01:52:54",
    ];
    let corpus = corpus.map(str::as_bytes);
    fuzz("routes", &corpus, WORDS, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let outcome = match Route::parse(&text, &Names::default()) {
            Ok(_) => "good".into(),
            Err(error) => error.wrong,
        };
        let read = [
            comes_back::<Route>(&text),
            comes_back::<Address>(&text),
            comes_back::<Publish>(&text),
            comes_back::<Vlans>(&text),
            comes_back::<Mac>(&text),
            comes_back::<LinkName>(&text),
            comes_back::<Altname>(&text),
            comes_back::<SysctlKey>(&text),
            comes_back::<Run>(&text),
            comes_back::<Rule>(&text),
            comes_back::<DeviceId>(&text),
            comes_back::<Condition>(&text),
            comes_back::<Verbatim>(&text),
        ];
        format!("{} {outcome}", read.join(" "))
    });
}

#[test]
fn rules_and_what_nft_prints() {
    let corpus = [
        "table inet filter {\n\tset bans {\n\t\ttype ipv4_addr\n\t\telements = { 192.0.2.1,\n\t\t\t     192.0.2.2 timeout 1m expires 5s }\n\t}\n\tchain in { iif \"eth1\" drop; }\n}\n",
        "include \"/etc/nftables.d/*.nft\"\n# c\ninclude 'a'\ntable ip t { }\n",
        "create bans hash:ip family inet\nadd bans 192.0.2.1\nswap bans tmp\ndestroy tmp\n",
        "{\"nftables\": [{\"chain\": {\"family\": \"ip\", \"table\": \"filter\", \"name\": \"FORWARD\", \"hook\": \"forward\", \"policy\": \"drop\"}}, {\"rule\": {\"expr\": [{\"match\": \"end\"}]}}]}",
        "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -i end -j ACCEPT\nCOMMIT\n",
    ];
    let corpus = corpus.map(str::as_bytes);
    let words = [
        "include", "\"", "{", "}", "elements", "=", "\n", ";", "#", "*", "?", "[", "]", "\\",
        "swap", "create", "timeout", "iif",
    ];
    let name: NetnsName = "mgmt".parse().unwrap();
    let nat = Nat {
        ends: vec!["end".parse().unwrap()],
        families: vec![IpVersion::V4, IpVersion::V6],
        uplinks: None,
        publish: Vec::new(),
    };
    fuzz("rules", &corpus, &words, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let parts = include::parts(&text).len();
        let mut marked = text.to_string();
        include::mark(&mut marked, "/etc/a", 7);
        let _ = include::origin(&marked, "/etc/main", bytes.len());
        let elements = references::elements("inet filter", &text).lines().count();
        let by_index = references::by_index(&text).len();
        let left = sets::left(&text).len();
        let (beside, made) = sets::beside(&text, &sets::left(&text).into_iter().collect());
        let (one, other) = text.split_once('\n').unwrap_or((&text, ""));
        let is = pattern::matches(one, other) && pattern::is_pattern(one);
        let blocking = in_the_way(&text, &name, &nat).len();
        let family = IpVersion::V4;
        let rules = Some(text.to_string());
        let legacy = Legacy { family, rules }.in_the_way(&nat).is_some();
        let counts = [
            parts,
            elements,
            by_index,
            left,
            beside.lines().count(),
            made.len(),
            blocking,
        ];
        let few = counts.map(|count| ["no", "one", "two", "more"][count.min(3)]);
        format!("{} {is} {legacy}", few.join(" "))
    });
}
