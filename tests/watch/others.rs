//! What people and other programs do with the complete namespace: a watch works beside
//! them, and follows the commands that it is given.

use std::time::Duration;

use crate::common::{NETNS_EXEC, NETNS_SETUP};
use crate::far::{MGMT, dump, is_again, sandbox, setup, write};
use crate::{PAIR, begin_by, has_default, watch};
use nix::sys::signal::Signal;

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
    // It listens in the new namespace
    sandbox.sh("ip -n mgmt route del default").ok();
    watch.soon("it is kept", || has_default(&sandbox));
    assert_eq!(watch.err(), "");
    setup(&sandbox, "down mgmt").ok();
    assert!(!sandbox.sh("ip -br link").stdout.contains("v0h"));
}

/// ip(8) deletes a name in two system calls, and a busy machine may let others run between them. The
/// file that is there meanwhile is left to it.
#[test]
fn a_name_that_others_are_about_to_delete_is_made_again_after_that() {
    let sandbox = sandbox(PAIR);
    let watch = watch(&sandbox);
    let slow = "strace -qq -o /dev/null -e trace=umount2 -e inject=umount2:delay_exit=400000";
    let event = "ip netns exec mgmt sh -c 'sleep 0.2; ip route delete default'";
    sandbox
        .sh(&format!("{event} & {slow} ip netns delete mgmt"))
        .ok();
    watch.soon("it is up again", || {
        sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).exit_code() == 0
    });
    watch.is_quiet();
    setup(&sandbox, "status mgmt").ok();
    let mounted = sandbox.sh("grep -c ' /run/netns/mgmt ' /proc/self/mountinfo");
    mounted.ok().stdout("1\n");
    assert_eq!(watch.err(), "");
}

/// The namespace is deleted while the watch is about to repair something in it: between its check
/// and its lock.
#[test]
fn a_namespace_that_is_deleted_during_a_check_gets_the_hooks_of_an_up() {
    let sandbox = sandbox(&(PAIR.to_string() + "netns_post_up='echo $NETNS_NAME >>/run/hooked'\n"));
    let slow = "strace -f -qq -o /dev/null -e trace=flock -e inject=flock:delay_enter=500000";
    let watch = begin_by(&sandbox, &format!("{slow} {NETNS_SETUP}"));
    let hooked = |lines: usize| {
        let hooked = sandbox.read("/run/hooked").unwrap_or_default();
        hooked.lines().count() == lines
    };
    watch.soon("it is up", || hooked(1));
    watch.is_quiet();
    sandbox
        .sh("ip -n mgmt route del default; sleep 0.1; ip netns del mgmt")
        .ok();
    watch.soon("it is up again, with its hook", || hooked(2));
    watch.soon("it is ready", || {
        sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).exit_code() == 0
    });
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
            // The message begins in another way if the watch checks in the middle of the down
            .contains("; it stays that way until you run netns-setup up mgmt or send HUP\n")
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
    // Then the namespace is taken down, and the watch must end
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
fn a_reload_by_hand_that_changes_nothing_is_noticed_and_one_that_is_refused_is_not() {
    let sandbox = sandbox(PAIR);
    let mut watch = watch(&sandbox);
    let hooked = format!("{PAIR}netns_post_up='touch /run/hooked'\n");
    write(&sandbox, &hooked);
    setup(&sandbox, "reload mgmt").ok().stdout("");
    watch.is_quiet();
    // A change that the kernel rejects when the links before it are made
    let more = hooked.replace("10.0.0.2/24", "10.0.0.9/24");
    let refused = more.replace("v0 br0", "v0 br0 br1 m0")
        + "type_br1=bridge\ntype_m0=macvlan\nlink_m0=up0\nmtu_m0=1500\n";
    sandbox.sh("ip link add up0 mtu 1400 type bridge").ok();
    write(&sandbox, &refused);
    let run = setup(&sandbox, "reload mgmt").code(111);
    assert!(run.stderr.contains("have been undone"), "{run}");
    watch.is_quiet();
    sandbox.sh("ip netns delete mgmt").ok();
    watch.soon("the hook of the first is run", || {
        sandbox.read("/run/hooked").is_some()
    });
    watch.is_quiet();
    let addresses = sandbox.sh("ip -n mgmt -br address").stdout;
    assert!(
        addresses.contains("10.0.0.2/24") && !addresses.contains("10.0.0.9"),
        "{addresses}"
    );
    watch.ends();
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
    // IPv4 routes cannot be added while the MTU of the link is too small
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
    // The watch is stopped, so that it does not create the directory again in between
    watch.signal(Signal::SIGSTOP);
    sandbox.sh("rm -r /etc/netns && : >/etc/netns").ok();
    watch.signal(Signal::SIGCONT);
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
        watch.out().ends_with("mgmt: matches its settings again\n")
    });
    assert_eq!(watch.err(), said);
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

#[test]
fn a_default_route_of_a_vpn_client_is_not_replaced_in_silence() {
    let sandbox = sandbox(PAIR);
    let tunnel = "ip -n mgmt tuntap add tun0 mode tun && ip -n mgmt link set tun0 up";
    let takes_over = "ip -n mgmt route replace default dev tun0";
    let said = "netns-setup: mgmt: the route \"default dev tun0\" was made by another program and has been replaced\n\
                netns-setup: asked for by routes_v0 at /etc/conf.d/netns.mgmt:6; if a VPN client made it, traffic now bypasses its tunnel; let it add routes beside this one, as OpenVPN does with redirect-gateway def1\n";
    setup(&sandbox, "up mgmt").ok().stderr("");
    sandbox.sh(tunnel).ok();
    for verb in ["up", "reload"] {
        sandbox.sh(takes_over).ok();
        setup(&sandbox, &format!("{verb} mgmt")).ok().stderr(said);
        // netns-setup replaces what it made itself
        let by = ["10.0.0.7", "10.0.0.1"];
        for gateway in by {
            write(
                &sandbox,
                &PAIR.replace("via 10.0.0.1", &format!("via {gateway}")),
            );
            setup(&sandbox, "reload mgmt").ok().stderr("");
        }
    }
    let watch = watch(&sandbox);
    sandbox.sh(takes_over).ok();
    watch.soon("it is said", || watch.err() == said);
    let by_us = || sandbox.sh("ip -n mgmt route show default").ok().stdout;
    assert!(by_us().starts_with("default via 10.0.0.1 "), "{}", by_us());
    // redirect-gateway def1: two more specific routes, which netns-setup does not replace
    let beside = "for net in 0.0.0.0/1 128.0.0.0/1; do ip -n mgmt route add $net dev tun0; done";
    sandbox.sh(beside).ok();
    watch.is_quiet();
    assert_eq!(watch.err(), said);
    let to = sandbox.sh("ip -n mgmt route show").ok().stdout;
    assert!(
        to.contains("0.0.0.0/1 dev tun0") && to.contains("128.0.0.0/1 dev tun0"),
        "{to}"
    );
}
