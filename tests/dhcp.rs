//! What the hook of a DHCP client does with the values of a lease: it sets the routes and
//! addresses of the lease and no others, a metric for each link, and the name servers of
//! all current leases. It does not interpret text from the network, and does not change a
//! file that belongs to the owner. Judged by `ip`. tests/openrc checks that real clients
//! call the hook.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/random.rs"]
mod random;

use std::env;
use std::net::IpAddr;
use std::time::Duration;

use common::{Sandbox, wait_until};
use ipnet::IpNet;
use random::Random;

const HOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/libexec/dhcp-hook");
const RESOLV: &str = "/etc/netns/mgmt/resolv.conf";
const MARK: &str = "# written by the DHCP client that netns-setup runs\n";

/// Two links to networks, for which the hook is called.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .sh("set -e; mkdir -p /run/netns-services/mgmt
             for n in 1 2; do
                 ip link add up$n type veth peer name far$n
                 ip link set up$n up; ip link set far$n up
             done")
        .ok();
    sandbox
}

/// An event of udhcpc, with its variables.
#[track_caller]
fn event(sandbox: &Sandbox, link: u32, event: &str, said: &[(&str, &str)]) {
    let call = format!(
        "NETNS_NAME=mgmt NETNS_DNS=yes NETNS_METRIC={} interface=up{link} exec {HOOK} {event}",
        499 + link
    );
    let run = sandbox.run_with(&["sh", "-c", &call], |command| {
        command.envs(said.iter().copied());
    });
    assert_eq!(run.ok().stderr, "", "{event} {said:?}");
}

fn ip(sandbox: &Sandbox, words: &str) -> String {
    let shown = sandbox.sh(&format!("ip -4 {words}")).ok().stdout;
    shown
        .lines()
        .map(|line| line.trim_end().to_string() + "\n")
        .collect()
}

fn routes(sandbox: &Sandbox) -> String {
    let shown = ip(sandbox, "route show");
    let lines = shown.lines().filter(|line| !line.contains("proto kernel"));
    lines
        .map(|line| line.split(" linkdown").next().unwrap().to_string() + "\n")
        .collect()
}

fn has(sandbox: &Sandbox, address: &str) -> bool {
    ip(sandbox, "-o address").contains(&format!("inet {address} "))
}

/// The address of the lease that `status` shows as the server's.
fn leased(sandbox: &Sandbox, link: u32) -> Option<String> {
    let lease = format!("/run/netns-services/mgmt/dhcp-up{link}.lease");
    let lease = sandbox.read(&lease)?;
    let mut lines = lease.lines();
    lines.find_map(|line| Some(line.strip_prefix("leased ")?.to_string()))
}

const LEASE: [(&str, &str); 5] = [
    ("ip", "192.0.2.100"),
    ("mask", "24"),
    ("router", "192.0.2.1"),
    ("dns", "192.0.2.53"),
    ("domain", "example.org"),
];

const OTHER: [(&str, &str); 4] = [
    ("ip", "198.51.100.7"),
    ("mask", "24"),
    ("router", "198.51.100.1"),
    ("dns", "198.51.100.53 192.0.2.53"),
];

#[test]
fn two_leases_stand_side_by_side_and_one_ends_alone() {
    let sandbox = sandbox();
    event(&sandbox, 2, "bound", &OTHER);
    event(&sandbox, 1, "bound", &LEASE);
    let [first, second] = [
        "default via 192.0.2.1 dev up1 metric 500\n",
        "default via 198.51.100.1 dev up2 metric 501\n",
    ];
    assert_eq!(routes(&sandbox), format!("{first}{second}"));
    let resolv = |text: &str| assert_eq!(sandbox.read(RESOLV).unwrap(), format!("{MARK}{text}"));
    resolv("search example.org\nnameserver 192.0.2.53\nnameserver 198.51.100.53\n");
    assert_eq!(leased(&sandbox, 2).unwrap(), "198.51.100.7/24");
    let inode = || sandbox.sh(&format!("stat -c %i {RESOLV}")).ok().stdout;
    let before = inode();
    event(&sandbox, 1, "deconfig", &[]);
    assert_eq!(routes(&sandbox), second);
    assert!(!has(&sandbox, "192.0.2.100/24") && has(&sandbox, "198.51.100.7/24"));
    resolv("nameserver 198.51.100.53\nnameserver 192.0.2.53\n");
    event(&sandbox, 1, "bound", &LEASE);
    event(&sandbox, 2, "deconfig", &[]);
    assert_eq!(routes(&sandbox), first);
    resolv("search example.org\nnameserver 192.0.2.53\n");
    // dhcpcd does the rest itself
    let dhcpcd = [
        ("reason", "BOUND"),
        ("new_domain_name_servers", "2001:db8::53"),
    ];
    event(&sandbox, 2, "", &dhcpcd);
    assert_eq!(leased(&sandbox, 2), None);
    resolv("search example.org\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n");
    let addressed = [
        ("new_ip_address", "198.51.100.9"),
        ("new_subnet_cidr", "26"),
    ];
    event(&sandbox, 2, "", &[&dhcpcd[..], &addressed].concat());
    assert_eq!(leased(&sandbox, 2).unwrap(), "198.51.100.9/26");
    event(&sandbox, 2, "", &[("reason", "EXPIRE")]);
    assert_eq!(leased(&sandbox, 2), None);
    event(&sandbox, 1, "deconfig", &[]);
    resolv("");
    assert_eq!(routes(&sandbox), "");
    // The file keeps its inode, because it is bound over /etc/resolv.conf in services
    assert_eq!(inode(), before);
}

// A process that waits for a lease looks up names next.
#[test]
fn a_lease_stands_when_its_name_servers_are_written() {
    let sandbox = sandbox();
    let lease = "/run/netns-services/mgmt/dhcp-up1.lease";
    // Writing to this file blocks forever
    sandbox
        .sh(&format!("mkdir -p /etc/netns/mgmt && mkfifo {RESOLV}"))
        .ok();
    let hook = format!(
        "NETNS_NAME=mgmt NETNS_DNS=yes interface=up1 ip=192.0.2.100 mask=24 dns=192.0.2.53 \
         setsid {HOOK} bound >/dev/null 2>&1 &"
    );
    sandbox.sh(&hook).ok();
    let is_writing = || sandbox.sh("pgrep -x dd").exit_code() == 0;
    assert!(wait_until(Duration::from_secs(30), is_writing));
    assert_eq!(sandbox.read(lease), None);
    sandbox.sh("pkill -x dd").ok();
    let stands = || sandbox.read(lease).is_some();
    assert!(wait_until(Duration::from_secs(30), stands));
}

#[test]
fn a_lease_of_one_address_has_a_way_to_its_router() {
    let sandbox = sandbox();
    let one = [
        ("ip", "10.0.0.5"),
        ("mask", "32"),
        ("router", "10.9.9.1 10.9.9.2"),
    ];
    event(&sandbox, 1, "bound", &one);
    let expected =
        "default via 10.9.9.1 dev up1 metric 500\n10.9.9.1 dev up1 scope link metric 500\n";
    assert_eq!(routes(&sandbox), expected);
    // Another router and other routes
    let other = [
        ("ip", "10.0.0.5"),
        ("mask", "32"),
        (
            "staticroutes",
            "203.0.113.0/24 10.9.9.3 10.9.9.4/32 0.0.0.0",
        ),
    ];
    event(&sandbox, 1, "renew", &other);
    let expected = "10.9.9.3 dev up1 scope link metric 500\n10.9.9.4 dev up1 scope link metric 500\n203.0.113.0/24 via 10.9.9.3 dev up1 metric 500\n";
    assert_eq!(routes(&sandbox), expected);
    event(&sandbox, 1, "deconfig", &[]);
    assert_eq!(routes(&sandbox), "");
}

#[test]
fn what_the_settings_say_is_not_taken_by_a_lease() {
    let sandbox = sandbox();
    let owners = "default via 192.0.2.1 dev up1 metric 10\n198.51.100.0/24 via 192.0.2.1 dev up1\n";
    let of = |address: &'static str| {
        let mut lease = LEASE;
        lease[0].1 = address;
        lease
    };
    sandbox.sh("ip address add 192.0.2.10/24 dev up1; ip route add default via 192.0.2.1 metric 10; ip route add 198.51.100.0/24 via 192.0.2.1").ok();
    for address in ["192.0.2.10", "192.0.2.100"] {
        for events in [
            &["bound"][..],
            &["bound", "renew"],
            &["bound", "renew", "bound"],
        ] {
            for one in events {
                event(&sandbox, 1, one, &of(address));
            }
            assert!(routes(&sandbox).contains("metric 500"));
            event(&sandbox, 1, "deconfig", &[]);
            assert!(has(&sandbox, "192.0.2.10/24") && !has(&sandbox, "192.0.2.100/24"));
            assert_eq!(routes(&sandbox), owners, "{address} {events:?}");
        }
    }
    // A lease that exists before the other is the first of its network
    sandbox.sh("ip address flush dev up1").ok();
    event(&sandbox, 1, "bound", &of("192.0.2.100"));
    sandbox.sh("ip address add 192.0.2.10/24 dev up1").ok();
    event(&sandbox, 1, "bound", &of("192.0.2.101"));
    event(&sandbox, 1, "deconfig", &[]);
    assert!(has(&sandbox, "192.0.2.10/24"));
    let kept = sandbox
        .sh("cat /proc/sys/net/ipv4/conf/up1/promote_secondaries")
        .stdout;
    assert_eq!(kept, "0\n");
}

/// Panics unless resolv.conf contains only what a DHCP server may set.
#[track_caller]
fn holds_names_and_addresses(sandbox: &Sandbox, said: &str) {
    let resolv = sandbox.read(RESOLV).unwrap_or(MARK.into());
    let of_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    for line in resolv.strip_prefix(MARK).unwrap().lines() {
        let mut words = line.split(' ');
        let ok = match words.next() {
            Some("nameserver") => words.all(|word| {
                let address = word.parse::<IpAddr>();
                address.is_ok_and(|a| !a.is_unspecified() && !a.is_loopback() && !a.is_multicast())
            }),
            Some("search") => words.all(|word| word.chars().all(of_name)),
            _ => false,
        };
        assert!(ok, "{said}: {resolv}");
    }
}

#[test]
fn of_what_strangers_say_only_names_and_addresses_are_taken() {
    let sandbox = sandbox();
    sandbox
        .sh("mkdir /run/here; touch /run/here/192.0.2.66")
        .ok();
    for text in [
        "a\nnameserver 203.0.113.66",
        "a\\nnameserver 203.0.113.66",
        "a\\c",
        "*",
        "$(touch /run/was-here)",
        "`touch /run/was-here`",
        "; touch /run/was-here",
        "-e",
        "192.0.2.53/24",
        "192.0.2.53 options debug",
        "300.1.1.1.1",
        "..",
        "\u{e4}\u{1b}[2J",
    ] {
        for keys in [
            &[
                "dns",
                "domain",
                "search",
                "router",
                "staticroutes",
                "broadcast",
            ][..],
            &["ip"],
            &["mask"],
        ] {
            let mut said = LEASE.to_vec();
            said.retain(|(other, _)| !keys.contains(other));
            said.extend(keys.iter().map(|key| (*key, text)));
            let call = format!(
                "cd /run/here && NETNS_NAME=mgmt NETNS_DNS=yes interface=up1 exec {HOOK} bound"
            );
            let run = sandbox.run_with(&["sh", "-c", &call], |command| {
                command.envs(said.iter().copied());
            });
            assert_eq!(run.exit_code(), 0, "{run}");
            holds_names_and_addresses(&sandbox, &format!("{keys:?}={text:?}"));
            assert!(sandbox.read("/run/was-here").is_none(), "{keys:?}={text:?}");
        }
        event(&sandbox, 1, "deconfig", &[]);
        assert_eq!(routes(&sandbox), "", "{text:?}");
    }
}

#[test]
fn a_file_of_its_owners_is_not_written_and_not_written_through() {
    let sandbox = sandbox();
    let host = "nameserver 203.0.113.1\n";
    sandbox.write("/etc/resolv.conf", host);
    sandbox.write("/etc/elsewhere", MARK);
    for make in [
        format!("ln -s /etc/resolv.conf {RESOLV}"),
        format!("ln -s /etc/elsewhere {RESOLV}"),
        format!("ln -s /etc/none {RESOLV}"),
        format!("echo '# mine' >{RESOLV}"),
        "rmdir /etc/netns/mgmt; mkdir /etc/other; ln -s /etc/other /etc/netns/mgmt".into(),
    ] {
        sandbox
            .sh(&format!(
                "rm -rf /etc/netns; mkdir -p /etc/netns/mgmt; {make}"
            ))
            .ok();
        let before = sandbox
            .sh("ls -lR /etc/netns /etc/other; cat /etc/netns/mgmt/*")
            .stdout;
        event(&sandbox, 1, "bound", &LEASE);
        event(&sandbox, 1, "deconfig", &[]);
        let after = sandbox
            .sh("ls -lR /etc/netns /etc/other; cat /etc/netns/mgmt/*")
            .stdout;
        assert_eq!(after, before, "{make}");
        assert_eq!(sandbox.read("/etc/resolv.conf").unwrap(), host);
        assert_eq!(sandbox.read("/etc/elsewhere").unwrap(), MARK);
        assert!(sandbox.read("/etc/none").is_none());
    }
    // An empty file, left by a crash, belongs to nobody
    sandbox
        .sh(&format!(
            "rm -rf /etc/netns; mkdir -p /etc/netns/mgmt; : >{RESOLV}"
        ))
        .ok();
    event(&sandbox, 1, "bound", &LEASE);
    assert!(
        sandbox
            .read(RESOLV)
            .unwrap()
            .contains("nameserver 192.0.2.53")
    );
}

#[test]
fn an_address_that_no_machine_can_have_is_no_lease() {
    let sandbox = sandbox();
    for (ip, mask) in [
        ("0.0.0.0", "24"),
        ("0.1.2.3", "8"),
        ("127.0.0.1", "8"),
        ("224.0.0.1", "24"),
        ("255.255.255.255", "32"),
        ("192.0.2.100", "0"),
    ] {
        event(&sandbox, 1, "bound", &[("ip", ip), ("mask", mask)]);
        let lease = sandbox.read("/run/netns-services/mgmt/dhcp-up1.lease");
        assert_eq!(lease, None, "{ip}/{mask}");
        assert_eq!(ip_of_up1(&sandbox), "", "{ip}/{mask}");
        event(&sandbox, 1, "deconfig", &[]);
    }
    event(
        &sandbox,
        1,
        "bound",
        &[("ip", "223.255.255.1"), ("mask", "1")],
    );
    assert!(has(&sandbox, "223.255.255.1/1"));
}

// The kernel takes "via 0.0.0.0" as a route without a router, and programs take 0.0.0.0 as name
// server for 127.0.0.1.
#[test]
fn an_address_that_no_other_machine_can_have_is_no_router() {
    let sandbox = sandbox();
    let bound = |with: &[(&str, &str)]| {
        let mut said = LEASE.to_vec();
        said.retain(|(key, _)| with.iter().all(|(other, _)| key != other));
        said.extend(with);
        event(&sandbox, 1, "bound", &said);
        let lease = sandbox.read("/run/netns-services/mgmt/dhcp-up1.lease");
        let listed = lease
            .unwrap()
            .lines()
            .filter(|l| l.starts_with("route "))
            .count();
        assert_eq!(listed, routes(&sandbox).lines().count(), "{with:?}");
        routes(&sandbox)
    };
    let wrong = [
        "0.0.0.0",
        "0.1.2.3",
        "127.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.100",
    ];
    for address in wrong {
        for mask in ["24", "32"] {
            let of = |key, value| bound(&[("mask", mask), (key, value)]);
            assert_eq!(of("router", address), "", "{address}/{mask}");
            if address != "0.0.0.0" {
                let route = format!("203.0.113.0/24 {address}");
                assert_eq!(of("staticroutes", &route), "", "{address}/{mask}");
            }
        }
        let next = bound(&[("router", &format!("{address} 192.0.2.1 192.0.2.2"))]);
        assert_eq!(
            next, "default via 192.0.2.1 dev up1 metric 500\n",
            "{address}"
        );
        let servers = format!("{address} 192.0.2.53 ::1 :: ff02::fb 0:0:0:0:0:0:0:1");
        bound(&[("dns", &servers)]);
        // This machine itself may be the name server
        let own = if address == "192.0.2.100" {
            "nameserver 192.0.2.100\n"
        } else {
            ""
        };
        let expected = format!("{MARK}search example.org\n{own}nameserver 192.0.2.53\n");
        assert_eq!(sandbox.read(RESOLV).unwrap(), expected);
    }
    // RFC 3442 has a meaning for it
    let link = bound(&[("staticroutes", "0.0.0.0/0 0.0.0.0 127.0.0.0/8 192.0.2.1")]);
    assert_eq!(link, "default dev up1 scope link metric 500\n");
    // A broadcast address that is a machine's
    for broadcast in [
        "192.0.2.1",
        "0.0.0.0",
        "192.0.2.100",
        "224.0.0.1",
        "192.0.2.255",
    ] {
        event(&sandbox, 1, "deconfig", &[]);
        bound(&[("broadcast", broadcast)]);
        let shown = ip(&sandbox, "address show dev up1");
        assert!(shown.contains(" brd 192.0.2.255 "), "{shown}");
        let to = ip(&sandbox, "route get 192.0.2.1");
        assert!(to.starts_with("192.0.2.1 dev up1 "), "{to}");
    }
}

/// Its IPv4 addresses and routes.
fn ip_of_up1(sandbox: &Sandbox) -> String {
    ip(sandbox, "address show dev up1") + &ip(sandbox, "route show dev up1")
}

#[test]
fn what_the_settings_leave_out_of_a_lease_is_not_taken() {
    let sandbox = sandbox();
    let with = |omitted: &str, said: &[(&str, &str)]| {
        let mut said = said.to_vec();
        said.push(("NETNS_OMIT", omitted));
        event(&sandbox, 1, "bound", &said);
    };
    let resolv = || sandbox.read(RESOLV).unwrap();
    with("gateway", &LEASE);
    assert_eq!(routes(&sandbox), "");
    assert!(has(&sandbox, "192.0.2.100/24"));
    assert!(resolv().contains("nameserver 192.0.2.53\n"));
    // As the lease lists it (RFC 3442); so are the others
    let mut said = LEASE.to_vec();
    said.push((
        "staticroutes",
        "0.0.0.0/0 192.0.2.1 203.0.113.0/24 192.0.2.9",
    ));
    with("gateway", &said);
    assert_eq!(
        routes(&sandbox),
        "203.0.113.0/24 via 192.0.2.9 dev up1 metric 500\n"
    );
    // With nodns, the name servers of a link are not in the file either when the lease of another
    // link is written
    with("dns", &LEASE);
    event(&sandbox, 2, "bound", &OTHER);
    assert_eq!(
        resolv(),
        format!("{MARK}nameserver 198.51.100.53\nnameserver 192.0.2.53\n")
    );
    let first = "default via 192.0.2.1 dev up1 metric 500\n";
    assert!(routes(&sandbox).starts_with(first));
    with("gateway dns", &LEASE);
    assert_eq!(
        routes(&sandbox),
        "default via 198.51.100.1 dev up2 metric 501\n"
    );
}

/// Events of both clients in any order, with random values from servers. The same at every run;
/// `make fuzz` sets their number.
#[test]
fn fuzz_of_the_hook() {
    const KEYS: [&str; 12] = [
        "ip",
        "mask",
        "router",
        "staticroutes",
        "broadcast",
        "dns",
        "domain",
        "search",
        "new_domain_name_servers",
        "new_domain_name",
        "new_domain_search",
        "new_ip_address",
    ];
    const EVENTS: [&str; 8] = [
        "bound",
        "bound",
        "renew",
        "deconfig",
        "nak",
        "leasefail",
        "-e",
        "",
    ];
    const REASONS: [&str; 7] = ["BOUND", "RENEW", "EXPIRE", "STOP", "PREINIT", "$(id)", ""];
    const PIECES: [&str; 34] = [
        "192.0.2.100",
        "192.0.2.1",
        "10.0.0.0/8",
        "0.0.0.0/0",
        "0.0.0.0",
        "255.255.255.255",
        "127.0.0.1",
        "224.0.0.1",
        "0.0.0.0 192.0.2.1",
        "0.0.0.0/0 0.0.0.0",
        "24",
        "32",
        "33",
        "-1",
        "example.org",
        "a",
        " ",
        " ",
        "\n",
        "\t",
        "\\n",
        "\\c",
        "*",
        "?",
        "[a]",
        "$(touch /run/was-here)",
        "`touch /run/was-here`",
        ";touch /run/was-here;",
        "'",
        "\"",
        "#",
        "::1",
        "dev up2",
        "\u{e9}\u{1b}",
    ];
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse().ok());
    let runs: u64 = number("NETNS_FUZZ_HOOK_RUNS").unwrap_or(60);
    let seed = number("NETNS_FUZZ_SEED").unwrap_or(0x9e37_79b9_7f4a_7c15);
    let mut random = Random(seed);
    let mut sandbox = sandbox();
    // A busy machine may not start one of the hook's twenty programs for some seconds
    sandbox.limit *= 10;
    sandbox
        .sh("mkdir -p /run/here /etc/netns/mgmt; touch /run/here/192.0.2.66; ip address add 203.0.113.7/24 dev up2")
        .ok();
    let beside = || {
        sandbox.sh("ip -4 address show dev up2; ip -4 route show dev up2; ls /run /run/here /etc/netns; cat /etc/resolv.conf").stdout
    };
    let before = beside();
    let mut valid = 0;
    let mut before_event = String::new();
    for run in 0..runs {
        let mut text = |most: usize| {
            let pieces = (0..=random.below(most)).map(|_| PIECES[random.below(PIECES.len())]);
            pieces.collect::<String>()
        };
        let mut said: Vec<(&str, String)> = KEYS.iter().map(|key| (*key, text(4))).collect();
        let honest = random.below(8);
        // Most leases have values from LEASE, because hardly any random lease would be valid
        for (key, value) in LEASE.iter().filter(|_| honest > 1) {
            if random.below(4) > 0 {
                said.retain(|(other, _)| other != key);
                said.push((key, value.to_string()));
            }
        }
        said.retain(|_| random.below(6) > 0);
        // A link has only one client at a time
        let dhcpcd = run / 16 % 3 == 2;
        if run % 16 == 0 {
            event(&sandbox, 1, "deconfig", &[]);
            assert_eq!(routes(&sandbox), "", "seed {seed}, before run {run}");
        }
        let event = if dhcpcd {
            ""
        } else {
            EVENTS[random.below(EVENTS.len())]
        };
        if dhcpcd {
            said.push(("reason", REASONS[random.below(REASONS.len())].into()));
        }
        said.push((
            "NETNS_OMIT",
            ["", "", "gateway", "dns", "gateway dns"][random.below(5)].into(),
        ));
        let call = format!(
            "cd /run/here && NETNS_NAME=mgmt NETNS_DNS=yes interface=up1 exec {HOOK} \"$EVENT\""
        );
        said.push(("EVENT", event.into()));
        let ended = sandbox.run_with(&["sh", "-c", &call], |command| {
            command.envs(said.iter().map(|(key, value)| (key, value)));
        });
        let case = format!("seed {seed}, run {run}: {said:?}");
        assert_eq!(ended.exit_code(), 0, "{case}: {ended}");
        holds_names_and_addresses(&sandbox, &case);
        assert!(sandbox.read("/run/was-here").is_none(), "{case}");
        let lease = sandbox
            .read("/run/netns-services/mgmt/dhcp-up1.lease")
            .unwrap_or_default();
        valid += u64::from(!lease.is_empty());
        // A default route without a router is only the server's if it says so (RFC 3442)
        let classless = said.iter().find(|(key, _)| *key == "staticroutes");
        let on_link = lease.lines().any(|line| line == "route 0.0.0.0/0");
        let is_new = lease != before_event && on_link;
        let is_said = classless.is_some_and(|(_, value)| value.contains("0.0.0.0/0"));
        assert!(!is_new || is_said, "{case}: {lease}");
        before_event.clone_from(&lease);
        let known = [
            "leased ",
            "metric ",
            "address ",
            "route ",
            "search ",
            "nameserver ",
        ];
        let is_known = |line: &str| known.iter().any(|word| line.starts_with(word));
        assert!(lease.lines().all(is_known), "{case}: {lease}");
        let leased = leased(&sandbox, 1);
        let is_address = |text: &str| text.parse::<IpNet>().is_ok();
        assert!(leased.as_deref().is_none_or(is_address), "{case}: {lease}");
        if run % 32 == 0 {
            let now = beside();
            assert!(now == before, "{case}: {now}");
        }
    }
    event(&sandbox, 1, "deconfig", &[]);
    assert_eq!(routes(&sandbox), "");
    eprintln!("fuzz dhcp-hook: seed {seed}, {runs} runs, {valid} of them left a lease");
}
