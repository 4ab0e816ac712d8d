//! A NIC is given back as it was taken: each state that a NIC can have on the host, combined
//! with each way in which it is given back. The commands that make the states are listed here;
//! the result is one table. Judged by `ip` and /proc/sys.

#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "common/far.rs"]
mod far;
// This test uses only a part of the module
#[allow(dead_code)]
#[path = "killed/trace.rs"]
mod trace;

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use common::{LIMIT, NETNS_SETUP, Sandbox, wait_until};
use far::{addresses_have_routes, blur, dump, sandbox, setup, write};
use trace::{Fault, run};

const SETTINGS: &str = "netns_links=eth1\nconfig_eth1=198.51.100.10/24\n";

/// The kernel rejects one change, when the NIC is already inside.
const REFUSED: &str = "netns_links=eth1\nconfig_eth1=198.51.100.10/24\n\
    netns_sysctl=\"net.ipv4.conf.eth1.rp_filter=none\"\n";

/// All states have a second NIC besides eth1.
const SECOND: &str = "ip link add eth0 type veth peer name far0 netns far
    ip -n far address add 10.0.0.1/24 dev far0; ip -n far link set far0 up
    ip link set eth0 up; ip address add 10.0.0.2/24 dev eth0
    ip -6 address add 2001:db8:20::2/64 dev eth0 nodad\n";

/// The states, in addition to two addresses and two routes of eth1.
#[rustfmt::skip]
const STATES: [(&str, &str); 58] = [
    ("as it is", "true"),
    ("down", "ip link set eth1 down"),
    ("mtu", "ip link set eth1 mtu 1400"),
    ("hardware address", "ip link set eth1 down; ip link set eth1 address 52:54:00:00:00:aa; ip link set eth1 up"),
    ("altname", "ip link property add dev eth1 altname uplink"),
    ("alias, group, queue", "ip link set eth1 alias uplink; ip link set eth1 group 7; ip link set eth1 txqueuelen 77"),
    ("without arp", "ip link set eth1 arp off"),
    ("label", "ip address add 192.0.2.8/24 dev eth1 label eth1:one"),
    ("broadcast", "ip address add 192.0.2.65/26 brd + dev eth1"),
    ("scope", "ip address add 192.0.2.8/32 scope link dev eth1"),
    ("peer", "ip address add 10.7.0.1 peer 10.7.0.2/32 dev eth1"),
    ("secondaries", "ip address add 192.0.2.9/24 dev eth1; ip address add 192.0.2.8/24 dev eth1"),
    ("metric of an address", "ip address add 10.7.0.1/24 dev eth1 metric 77"),
    ("metric of an address of IPv6", "ip address add 2001:db8:30::1/64 dev eth1 metric 77 nodad"),
    ("lifetimes", "ip address add 10.7.0.1/24 dev eth1 valid_lft 600 preferred_lft 300"),
    ("lifetimes of IPv6", "ip address add 2001:db8:30::1/64 dev eth1 valid_lft 600 preferred_lft 300 nodad"),
    ("deprecated", "ip address add 2001:db8:30::1/64 dev eth1 preferred_lft 0 nodad"),
    ("noprefixroute", "ip address add 10.7.0.1/24 dev eth1 noprefixroute"),
    ("home address", "ip address add 2001:db8:30::1/64 dev eth1 home nodad"),
    ("no address", "ip -6 route del 2001:db8:99::/48; ip address flush dev eth1 scope global"),
    ("NetworkManager", "ip -4 address flush dev eth1; ip address add 192.0.2.7/24 dev eth1 noprefixroute valid_lft 600 preferred_lft 600; ip route add 192.0.2.0/24 dev eth1 proto kernel scope link src 192.0.2.7 metric 100; ip route add default via 192.0.2.1 dev eth1 proto dhcp src 192.0.2.7 metric 100"),
    ("NetworkManager, IPv6", "ip address add 2001:db8:30::7/64 dev eth1 noprefixroute nodad; ip -6 route add 2001:db8:30::/64 dev eth1 proto ra metric 100; ip -6 route add default via 2001:db8:30::1 dev eth1 proto ra metric 100"),
    ("dhcpcd", "ip -4 address flush dev eth1; ip address add 192.0.2.7/24 brd + dev eth1 noprefixroute valid_lft 600 preferred_lft 525; ip route add 192.0.2.0/24 dev eth1 proto dhcp scope link src 192.0.2.7 metric 1002; ip route add default via 192.0.2.1 dev eth1 proto dhcp src 192.0.2.7 metric 1002"),
    ("ifupdown", "ip route add default via 192.0.2.1 dev eth1 onlink"),
    ("default", "ip route add default via 192.0.2.1"),
    ("default of several ways", "ip route add default nexthop via 10.0.0.1 dev eth0 nexthop via 192.0.2.1 dev eth1 weight 3"),
    ("default of several ways, IPv6", "ip -6 route add default nexthop via 2001:db8:20::1 dev eth0 nexthop via 2001:db8:10::1 dev eth1"),
    ("default by another card, from here", "ip route add default via 10.0.0.1 dev eth0 src 192.0.2.7"),
    ("the same of IPv6", "ip -6 route add default via 2001:db8:20::1 dev eth0 src 2001:db8:10::7"),
    ("two defaults", "ip route add default via 192.0.2.1 metric 5; ip route add default via 10.0.0.1 metric 50"),
    ("a nexthop", "ip nexthop add id 7 via 192.0.2.1 dev eth1; ip route add default nhid 7"),
    ("a group of nexthops", "ip nexthop add id 6 via 10.0.0.1 dev eth0; ip nexthop add id 7 via 192.0.2.1 dev eth1; ip nexthop add id 10 group 6,2/7,5; ip route add default nhid 10"),
    ("a nexthop of IPv6", "ip -6 nexthop add id 8 via 2001:db8:10::1 dev eth1; ip -6 route add 2001:db8:77::/48 nhid 8"),
    ("another table", "ip route add default via 192.0.2.1 table 100; ip rule add from 192.0.2.7 table 100"),
    ("a route on the link", "ip route add 198.51.100.0/24 dev eth1 scope link"),
    ("source, metric, protocol", "ip route add 198.51.100.0/24 via 192.0.2.1 src 192.0.2.7 metric 9 proto static"),
    ("tos", "ip route add 198.51.100.0/24 via 192.0.2.1 tos 0x10"),
    ("realm", "ip route add 198.51.100.0/24 via 192.0.2.1 realm 5"),
    ("encapsulation", "ip route add 198.51.100.0/24 encap ip id 5 dst 10.1.1.1 via 192.0.2.1 dev eth1"),
    ("metrics of a route", "ip route add 198.51.100.0/24 via 192.0.2.1 mtu 1400 advmss 1360 initcwnd 20 initrwnd 30"),
    ("other metrics", "ip route add 198.51.100.0/24 via 192.0.2.1 mtu lock 1400 rto_min 300ms congctl reno quickack 1 hoplimit 9 window 9999"),
    ("multicast", "ip route add multicast 239.1.0.0/16 dev eth1"),
    ("local", "ip route add local 192.0.2.77 dev eth1; ip -6 route add local 2001:db8:88::/48 dev eth1"),
    ("a broadcast route", "ip route add broadcast 192.0.2.99 dev eth1 table local scope link"),
    ("an IPv6 route for a time", "ip -6 route add 2001:db8:55::/48 via 2001:db8:10::1 expires 600"),
    ("preference of a router", "ip -6 route add default via 2001:db8:10::1 pref high"),
    ("IPv4 by an IPv6 gateway", "ip route add 198.51.100.0/24 via inet6 2001:db8:10::1 dev eth1"),
    ("permanent neighbours", "ip neighbour add 192.0.2.9 lladdr 52:54:00:00:00:09 dev eth1 nud permanent; ip neighbour add 2001:db8:10::9 lladdr 52:54:00:00:00:09 dev eth1 nud permanent"),
    ("proxied neighbours", "ip neighbour add proxy 192.0.2.9 dev eth1; ip neighbour add proxy 2001:db8:10::9 dev eth1"),
    ("sysctls of IPv4", "sysctl -qw net.ipv4.conf.eth1.rp_filter=2 net.ipv4.conf.eth1.forwarding=1 net.ipv4.conf.eth1.arp_ignore=1 net.ipv4.conf.eth1.proxy_arp=1"),
    ("sysctls of IPv6", "sysctl -qw net.ipv6.conf.eth1.accept_ra=0 net.ipv6.conf.eth1.autoconf=0 net.ipv6.conf.eth1.use_tempaddr=2 net.ipv6.conf.eth1.forwarding=1"),
    ("no IPv6", "sysctl -qw net.ipv6.conf.eth1.disable_ipv6=1"),
    ("a link-local address by hand", "sysctl -qw net.ipv6.conf.eth1.addr_gen_mode=1; ip address add fe80::77/64 dev eth1 noprefixroute nodad; ip -6 route add fe80::/64 dev eth1 proto kernel metric 1024"),
    ("addr_gen_mode", "sysctl -qw net.ipv6.conf.eth1.addr_gen_mode=1"),
    ("stable_secret", "sysctl -qw net.ipv6.conf.eth1.stable_secret=2001:db8::1"),
    ("sysctls of neighbours", "sysctl -qw net.ipv4.neigh.eth1.gc_stale_time=99 net.ipv6.neigh.eth1.base_reachable_time_ms=9000"),
    ("in a bridge", "ip link add lan0 type bridge; ip link set lan0 up; ip link set eth1 master lan0"),
    ("in a bridge of any name", "for b in 'lan#1' 'lan~br' 'br\u{fc}'; do ip link add \"$b\" type bridge; done; ip link set eth1 master 'lan~br'"),
];

/// The time limit for IPv6 addresses and carriers.
const SETTLED: Duration = Duration::from_secs(3);

/// The ways back.
const WAYS: [&str; 4] = ["down", "undo of try", "undo of up", "killed, down"];

/// All of it.
fn whole(sandbox: &Sandbox) -> Value {
    let mut all = dump(sandbox, "");
    let mut more = json!({
        "neighbour": sandbox.ip_json("neighbour show nud permanent"),
        "neighbour6": sandbox.ip_json("-6 neighbour show nud permanent"),
        "proxy": sandbox.ip_json("neighbour show proxy"),
        "nexthop": sandbox.ip_json("nexthop"),
        "routes": lines(sandbox, "ip -d route show table all; ip -6 -d route show table all"),
    });
    blur(&mut more);
    let sysctls = "cd /proc/sys/net && for f in ipv[46]/conf/eth1/* ipv[46]/neigh/eth1/*; \
                   do echo \"$f $(cat $f 2>/dev/null)\"; done";
    more["sysctl"] = lines(sandbox, sysctls);
    all.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    // The qdisc of a link that is down is noop or noqueue: it depends on whether the link was ever
    // up
    let text = all.to_string().replace("\"noop\"", "\"noqueue\"");
    serde_json::from_str(&text).unwrap()
}

fn lines(sandbox: &Sandbox, script: &str) -> Value {
    let said = sandbox.sh(script).stdout;
    // An address of a link and its lifetime are right a moment later
    let of_links = |line: &str| {
        line.contains("local fe80:") && !line.contains("fe80::77")
            || line.contains("anycast fe80:")
            || line.contains("fe80::/64") && line.contains("metric 256")
    };
    let passes = |line: &&str| !of_links(line) && !line.contains("linkdown");
    let word = |word: &str| !(word == "expires" || word.ends_with("sec"));
    let line = |line: &str| {
        let words: Vec<_> = line.split_whitespace().filter(|w| word(w)).collect();
        words.join(" ")
    };
    let mut lines: Vec<_> = said.lines().filter(passes).map(line).collect();
    lines.sort_unstable();
    json!(lines)
}

/// What is not as it was.
fn difference(got: &Value, expected: &Value) -> String {
    let mut said = String::new();
    for (section, list) in expected.as_object().unwrap() {
        let (then, now) = (list.as_array().unwrap(), got[section].as_array().unwrap());
        let less = then.iter().filter(|item| !now.contains(item));
        let more = now.iter().filter(|item| !then.contains(item));
        said.extend(less.map(|item| format!("  - {section}: {item}\n")));
        said.extend(more.map(|item| format!("  + {section}: {item}\n")));
    }
    said
}

fn goes_and_comes(sandbox: &Sandbox, way: &str, point: usize, more: &str) -> String {
    let settings = match way {
        "undo of up" => REFUSED,
        _ => SETTINGS,
    };
    write(sandbox, &format!("{settings}{more}"));
    let said = match way {
        "down" => {
            let up = setup(sandbox, "up mgmt").ok();
            let gone = sandbox.ip_json("link").to_string();
            assert!(!gone.contains("\"eth1\""), "{up}");
            format!("{up}\n{}", setup(sandbox, "down mgmt").ok())
        }
        "undo of try" => {
            let run = setup(sandbox, "try mgmt --within 600").ok();
            let end = "read -r pid rest </run/netns-services/mgmt/trial && kill -TERM $pid";
            sandbox.sh(end).ok();
            let undone = || sandbox.read("/run/netns-services/mgmt/trial").is_none();
            assert!(wait_until(LIMIT, undone));
            let ended = "! grep -qsx -e netns-setup -e exe /proc/[0-9]*/comm";
            assert!(wait_until(LIMIT, || sandbox.sh(ended).exit_code() == 0));
            run.to_string()
        }
        "undo of up" => {
            let run = setup(sandbox, "up mgmt").code(111);
            assert!(run.stderr.contains("have been undone"), "{run}");
            run.to_string()
        }
        _ => {
            let words = [NETNS_SETUP, "up", "mgmt"];
            let traced = run(sandbox, &words, Fault::Kill(point));
            format!("{}\n{}", traced.said, setup(sandbox, "down mgmt").ok())
        }
    };
    let left = "ls /run/netns-services/mgmt 2>/dev/null && cat /run/netns-services/mgmt/journal";
    match sandbox.sh(left).stdout {
        nothing if nothing.is_empty() => said,
        left => panic!("{left} is left after\n{said}"),
    }
}

/// The faults after each of these ways, in one sandbox.
fn row(which: usize, ways: Ways) -> Vec<Result<(), String>> {
    let (name, script) = STATES[which];
    let sandbox = sandbox(SETTINGS);
    sandbox.sh(&format!("set -e\n{SECOND}{script}")).ok();
    let settled =
        || !dump(&sandbox, "").to_string().contains("tentative") && addresses_have_routes(&sandbox);
    assert!(wait_until(LIMIT, settled));
    // Over the whole of an up
    let point = 60 + which * 7 % 240;
    let of_it = ways(which).into_iter().map(|way| {
        let way = WAYS[way];
        let before = whole(&sandbox);
        let said = catch_unwind(AssertUnwindSafe(|| {
            goes_and_comes(&sandbox, way, point, "")
        }));
        let Ok(said) = said else {
            return Err(format!("{name}: {way}: see above\n"));
        };
        wait_until(SETTLED, || whole(&sandbox) == before);
        match difference(&whole(&sandbox), &before) {
            same if same.is_empty() => Ok(()),
            other => Err(format!("{name}: {way}:\n{other}{said}\n")),
        }
    });
    of_it.collect()
}

/// The names of the rows of [`STATES`] that are tried with `netns_give_back="bare"`.
const BARE: [&str; 7] = [
    "as it is",
    "down",
    "mtu",
    "hardware address",
    "NetworkManager",
    "sysctls of IPv4",
    "in a bridge",
];

/// The fault of a bare NIC that is given back in this way, in addition to one of these states.
fn is_bare(name: &str, way: &str) -> Option<String> {
    let (_, script) = STATES.iter().find(|(state, _)| *state == name).unwrap();
    let kept = "cd /sys/class/net/eth1; cat mtu address; echo $(($(cat flags) & 1))
        cd /proc/sys/net/ipv4/conf/eth1; cat rp_filter forwarding arp_ignore proxy_arp";
    let gone = "ip -o address show dev eth1 scope global
        ip -4 route show table all dev eth1; ip -6 route show dev eth1 | grep -v ^fe80
        ip -o link show eth1 | grep -o 'master .*'";
    let sandbox = sandbox(SETTINGS);
    sandbox.sh(&format!("set -e\n{SECOND}{script}")).ok();
    let before = sandbox.sh(kept).stdout;
    let said = goes_and_comes(&sandbox, way, 0, "netns_give_back=bare\n");
    let (after, left) = (sandbox.sh(kept).stdout, sandbox.sh(gone).stdout);
    let same = before == after && left.is_empty();
    (!same).then(|| format!("{name}: {way}: {before}became {after}it has {left}\n{said}\n"))
}

#[test]
fn a_bare_card_has_neither_addresses_nor_routes_nor_a_master() {
    let ways = WAYS[..3].iter().cycle();
    let wrong = BARE
        .iter()
        .zip(ways)
        .filter_map(|(name, way)| is_bare(name, way));
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn a_card_comes_back_as_the_settings_said_last() {
    const BARE: &str = "netns_give_back=bare\n";
    const WHOLE: &str = "netns_give_back=whole\n";
    const NONE: &str = "netns_links=\n";
    let sandbox = sandbox(SETTINGS);
    let addresses = || sandbox.sh("ip -o address show dev eth1 scope global").ok();
    let had = addresses().stdout;
    assert!(!had.is_empty());
    // Set at up, and by a reload that changes nothing or gives the NIC back
    for (up, reload, is_bare) in [
        ("", "", false),
        (BARE, BARE, true),
        ("", BARE, true),
        (BARE, WHOLE, false),
    ] {
        for ends in ["down mgmt", "reload mgmt"] {
            write(&sandbox, &format!("{SETTINGS}{up}"));
            let comes_back = "# eth1 is to be given back bare\n";
            let plan = setup(&sandbox, "plan mgmt").ok();
            assert_eq!(plan.stdout.ends_with(comes_back), up == BARE, "{plan}");
            setup(&sandbox, "up mgmt").ok();
            match ends {
                "down mgmt" => write(&sandbox, &format!("{SETTINGS}{reload}")),
                _ => write(&sandbox, &format!("{NONE}{reload}")),
            }
            setup(&sandbox, "reload mgmt").ok();
            setup(&sandbox, "down mgmt").ok();
            let has = addresses().stdout;
            assert_eq!(has.is_empty(), is_bare, "{up}{reload}{ends}: {has}");
            if is_bare {
                sandbox.sh("ip address add 192.0.2.7/24 dev eth1").ok();
            }
        }
    }
}

/// The ways in which a state is tested.
type Ways = fn(usize) -> Vec<usize>;

#[test]
fn a_card_is_given_back_as_it_was_taken() {
    table(|which| vec![which % WAYS.len()]);
}

#[test]
#[ignore = "each state on all ways takes two minutes; make test-all has them"]
fn a_card_is_given_back_as_it_was_taken_on_every_way() {
    table(|_| (0..WAYS.len()).collect());
}

fn table(ways: Ways) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut rows = Vec::new();
        loop {
            let which = next.fetch_add(1, Ordering::SeqCst);
            if which >= STATES.len() {
                return rows;
            }
            rows.push((which, row(which, ways)));
        }
    };
    let mut rows = thread::scope(|scope| {
        let all = [scope.spawn(work), scope.spawn(work)];
        all.map(|one| one.join().expect("all rows are tried"))
            .concat()
    });
    rows.sort_by_key(|(which, _)| *which);
    let mut table = String::new();
    for (which, cells) in &rows {
        let cells = ways(*which).into_iter().zip(cells).map(|(way, cell)| {
            let said = if cell.is_ok() { "same" } else { "DIFFERS" };
            format!("  {}: {said}", WAYS[way])
        });
        table += &format!("{:36}{}\n", STATES[*which].0, cells.collect::<String>());
    }
    // Not with print!, whose output the test runner shows only for a failed test
    std::io::stdout().write_all(table.as_bytes()).unwrap();
    let wrong = rows.into_iter().flat_map(|(_, cells)| cells);
    let wrong: Vec<String> = wrong.filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}
