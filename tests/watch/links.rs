//! What others remove from a namespace: links, NICs, addresses, routes.

use crate::far::{MGMT, dump, is_again, sandbox, setup};
use crate::{PAIR, has_default, since, watch};

#[test]
fn a_link_that_was_down_has_its_routes_and_addresses_again() {
    let sandbox = sandbox(MGMT);
    let mut watch = watch(&sandbox);
    let (before, out) = (dump(&sandbox, "-n mgmt"), watch.out());
    sandbox.sh("ip -n mgmt link set eth1 down").ok();
    watch.soon("the default route is back", || has_default(&sandbox));
    is_again(&sandbox, "-n mgmt", &before);
    // From the other side: no route is lost, and there is nothing to do
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

/// Rules that refer to the link by its index, and by a hook.
const BY_INDEX: &str = "table inet fw {
	chain input {
		type filter hook input priority filter; policy accept;
		iif v0 icmp type echo-request counter drop
	}
}
";

#[test]
fn a_link_that_is_made_again_is_filtered_before_it_is_up() {
    let sandbox = sandbox(PAIR);
    sandbox.write("/etc/netns/mgmt/nftables.nft", BY_INDEX);
    let watch = watch(&sandbox);
    let ping = || sandbox.sh("ping -q -c 1 -W 0.2 10.0.0.2").exit_code();
    assert_eq!(ping(), 1);
    for deleted in ["v0h", "v0h"] {
        let out = watch.out();
        sandbox.sh(&format!("ip link del {deleted}")).ok();
        watch.soon("it is there again", || has_default(&sandbox));
        watch.is_quiet();
        let said = watch.out()[out.len()..].to_string();
        let (_, after) = said
            .split_once("include \"/etc/netns/mgmt/nftables.nft\"")
            .unwrap();
        assert!(after.contains("link set v0 up"), "{said}");
        assert_eq!(ping(), 1, "{said}");
    }
    assert!(
        watch.err().contains("v0 was recreated, and"),
        "{}",
        watch.err()
    );
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
    // What does not depend on the NIC is still repaired
    sandbox
        .sh("ip -n mgmt address del 10.9.0.1/24 dev br0")
        .ok();
    watch.soon("br0 is mended", || {
        sandbox
            .sh("ip -n mgmt -br address")
            .stdout
            .contains("10.9.0.1")
    });
    // A NIC that appears under another name first, and is renamed by udev or mdev
    sandbox.sh("ip link add new0 mtu 1500 address 52:54:00:00:00:01 type veth peer name far1 address 52:54:00:00:00:02 netns far; ip -n far address add 192.0.2.1/24 dev far1; ip -n far address add 192.0.2.254/24 dev far1; ip -n far link set far1 up; ip link set new0 name eth1").ok();
    watch.soon("it is inside", || {
        sandbox.sh("ip -n mgmt -br link").stdout.contains("eth1")
    });
    is_again(&sandbox, "-n mgmt", &before);
    watch.soon("that is said", || {
        watch.out().contains("mgmt: matches its settings again\n")
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
    // Something that exists as long as the namespace does: nothing of ours keeps it alive
    sandbox
        .sh("ip -n low link add dying type veth peer name alive netns 1")
        .ok();
    sandbox.sh("ip netns del low").ok();
    watch.soon("the old one is dead", || {
        !sandbox.sh("ip -br link").stdout.contains("alive")
    });
    watch.soon("it is said", || {
        watch.err().contains("there is no namespace low, where up0")
    });
    // What `ip netns add` does, slowly: the file exists for a while before the namespace is
    // bound over it, and no event reports that
    sandbox
        .sh("touch /run/netns/low; sleep 1.5; unshare --net=/run/netns/low true")
        .ok();
    let make = "ip -n low link add up0 type veth peer name up1 && ip -n low link set up0 up";
    sandbox.sh(make).ok();
    watch.soon("m0 is back", || {
        sandbox
            .sh("ip -n mgmt -br address")
            .stdout
            .contains("10.7.0.2")
    });
}
