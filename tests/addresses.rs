//! What an address in config_IF can be followed by, and `auto`. netns-setup sets the
//! addresses and ip(8) reads them back. The router that announces a network is real to
//! the kernel.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use common::{LIMIT, Sandbox, wait_until};
use far::{sandbox, setup, write};
use serde_json::Value;

/// A router on far1: every second it announces 2001:db8:77::/64, and itself as the default
/// gateway.
const ROUTER: &str = r#"
import socket, struct, time
link = socket.if_nametoindex("far1")
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, link)
net = socket.inet_pton(socket.AF_INET6, "2001:db8:77::")
# RFC 4861, 4.2 and 4.6.2: on-link and autonomous, for an hour; the kernel fills the checksum
announced = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
announced += struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 3600, 3600, 0) + net
while True:
    try:
        s.sendto(announced, ("ff02::1", 0, 0, link))
    except OSError:
        pass
    time.sleep(0.3)
"#;

/// The addresses of eth1 inside, except fe80::.
fn addresses(sandbox: &Sandbox) -> Vec<Value> {
    let links = sandbox.ip_json("-n mgmt address show dev eth1");
    let found = links[0]["addr_info"].as_array().unwrap().iter();
    let found = found.filter(|a| !a["local"].as_str().unwrap().starts_with("fe80"));
    found.cloned().collect()
}

#[test]
fn a_router_gives_addresses_which_are_never_ours() {
    let settings = "netns_links=eth1\nconfig_eth1='auto 2001:db8:10::10/64'\n";
    let host = sandbox(settings);
    let said = setup(&host, "up mgmt").ok().stdout;
    let accept = "+ ip netns exec mgmt sysctl -w net.ipv6.conf.eth1.accept_ra=2\n";
    let at = |text: &str| {
        said.find(text)
            .unwrap_or_else(|| panic!("no {text} in {said}"))
    };
    assert!(at(accept) > at("link set eth1 netns mgmt") && at(accept) < at("link set eth1 up"));
    let _router = host.spawn(&["ip", "netns", "exec", "far", "python3", "-c", ROUTER]);
    let by_router = |a: &Value| a["local"].as_str().unwrap().starts_with("2001:db8:77:");
    let given = || addresses(&host).iter().any(by_router);
    assert!(wait_until(LIMIT, given), "{:?}", addresses(&host));
    let routes = host.ip_json("-n mgmt -6 route show default");
    assert_eq!(routes[0]["protocol"], "ra", "{routes}");

    // There is nothing to add or to remove
    setup(&host, "up mgmt").ok().stdout("").stderr("");
    setup(&host, "reload mgmt").ok().stdout("").stderr("");
    let status = setup(&host, "status mgmt").ok().stdout;
    assert!(status.contains("2001:db8:77:"), "{status}");
    assert!(!status.contains("not ours"), "{status}");
    let others = "ip -n mgmt address add 2001:db8:78::1/64 dev eth1 nodad";
    host.sh(others).ok();
    let status = setup(&host, "status mgmt").ok().stdout;
    assert!(
        status.contains("2001:db8:78::1/64 nodad (not ours)"),
        "{status}"
    );
    host.sh(&others.replace(" add ", " delete ")).ok();

    // Without auto in the settings, the address from the router stays, and the kernel continues
    // by its default
    write(&host, "netns_links=eth1\nconfig_eth1=2001:db8:10::11/64\n");
    setup(&host, "reload mgmt").ok().stdout(
        "+ ip -n mgmt address add 2001:db8:10::11/64 dev eth1
+ ip -n mgmt address delete 2001:db8:10::10/64 dev eth1
+ ip netns exec mgmt sysctl -w net.ipv6.conf.eth1.accept_ra=1
",
    );
    assert!(given());

    // It also works in a namespace that forwards, although forwarding turns accept_ra=1 off
    write(
        &host,
        "netns_links=eth1\nconfig_eth1=auto\nnetns_sysctl=net.ipv6.conf.all.forwarding=1\n",
    );
    setup(&host, "down mgmt").ok();
    setup(&host, "up mgmt").ok();
    assert!(wait_until(LIMIT, given), "{:?}", addresses(&host));
    assert_eq!(addresses(&host).len(), 1);
}

#[test]
fn what_stands_behind_an_address_is_changed_by_reload() {
    let config = |text: &str| format!("netns_links=eth1\nconfig_eth1='{text}'\n");
    let host = sandbox(&config(
        "192.0.2.10/24 brd + 192.0.2.11/24 203.0.113.7 peer 203.0.113.1/32",
    ));
    setup(&host, "up mgmt").ok();
    let found = addresses(&host);
    assert_eq!(found[0]["broadcast"], "192.0.2.255");
    assert_eq!(found[1]["local"], "203.0.113.7");
    assert_eq!(
        (&found[1]["address"], &found[1]["prefixlen"]),
        (&"203.0.113.1".into(), &32.into())
    );
    // Another program adds attributes to the address: netns-setup does not remove them
    host.sh("ip -n mgmt address delete 192.0.2.11/24 dev eth1; ip -n mgmt address add 192.0.2.11/24 brd + dev eth1").ok();
    setup(&host, "reload mgmt").ok().stdout("");

    write(
        &host,
        &config(
            "192.0.2.10/24 scope link 192.0.2.11/24 scope link 203.0.113.7 peer 203.0.113.1/32 noprefixroute",
        ),
    );
    setup(&host, "reload mgmt").ok().stdout(
        "+ ip -n mgmt address delete 192.0.2.11/24 brd 192.0.2.255 dev eth1
+ ip -n mgmt address delete 203.0.113.7 peer 203.0.113.1/32 dev eth1
+ ip -n mgmt address delete 192.0.2.10/24 brd 192.0.2.255 dev eth1
+ ip -n mgmt address add 192.0.2.10/24 scope link dev eth1
+ ip -n mgmt address add 192.0.2.11/24 scope link dev eth1
+ ip -n mgmt address add 203.0.113.7 peer 203.0.113.1/32 noprefixroute dev eth1
",
    );
    let found = addresses(&host);
    let of = |ip: &str| found.iter().find(|a| a["local"] == ip).unwrap();
    assert_eq!(
        (&of("192.0.2.10")["scope"], &of("192.0.2.10")["broadcast"]),
        (&"link".into(), &Value::Null)
    );
    assert_eq!(of("203.0.113.7")["noprefixroute"], true);
    setup(&host, "reload mgmt").ok().stdout("");
    write(&host, &config("192.0.2.11/24 scope link"));
    setup(&host, "reload mgmt").ok();
    let left: Vec<Value> = addresses(&host)
        .iter()
        .map(|a| a["local"].clone())
        .collect();
    assert_eq!(left, ["192.0.2.11"]);
}

#[test]
fn an_address_of_the_link_alone_can_be_on_several() {
    let sandbox = sandbox(
        "netns_links=\"br0 br1 eth1\"\ntype_br0=bridge\ntype_br1=bridge\nconfig_br0=\"fe80::1/64 169.254.0.1/16\"\n\
         config_br1=\"fe80::1/64 169.254.0.1/16\"\nconfig_eth1=fe80::1/64\n",
    );
    setup(&sandbox, "up mgmt").ok().stderr("");
    setup(&sandbox, "status mgmt").ok();
    setup(&sandbox, "reload mgmt").ok().stdout("");
    for link in ["br0", "br1", "eth1"] {
        let shown = sandbox
            .sh(&format!("ip -n mgmt -o address show dev {link}"))
            .stdout;
        assert!(shown.contains("inet6 fe80::1/64"), "{shown}");
    }
    // One of them is removed, and the others stay
    write(
        &sandbox,
        "netns_links=\"br0 br1 eth1\"\ntype_br0=bridge\ntype_br1=bridge\nconfig_br1=\"fe80::1/64 169.254.0.1/16\"\n",
    );
    setup(&sandbox, "reload mgmt").ok();
    let shown = sandbox.sh("ip -n mgmt -o address").stdout;
    assert_eq!(shown.matches("inet6 fe80::1/64").count(), 1, "{shown}");
}
