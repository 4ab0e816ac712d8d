//! Policy rules against real ip(8): what is read here ip takes too, and the kernel holds
//! the same after ip was given the text, after ip was given our own text of it, and after
//! netns-setup made it. Texts of no meaning are golden cases, in tests/conf.rs.
#![cfg(feature = "setup")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/random.rs"]
mod random;

use common::{NETNS_SETUP, Run, Sandbox};
use netns_services::model::PolicyRule;
use proptest::prelude::*;
use random::Random;
use serde_json::Value;

#[test]
fn a_rule_is_read_as_ip_reads_it_and_made_as_ip_makes_it() {
    let mut random = Random(0x706f_6c69_6379);
    let texts: Vec<String> = (0..400).map(|n| text(n, &mut random)).collect();
    let read = texts
        .iter()
        .filter_map(|text| Some((text.as_str(), text.parse().ok()?)));
    let read: Vec<(&str, PolicyRule)> = read.collect();
    println!("{} of {} texts were read", read.len(), texts.len());
    assert!(read.len() > 250, "too many are refused to prove anything");

    let as_written = Sandbox::new();
    as_written.sh("ip netns add mgmt").ok();
    let bare = |text: &str| {
        let family = text.starts_with("-6 ") || text.starts_with("-4 ");
        text[if family { 3 } else { 0 }..].to_string()
    };
    let adds = read.iter().map(|(text, rule)| add(rule.v6, &bare(text)));
    let said = as_written.sh(&adds.collect::<String>()).ok().stderr;
    assert_eq!(said, "", "ip did not take a rule that was read");
    let held = rules(&as_written);
    assert_eq!(held.len(), read.len() + 5);

    let made = Sandbox::new();
    let lines: Vec<&str> = read.iter().map(|(text, _)| *text).collect();
    write(&made, &lines.join("\n"));
    let script = setup(&made, "plan --script mgmt").ok().stdout;
    setup(&made, "up mgmt").ok();
    assert_eq!(rules(&made), held);
    setup(&made, "reload mgmt").ok().stdout("").stderr("");

    let as_printed = Sandbox::new();
    as_printed.write("/run/plan", &script);
    as_printed.sh("sh -e /run/plan").ok();
    assert_eq!(rules(&as_printed), held);

    // And away again, every one of them and no other
    write(&made, "");
    setup(&made, "reload mgmt").ok();
    assert_eq!(rules(&made).len(), 5);
}

#[test]
fn reload_takes_only_the_difference_and_others_rules_stay() {
    let host = Sandbox::new();
    write(
        &host,
        "from 10.1.0.0/16 table 10
        from 10.2.0.0/16 table 20 priority 100
        not fwmark 51820 table 51820; -6 not fwmark 51820 table 51820
        table main suppress_prefixlength 0",
    );
    let said = setup(&host, "up mgmt").ok().stdout;
    // As ip would number them, one after the other
    for line in [
        "+ ip -n mgmt rule add priority 32765 from 10.1.0.0/16 table 10\n",
        "+ ip -n mgmt rule add priority 100 from 10.2.0.0/16 table 20\n",
        "+ ip -n mgmt rule add priority 99 not fwmark 0xca6c table 51820\n",
        "+ ip -n mgmt -6 rule add priority 32765 not fwmark 0xca6c table 51820\n",
        "+ ip -n mgmt rule add priority 98 suppress_prefixlength 0 table 254\n",
    ] {
        assert!(said.contains(line), "{line} is not in\n{said}");
    }
    setup(&host, "up mgmt").ok().stdout("");
    host.sh("ip -n mgmt rule add from 10.1.0.0/16 table 10 priority 7")
        .ok();
    write(
        &host,
        "from 10.1.0.0/16 table 10; from 10.3.0.0/16 prohibit priority 90",
    );
    setup(&host, "reload mgmt").ok().stdout(
        "+ ip -n mgmt rule add priority 90 from 10.3.0.0/16 prohibit
+ ip -n mgmt rule delete priority 100 from 10.2.0.0/16 table 20
+ ip -n mgmt rule delete priority 99 not fwmark 0xca6c table 51820
+ ip -n mgmt -6 rule delete priority 32765 not fwmark 0xca6c table 51820
+ ip -n mgmt rule delete priority 98 suppress_prefixlength 0 table 254
",
    );
    setup(&host, "reload mgmt").ok().stdout("");
    let left: Vec<u64> = rules(&host)
        .iter()
        .map(|rule| rule["priority"].as_u64().unwrap())
        .collect();
    assert_eq!(left, [0, 7, 90, 32765, 32766, 32767, 0, 32766]);
    // What the kernel refuses is undone with the rest
    host.sh("ip -n mgmt rule delete priority 90; ip -n mgmt rule add priority 50 table 9")
        .ok();
    let before = rules(&host);
    write(
        &host,
        "from 10.4.0.0/16 table 10; from 10.3.0.0/16 prohibit priority 90; goto 60 priority 55 iif lo
        -6 to fe80::/64 iif lo table 10\nnetns_sysctl=net.ipv4.no_such_key=1",
    );
    host.write(
        "/etc/conf.d/netns.mgmt",
        "netns_rules='from 10.4.0.0/16 table 10'; netns_links=d0; type_d0=bridge; config_d0=10.9.0.1/24
        rules_d0='from 10.9.0.0/24 table 9'; routes_d0='192.0.2.0/24 via 10.9.0.2 table 9
        10.0.0.0/8 via 10.9.0.2 src 10.9.0.1 table 4294967295'; netns_sysctl=net.ipv4.no_such_key=1\n",
    );
    setup(&host, "reload mgmt").code(111);
    assert_eq!(rules(&host), before);
}

#[test]
fn what_others_made_or_deleted_is_not_taken_for_ours() {
    let host = Sandbox::new();
    write(
        &host,
        "from 10.1.0.0/16 table 10 priority 90; to 10.2.0.0/16 table 20 priority 80",
    );
    host.sh("ip netns add mgmt; ip -n mgmt rule add from 10.1.0.0/16 table 10 priority 90 suppress_ifgroup 5")
        .ok();
    setup(&host, "up mgmt")
        .ok()
        .stdout(
            "+ ip -n mgmt link set lo up
+ ip -n mgmt rule add priority 90 from 10.1.0.0/16 table 10
+ ip -n mgmt rule add priority 80 to 10.2.0.0/16 table 20
",
        )
        .stderr("");
    host.sh("ip -n mgmt rule delete priority 80").ok();
    write(&host, "from 10.1.0.0/16 table 10 priority 90");
    setup(&host, "reload mgmt").ok().stdout("").stderr("");
}

fn write(sandbox: &Sandbox, rules: &str) {
    sandbox.write(
        "/etc/conf.d/netns.mgmt",
        &format!("netns_rules='{rules}'\n"),
    );
}

#[track_caller]
fn setup(sandbox: &Sandbox, words: &str) -> Run {
    let words: Vec<&str> = [NETNS_SETUP].into_iter().chain(words.split(' ')).collect();
    sandbox.run(&words)
}

fn add(v6: bool, text: &str) -> String {
    let family = if v6 { "-6" } else { "-4" };
    format!("ip -n mgmt {family} rule add {text} || echo '{text}' >&2\n")
}

/// All of them, of both families, in the order in which they are asked.
fn rules(sandbox: &Sandbox) -> Vec<Value> {
    let family = |family| sandbox.ip_json(&format!("-n mgmt -N -d {family} rule"));
    let all = ["-4", "-6"].map(family);
    let all = all.iter().flat_map(|rules| rules.as_array().unwrap());
    all.cloned().collect()
}

/// A text that may or may not be a rule; `n` keeps it from being another's.
fn text(n: usize, random: &mut Random) -> String {
    let v6 = random.below(3) == 0;
    let mut parts: Vec<String> = Vec::new();
    if v6 || random.below(8) == 0 {
        parts.push((if v6 { "-6" } else { "-4" }).into());
    }
    let mut sometimes = |one_in, words: &[&str]| {
        if random.below(one_in) == 0 {
            parts.push(words[random.below(words.len())].into());
        }
    };
    sometimes(8, &["not"]);
    match v6 {
        true => {
            sometimes(
                2,
                &[
                    "from 2001:db8::/32",
                    "from all",
                    "from 2001:db8::7",
                    "from ::/0",
                ],
            );
            sometimes(3, &["to 2001:db8:1::/64", "to fe80::1", "to default"]);
        }
        false => {
            sometimes(
                2,
                &[
                    "from 10.0.0.0/8",
                    "from all",
                    "from 192.0.2.7",
                    "from 0.0.0.0/0",
                ],
            );
            sometimes(3, &["to 198.51.100.0/24", "to 192.0.2.1", "to any"]);
        }
    }
    sometimes(4, &["tos 0x10", "dsfield 8", "tos 0xb8", "tos 1"]);
    sometimes(
        4,
        &[
            "fwmark 1",
            "fwmark 0x10/0xff",
            "fwmark 0/0xffffffff",
            "fwmark 4294967295",
            "fwmark 7/7",
        ],
    );
    sometimes(4, &["iif lo", "dev eth1", "iif eth0.5"]);
    sometimes(6, &["oif eth1"]);
    sometimes(
        6,
        &[
            "uidrange 0-99",
            "uidrange 1000-4294967294",
            "uidrange 5-5",
            "uidrange 9-3",
        ],
    );
    sometimes(
        4,
        &[
            "ipproto tcp",
            "ipproto 17",
            "ipproto esp",
            "ipproto ipv6-icmp",
        ],
    );
    sometimes(
        4,
        &["sport 53", "sport 1000-2000", "sport 1-65534", "sport 0"],
    );
    sometimes(4, &["dport 22", "dport 22-22", "dport 80-79"]);
    let priority = ["priority", "pref", "preference", "order"][random.below(4)];
    if random.below(2) == 0 {
        parts.push(format!("{priority} {}", 30000 - n * 7));
    }
    // Each leads elsewhere, so that no two are one
    match random.below(8) {
        0 => parts.push(format!("goto {}", 30001 + n)),
        1 => parts.push(format!("uidrange {n}-{n} blackhole")),
        2 => parts.push(format!("uidrange {n}-{n} prohibit")),
        3 => parts.push(format!("uidrange {n}-{n} unreachable")),
        4 => parts.push(format!("uidrange {n}-{n} l3mdev")),
        5 => parts.push(format!("lookup {} sup_pl {}", 1000 + n, n % 32)),
        6 => parts.push(format!("uidrange {n}-{n}")),
        _ => parts.push(format!("table {}", 1000 + n)),
    }
    parts.join(" ")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn its_text_says_all_of_it(seed in 1..u64::MAX) {
        let mut random = Random(seed);
        let text = text(random.below(400), &mut random);
        if let Ok(rule) = text.parse::<PolicyRule>() {
            prop_assert_eq!(rule.to_string().parse::<PolicyRule>(), Ok(rule));
        }
    }

    #[test]
    fn no_text_makes_it_fall_over(text in "[a-z0-9:./ -]{0,60}") {
        let _ = text.parse::<PolicyRule>();
    }
}
