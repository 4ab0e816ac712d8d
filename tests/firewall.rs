//! The firewall rules that netns-setup loads: before the first packet, all or nothing,
//! and in place of the earlier rules. Judged by nft, iptables-save and ipset.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use common::{LIMIT, NETNS_SETUP, Sandbox, wait_until};
use far::{dump, is_again, same, sandbox, setup, write};

/// Without IPv6, whose addresses need a second each time.
const SETTINGS: &str = "netns_links=eth1\nconfig_eth1=192.0.2.10/24\n";

/// Drops and counts all incoming packets. It contains no `flush ruleset`.
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

/// The packets that reached UDP itself, no matter what it did with them.
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

/// Sends UDP to the address of the namespace, with and without a known MAC address, as fast as
/// possible and for at most two minutes. The frames bypass the queue, which the kernel opens
/// some time after the other end is up.
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

/// Set it up and take it down repeatedly during a flood from outside; return the number of
/// packets that were let in, and that were not.
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

/// The command that loads the nftables file in place of what it has created before.
fn load_again(tables: &[&str]) -> String {
    let delete = |table| format!("table {table}; delete table {table}; ");
    let delete: String = tables.iter().map(delete).collect();
    format!("ip netns exec mgmt nft '{delete}include \"/etc/netns/mgmt/nftables.nft\"'")
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
            .ends_with(&format!("+ {}\n", load_again(&["inet fw"]))),
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
    // In any order of the tables
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
    // A valid file, followed by an invalid one: the first is restored
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
        let command = &format!("+ {}\n", load_again(&["inet fw", "ip second"]));
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
    // netns-setup ignores what others change inside a table
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
    // Only one family is loaded again, the other is not
    inside(&sandbox, "nft delete table ip6 filter");
    setup(&sandbox, "reload mgmt")
        .ok()
        .stdout("+ ip netns exec mgmt ip6tables-restore -w 5 /etc/netns/mgmt/iptables/rules.v6\n");
}

/// nft does not list the rules of iptables-legacy. These refer to links by name, so they stay,
/// whatever happens to a link.
#[test]
fn rules_of_iptables_legacy_stand_and_are_replaced_like_others() {
    let sandbox = sandbox(TWO);
    // As update-alternatives would do it
    sandbox
        .sh(
            "for tool in iptables ip6tables; do for part in '' -save -restore; do
                 ln -sf /usr/sbin/$tool-legacy$part /etc/alternatives/$tool$part || exit
             done; done",
        )
        .ok();
    let rules = |to: &str| {
        let icmp = if to == V4 { "icmp" } else { "ipv6-icmp" };
        format!("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -i p0 -p {icmp} -j DROP\nCOMMIT\n")
    };
    sandbox.write(V4, &rules(V4));
    sandbox.write(V6, &rules(V6));
    let stand = |sandbox: &Sandbox, how: &str, count: usize| {
        for (tool, icmp) in [("iptables", "icmp"), ("ip6tables", "ipv6-icmp")] {
            let saved = inside(sandbox, &format!("{tool}-legacy-save"));
            let rule = format!("-A INPUT -i p0 -p {icmp} -j DROP");
            assert_eq!(saved.matches(&rule).count(), count, "{how}: {saved}");
        }
        assert_eq!(inside(sandbox, "nft list tables"), "", "{how}");
        let ping = sandbox.sh("ping -q -c 1 -W 0.2 10.0.0.2").exit_code();
        assert_eq!(ping == 0, count == 0, "{how}");
    };
    setup(&sandbox, "up mgmt").ok();
    stand(&sandbox, "up", 1);
    setup(&sandbox, "status mgmt").ok();
    for how in [
        "true",
        "ip link del p0h",
        "ip -n mgmt link set eth1 netns 1",
        "ip link del p0h; ip link add p0h type veth peer p0 netns mgmt; ip -n mgmt link set p0 up",
    ] {
        sandbox.sh(how).ok();
        let run = setup(&sandbox, "reload mgmt").ok();
        assert!(
            !run.stdout.contains("iptables") && run.stderr.is_empty(),
            "{how}: {run}"
        );
        stand(&sandbox, how, 1);
        setup(&sandbox, "status mgmt").ok();
    }
    // Invalid rules leave the loaded ones; other rules replace them; without rules they are
    // removed
    sandbox.write(V4, &rules(V4).replace("icmp", "nonsense"));
    setup(&sandbox, "reload mgmt").code(111);
    stand(&sandbox, "a reload that was refused", 1);
    for (file, text) in [(V4, rules(V4)), (V6, rules(V6))] {
        sandbox.write(file, &text.replace("DROP", "ACCEPT"));
    }
    let run = setup(&sandbox, "reload mgmt").ok();
    assert_eq!(run.stdout.matches("tables-restore").count(), 2, "{run}");
    stand(&sandbox, "other rules", 0);
    sandbox.write(V4, &rules(V4));
    sandbox.write(V6, &rules(V6));
    setup(&sandbox, "down mgmt").ok();
    // The kernel deletes the pair that others created in the namespace some time later
    let gone = || sandbox.sh("! ip link show p0h").exit_code() == 0;
    assert!(wait_until(LIMIT, gone));
    let _watch = sandbox.spawn(&[NETNS_SETUP, "watch", "mgmt"]);
    let is_whole = "netns-setup status mgmt".replace("netns-setup", NETNS_SETUP);
    let is_whole = || sandbox.sh(&is_whole).exit_code() == 0;
    assert!(
        wait_until(LIMIT, is_whole),
        "{}",
        setup(&sandbox, "status mgmt")
    );
    stand(&sandbox, "a watch", 1);
    sandbox.sh("ip link del p0h").ok();
    assert!(wait_until(LIMIT, is_whole));
    stand(&sandbox, "a watch that made a link anew", 1);
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
    // A set is swapped while rules refer to it; a table that the file no longer has is emptied;
    // the host's rules never change
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
         netns-setup: write the rules there, or remove the setting\n\
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

/// Rules that are still being loaded must not arrive after those of the next call.
#[test]
fn what_loads_the_rules_ends_with_who_is_killed() {
    let sandbox = sandbox(SETTINGS);
    // Long enough to be interrupted while loading
    let element = |n: u32| format!("10.{}.{}.{},", n >> 16, n >> 8 & 255, n & 255);
    let elements: String = (0..100_000).map(element).collect();
    let set = format!("set s {{ type ipv4_addr; elements = {{ {elements} }}; }}");
    sandbox.write(NFT, &format!("table inet fw {{\n{set}\n}}\n"));
    let mut up = sandbox.spawn(&[common::NETNS_SETUP, "up", "mgmt"]);
    let loader = || {
        let found = sandbox.sh("grep -lx nft /proc/[0-9]*/comm").stdout;
        found.split('/').nth(2).map(str::to_string)
    };
    // From here on it does not end by itself
    let stop = |pid| sandbox.sh(&format!("kill -STOP {pid}")).exit_code() == 0;
    assert!(common::wait_until(common::LIMIT, || loader().is_some_and(stop)));
    kill(Pid::from_raw(up.pid()), Signal::SIGKILL).unwrap();
    assert_eq!(up.ended(), None);
    assert!(common::wait_until(Duration::from_secs(5), || loader().is_none()));
    setup(&sandbox, "down mgmt").ok();
}

/// Rules for every tool that refer to each other and to a link.
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
        // up reports the same error
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
        "netns-setup: mgmt: its rule files were read but not loaded: only root can load rules\n\
         netns-setup: type netns-setup check mgmt as root, on the host\n",
    );
    // Without rule files, there is nothing to report
    sandbox.sh(&format!("rm {NFT}")).ok();
    sandbox.sh(&call).ok().stderr("");
}

/// An included file, and who may write to it.
const BLOCK: &str = "chain block {\n\tip saddr 198.51.100.1 drop\n}\n";

#[test]
fn what_a_file_includes_is_trusted_compared_and_loaded_with_it() {
    let sandbox = sandbox(SETTINGS);
    let own = "/etc/netns/mgmt/nftables.d";
    sandbox.write("/etc/nftables.d/a.nft", "table inet hosts {\n}\n");
    sandbox.write(&format!("{own}/a.nft"), "include \"/run/rules/deep.nft\"\n");
    sandbox.write(&format!("{own}/b.nft~"), "nonsense\n");
    sandbox.write("/run/rules/deep.nft", BLOCK);
    sandbox.write("/etc/netns/mgmt/more.nft", "chain more {\n}\n");
    sandbox
        .sh("chmod 755 /run/rules; chmod 644 /run/rules/deep.nft")
        .ok();
    let main = "table inet fw { include \"/etc/nftables.d/*.nft\"; chain a {\n}\ninclude \"more.nft\"\n}\n\
                include \"/none/*.nft\"\n# include \"/none.nft\"\n";
    sandbox.write(NFT, main);
    setup(&sandbox, "check mgmt").ok().stdout("").stderr("");
    setup(&sandbox, "up mgmt").ok();
    let listed = inside(&sandbox, "nft list ruleset");
    for rule in ["198.51.100.1 drop", "chain a", "chain more"] {
        assert!(listed.contains(rule), "{listed}");
    }
    assert!(!listed.contains("hosts"), "{listed}");
    setup(&sandbox, "status mgmt").ok();
    // netns-exec shows the same files
    let typed = format!(
        "{} mgmt nft -I /etc/netns/mgmt -c -f {NFT}",
        common::NETNS_EXEC
    );
    sandbox.sh(&typed).ok();
    // An edit of each file is noticed, and a new file too
    for (file, text, rule) in [
        (
            "/run/rules/deep.nft",
            BLOCK.replace("100.1", "100.2"),
            "198.51.100.2",
        ),
        (
            "/etc/netns/mgmt/more.nft",
            "chain other {\n}\n".into(),
            "chain other",
        ),
        (&format!("{own}/c.nft"), "chain c {\n}\n".into(), "chain c"),
    ] {
        sandbox.write(file, &text);
        setup(&sandbox, "status mgmt").code(1);
        setup(&sandbox, "reload mgmt").ok();
        let listed = inside(&sandbox, "nft list ruleset");
        assert!(listed.contains(rule), "{listed}");
        setup(&sandbox, "status mgmt").ok();
    }
    let before = inside(&sandbox, "nft list ruleset");
    // An error names the file and line that contain it, at any depth
    for (file, text, expected) in [
        (
            "/run/rules/deep.nft",
            BLOCK.replace("drop", "drpo"),
            "/run/rules/deep.nft:2:",
        ),
        (
            "/run/rules/deep.nft",
            "include \"/run/rules/deep.nft\"\n".into(),
            "/run/rules/deep.nft:1: ",
        ),
        (
            "/run/rules/deep.nft",
            "include \"/none.nft\"\n".into(),
            "/run/rules/deep.nft:1: ",
        ),
        (
            "/run/rules/deep.nft",
            "include \"./none.nft\"\n".into(),
            "/run/rules/deep.nft:1: ",
        ),
        (
            "/run/rules/deep.nft",
            "include \"/run/rules\"\n".into(),
            "/run/rules: ",
        ),
        (
            NFT,
            main.replace("chain a {", "chain a { nonsense"),
            "nftables.nft:1:",
        ),
        (
            NFT,
            main.replace("\n}\ninc", "\n}\n nonsense\n"),
            "nftables.nft:3:2-",
        ),
        (NFT, "nonsense\n".into(), "nftables.nft:1:9-9:"),
    ] {
        let right = sandbox.read(file).unwrap();
        sandbox.write(file, &text);
        let run = setup(&sandbox, "reload mgmt");
        assert!([100, 111].contains(&run.exit_code()), "{run}");
        assert!(
            run.stderr.lines().next().unwrap().contains(expected),
            "{text}: {run}"
        );
        sandbox.write(file, &right);
        assert_eq!(inside(&sandbox, "nft list ruleset"), before, "{text}");
    }
    // A file that others can change is not loaded
    for (spoil, mend) in [
        (
            "chmod 666 /run/rules/deep.nft",
            "chmod 644 /run/rules/deep.nft",
        ),
        (
            "chown 65534 /run/rules/deep.nft",
            "chown 0 /run/rules/deep.nft",
        ),
        ("chmod 777 /run/rules", "chmod 755 /run/rules"),
        (
            "chmod 777 /etc/netns/mgmt/nftables.d",
            "chmod 755 /etc/netns/mgmt/nftables.d",
        ),
    ] {
        sandbox.sh(spoil).ok();
        let run = setup(&sandbox, "reload mgmt").code(100);
        assert!(run.stderr.contains("expected only root"), "{spoil}: {run}");
        sandbox.sh(mend).ok();
    }
    // Without a directory to bind over, programs inside would not see the included files
    sandbox.sh("rm -r /etc/nftables.d").ok();
    let run = setup(&sandbox, "reload mgmt").code(100);
    assert!(
        run.stderr
            .contains("include \"/etc/netns/mgmt/nftables.d/*.nft\""),
        "{run}"
    );
    write(&sandbox, &format!("{SETTINGS}netns_etc=overlay\n"));
    setup(&sandbox, "reload mgmt").ok();
    assert_eq!(inside(&sandbox, "nft list ruleset"), before);
}

#[test]
fn files_under_the_names_of_distributions_are_loaded() {
    let sandbox = sandbox(SETTINGS);
    let v4 = "*filter\n:INPUT DROP [0:0]\nCOMMIT\n";
    let etc = "/etc/netns/mgmt";
    for (ours, theirs, text, list, expected) in [
        (
            "nftables.nft",
            "nftables.conf",
            DROP,
            "nft list ruleset",
            "policy drop",
        ),
        (
            "iptables/rules.v4",
            "iptables/rules-save",
            v4,
            "iptables-save",
            ":INPUT DROP",
        ),
        (
            "iptables/rules.v4",
            "iptables/iptables.rules",
            v4,
            "iptables-save",
            ":INPUT DROP",
        ),
        (
            "iptables/rules.v6",
            "iptables/rules6-save",
            v4,
            "ip6tables-save",
            ":INPUT DROP",
        ),
        (
            "iptables/rules.v6",
            "iptables/ip6tables.rules",
            v4,
            "ip6tables-save",
            ":INPUT DROP",
        ),
        (
            "ipset.conf",
            "ipset.d/good",
            "# sets\nhash:ip\n192.0.2.9\n",
            "ipset save",
            "add good 192.0.2.9",
        ),
    ] {
        sandbox.write(&format!("{etc}/{theirs}"), text);
        setup(&sandbox, "check mgmt").ok().stderr("");
        setup(&sandbox, "up mgmt").ok();
        let listed = inside(&sandbox, list);
        assert!(listed.contains(expected), "{theirs}: {listed}");
        // Two files are an error
        sandbox.write(&format!("{etc}/{ours}"), text);
        let run = setup(&sandbox, "reload mgmt").code(100);
        assert!(
            run.stderr.contains(theirs.split("/good").next().unwrap()),
            "{run}"
        );
        assert!(run.stderr.contains(ours), "{run}");
        sandbox.sh(&format!("rm -r {etc}")).ok();
        setup(&sandbox, "reload mgmt").ok();
        let listed = inside(&sandbox, list);
        assert!(!listed.contains(expected), "{theirs}: {listed}");
        setup(&sandbox, "down mgmt").ok();
    }
}

#[test]
fn sets_are_read_however_they_are_written_again_and_again() {
    let sandbox = sandbox(SETTINGS);
    sandbox.write(
        V4,
        "*filter\n:INPUT DROP [0:0]\n-A INPUT -m set --match-set bad src -j DROP\nCOMMIT\n",
    );
    for (n, text) in [
        "create bad hash:ip\nadd bad 192.0.2.N\n",
        "create  bad  hash:ip\nadd\tbad   192.0.2.N\n",
        "# of today\n-N bad hash:ip comment\n\t-A bad 192.0.2.N comment \"a  b\"\n\n",
        "create bad hash:ip\ncreate tmp hash:ip\nadd tmp 192.0.2.N\nswap tmp bad\ndestroy tmp\n",
        "-exist create tmp hash:ip\nadd tmp 192.0.2.N\nrename tmp bad\n",
        "create bad hash:ip\nadd bad 192.0.2.9\nflush bad\nadd bad 192.0.2.N\n",
    ]
    .into_iter()
    .chain(["create bad hash:ip\nadd bad 192.0.2.N\n"])
    .enumerate()
    {
        let address = format!("192.0.2.{}", n + 20);
        sandbox.write(SETS, &text.replace("192.0.2.N", &address));
        setup(&sandbox, "check mgmt").ok().stderr("");
        for verb in ["up", "reload"] {
            setup(&sandbox, &format!("{verb} mgmt")).ok();
        }
        let saved = inside(&sandbox, "ipset save");
        assert_eq!(saved.matches("add ").count(), 1, "{text}: {saved}");
        assert!(
            saved.contains(&format!("add bad {address}")),
            "{text}: {saved}"
        );
        assert_eq!(inside(&sandbox, "ipset list -name"), "bad\n", "{text}");
        // An error at its end changes nothing, and the namespace stays ready
        sandbox.write(
            SETS,
            &(text.replace("192.0.2.N", "192.0.2.99") + "add nonsense 1\n"),
        );
        let run = setup(&sandbox, "reload mgmt").code(111);
        assert!(run.stderr.contains("nothing was changed"), "{run}");
        // Equal except for initval, which the kernel chooses
        let of_now = |saved: &str| {
            saved
                .split(" initval ")
                .map(|s| s[s.find('\n').unwrap_or(0)..].to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            of_now(&inside(&sandbox, "ipset save")),
            of_now(&saved),
            "{text}"
        );
        assert!(sandbox.read("/run/netns-services/mgmt/ready").is_some());
    }
}

/// Rules that refer to links by index and by hooks; each with an ingress hook.
const BY_INDEX: &str = "define outer = eth1
table inet fw {
	set bad {
		type ipv4_addr
		flags timeout
	}
	chain input {
		type filter hook input priority filter; policy accept;
		iif { p0, $outer } icmp type echo-request counter drop
		ip saddr @bad drop
	}
}
table netdev hooks {
	chain p0 {
		type filter hook ingress device p0 priority filter; policy accept;
		udp dport 9 counter
	}
}
";

const TWO: &str = "netns_links=\"p0 eth1\"
type_p0=veth
peer_p0=p0h
config_p0=10.0.0.2/24
peer_config_p0=10.0.0.1/24
config_eth1=192.0.2.10/24
";

#[test]
fn rules_that_hold_a_link_by_its_index_are_loaded_again_when_it_is_made_anew() {
    let sandbox = sandbox(TWO);
    sandbox.write(NFT, BY_INDEX);
    setup(&sandbox, "up mgmt").ok();
    let load = &format!("+ {}\n", load_again(&["inet fw", "netdev hooks"]));
    let again = |sandbox: &Sandbox, how: &str| {
        sandbox.sh(how).ok();
        inside(
            sandbox,
            "nft add element inet fw bad { 203.0.113.9 timeout 1h }",
        );
        inside(sandbox, "nft add rule inet fw input tcp dport 9 drop");
        setup(sandbox, "status mgmt").code(1);
        let run = setup(sandbox, "reload mgmt").ok();
        // Before it is up
        let (_, after) = run
            .stdout
            .split_once(load)
            .unwrap_or_else(|| panic!("{how}: {run}"));
        if run.stdout.contains(" up\n") {
            assert!(after.contains(" up\n"), "{how}: {run}");
        }
        assert!(run.stderr.contains("was recreated, and"), "{how}: {run}");
        setup(sandbox, "reload mgmt").ok().stdout("").stderr("");
        setup(sandbox, "status mgmt").ok();
        // The rules that referred to the link are restored, including the addresses that other
        // programs have banned
        sandbox
            .sh("python3 -c 'import socket; socket.socket(2, 2).sendto(b\"x\", (\"10.0.0.2\", 9))'")
            .ok();
        let listed = inside(sandbox, "nft list ruleset");
        assert!(
            listed.contains("udp dport 9 counter packets 1"),
            "{how}: {listed}"
        );
        assert!(listed.contains("203.0.113.9 timeout 1h"), "{how}: {listed}");
        for ping in ["ping 10.0.0.2", "ip netns exec far ping 192.0.2.10"] {
            let ping = ping.replace("ping ", "ping -q -c 1 -W 0.2 ");
            assert_eq!(sandbox.sh(&ping).exit_code(), 1, "{how}: {ping}");
        }
        let listed = inside(sandbox, "nft list ruleset");
        assert!(listed.contains("counter packets 2"), "{how}: {listed}");
    };
    for how in [
        "ip link del p0h",
        // As if a NIC is pulled out and plugged in
        "ip -n mgmt link set eth1 netns 1",
        // Others make it again
        "ip link del p0h; ip link add p0h type veth peer p0 netns mgmt; ip -n mgmt link set p0 up",
        "ip -n mgmt link set eth1 netns 1; ip link set eth1 down; ip link del p0h",
    ] {
        again(&sandbox, how);
    }
    // Rules that refer to links by name need not be loaded again
    sandbox.write(NFT, &DROP.replace("iif lo", "iifname p0"));
    setup(&sandbox, "reload mgmt").ok();
    sandbox.sh("ip link del p0h").ok();
    let run = setup(&sandbox, "reload mgmt").ok();
    assert!(!run.stdout.contains("nft"), "{run}");
}
