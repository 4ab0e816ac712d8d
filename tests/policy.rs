//! Policy rules compared with the real ip(8): ip accepts each rule that the parser
//! accepts. The kernel has the same rule after ip was given the original text, after ip
//! was given the text that we print, and after netns-setup added it. tests/conf.rs has
//! the invalid texts.
#![cfg(feature = "setup")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/policy_texts.rs"]
mod policy_texts;
#[path = "common/random.rs"]
mod random;

use common::{NETNS_SETUP, Run, Sandbox};
use netns_services::model::Rule;
use policy_texts::text;
use random::Random;
use serde_json::Value;

#[test]
fn a_rule_is_read_as_ip_reads_it_and_made_as_ip_makes_it() {
    let mut random = Random(0x706f_6c69_6379);
    let texts: Vec<String> = (0..400).map(|n| text(n, &mut random)).collect();
    let read = texts
        .iter()
        .filter_map(|text| Some((text.as_str(), text.parse().ok()?)));
    let read: Vec<(&str, Rule)> = read.collect();
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

    // And all of them are removed again, and no others
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
    // With the priorities that ip would give them, one after the other
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
    // A change that the kernel rejects is undone with the others
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

/// All rules of both families, in the order in which the kernel tries them.
fn rules(sandbox: &Sandbox) -> Vec<Value> {
    let family = |family| sandbox.ip_json(&format!("-n mgmt -N -d {family} rule"));
    let all = ["-4", "-6"].map(family);
    let all = all.iter().flat_map(|rules| rules.as_array().unwrap());
    all.cloned().collect()
}
