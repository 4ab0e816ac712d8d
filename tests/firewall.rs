//! The firewall that netns-setup loads: before the first packet, all or nothing, and in
//! the place of the one before. nft, iptables-save and ipset are the judges.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use common::Sandbox;
use far::{dump, is_again, same, sandbox, setup, write};

/// Without IPv6, whose addresses take a second each time.
const SETTINGS: &str = "netns_links=eth1\nconfig_eth1=192.0.2.10/24\n";

/// Drops all that comes in, and counts it. There is no `flush ruleset` in it.
const DROP: &str = "table inet fw {
	chain input {
		type filter hook input priority filter; policy drop;
		iif lo accept
		counter
	}
}
";

const NFT: &str = "/etc/netns/mgmt/nftables.nft";
const V4: &str = "/etc/netns/mgmt/iptables/rules.v4";
const V6: &str = "/etc/netns/mgmt/iptables/rules.v6";
const SETS: &str = "/etc/netns/mgmt/ipset.conf";

fn inside(sandbox: &Sandbox, command: &str) -> String {
    sandbox
        .sh(&format!("ip netns exec mgmt {command}"))
        .ok()
        .stdout
}

/// The packets that UDP itself got to see, whatever it did with them.
fn accepted(sandbox: &Sandbox) -> u64 {
    let snmp = inside(sandbox, "cat /proc/net/snmp");
    let mut lines = snmp.lines().filter(|line| line.starts_with("Udp: "));
    let names = lines.next().unwrap().split(' ');
    let counts = names.zip(lines.next().unwrap().split(' '));
    let seen = ["InDatagrams", "NoPorts", "InErrors", "IgnoredMulti"];
    let counts = counts.filter(|(name, _)| seen.contains(name));
    counts.map(|(_, count)| count.parse::<u64>().unwrap()).sum()
}

fn dropped(sandbox: &Sandbox) -> u64 {
    let listed = inside(sandbox, "nft list ruleset");
    let (_, rest) = listed.split_once("counter packets ").unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}

/// Sends UDP to the namespace's address, and to whoever is there, with an address or
/// without, as fast as it can and for two minutes at most. The frames go past the queue,
/// which the kernel opens only some time after the other end is up.
const FLOOD: &str = r#"
import socket, struct, time
def packet(to):
    udp = struct.pack("!HHHH", 9, 9, 13, 0) + b"flood"
    ip = struct.pack("!BBHHHBBH4s4s", 69, 0, 20 + len(udp), 0, 0, 64, 17, 0,
                     socket.inet_aton("192.0.2.1"), socket.inet_aton(to))
    total = sum(struct.unpack("!10H", ip))
    total = (total & 0xffff) + (total >> 16)
    ip = ip[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xffff) + ip[12:]
    return bytes.fromhex("ffffffffffff525400000002" "0800") + ip + udp
packets = [packet("255.255.255.255"), packet("192.0.2.10")]
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.setsockopt(263, 20, 1)  # SOL_PACKET, PACKET_QDISC_BYPASS
out.bind(("far1", 0))
print(flush=True)
limit = time.monotonic() + 120
while time.monotonic() < limit:
    for one in packets:
        try:
            out.send(one)
        except OSError:
            pass  # the other end is down
"#;

/// Set it up and take it down again and again under a flood from outside: how many
/// packets were let in, and how many were not.
fn flooded(sandbox: &Sandbox, rounds: usize, count: impl Fn(&Sandbox) -> (u64, u64)) -> (u64, u64) {
    let mut flood = sandbox.spawn(&["ip", "netns", "exec", "far", "python3", "-c", FLOOD]);
    flood.line();
    let mut sums = (0, 0);
    for _ in 0..rounds {
        setup(sandbox, "up mgmt").ok();
        std::thread::sleep(Duration::from_millis(10));
        let counts = count(sandbox);
        sums = (sums.0 + counts.0, sums.1 + counts.1);
        setup(sandbox, "down mgmt").ok();
    }
    sums
}

#[test]
fn not_one_packet_passes_before_the_firewall_stands() {
    let sandbox = sandbox(SETTINGS);
    let (open, _) = flooded(&sandbox, 2, |sandbox| (accepted(sandbox), 0));
    assert!(
        open > 0,
        "the flood does not reach the namespace: this would prove nothing"
    );
    sandbox.write(NFT, DROP);
    let (open, closed) = flooded(&sandbox, 50, |sandbox| {
        (accepted(sandbox), dropped(sandbox))
    });
    assert_eq!(open, 0);
    assert!(closed > 0);
}

#[test]
fn the_plan_shows_it_before_the_first_link_comes_up() {
    let sandbox = sandbox(SETTINGS);
    sandbox.write(NFT, DROP);
    sandbox.write(V4, "*filter\n:INPUT DROP [0:0]\nCOMMIT\n");
    let expected = "\
+ ip netns add mgmt
+ ip link set eth1 netns mgmt
+ ip netns exec mgmt nft -f /etc/netns/mgmt/nftables.nft
+ ip netns exec mgmt iptables-restore -w 5 /etc/netns/mgmt/iptables/rules.v4
+ ip -n mgmt link set lo up
+ ip -n mgmt link set eth1 up
+ ip -n mgmt address add 192.0.2.10/24 dev eth1
";
    setup(&sandbox, "plan mgmt").ok().stdout(expected);
    setup(&sandbox, "up mgmt").ok().stdout(expected);
    setup(&sandbox, "up mgmt").ok().stdout("");
    setup(&sandbox, "status mgmt").ok();
    sandbox.write(NFT, &DROP.replace("iif lo", "iifname lo"));
    let run = setup(&sandbox, "status mgmt").code(1);
    assert!(
        run.stdout
            .ends_with("+ ip netns exec mgmt nft -f /etc/netns/mgmt/nftables.nft\n"),
        "{run}"
    );
}

#[test]
fn a_broken_file_at_up_leaves_no_link_up_and_nothing_behind() {
    let sandbox = sandbox(SETTINGS);
    let before = dump(&sandbox, "");
    for (file, text, expected) in [
        (
            NFT,
            DROP.replace("drop;", "dropp;"),
            "/etc/netns/mgmt/nftables.nft:3:",
        ),
        (
            V4,
            "*filter\n-A INPUT -j NOWHERE\nCOMMIT\n".into(),
            "/etc/netns/mgmt/iptables/rules.v4: ",
        ),
        (
            V6,
            "*filter\n:INPUT DROP\n-A INPUT --nonsense\nCOMMIT\n".into(),
            "/etc/netns/mgmt/iptables/rules.v6: ",
        ),
        (
            SETS,
            "create a hash:nonsense\n".into(),
            "/etc/netns/mgmt/ipset.conf: ",
        ),
    ] {
        sandbox.write(file, &text);
        let run = setup(&sandbox, "up mgmt").code(111);
        assert!(!run.stdout.contains(" up\n"), "{run}");
        assert!(run.stderr.contains(expected), "{run}");
        assert!(
            run.stderr
                .ends_with("changes were made and have been undone\n"),
            "{run}"
        );
        sandbox
            .sh(&format!("rm {file}; [ ! -e /run/netns/mgmt ]"))
            .ok();
        is_again(&sandbox, "", &before);
    }
}

#[test]
fn a_broken_file_at_reload_leaves_the_old_rules_standing() {
    let sandbox = sandbox(SETTINGS);
    sandbox.write(NFT, DROP);
    sandbox.write(
        V4,
        "*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n",
    );
    setup(&sandbox, "up mgmt").ok();
    // In whatever order the tables are now
    let rules = |sandbox| {
        let listed = inside(sandbox, "nft -s list ruleset");
        let mut tables: Vec<_> = listed.split("table ").map(String::from).collect();
        tables.sort();
        tables
    };
    let before = rules(&sandbox);
    sandbox.write(NFT, "table inet fw { chain input { nonsense; } }\n");
    let run = setup(&sandbox, "reload mgmt").code(111);
    assert!(
        run.stderr.contains("/etc/netns/mgmt/nftables.nft:1:"),
        "{run}"
    );
    assert_eq!(rules(&sandbox), before);
    // One that is right, followed by one that is not: the first is put back
    sandbox.write(NFT, &DROP.replace("fw", "other"));
    sandbox.write(
        V4,
        "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j NOWHERE\nCOMMIT\n",
    );
    setup(&sandbox, "reload mgmt").code(111);
    assert_eq!(rules(&sandbox), before);
    assert!(sandbox.read("/run/netns-services/mgmt/ready").is_some());
}

#[test]
fn reload_replaces_what_was_loaded_and_nothing_else() {
    let sandbox = sandbox(SETTINGS);
    sandbox.write(NFT, DROP);
    setup(&sandbox, "up mgmt").ok();
    inside(&sandbox, "nft add table inet theirs");
    sandbox.write(
        NFT,
        &DROP.replace("iif lo accept", "iif lo accept\n tcp dport 22 accept"),
    );
    setup(&sandbox, "reload mgmt").ok();
    let rules = inside(&sandbox, "nft list ruleset");
    assert_eq!(rules.matches("iif \"lo\" accept").count(), 1, "{rules}");
    assert!(
        rules.contains("tcp dport 22 accept") && rules.contains("table inet theirs"),
        "{rules}"
    );
    sandbox.write(NFT, &DROP.replace("fw", "renamed"));
    setup(&sandbox, "reload mgmt").ok();
    let tables = inside(&sandbox, "nft list tables");
    assert_eq!(tables, "table inet theirs\ntable inet renamed\n");
    sandbox.sh(&format!("rm {NFT}")).ok();
    setup(&sandbox, "reload mgmt").ok();
    assert_eq!(inside(&sandbox, "nft list tables"), "table inet theirs\n");
}

#[test]
fn a_flush_by_others_is_noticed_and_mended() {
    let sandbox = sandbox(SETTINGS);
    sandbox.write(NFT, &format!("{DROP}table ip second {{\n}}\n"));
    setup(&sandbox, "up mgmt").ok();
    for flush in ["nft flush ruleset", "nft delete table inet fw"] {
        inside(&sandbox, flush);
        let command = "+ ip netns exec mgmt nft -f /etc/netns/mgmt/nftables.nft\n";
        let run = setup(&sandbox, "status mgmt").code(1);
        assert!(run.stdout.ends_with(command), "{run}");
        setup(&sandbox, "reload mgmt").ok().stdout(command);
        setup(&sandbox, "status mgmt").ok();
        let rules = inside(&sandbox, "nft list ruleset");
        assert_eq!(rules.matches("iif \"lo\" accept").count(), 1, "{rules}");
    }
}

#[test]
fn a_flush_takes_the_rules_of_iptables_too_and_that_is_noticed() {
    let sandbox = sandbox(SETTINGS);
    let rules = "*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n";
    sandbox.write(V4, rules);
    sandbox.write(V6, rules);
    setup(&sandbox, "up mgmt").ok();
    let saved = |sandbox: &Sandbox| {
        let both = ["iptables-save", "ip6tables-save"].map(|save| inside(sandbox, save));
        let lines = both.iter().flat_map(|saved| saved.lines());
        let lines = lines.filter(|line| !line.starts_with('#'));
        lines.map(String::from).collect::<Vec<_>>()
    };
    let before = saved(&sandbox);
    assert!(
        before.contains(&":INPUT DROP [0:0]".to_string()),
        "{before:?}"
    );
    // What others do in a table is their affair
    inside(&sandbox, "iptables -A INPUT -p icmp -j ACCEPT");
    setup(&sandbox, "status mgmt").ok();
    inside(&sandbox, "nft flush ruleset");
    let run = setup(&sandbox, "reload mgmt").ok();
    assert_eq!(
        run.stdout,
        "+ ip netns exec mgmt iptables-restore -w 5 /etc/netns/mgmt/iptables/rules.v4
+ ip netns exec mgmt ip6tables-restore -w 5 /etc/netns/mgmt/iptables/rules.v6
"
    );
    assert_eq!(saved(&sandbox), before);
    setup(&sandbox, "reload mgmt").ok().stdout("");
    // One family alone, and no other is loaded again
    inside(&sandbox, "nft delete table ip6 filter");
    setup(&sandbox, "reload mgmt")
        .ok()
        .stdout("+ ip netns exec mgmt ip6tables-restore -w 5 /etc/netns/mgmt/iptables/rules.v6\n");
}

#[test]
fn sets_and_iptables_in_both_families() {
    let sandbox = sandbox(SETTINGS);
    sandbox.write(
        SETS,
        "create good hash:net family inet\nadd good 192.0.2.0/24\ncreate old hash:ip\n",
    );
    let rules = "*filter\n:INPUT DROP [0:0]\n-A INPUT -m set --match-set good src -j ACCEPT\nCOMMIT\n*nat\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n";
    sandbox.write(V4, rules);
    sandbox.write(V6, "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n");
    setup(&sandbox, "up mgmt").ok();
    assert!(inside(&sandbox, "iptables-save").contains("--match-set good src -j ACCEPT"));
    assert!(inside(&sandbox, "ip6tables-save").contains(":FORWARD DROP"));
    inside(&sandbox, "ipset test good 192.0.2.9 2>&1");
    // A set is swapped under the rules that name it; a table that is no longer there is
    // emptied; the host has seen nothing of all this
    sandbox.write(
        SETS,
        "create good hash:net family inet\nadd good 198.51.100.0/24\n",
    );
    sandbox.write(V4, rules.split("*nat").next().unwrap());
    setup(&sandbox, "reload mgmt").ok();
    assert_eq!(inside(&sandbox, "ipset save good | grep -c add"), "1\n");
    inside(&sandbox, "ipset test good 198.51.100.9 2>&1");
    assert!(!inside(&sandbox, "iptables-save").contains("MASQUERADE"));
    assert!(inside(&sandbox, "iptables-save").contains("--match-set good"));
    assert_eq!(inside(&sandbox, "ipset list -name"), "good\n");
    assert_eq!(
        sandbox.sh("ipset list -name; nft list tables").ok().stdout,
        ""
    );
}

#[test]
fn a_file_that_a_setting_names_must_be_there_and_be_roots_alone() {
    let sandbox = sandbox(SETTINGS);
    write(&sandbox, &format!("{SETTINGS}netns_nftables=/etc/my.nft\n"));
    setup(&sandbox, "up mgmt").code(100).stderr(
        "netns-setup: /etc/conf.d/netns.mgmt:3: netns_nftables=\"/etc/my.nft\": there is no such file\n\
         netns-setup: write the rules there, or take the setting away\n\
         netns-setup: 1 problem in the settings of mgmt; nothing was changed\n",
    );
    sandbox.write("/etc/my.nft", DROP);
    sandbox.sh("chmod 666 /etc/my.nft").ok();
    let run = setup(&sandbox, "up mgmt").code(100);
    assert!(run.stderr.contains("/etc/my.nft"), "{run}");
    sandbox.sh("chmod 600 /etc/my.nft").ok();
    setup(&sandbox, "up mgmt").ok();
    assert_eq!(inside(&sandbox, "nft list tables"), "table inet fw\n");
}

/// Rules still on their way must not come after those of the next call.
#[test]
fn what_loads_the_rules_ends_with_who_is_killed() {
    let sandbox = sandbox(SETTINGS);
    // Long enough to be met on its way
    let element = |n: u32| format!("10.{}.{}.{},", n >> 16, n >> 8 & 255, n & 255);
    let elements: String = (0..100_000).map(element).collect();
    let set = format!("set s {{ type ipv4_addr; elements = {{ {elements} }}; }}");
    sandbox.write(NFT, &format!("table inet fw {{\n{set}\n}}\n"));
    let mut up = sandbox.spawn(&[common::NETNS_SETUP, "up", "mgmt"]);
    let loader = || {
        let found = sandbox.sh("grep -lx nft /proc/[0-9]*/comm").stdout;
        found.split('/').nth(2).map(str::to_string)
    };
    // By itself, it never ends from here on
    let stop = |pid| sandbox.sh(&format!("kill -STOP {pid}")).exit_code() == 0;
    assert!(common::wait_until(common::LIMIT, || loader().is_some_and(stop)));
    kill(Pid::from_raw(up.pid()), Signal::SIGKILL).unwrap();
    assert_eq!(up.ended(), None);
    assert!(common::wait_until(Duration::from_secs(5), || loader().is_none()));
    setup(&sandbox, "down mgmt").ok();
}

/// Rules of every tool that name each other and a link.
const GOOD: [(&str, &str); 4] = [
    (SETS, "create hosts hash:ip\nadd hosts 192.0.2.1\n"),
    (
        NFT,
        "table inet fw {\n\tchain input {\n\t\ttype filter hook input priority filter;\n\t\tiif \"eth1\" accept\n\t}\n}\n",
    ),
    (
        V4,
        "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -i eth1 -m set --match-set hosts src -j ACCEPT\nCOMMIT\n",
    ),
    (
        V6,
        "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -i eth1 -j ACCEPT\nCOMMIT\n",
    ),
];

#[test]
fn a_check_tries_the_rules_out_and_leaves_nothing() {
    let sandbox = sandbox(SETTINGS);
    for (file, text) in GOOD {
        sandbox.write(file, text);
    }
    let before = dump(&sandbox, "");
    setup(&sandbox, "check mgmt").ok().stdout("").stderr("");
    let faults = [
        (SETS, "hash:ip", "hash:up"),
        (SETS, "192.0.2.1", "192.0.2.256"),
        (NFT, "accept", "acept"),
        (NFT, "eth1", "eth7"),
        (NFT, "}\n}\n", "}\n"),
        (V4, "ACCEPT\nCOMMIT", "ACEPT\nCOMMIT"),
        (V4, "--match-set hosts", "--match-set others"),
        (V6, "COMMIT\n", ""),
    ];
    for (file, right, wrong) in faults {
        let (_, text) = GOOD.into_iter().find(|(other, _)| *other == file).unwrap();
        sandbox.write(file, &text.replace(right, wrong));
        for verb in ["check", "may-come"] {
            let run = setup(&sandbox, &format!("{verb} mgmt")).code(100);
            let first = run.stderr.lines().next().unwrap_or_default();
            assert!(
                first.starts_with(&format!("netns-setup: {file}:")),
                "{wrong}: {run}"
            );
            assert!(run.stderr.contains("nothing was changed"), "{wrong}: {run}");
        }
        // It is what up says of them
        setup(&sandbox, "up mgmt").code(111);
        sandbox.write(file, text);
    }
    setup(&sandbox, "check mgmt").ok().stderr("");
    same(&dump(&sandbox, ""), &before);
    let left = "[ ! -e /run/netns/mgmt ] && [ ! -e /run/netns-services/mgmt ] && [ -z \"$(ipset list -name)\" ] && [ -z \"$(nft list ruleset)\" ]";
    sandbox.sh(left).ok();
}

#[test]
fn an_ordinary_user_is_told_that_rules_were_not_tried_out() {
    let sandbox = sandbox(SETTINGS);
    sandbox.write(NFT, "nonsense\n");
    let call = format!(
        "cp {} /run/netns-setup; setpriv --reuid 65534 --regid 65534 --clear-groups /run/netns-setup check mgmt",
        common::NETNS_SETUP
    );
    sandbox.sh(&call).ok().stderr(
        "netns-setup: mgmt: its rule files were read, and not tried out: only root can load rules\n\
         netns-setup: type netns-setup check mgmt as root, on the host\n",
    );
    // Where there are none, there is nothing to say
    sandbox.sh(&format!("rm {NFT}")).ok();
    sandbox.sh(&call).ok().stderr("");
}
