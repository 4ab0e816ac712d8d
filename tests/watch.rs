//! `netns-setup watch`: what happens to a namespace, by hand, by the host, by the kernel,
//! and that it is soon again what its settings say; and that while nothing happens nothing
//! is done. The kernel is real, and `ip` is the judge.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;
#[path = "common/far.rs"]
mod far;

use std::time::Duration;

use common::{Background, LIMIT, NETNS_EXEC, NETNS_SETUP, Sandbox, wait_until};
use far::{MGMT, dump, is_again, sandbox, setup, write};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A namespace without a card: a veth to the host and a bridge.
const PAIR: &str = "netns_links=\"v0 br0\"\ntype_v0=veth\npeer_v0=v0h\npeer_config_v0=10.0.0.1/24\nconfig_v0=10.0.0.2/24\nroutes_v0=\"default via 10.0.0.1\"\ntype_br0=bridge\nconfig_br0=10.9.0.1/24\n";

/// A watch that runs in a sandbox.
struct Watch<'a> {
    sandbox: &'a Sandbox,
    process: Background,
}

/// Start it, and wait until all is up and it listens.
#[track_caller]
fn watch(sandbox: &Sandbox) -> Watch<'_> {
    watch_by(sandbox, &format!("exec {NETNS_SETUP}"))
}

#[track_caller]
fn watch_by<'a>(sandbox: &'a Sandbox, program: &str) -> Watch<'a> {
    let script = format!("{program} watch mgmt >/run/out 2>/run/err");
    let watch = Watch {
        process: sandbox.spawn(&["sh", "-c", &script]),
        sandbox,
    };
    watch.soon("it is up", || {
        sandbox.read("/run/netns-services/mgmt/ready").is_some()
    });
    watch.is_quiet();
    watch
}

impl Watch<'_> {
    fn pid(&self) -> i32 {
        self.process.pid()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    fn out(&self) -> String {
        self.sandbox.read("/run/out").unwrap_or_default()
    }

    fn err(&self) -> String {
        self.sandbox.read("/run/err").unwrap_or_default()
    }

    /// Panics, and prints what was said, unless it is so soon.
    #[track_caller]
    fn soon(&self, what: &str, holds: impl FnMut() -> bool) {
        let so = wait_until(LIMIT, holds);
        assert!(
            so,
            "{what}: not so\nout:\n{}err:\n{}",
            self.out(),
            self.err()
        );
    }

    /// It waits for the kernel to tell it something, and has for a second.
    #[track_caller]
    fn is_quiet(&self) {
        let switches = || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
            let status = status.unwrap_or_default();
            let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
            lines.map(String::from).collect::<Vec<_>>()
        };
        self.soon("it is quiet", || {
            let before = switches();
            std::thread::sleep(Duration::from_millis(700));
            !before.is_empty() && switches() == before
        });
    }

    #[track_caller]
    fn ends(&mut self) {
        self.signal(Signal::SIGTERM);
        assert_eq!(
            self.process.ended(),
            Some(0),
            "{}{}",
            self.out(),
            self.err()
        );
    }
}

fn has_default(sandbox: &Sandbox) -> bool {
    let shown = sandbox.sh("ip -n mgmt route show default").stdout;
    !shown.is_empty()
}

/// The lines that stand in `after` and not in `before`, which it begins with.
#[track_caller]
fn since<'a>(before: &str, after: &'a str) -> &'a str {
    after.strip_prefix(before).unwrap()
}

#[test]
fn a_link_that_was_down_has_its_routes_and_addresses_again() {
    let sandbox = sandbox(MGMT);
    let mut watch = watch(&sandbox);
    let (before, out) = (dump(&sandbox, "-n mgmt"), watch.out());
    sandbox.sh("ip -n mgmt link set eth1 down").ok();
    watch.soon("the default route is back", || has_default(&sandbox));
    is_again(&sandbox, "-n mgmt", &before);
    // From the other side: no route is lost by that, and nothing is to be done
    watch.is_quiet();
    let mended = watch.out();
    let said = since(&out, &mended);
    assert!(
        said.contains("+ ip -n mgmt link set eth1 up # netns_links at /etc/conf.d/netns.mgmt:1\n"),
        "{said}"
    );
    assert!(
        said.contains("+ ip -n mgmt address add 2001:db8:10::10/64 dev eth1 # config_eth1 at"),
        "{said}"
    );
    assert!(said.contains("+ ip -n mgmt route add default via 192.0.2.1 dev eth1 # routes_eth1 at /etc/conf.d/netns.mgmt:3\n"), "{said}");
    sandbox
        .sh("ip -n far link set far1 down; sleep 0.4; ip -n far link set far1 up")
        .ok();
    is_again(&sandbox, "-n mgmt", &before);
    assert_eq!(watch.out(), mended);
    assert_eq!(watch.err(), "");
    watch.ends();
    is_again(&sandbox, "-n mgmt", &before);
}

#[test]
fn what_others_delete_comes_back_and_what_they_add_stays() {
    let settings = MGMT.to_string() + "netns_rules=\"to 198.18.0.0/15 lookup main priority 700\"\n";
    let sandbox = sandbox(&settings);
    let watch = watch(&sandbox);
    sandbox
        .sh("ip -n mgmt route add 203.0.113.0/24 via 192.0.2.1 && ip -n mgmt address add 192.0.2.77/24 dev eth1")
        .ok();
    let before = dump(&sandbox, "-n mgmt");
    for (deleted, again) in [
        (
            "route del default",
            "+ ip -n mgmt route add default via 192.0.2.1 dev eth1 # routes_eth1 at /etc/conf.d/netns.mgmt:3\n",
        ),
        (
            "address del 2001:db8:10::10/64 dev eth1",
            "+ ip -n mgmt address add 2001:db8:10::10/64 dev eth1 # config_eth1 at /etc/conf.d/netns.mgmt:2\n",
        ),
        (
            "link set eth1 mtu 1300",
            "+ ip -n mgmt link set eth1 mtu 1400 # mtu_eth1 at /etc/conf.d/netns.mgmt:5\n",
        ),
        (
            "rule del priority 700",
            "+ ip -n mgmt rule add priority 700 to 198.18.0.0/15 table 254 # netns_rules at /etc/conf.d/netns.mgmt:7\n",
        ),
    ] {
        watch.is_quiet();
        let out = watch.out();
        sandbox.sh(&format!("ip -n mgmt {deleted}")).ok();
        watch.soon(deleted, || since(&out, &watch.out()) == again);
        is_again(&sandbox, "-n mgmt", &before);
    }
    let text = sandbox.read("/etc/netns/mgmt/resolv.conf").unwrap();
    sandbox.sh("rm /etc/netns/mgmt/resolv.conf").ok();
    watch.soon("resolv.conf is back", || {
        sandbox.read("/etc/netns/mgmt/resolv.conf").as_ref() == Some(&text)
    });
    assert_eq!(watch.err(), "");
    setup(&sandbox, "status mgmt").ok();
}

#[test]
fn links_that_others_delete_are_made_again() {
    let sandbox = sandbox(PAIR);
    let watch = watch(&sandbox);
    let (inside, host) = (dump(&sandbox, "-n mgmt"), dump(&sandbox, ""));
    for deleted in [
        "-n mgmt link del v0",
        "link del v0h",
        "-n mgmt link del br0",
        "address flush dev v0h",
    ] {
        watch.is_quiet();
        let out = watch.out();
        sandbox.sh(&format!("ip {deleted}")).ok();
        watch.soon(deleted, || watch.out() != out);
        watch.is_quiet();
        setup(&sandbox, "plan mgmt").ok().stdout("");
        assert_eq!(
            dump(&sandbox, "-n mgmt")["address"]
                .as_array()
                .map(Vec::len),
            inside["address"].as_array().map(Vec::len)
        );
        assert_eq!(
            dump(&sandbox, "")["address"].as_array().map(Vec::len),
            host["address"].as_array().map(Vec::len)
        );
    }
    assert_eq!(watch.err(), "");
}

#[test]
fn a_card_that_is_pulled_out_is_said_and_comes_in_again_when_it_is_back() {
    let sandbox = sandbox(&format!(
        "{}{}",
        MGMT.replace("eth1\"", "eth1 br0\"")
            .replace("2001:db8:10::10/64", ""),
        "type_br0=bridge\nconfig_br0=10.9.0.1/24\n"
    ));
    let mut watch = watch(&sandbox);
    let before = dump(&sandbox, "-n mgmt");
    sandbox.sh("ip -n mgmt link del eth1").ok();
    watch.soon("it is said", || {
        watch.err().contains(
            "netns-setup: /etc/conf.d/netns.mgmt:1: netns_links: the host has no link eth1\n",
        )
    });
    watch.is_quiet();
    let said = watch.err();
    assert_eq!(said.lines().count(), 2, "{said}");
    // What does not hang on the card is kept all the same
    sandbox
        .sh("ip -n mgmt address del 10.9.0.1/24 dev br0")
        .ok();
    watch.soon("br0 is mended", || {
        sandbox
            .sh("ip -n mgmt -br address")
            .stdout
            .contains("10.9.0.1")
    });
    // A card that comes under another name first, and is renamed by what gives names
    sandbox.sh("ip link add new0 mtu 1500 address 52:54:00:00:00:01 type veth peer name far1 address 52:54:00:00:00:02 netns far; ip -n far address add 192.0.2.1/24 dev far1; ip -n far address add 192.0.2.254/24 dev far1; ip -n far link set far1 up; ip link set new0 name eth1").ok();
    watch.soon("it is inside", || {
        sandbox.sh("ip -n mgmt -br link").stdout.contains("eth1")
    });
    is_again(&sandbox, "-n mgmt", &before);
    watch.soon("that is said", || {
        watch.out().contains("mgmt: is as its settings say again\n")
    });
    assert_eq!(watch.err(), said);
    watch.ends();
}

#[test]
fn a_card_that_is_renamed_right_after_it_came_is_not_taken_for_another() {
    let sandbox = sandbox(MGMT);
    let watch = watch(&sandbox);
    sandbox.sh("ip -n mgmt link del eth1").ok();
    watch.soon("it is said", || watch.err().contains("no link eth1"));
    watch.is_quiet();
    sandbox
        .sh("ip link add eth1 type veth peer name other; sleep 0.1; ip link set eth1 name lan7")
        .ok();
    watch.is_quiet();
    assert!(sandbox.sh("ip -br link").stdout.contains("lan7"));
    assert!(!sandbox.sh("ip -n mgmt -br link").stdout.contains("eth1"));
}

#[test]
fn a_macvlan_follows_its_parent() {
    let sandbox = sandbox("netns_links=m0\ntype_m0=macvlan\nlink_m0=up0\nconfig_m0=10.7.0.2/24\n");
    sandbox
        .sh("ip link add up0 type veth peer name up1 && ip link set up0 up && ip link set up1 up")
        .ok();
    let watch = watch(&sandbox);
    let before = dump(&sandbox, "-n mgmt");
    sandbox.sh("ip link del up0").ok();
    watch.soon("it is said", || {
        watch
            .err()
            .contains("there is no link up0 on the host, which m0 lies on")
    });
    watch.is_quiet();
    sandbox
        .sh("ip link add up0 type veth peer name up1 && ip link set up0 up && ip link set up1 up")
        .ok();
    watch.soon("m0 is back", || {
        sandbox
            .sh("ip -n mgmt -br address")
            .stdout
            .contains("10.7.0.2")
    });
    assert_eq!(
        dump(&sandbox, "-n mgmt")["address"]
            .as_array()
            .map(Vec::len),
        before["address"].as_array().map(Vec::len)
    );
    setup(&sandbox, "status mgmt").ok();
}

#[test]
fn a_parent_in_a_namespace_that_others_make_again_is_found_there() {
    let sandbox = sandbox(
        "netns_links=m0\ntype_m0=macvlan\nlink_m0=up0\nlink_netns_m0=low\nconfig_m0=10.7.0.2/24\n",
    );
    let make = "ip netns add low && ip -n low link add up0 type veth peer name up1 && ip -n low link set up0 up";
    sandbox.sh(make).ok();
    let watch = watch(&sandbox);
    // Something that dies only with the namespace: nothing of ours keeps it alive
    sandbox
        .sh("ip -n low link add dying type veth peer name alive netns 1")
        .ok();
    sandbox.sh("ip netns del low").ok();
    watch.soon("the old one is dead", || {
        !sandbox.sh("ip -br link").stdout.contains("alive")
    });
    watch.soon("it is said", || {
        watch.err().contains("there is no link up0 in low")
    });
    sandbox.sh(make).ok();
    watch.soon("m0 is back", || {
        sandbox
            .sh("ip -n mgmt -br address")
            .stdout
            .contains("10.7.0.2")
    });
}

#[test]
fn rules_that_others_flush_are_loaded_again() {
    let sandbox = sandbox(PAIR);
    sandbox.write("/etc/netns/mgmt/nftables.nft", "table inet guard {\n chain in {\n  type filter hook input priority 0; policy drop;\n  ct state established accept\n }\n}\n");
    let watch = watch(&sandbox);
    let rules = "ip netns exec mgmt nft list ruleset";
    let before = sandbox.sh(rules).ok().stdout;
    assert!(before.contains("table inet guard"));
    sandbox
        .sh("ip netns exec mgmt nft add table inet theirs")
        .ok();
    sandbox.sh("ip netns exec mgmt nft flush ruleset").ok();
    watch.soon("the table is back", || sandbox.sh(rules).stdout == before);
    assert!(
        watch
            .out()
            .contains("+ ip netns exec mgmt nft -f /etc/netns/mgmt/nftables.nft"),
        "{}",
        watch.out()
    );
    assert_eq!(watch.err(), "");
}

#[test]
fn a_resolv_conf_that_is_renamed_over_is_bound_again_in_every_service() {
    let sandbox = sandbox(MGMT);
    let watch = watch(&sandbox);
    let script = "while read -r file; do head -n 2 \"$file\" | tail -n 1; done";
    let mut services: Vec<_> = (0..3)
        .map(|_| sandbox.spawn(&[NETNS_EXEC, "mgmt", "sh", "-c", script]))
        .collect();
    let mut sees = |what: &str| {
        services.iter_mut().all(|service| {
            service.say("/etc/resolv.conf\n");
            service.line() == what
        })
    };
    assert!(sees("nameserver 192.0.2.53"));
    for round in 0..3 {
        sandbox.sh("printf 'search x\\nnameserver 192.0.2.99\\n' >/etc/new && mv /etc/new /etc/resolv.conf").ok();
        watch.soon(&format!("round {round}"), || sees("nameserver 192.0.2.53"));
    }
    sandbox
        .sh("rm /etc/resolv.conf; sleep 0.1; echo >/etc/resolv.conf")
        .ok();
    watch.soon("removed and made again", || sees("nameserver 192.0.2.53"));
    let out = watch.out();
    assert!(
        out.contains("mgmt: bound again /etc/resolv.conf for "),
        "{out}"
    );
    // Others' files in /etc are no concern of ours
    watch.is_quiet();
    let out = watch.out();
    sandbox.sh("echo >/etc/new && mv /etc/new /etc/other").ok();
    watch.is_quiet();
    assert_eq!(watch.out(), out);
    assert_eq!(watch.err(), "");
}

#[test]
fn a_namespace_that_others_delete_is_made_again_and_the_old_one_dies() {
    let sandbox = sandbox(&(PAIR.to_string() + "netns_post_up='echo $NETNS_NAME >>/run/hooked'\n"));
    let watch = watch(&sandbox);
    let before = dump(&sandbox, "-n mgmt");
    sandbox
        .sh("ip -n mgmt link add dying type veth peer name alive netns 1")
        .ok();
    sandbox.sh("ip netns del mgmt").ok();
    watch.soon("the old one is dead", || {
        !sandbox.sh("ip -br link").stdout.contains("alive")
    });
    watch.soon("it is whole", || {
        let same = |what: &str| {
            dump(&sandbox, "-n mgmt")[what].as_array().map(Vec::len)
                == before[what].as_array().map(Vec::len)
        };
        sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).exit_code() == 0
            && same("address")
            && same("route")
    });
    watch.is_quiet();
    setup(&sandbox, "status mgmt").ok();
    assert_eq!(sandbox.read("/run/hooked").as_deref(), Some("mgmt\nmgmt\n"));
    // What is there now is listened to
    sandbox.sh("ip -n mgmt route del default").ok();
    watch.soon("it is kept", || has_default(&sandbox));
    assert_eq!(watch.err(), "");
    setup(&sandbox, "down mgmt").ok();
    assert!(!sandbox.sh("ip -br link").stdout.contains("v0h"));
}

#[test]
fn down_by_hand_means_down_until_it_is_brought_up_again() {
    let sandbox = sandbox(MGMT);
    let before = dump(&sandbox, "");
    let mut watch = watch(&sandbox);
    setup(&sandbox, "down mgmt").ok();
    watch.soon("it is said", || {
        watch
            .err()
            .contains("mgmt: was taken down; it stays so until netns-setup up mgmt, or a HUP\n")
    });
    watch.is_quiet();
    is_again(&sandbox, "", &before);
    assert!(!sandbox.sh("ls /run/netns").stdout.contains("mgmt"));
    setup(&sandbox, "up mgmt").ok();
    watch.soon("that is said", || {
        watch.out().contains("mgmt: is up again\n")
    });
    watch.is_quiet();
    let delete_default = || {
        sandbox.sh("ip -n mgmt route del default").ok();
        watch.soon("it is kept", || has_default(&sandbox));
    };
    delete_default();
    setup(&sandbox, "down mgmt").ok();
    watch.is_quiet();
    watch.signal(Signal::SIGHUP);
    watch.soon("HUP brings it up", || {
        sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).exit_code() == 0
    });
    watch.is_quiet();
    delete_default();
    // With nobody to keep it from, the end is the end
    setup(&sandbox, "down mgmt").ok();
    watch.ends();
    is_again(&sandbox, "", &before);
}

#[test]
fn a_reload_by_hand_is_not_fought() {
    let sandbox = sandbox(MGMT);
    let watch = watch(&sandbox);
    write(&sandbox, &MGMT.replace("192.0.2.10/24", "192.0.2.20/24"));
    setup(&sandbox, "reload mgmt").ok();
    watch.is_quiet();
    sandbox.sh("ip -n mgmt route del default").ok();
    watch.soon("it is kept", || has_default(&sandbox));
    watch.is_quiet();
    let addresses = sandbox.sh("ip -n mgmt -br address").stdout;
    assert!(
        addresses.contains("192.0.2.20/24") && !addresses.contains("192.0.2.10/24"),
        "{addresses}"
    );
    assert!(!watch.out().contains("192.0.2.20/24"), "{}", watch.out());
    assert_eq!(watch.err(), "");
    setup(&sandbox, "status mgmt").ok();
}

#[test]
fn a_hup_reads_the_settings_again_and_listens_to_what_they_name() {
    let sandbox = sandbox(PAIR);
    let mut watch = watch(&sandbox);
    sandbox.sh("ip link add up0 type veth peer name up1").ok();
    let more = PAIR.replace("v0 br0", "v0 br0 m0") + "type_m0=macvlan\nlink_m0=up0\n";
    write(&sandbox, &more);
    watch.signal(Signal::SIGHUP);
    watch.soon("m0 is there", || {
        sandbox.sh("ip -n mgmt -br link").stdout.contains("m0@")
    });
    watch.is_quiet();
    sandbox.sh("ip link del up0").ok();
    watch.soon("it is said", || {
        watch.err().contains("there is no link up0")
    });
    sandbox.sh("ip link add up0 type veth peer name up1").ok();
    watch.soon("m0 is back", || {
        sandbox.sh("ip -n mgmt -br link").stdout.contains("m0@")
    });
    watch.is_quiet();
    write(&sandbox, "netns_links=\"v0\"\nconfig_v0=nonsense\n");
    watch.signal(Signal::SIGHUP);
    watch.soon("wrong settings are said", || {
        watch.err().contains("nonsense")
    });
    sandbox.sh("ip -n mgmt link del br0").ok();
    watch.soon("and what was is kept", || {
        sandbox.sh("ip -n mgmt -br link").stdout.contains("br0")
    });
    write(&sandbox, PAIR);
    watch.signal(Signal::SIGHUP);
    watch.soon("m0 is gone", || {
        !sandbox.sh("ip -n mgmt -br link").stdout.contains("m0")
    });
    watch.ends();
    assert!(
        sandbox
            .sh("ip -n mgmt -br address")
            .stdout
            .contains("10.0.0.2/24")
    );
}

#[test]
fn a_refusal_is_said_once_and_tried_again_until_it_is_none() {
    let sandbox = sandbox(PAIR);
    let watch = watch(&sandbox);
    // IPv4 routes cannot be added while a link has no room for them
    sandbox
        .sh("mkdir -p /run/hold && mv /etc/netns /run/hold/ 2>/dev/null; : >/etc/netns")
        .ok();
    write(&sandbox, &(PAIR.to_string() + "netns_dns=192.0.2.53\n"));
    sandbox.sh("rm /etc/netns").ok();
    watch.signal(Signal::SIGHUP);
    watch.soon("the file is there", || {
        sandbox.read("/etc/netns/mgmt/resolv.conf").is_some()
    });
    watch.is_quiet();
    sandbox.sh("rm -r /etc/netns && : >/etc/netns").ok();
    watch.soon("it is said", || {
        watch
            .err()
            .contains("cannot run \"mkdir -p /etc/netns/mgmt")
    });
    let said = watch.err();
    std::thread::sleep(Duration::from_millis(3500));
    assert_eq!(watch.err(), said);
    sandbox.sh("rm /etc/netns").ok();
    watch.soon("it was tried again", || {
        sandbox.read("/etc/netns/mgmt/resolv.conf").is_some()
    });
    watch.soon("that is said", || {
        watch
            .out()
            .ends_with("mgmt: is as its settings say again\n")
    });
    assert_eq!(watch.err(), said);
}

#[test]
fn a_storm_of_events_ends_where_it_should() {
    let sandbox = sandbox(MGMT);
    let mut watch = watch(&sandbox);
    let before = dump(&sandbox, "-n mgmt");
    let flaps = "i=0; while [ $i -lt 1000 ]; do echo 'link set eth1 down'; echo 'link set eth1 up'; i=$((i+1)); done | ip -n mgmt -batch -";
    sandbox.sh(flaps).ok();
    is_again(&sandbox, "-n mgmt", &before);
    watch.is_quiet();
    let lines = watch.out().lines().count();
    assert!(lines < 400, "{lines} lines are a flood");
    // So many that there is no room for them, while it cannot read
    watch.signal(Signal::SIGSTOP);
    sandbox.sh(flaps).ok();
    watch.signal(Signal::SIGCONT);
    is_again(&sandbox, "-n mgmt", &before);
    assert_eq!(watch.err(), "");
    watch.ends();
}

#[test]
fn while_nothing_happens_nothing_is_done() {
    let sandbox = sandbox(MGMT);
    let watch = watch(&sandbox);
    // It has healed, so that whatever that leaves behind is there too
    sandbox.sh("ip -n mgmt route del default").ok();
    watch.soon("it is kept", || has_default(&sandbox));
    watch.is_quiet();
    let pid = watch.pid();
    let calls = |seconds: u32, meanwhile: &str| {
        let mut strace = std::process::Command::new("sh");
        strace.args([
            "-c",
            &format!("timeout -s INT {seconds} strace -f -qq -o /dev/stdout -p {pid}"),
        ]);
        strace
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped());
        let child = strace.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(500));
        sandbox.sh(meanwhile).ok();
        let said = child.wait_with_output().unwrap();
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    let said = calls(5, ":");
    // The one it waits in is shown when strace comes and when it goes
    assert!(
        said.lines().count() <= 2 && said.contains("epoll_"),
        "{said}"
    );
    // Another's link on a busy host wakes it, to read that and no more
    let said = calls(
        3,
        "ip link add noise type veth peer name noise1; for i in 1 2 3 4; do ip link set noise up; ip link set noise down; done",
    );
    let other = said.lines().filter(|line| {
        !["epoll_", "recvfrom(", "EAGAIN"]
            .iter()
            .any(|call| line.contains(call))
    });
    assert_eq!(other.count(), 0, "{said}");
    assert_eq!(watch.err(), "");
}

#[test]
fn term_in_the_middle_of_a_change_ends_it_when_the_change_is_made() {
    let sandbox = sandbox(&(PAIR.to_string() + "netns_nftables=/run/rules.nft\n"));
    // Rules that take a while to load: nft reads a pipe
    sandbox.write("/run/rules.nft", "table inet guard {\n}\n");
    let mut watch = watch(&sandbox);
    sandbox
        .sh("mkdir -p /run/slow && cp /usr/sbin/nft /run/nft && printf '#!/bin/sh\\n: >/run/slow/$$\\nsleep 2\\nexec /run/nft \"$@\"\\n' >/run/nft.slow && chmod +x /run/nft.slow && mount --bind /run/nft.slow /usr/sbin/nft")
        .ok();
    sandbox.sh("ip -n mgmt link set v0 down").ok();
    watch.soon("it is at work", || {
        !sandbox.sh("ls /run/slow").stdout.is_empty()
    });
    watch.signal(Signal::SIGTERM);
    assert_eq!(watch.process.ended(), Some(0));
    assert!(has_default(&sandbox), "{}{}", watch.out(), watch.err());
}

#[test]
fn while_another_netns_setup_is_at_work_it_waits() {
    let sandbox = sandbox(MGMT);
    let watch = watch(&sandbox);
    let mut other = sandbox.spawn(&["flock", "/run/netns-services/mgmt/lock", "cat"]);
    other.say("locked\n");
    assert_eq!(other.line(), "locked");
    sandbox.sh("ip -n mgmt route del default").ok();
    std::thread::sleep(Duration::from_secs(1));
    assert!(!has_default(&sandbox));
    drop(other.child.stdin.take());
    watch.soon("it is mended", || has_default(&sandbox));
    assert_eq!(watch.err(), "");
}
