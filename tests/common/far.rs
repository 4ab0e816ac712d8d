//! A network for the host of a sandbox: a namespace `far` with a router in it, and a link
//! `eth1` to it that stands for a NIC (a real one needs a virtual machine). Functions
//! compare the state of `eth1` before and after, as `ip` prints it.

// Each test file uses a part of this.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::fs::File;

use nix::sched::{CloneFlags, setns};
use serde_json::{Value, json};

use crate::common::{LIMIT, NETNS_SETUP, Run, Sandbox, wait_until};

/// The network of the sandbox's host at the start: a NIC that is up, with addresses and routes.
pub const NETWORK: &str = "
    set -e
    ip link set lo up
    ip netns add far
    ip link add eth1 mtu 1500 address 52:54:00:00:00:01 type veth peer name far1 address 52:54:00:00:00:02 netns far
    ip -n far link set lo up
    ip -n far address add 192.0.2.1/24 dev far1
    ip -n far address add 192.0.2.254/24 dev far1
    ip -n far address add 2001:db8:10::1/64 dev far1 nodad
    ip -n far link set far1 up
    ip link set eth1 up
    ip address add 192.0.2.7/24 dev eth1
    ip address add 2001:db8:10::7/64 dev eth1 nodad
    ip route add 203.0.113.0/24 via 192.0.2.1 metric 7
    ip -6 route add 2001:db8:99::/48 via 2001:db8:10::1
    # The kernel makes the routes of an IPv6 address in the background
    until ip -6 route show table local | grep -q 2001:db8:10::7 &&
        ip -n far -6 route show table local | grep -q 2001:db8:10::1; do sleep 0.01; done
";

/// The example of the README.
pub const MGMT: &str = r#"netns_links="eth1"
config_eth1="192.0.2.10/24 2001:db8:10::10/64"
routes_eth1="default via 192.0.2.1
198.51.100.0/24 via 192.0.2.254 metric 50"
mtu_eth1=1400
netns_dns="192.0.2.53"
"#;

/// Something of each kind that this kernel has: a WireGuard link takes a virtual machine.
pub const MUCH: &str = r#"netns_links="eth1 ve0 br0 tap0"
config_eth1="192.0.2.10/24 2001:db8:10::10/64"
routes_eth1="default via 192.0.2.1
198.51.100.0/24 nexthop via 192.0.2.1 dev eth1 nexthop via 192.0.2.254 dev eth1"
type_ve0="veth"
config_ve0="10.8.0.2/24"
peer_config_ve0="10.8.0.1/24"
type_br0="bridge"
bridge_br0="tap0"
type_tap0="tap"
netns_rules="from 10.8.0.2 to 10.0.0.0/8 fwmark 1 table 9 priority 80"
netns_dns="192.0.2.53"
netns_dns_search="example.org"
netns_masquerade="up0"
netns_publish="tcp/203.0.113.5:8080:80"
netns_ready="carrier eth1"
"#;

/// A sandbox with the settings [`MUCH`], an uplink of the host and a rule file.
#[track_caller]
pub fn much() -> Sandbox {
    let sandbox = sandbox(MUCH);
    sandbox
        .sh(
            "ip link add up0 type veth peer name up1 && ip link set up0 up && ip link set up1 up
             ip address add 203.0.113.5/24 dev up0",
        )
        .ok();
    let rules = "table inet fw { chain input { type filter hook input priority 0; }; }\n";
    sandbox.write("/etc/netns/mgmt/nftables.nft", rules);
    sandbox
}

/// A sandbox with that network, and these settings of `mgmt`.
#[track_caller]
pub fn sandbox(settings: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.sh(NETWORK).ok();
    write(&sandbox, settings);
    sandbox
}

/// Write the settings of `mgmt`.
#[track_caller]
pub fn write(sandbox: &Sandbox, settings: &str) {
    sandbox.write("/etc/conf.d/netns.mgmt", settings);
}

/// Call netns-setup; the words are split at blanks.
#[track_caller]
pub fn setup(sandbox: &Sandbox, words: &str) -> Run {
    let words: Vec<&str> = [NETNS_SETUP].into_iter().chain(words.split(' ')).collect();
    sandbox.run(&words)
}

/// Whether each IPv6 address in use, on the host and in its namespaces, has its route: the
/// kernel adds it a moment later, even without duplicate address detection (`nodad`).
pub fn addresses_have_routes(sandbox: &Sandbox) -> bool {
    let script = "for of in '' $(ip netns | cut -d ' ' -f 1); do
            of=${of:+-n $of}
            for address in $(ip $of -o -6 address show up -tentative | awk '{ print $4 }'); do
                ip $of -6 route show table local \"${address%/*}\" | grep -q . || exit 1
            done
        done";
    sandbox.sh(script).exit_code() == 0
}

/// Everything that `ip` prints about the host (`""`) or a namespace (`"-n mgmt"`), except what
/// the kernel numbers, counts or detects by itself.
#[track_caller]
pub fn dump(sandbox: &Sandbox, netns: &str) -> Value {
    let mut all = json!({
        "link": sandbox.ip_json(&format!("{netns} -d link")),
        "address": sandbox.ip_json(&format!("{netns} address")),
        "route": sandbox.ip_json(&format!("{netns} route show table all")),
        "route6": sandbox.ip_json(&format!("{netns} -6 route show table all")),
    });
    blur(&mut all);
    let by_text = |list: &mut Value| {
        if let Some(list) = list.as_array_mut() {
            list.sort_by_key(Value::to_string);
        }
    };
    all.as_object_mut().unwrap().values_mut().for_each(by_text);
    all
}

/// Remove what differs each time. A link-local address appears a moment after its link is up.
pub fn blur(value: &mut Value) {
    const NUMBERED: [&str; 11] = [
        "ifindex",
        "link_index",
        "link_netnsid",
        "valid_life_time",
        "preferred_life_time",
        "expires",
        "bridge_id",
        "root_id",
        "designated_root",
        "operstate",
        "tso_max_size",
    ];
    match value {
        Value::Object(map) => {
            NUMBERED.iter().for_each(|key| drop(map.remove(*key)));
            map.retain(|key, _| !key.ends_with("_timer"));
            if map.get("tentative").is_some() {
                map.remove("tentative");
            }
            map.values_mut().for_each(blur);
        }
        Value::Array(list) => {
            let of = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_string();
            list.retain(|item| {
                let itself = [of(item, "local"), of(item, "dst")];
                let link_local = |a: &String| a.starts_with("fe80::") || a.starts_with("ff00::");
                // The flags for the carrier of a link and of its routes appear a moment later
                let carrier = ["NO-CARRIER", "LOWER_UP", "linkdown"]
                    .iter()
                    .any(|c| item == c);
                !carrier && !itself.iter().any(link_local)
            });
            list.iter_mut().for_each(blur);
        }
        _ => {}
    }
}

/// Run `work`, which may use sockets for example, in a namespace of the sandbox.
pub fn in_netns<T: Send>(sandbox: &Sandbox, netns: &str, work: impl FnOnce() -> T + Send) -> T {
    sandbox.inside(|| {
        let netns = File::open(format!("/run/netns/{netns}")).expect("a namespace");
        setns(&netns, CloneFlags::CLONE_NEWNET).expect("it can be joined");
        work()
    })
}

/// Panics unless a dump soon equals an earlier one: duplicate address detection runs again,
/// which takes a second or two.
#[track_caller]
pub fn is_again(sandbox: &Sandbox, netns: &str, before: &Value) {
    wait_until(LIMIT, || dump(sandbox, netns) == *before);
    same(&dump(sandbox, netns), before);
}

/// Panics with the differences unless the two dumps are equal.
#[track_caller]
pub fn same(got: &Value, expected: &Value) {
    let lines = |value: &Value| -> Vec<String> {
        let sections = value.as_object().unwrap().iter();
        let lines = sections.flat_map(|(name, list)| {
            list.as_array()
                .unwrap()
                .iter()
                .map(move |item| format!("{name}: {item}"))
        });
        lines.collect()
    };
    let (got, expected) = (lines(got), lines(expected));
    let more: Vec<_> = got.iter().filter(|line| !expected.contains(line)).collect();
    let less: Vec<_> = expected.iter().filter(|line| !got.contains(line)).collect();
    assert!(
        more.is_empty() && less.is_empty(),
        "more:\n{more:#?}\nless:\n{less:#?}"
    );
}
