//! Links with a parent in another namespace, and tunnels created in another namespace. If
//! that namespace is taken down or deleted, the links are recreated in the namespace that
//! gets its name. Judged by `ip`. tests/vm/born.sh has the types that this machine's
//! kernel lacks.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use common::{Background, LIMIT, NETNS_EXEC, NETNS_SETUP, Sandbox, wait_until};
use far::setup;

/// The other namespace, with a link to the host.
const LOW: &str = "netns_links=up0\ntype_up0=veth\npeer_up0=up1\nconfig_up0=10.1.0.2/24\n";

/// What is created from it, and whether one of its links must exist before.
const KINDS: [(&str, &str, Below); 3] = [
    (
        "vxlan",
        "vxlan_id_x0=7\nvxlan_remote_x0=10.1.0.9\n",
        Below::Birthplace,
    ),
    (
        "vxlan",
        "vxlan_id_x0=7\nvxlan_group_x0=239.1.1.1\nlink_x0=up0\n",
        Below::Parent,
    ),
    ("macvlan", "link_x0=up0\n", Below::Parent),
];

#[derive(Clone, Copy, PartialEq)]
enum Below {
    Birthplace,
    Parent,
}

fn with(kind: &str, more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("/etc/conf.d/netns.low", LOW);
    let two = format!(
        "netns_links=x0\ntype_x0={kind}\nlink_netns_x0=low\n{more}config_x0=10.7.0.1/24\n\
         routes_x0=\"default dev x0\"\n"
    );
    sandbox.write("/etc/conf.d/netns.two", &two);
    sandbox
}

fn lets_in(sandbox: &Sandbox) -> bool {
    sandbox.run(&[NETNS_EXEC, "two", "true"]).exit_code() == 0
}

/// Whether x0 comes from the namespace that has the name low, according to the kernel, and x0
/// is as its settings say.
fn is_from_low(sandbox: &Sandbox) -> bool {
    let from = "set -e
        n=$(ip -n two -j link show x0 | sed -n 's/.*\"link_netnsid\":\\([0-9]*\\).*/\\1/p')
        ip -n two netns list-id | grep -qx \"nsid $n (iproute2 netns name: low)\"
        ip -n two route | grep -q '^default dev x0 '";
    sandbox.sh(from).exit_code() == 0
}

#[track_caller]
fn is_whole(sandbox: &Sandbox, case: &str) {
    setup(sandbox, "status low two").ok();
    setup(sandbox, "plan low two").ok().stdout("");
    assert!(is_from_low(sandbox), "{case}");
    assert!(lets_in(sandbox), "{case}");
}

/// What happens to the other namespace.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// netns-setup takes it down, and it is brought up again.
    Down,
    /// Another program deletes its name.
    Deleted,
    /// Another program deletes it and gives the name to a new one.
    Remade,
}

const FATES: [Fate; 3] = [Fate::Down, Fate::Deleted, Fate::Remade];

/// Commas separate calls.
fn orders(below: Below) -> &'static [&'static str] {
    match below {
        Below::Birthplace => &["two low", "low two", "low, two", "--all", "two, low"],
        // Without two, low: the parent link must exist before two can come up
        Below::Parent => &["two low", "low two", "low, two", "--all"],
    }
}

/// Both namespaces come up in this order, this happens to the other one, and both are complete
/// again: through the `watch` that keeps them, or when the other one is brought up.
#[track_caller]
fn goes_and_comes(sandbox: &Sandbox, order: &str, fate: Fate, watched: bool) {
    let case = format!("{order}, {fate:?}, watched {watched}");
    let mut watches: Vec<Background> = Vec::new();
    for names in order.split(", ") {
        match watched {
            true => watches.push(watch(sandbox, names)),
            false => drop(setup(sandbox, &format!("up {names}")).ok().stderr("")),
        }
    }
    is_whole(sandbox, &case);
    match fate {
        Fate::Down => {
            let said = "netns-setup: low: two is not ready until low is up again, because of the \
                        links between them\n";
            setup(sandbox, "down low").ok().stderr(said);
            assert!(!lets_in(sandbox), "{case}");
            setup(sandbox, "status two").code(1);
        }
        Fate::Deleted => drop(sandbox.sh("ip netns delete low").ok()),
        Fate::Remade => drop(
            sandbox
                .sh("ip netns delete low; ip netns add low || :")
                .ok(),
        ),
    }
    let again = || setup(sandbox, "status low two").exit_code() == 0 && is_from_low(sandbox);
    match watched && fate != Fate::Down {
        true => assert!(wait_until(LIMIT, again), "{case}"),
        false => drop(setup(sandbox, "up low").ok()),
    }
    is_whole(sandbox, &case);
    drop(watches);
    setup(sandbox, "down two low").ok();
    sandbox
        .sh("[ ! -e /run/netns/low ] || ip netns delete low")
        .ok();
    nothing_is_left(sandbox);
}

/// Start a `watch`, and wait until its namespaces are up.
#[track_caller]
fn watch(sandbox: &Sandbox, names: &str) -> Background {
    let kept: Vec<&str> = names.split(' ').collect();
    let watch = sandbox.spawn(&[&[NETNS_SETUP, "watch"], &kept[..]].concat());
    let status = format!("status {}", names.replace("--all", "low two"));
    let is_up = || setup(sandbox, &status).exit_code() == 0;
    assert!(wait_until(LIMIT, is_up), "watch {names}");
    watch
}

#[track_caller]
fn nothing_is_left(sandbox: &Sandbox) {
    let left = "cd /run; mkdir -p netns netns-services; ls netns netns-services | grep -v failed
        ip -o link | grep -v lo: || :";
    let nothing = "netns:\n\nnetns-services:\n";
    sandbox.sh(left).ok().stdout(nothing);
}

#[test]
fn whatever_becomes_of_where_a_link_comes_from_it_is_made_anew() {
    for (kind, more, below) in KINDS {
        let sandbox = with(kind, more);
        let mut orders = orders(below).iter().cycle();
        for fate in FATES {
            for watched in [false, true] {
                let order = orders.next().unwrap();
                goes_and_comes(&sandbox, order, fate, watched);
            }
        }
    }
}

#[test]
#[ignore = "the full product of the test above"]
fn in_every_order() {
    for (kind, more, below) in KINDS {
        let sandbox = with(kind, more);
        for order in orders(below) {
            for fate in FATES {
                for watched in [false, true] {
                    goes_and_comes(&sandbox, order, fate, watched);
                }
            }
        }
    }
}

#[test]
fn where_the_other_has_no_settings_the_setting_is_named() {
    for (kind, more, below) in KINDS {
        let sandbox = with(kind, more);
        let (line, what) = match below {
            Below::Birthplace => (3, "where the UDP socket of x0 should be"),
            Below::Parent => (3, "where up0, the parent of x0, should be"),
        };
        let refused = format!(
            "netns-setup: /etc/conf.d/netns.two:{line}: link_netns_x0: there is no namespace \
             low, {what}\n\
             netns-setup: type netns-setup up low, which needs /etc/conf.d/netns.low; or \
             correct link_netns_x0\n\
             netns-setup: two: nothing was changed\n"
        );
        if below == Below::Parent {
            setup(&sandbox, "up two").code(111).stderr(&refused);
        }
        sandbox.sh("rm /etc/conf.d/netns.low").ok();
        setup(&sandbox, "up two").code(111).stderr(&refused);
        nothing_is_left(&sandbox);
        // A link of another program is neither created nor removed
        sandbox
            .sh("ip netns add low; ip -n low link add up0 type veth peer name up1")
            .ok();
        setup(&sandbox, "up two").ok();
        assert!(is_from_low(&sandbox), "{kind}");
        setup(&sandbox, "down two").ok();
        sandbox.sh("ip netns delete low").ok();
        nothing_is_left(&sandbox);
    }
}

#[test]
fn what_lies_on_a_link_of_others_namespace_is_told_when_that_link_goes() {
    for (kind, more, below) in KINDS {
        let sandbox = with(kind, more);
        sandbox.sh("ip netns add low").ok();
        setup(&sandbox, "up low two").ok();
        let told = setup(&sandbox, "down low").ok().stderr;
        // A tunnel continues: the namespace it was created in still exists
        let told_of = told.contains("two is not ready");
        assert_eq!(told_of, below == Below::Parent, "{kind}: {told}");
        assert_eq!(lets_in(&sandbox), below == Below::Birthplace, "{kind}");
    }
}

/// The NIC is inside, and the link of the tunnel on the host.
const HOME: &str = "netns_links=\"eth1 x0\"\nconfig_eth1=192.0.2.10/24\n\
    routes_eth1=\"default via 192.0.2.1\"\ntype_x0=vxlan\nvxlan_id_x0=7\nhome_x0=host\n\
    vxlan_remote_x0=192.0.2.1\nmtu_x0=1400\nconfig_x0=\"10.7.0.1/24 2001:db8:7::1/64\"\n\
    routes_x0=\"default via 10.7.0.2\n10.8.0.0/16 via 10.7.0.2 metric 5\"\n";

/// With a default route over the NIC, and the other end of the tunnel.
fn with_home() -> Sandbox {
    let sandbox = far::sandbox(HOME);
    sandbox
        .sh("ip route add default via 192.0.2.1
            ip -n far link add x1 type vxlan id 7 remote 192.0.2.10 dstport 4789
            ip -n far address add 10.7.0.2/24 dev x1
            ip -n far link set x1 up")
        .ok();
    sandbox
}

/// The complete tunnel: its packets use the NIC, and the host's packets use only the tunnel.
#[track_caller]
fn the_host_goes_by_the_tunnel(sandbox: &Sandbox) {
    setup(sandbox, "status mgmt").ok();
    setup(sandbox, "plan mgmt").ok().stdout("").stderr("");
    let ways = "ping -c 1 -W 5 10.7.0.2 >/dev/null &&
        ip route | cut -d ' ' -f 1-5 && ip -o link show type vxlan | cut -d ' ' -f 2,5 | sed 's,@[^:]*,,'";
    sandbox.sh(ways).ok().stdout(
        "default via 10.7.0.2 dev x0\n10.7.0.0/24 dev x0 proto kernel\n\
         10.8.0.0/16 via 10.7.0.2 dev x0\nx0: 1400\n",
    );
}

#[test]
fn a_link_whose_home_is_the_host_is_made_from_the_namespace_and_goes_with_it() {
    let sandbox = with_home();
    let before = far::dump(&sandbox, "");
    for _ in 0..2 {
        setup(&sandbox, "up mgmt").ok().stderr("");
        the_host_goes_by_the_tunnel(&sandbox);
        let status = setup(&sandbox, "status mgmt").ok().stdout;
        assert!(status.contains("\n  x0 on the host  vxlan "), "{status}");
        setup(&sandbox, "reload mgmt").ok().stdout("");
        setup(&sandbox, "down mgmt").ok().stderr("");
        far::is_again(&sandbox, "", &before);
        nothing_is_left_of(&sandbox, "mgmt");
    }
    // What the settings no longer list, and what others removed or changed
    setup(&sandbox, "up mgmt").ok();
    for break_it in [
        "ip link delete x0",
        "ip link set x0 down",
        "ip route delete default",
        "ip address delete 10.7.0.1/24 dev x0",
        "ip link set x0 mtu 1300",
    ] {
        sandbox.sh(break_it).ok();
        setup(&sandbox, "status mgmt").code(1);
        setup(&sandbox, "up mgmt").ok();
        the_host_goes_by_the_tunnel(&sandbox);
    }
    let without_routes = HOME.replace("default via 10.7.0.2\n", "");
    far::write(&sandbox, &without_routes);
    let run = setup(&sandbox, "reload mgmt").ok();
    run.stdout("+ ip route delete default via 10.7.0.2 dev x0\n");
    let without = HOME.replace("\"eth1 x0\"", "eth1");
    let without: Vec<&str> = without.lines().filter(|l| !l.contains("x0")).collect();
    far::write(&sandbox, &(without[..3].join("\n") + "\n"));
    setup(&sandbox, "reload mgmt")
        .ok()
        .stdout("+ ip link delete x0\n");
    setup(&sandbox, "down mgmt").ok();
    far::is_again(&sandbox, "", &before);
}

#[test]
fn a_link_whose_home_is_the_host_follows_where_it_was_born() {
    let sandbox = with_home();
    let card = "ip link add eth1 address 52:54:00:00:00:01 type veth peer name far1 netns far
        ip -n far address add 192.0.2.1/24 dev far1; ip -n far link set far1 up; ip link set eth1 up || :";
    let mut watched = watch(&sandbox, "mgmt");
    the_host_goes_by_the_tunnel(&sandbox);
    sandbox.sh("ip link delete x0").ok();
    let is_up = || setup(&sandbox, "status mgmt").exit_code() == 0;
    assert!(wait_until(LIMIT, is_up));
    the_host_goes_by_the_tunnel(&sandbox);
    // The veth that stands for a NIC is deleted with the namespace
    sandbox.sh("ip netns delete mgmt").ok();
    let gone = "! ip -n far link show far1";
    assert!(wait_until(LIMIT, || sandbox.sh(gone).exit_code() == 0));
    sandbox.sh(card).ok();
    assert!(wait_until(LIMIT, is_up));
    the_host_goes_by_the_tunnel(&sandbox);
    assert_eq!(watched.child.try_wait().unwrap(), None);
    drop(watched);
    // A link with this name that others have created since is not replaced
    sandbox.sh("ip netns delete mgmt").ok();
    let gone = "! ip -n far link show far1 && ! ip link show x0";
    assert!(wait_until(LIMIT, || sandbox.sh(gone).exit_code() == 0));
    sandbox.sh("ip link add x0 type bridge").ok();
    sandbox.sh(card).ok();
    let run = setup(&sandbox, "up mgmt").code(111);
    let wrong = "there is another link x0 on the host, which netns-setup did not make";
    assert!(run.stderr.contains(wrong), "{run}");
    setup(&sandbox, "down mgmt").ok();
    sandbox.sh("ip link show x0").ok();
}

#[test]
fn what_the_host_has_is_not_replaced_for_a_link_of_ours() {
    let sandbox = with_home();
    // Over another link than the NIC that is moved inside
    sandbox
        .sh("ip link add eth2 type veth peer name far2 && ip link set eth2 up && ip link set far2 up
            ip address add 198.51.100.7/24 dev eth2; ip route add 10.8.0.0/16 via 198.51.100.1 metric 5")
        .ok();
    let before = far::dump(&sandbox, "");
    let run = setup(&sandbox, "up mgmt").code(111);
    assert!(run.stderr.contains("10.8.0.0/16 via 10.7.0.2"), "{run}");
    assert!(run.stderr.contains("have been undone"), "{run}");
    far::is_again(&sandbox, "", &before);
    nothing_is_left_of(&sandbox, "mgmt");
}

#[track_caller]
fn nothing_is_left_of(sandbox: &Sandbox, name: &str) {
    let left = format!("[ ! -e /run/netns/{name} ] && [ ! -e /run/netns-services/{name} ]");
    sandbox.sh(&left).ok();
}
