//! `netns-setup doctor` on real set-ups: of the healthy ones it reports nothing, and of each broken
//! one it names the cause first. What else it prints, and that its hints help, is in
//! tests/doctor.rs; WireGuard takes a virtual machine (tests/vm).

#![allow(clippy::panic, clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;
#[path = "common/talk.rs"]
mod talk;
mod tree;

use common::{LIMIT, NETNS_EXEC, NETNS_SETUP, Run, Sandbox, wait_until};
use far::{MGMT, MUCH, setup};
use serde_json::Value;
use tree::text;

/// The settings of namespaces: the name and the text of each.
type Settings = Vec<(&'static str, String)>;

/// The settings of mgmt.
fn mgmt(settings: &str) -> Settings {
    vec![("mgmt", settings.to_string())]
}

/// The example of the README, with more settings.
fn example(more: &str) -> Settings {
    mgmt(&format!("{MGMT}{more}"))
}

/// The settings of a namespace that README shows.
#[track_caller]
fn readme(netns: &'static str) -> Settings {
    let examples = tree::examples(&text("README.md"), "```");
    let found = examples.into_iter().find(|(name, _)| name == netns);
    vec![(netns, found.unwrap_or_else(|| panic!("no {netns}")).1)]
}

/// A host with these settings, prepared by sh. `pid:812` stands for the process id that sh left in
/// /run/pid.
#[track_caller]
fn host(settings: &Settings, before: &str) -> Sandbox {
    let sandbox = far::sandbox("");
    sh(&sandbox, before).ok();
    let pid = sandbox.read("/run/pid").unwrap_or_default();
    for (name, text) in settings {
        let text = text.replace("pid:812", &format!("pid:{}", pid.trim()));
        sandbox.write(&format!("/etc/conf.d/netns.{name}"), &text);
    }
    sandbox
}

/// Run a script in which `netns-exec` and `netns-setup` are those of this build.
#[track_caller]
fn sh(sandbox: &Sandbox, script: &str) -> Run {
    let script = script
        .replace("netns-exec ", &format!("{NETNS_EXEC} "))
        .replace("netns-setup ", &format!("{NETNS_SETUP} "));
    sandbox.sh(&format!("set -e\n{script}"))
}

/// The kind and the text of each finding.
fn findings(sandbox: &Sandbox, names: &str) -> Vec<(String, String)> {
    let run = setup(sandbox, &format!("doctor --json {names}"));
    let all: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {run}"));
    let of_all = all.as_array().unwrap().iter();
    let found = of_all.flat_map(|of| of["findings"].as_array().unwrap().clone());
    let text = |value: &Value| value.as_str().unwrap().to_string();
    found
        .map(|one| (text(&one["kind"]), text(&one["what"])))
        .collect()
}

/// Of these namespaces, doctor soon reports nothing: at first, addresses may be tentative and links
/// without carrier.
#[track_caller]
fn has_no_findings(settings: Settings, before: &str, after: &str) {
    let sandbox = host(&settings, before);
    let names: Vec<_> = settings.iter().map(|(name, _)| *name).collect();
    let names = names.join(" ");
    setup(&sandbox, &format!("up {names}")).ok();
    for port in [80, 5000] {
        talk::serve(&sandbox, names.split(' ').next().unwrap(), port, "inside");
    }
    sh(&sandbox, after).ok();
    wait_until(LIMIT, || findings(&sandbox, &names).is_empty());
    setup(&sandbox, &format!("doctor {names}"))
        .code(0)
        .stdout("")
        .stderr("");
}

/// The first finding of mgmt is soon this one.
#[track_caller]
fn is_named_first(settings: Settings, before: &str, after: &str, kind: &str, what: &str) {
    let sandbox = host(&settings, before);
    let up = setup(&sandbox, "up mgmt");
    assert!(
        up.exit_code() == 0 || kind == "missing" || kind == "obstacle",
        "{up}"
    );
    sh(&sandbox, after).ok();
    let mut found = Vec::new();
    let is_first = wait_until(LIMIT, || {
        found = findings(&sandbox, "mgmt");
        let first = found.first();
        first.is_some_and(|(of, text)| of == kind && text.contains(what))
    });
    assert!(is_first, "expected {kind}, {what}: {found:#?}");
}

/// A test for each set-up: its settings, what sh does before `up`, and after it.
macro_rules! healthy {
    ($($name:ident: $settings:expr, $before:expr, $after:expr;)*) => {
        mod healthy {
            use super::*;
            $(
                #[test]
                fn $name() {
                    has_no_findings($settings, $before, $after);
                }
            )*
        }
    };
}

/// A test for each fault: the settings, what sh does before `up`, and after it; and the finding.
macro_rules! broken {
    ($($name:ident: $settings:expr, $before:expr, $after:expr => $kind:literal, $what:expr;)*) => {
        mod broken {
            use super::*;
            $(
                #[test]
                fn $name() {
                    is_named_first($settings, $before, $after, $kind, $what);
                }
            )*
        }
    };
}

/// Those with WireGuard are in a virtual machine.
#[test]
fn each_namespace_of_the_readme_is_examined() {
    let here = text("tests/doctor_cases.rs");
    let in_vm = [text("tests/vm/recipes.sh"), text("tests/vm/vpn_day.sh")].concat();
    for (name, _) in tree::examples(&text("README.md"), "```") {
        let is_here = here.contains(&format!(": readme(\"{name}\")"));
        let is_silent = format!("netns-setup doctor {name}\nis \"what doctor says\"");
        assert!(is_here || in_vm.contains(&is_silent), "{name}");
    }
}

/// The host has a way out.
const UPLINK: &str = "ip route add default via 192.0.2.1";

/// The first process of a container, in a namespace of its own.
const CONTAINER: &str = "
    unshare -n sh -ec 'ip link set lo up; echo >/run/made; exec sleep 1000' </dev/null >/dev/null 2>&1 &
    echo $! >/run/pid
    until [ -e /run/made ]; do sleep 0.01; done";

/// A second NIC of the host.
const ETH2: &str = "ip link add eth2 type veth peer name far2 netns far
    ip -n far link set far2 up; ip link set eth2 up";

/// A pair of links to the host.
const PAIR: &str = "netns_links=ve0
type_ve0=veth
config_ve0=10.8.0.2/24
peer_config_ve0=10.8.0.1/24
routes_ve0=\"default via 10.8.0.1\"
";

/// A router between two namespaces.
fn chain() -> Settings {
    let end = |number: u8, port: &str| {
        format!(
            "netns_links=eth0\ntype_eth0=veth\npeer_netns_eth0=b\npeer_eth0={port}\n\
             config_eth0=10.0.{number}.2/24\nroutes_eth0=\"default via 10.0.{number}.1\"\n\
             netns_dns=192.0.2.53\n"
        )
    };
    let port = |number: u8, name: &str, other: &str| {
        format!(
            "type_{name}=veth\npeer_netns_{name}={other}\npeer_{name}=eth0\n\
             config_{name}=10.0.{number}.1/24\n"
        )
    };
    let router = [
        "netns_links=\"left right\"\nnetns_sysctl=net.ipv4.ip_forward=1\nnetns_dns=10.0.1.2\n",
        &port(1, "left", "a"),
        &port(2, "right", "c"),
    ];
    vec![
        ("a", end(1, "left")),
        ("b", router.concat()),
        ("c", end(2, "right")),
    ]
}

/// A program that listens on a UDP port of this address for a minute.
fn listens(netns: &str, address: &str) -> String {
    format!(
        "{netns} python3 -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((\"{address}\", 53))
open(\"/run/listens\", \"w\")
time.sleep(99)' </dev/null >/dev/null 2>&1 &
until [ -e /run/listens ]; do sleep 0.01; done"
    )
}

/// What OpenRC records of a service, as the process `$!`.
const RECORD: &str = "mkdir -p /run/openrc/daemons/web /run/openrc/started
    echo $! >/run/web.pid
    echo pidfile=/run/web.pid >/run/openrc/daemons/web/001
    : >/run/openrc/started/web";

const BACKGROUND: &str = "</dev/null >/dev/null 2>&1 &";

healthy! {
    the_example_of_the_readme: readme("mgmt"), "", "";
    the_example_of_the_settings: mgmt(&text("conf.d/netns.example")), "", "";
    a_tenant_of_the_readme: readme("web"), UPLINK, "";
    virtual_machines_of_the_readme: readme("vms"), "", "";
    a_container_of_the_readme: readme("box"), CONTAINER, "";
    a_script_of_the_readme: readme("blue"), "", "";
    a_host_without_name_servers: readme("blue"), ": >/etc/resolv.conf", "";
    something_of_each_kind: mgmt(&MUCH.replace("8080:80", "8080:5000")),
        "ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up
         ip address add 203.0.113.5/24 dev up0", "";
    a_router_and_its_networks: chain(), "", "";
    a_macvlan: mgmt("netns_links=lan0\ntype_lan0=macvlan\nlink_lan0=eth1\nmac_lan0=stable
        config_lan0=192.0.2.20/24\nroutes_lan0=\"default via 192.0.2.1\"\nnetns_dns=192.0.2.53\n"), "", "";
    a_tunnel: mgmt("netns_links=vx0\ntype_vx0=vxlan\nvxlan_id_vx0=42\nvxlan_local_vx0=192.0.2.7
        vxlan_remote_vx0=192.0.2.1\nlink_vx0=eth1\nconfig_vx0=10.42.0.2/24
        routes_vx0=\"default via 10.42.0.1\"\nnetns_dns=10.42.0.1\n"), "", "";
    ipv6_alone: mgmt("netns_links=eth1\nconfig_eth1=2001:db8:10::10/64
        routes_eth1=\"default via 2001:db8:10::1\"\nnetns_dns=2001:db8::53\n"), "", "";
    a_nic_with_two_tables: example("netns_rules=\"from 192.0.2.10 table 9\"\n"),
        "", "ip -n mgmt route show default | grep -q eth1";
    a_resolver_inside: mgmt(&format!("{PAIR}netns_dns=127.0.0.53\n")), "",
        &listens("ip netns exec mgmt", "127.0.0.53");
    a_resolver_on_its_own_address: mgmt(&format!("{PAIR}netns_dns=10.8.0.2\n")), "",
        &listens("ip netns exec mgmt", "0.0.0.0");
    a_network_without_a_way_out: mgmt("netns_links=eth1\nconfig_eth1=192.0.2.10/24\n"), "", "";
    a_tenant_without_a_way_out: mgmt(&PAIR.replace("routes_ve0", "#")),
        "echo nameserver 127.0.0.53 >/etc/resolv.conf", "";
    a_firewall_of_both_versions: example(""),
        "mkdir -p /etc/netns/mgmt
         echo 'table inet fw { chain i { type filter hook input priority 0; policy drop; }; }' >/etc/netns/mgmt/nftables.nft", "";
    a_firewall_without_ipv6: mgmt("netns_links=eth1\nconfig_eth1=192.0.2.10/24
        routes_eth1=\"default via 192.0.2.1\"\nnetns_dns=192.0.2.53
        netns_sysctl=net.ipv6.conf.all.disable_ipv6=1\n"),
        "mkdir -p /etc/netns/mgmt
         echo 'table ip fw { chain i { type filter hook input priority 0; policy drop; }; }' >/etc/netns/mgmt/nftables.nft", "";
    a_bridge_with_an_unused_port: mgmt("netns_links=\"br0 eth1 eth2\"\ntype_br0=bridge
        bridge_br0=\"eth1 eth2\"\nconfig_br0=192.0.2.10/24\nroutes_br0=\"default via 192.0.2.1\"
        netns_dns=192.0.2.53\n"), ETH2, "ip -n far link set far2 down";
    files_of_its_own: example("netns_etc=overlay\n"),
        "mkdir -p /etc/netns/mgmt; echo x >/etc/netns/mgmt/motd-of-mgmt", "";
    a_resolv_conf_by_hand: mgmt(&MGMT.replace("netns_dns=", "#")),
        "mkdir -p /etc/netns/mgmt; echo nameserver 192.0.2.53 >/etc/netns/mgmt/resolv.conf", "";
    a_namespace_without_links: mgmt("netns_links=\n"), "", "";
    a_process_inside: example(""), "", &format!("netns-exec mgmt -- sleep 99 {BACKGROUND}");
    a_service_inside: example(""), "mkdir -p /etc/conf.d; echo netns=mgmt >/etc/conf.d/web",
        &format!("netns-exec mgmt -- sleep 99 {BACKGROUND}\n{RECORD}");
    a_host_that_sets_up_its_other_nics: example(""),
        "mkdir -p /etc/network/interfaces.d /etc/runlevels/default
         echo 'auto lo eth0' >/etc/network/interfaces; echo 'iface eth1 inet dhcp' >>/etc/network/interfaces
         echo 'allow-hotplug eth2' >/etc/network/interfaces.d/eth2
         ln -s /etc/init.d/net.eth0 /etc/runlevels/default/net.eth0
         printf 'interface eth1\\nstatic ip_address=192.0.2.9/24\\n' >/etc/dhcpcd.conf", "";
    virtual_machines_that_reach_the_world: mgmt("netns_links=\"br0 tap0 up0\"\ntype_br0=bridge
        bridge_br0=\"tap0 up0\"\ntype_tap0=tap\ntype_up0=veth\npeer_config_up0=10.9.0.1/24
        netns_masquerade=yes\n"), UPLINK, "";
    a_watch: example(""), "", &format!("netns-setup watch mgmt {BACKGROUND}");
    a_routing_daemon_that_is_meant: example("netns_doctor_accept=foreign\n"), "",
        "ip -n mgmt route add 10.9.0.0/16 via 192.0.2.254 proto bird";
}

broken! {
    it_was_never_started: example(""), "", "netns-setup down mgmt" => "missing", "no such namespace";
    a_nic_was_missing_at_its_start: mgmt(&MGMT.replace("\"eth1\"", "\"eth1 eth7\"")), "", ""
        => "missing", "the host has no link eth7";
    another_namespace_had_its_nic: example(""),
        "echo netns_links=eth1 >/etc/conf.d/netns.web; netns-setup up web", ""
        => "missing", "eth1 is in the namespace web";
    its_name_was_deleted: example(""), "", "ip netns delete mgmt" => "missing", "no such namespace";
    it_is_not_marked_as_ready: example(""), "", "rm /run/netns-services/mgmt/ready"
        => "not-ready", "not marked as ready";
    its_cable_was_pulled: example(""), "", "ip -n far link set far1 down" => "no-carrier", "eth1";
    no_port_of_its_bridge_has_a_cable: mgmt("netns_links=\"br0 eth1\"\ntype_br0=bridge
        bridge_br0=eth1\nconfig_br0=192.0.2.10/24\nnetns_dns=192.0.2.53\n"), "",
        "ip -n far link set far1 down" => "no-carrier", "eth1";
    its_nic_was_unplugged: example(""), "", "ip -n far link delete far1"
        => "obstacle", "the host has no link eth1";
    its_nic_was_set_down: example(""), "", "ip -n mgmt link set eth1 down"
        => "difference", "ip -n mgmt link set eth1 up";
    its_address_was_deleted: example(""), "", "ip -n mgmt address delete 192.0.2.10/24 dev eth1"
        => "difference", "address add 192.0.2.10/24";
    its_default_route_was_deleted: example(""), "", "ip -n mgmt route delete default"
        => "difference", "route add default via 192.0.2.1";
    its_mtu_was_changed: example(""), "", "ip -n mgmt link set eth1 mtu 1300"
        => "difference", "mtu 1400";
    its_rule_was_deleted: example("netns_rules=\"from 192.0.2.10 table 9 priority 80\"\n"), "",
        "ip -n mgmt rule delete priority 80" => "difference", "rule add";
    a_port_left_its_bridge: mgmt("netns_links=\"br0 eth1\"\ntype_br0=bridge\nbridge_br0=eth1
        config_br0=192.0.2.10/24\nnetns_dns=192.0.2.53\n"), "", "ip -n mgmt link set eth1 nomaster"
        => "difference", "master br0";
    a_sysctl_was_changed: example("netns_sysctl=net.ipv4.conf.eth1.rp_filter=1\n"), "",
        "ip netns exec mgmt sh -c 'echo 2 >/proc/sys/net/ipv4/conf/eth1/rp_filter'"
        => "difference", "rp_filter=1";
    its_firewall_was_flushed: example(""),
        "mkdir -p /etc/netns/mgmt
         echo 'table inet fw { chain i { type filter hook input priority 0; }; }' >/etc/netns/mgmt/nftables.nft",
        "ip netns exec mgmt nft flush ruleset" => "difference", "nft";
    its_table_on_the_host_was_deleted: mgmt(&format!("{PAIR}netns_masquerade=eth1\n")), "",
        "nft delete table inet netns_mgmt" => "difference", "netns_mgmt";
    the_other_end_of_its_pair_was_set_down: mgmt(PAIR), "", "ip link set mgmt-ve0 down"
        => "difference", "ip link set mgmt-ve0 up";
    a_link_of_others: example(""), "", "ip -n mgmt link add theirs type bridge"
        => "foreign", "link theirs";
    an_address_of_others: example(""), "", "ip -n mgmt address add 10.9.9.9/32 dev lo"
        => "foreign", "address 10.9.9.9/32 of lo";
    a_route_of_others: example(""), "", "ip -n mgmt route add blackhole 10.9.0.0/16"
        => "foreign", "10.9.0.0/16";
    a_rule_of_others: example(""), "", "ip -n mgmt rule add from 10.1.0.0/16 table 9"
        => "foreign", "rule";
    a_resolver_that_listens_nowhere: mgmt(&MGMT.replace("192.0.2.53", "127.0.0.53")), "", ""
        => "dead-resolver", "nothing listens there in the namespace";
    a_resolver_that_listens_on_the_host: mgmt(&MGMT.replace("192.0.2.53", "127.0.0.53")), "",
        &listens("", "127.0.0.53") => "dead-resolver", "where a program listens on the host";
    a_resolver_that_should_listen_inside: mgmt(&MGMT.replace("192.0.2.53", "192.0.2.10")), "", ""
        => "dead-resolver", "names 192.0.2.10, and nothing listens";
    a_resolver_without_a_route: mgmt("netns_links=eth1\nconfig_eth1=192.0.2.10/24\nnetns_dns=9.9.9.9\n"),
        "", "" => "dead-resolver", "names 9.9.9.9, and no route in the namespace leads there";
    no_name_servers_of_its_own: mgmt(&MGMT.replace("netns_dns=", "#")), "", ""
        => "no-resolv-conf", "/etc/netns/mgmt/resolv.conf";
    no_name_servers_of_its_own_with_ipv6_alone: mgmt("netns_links=eth1\nconfig_eth1=2001:db8:10::10/64
        routes_eth1=\"default via 2001:db8:10::1\"\n"), "", ""
        => "no-resolv-conf", "/etc/netns/mgmt/resolv.conf";
    a_tenant_that_asks_the_hosts_loopback: mgmt(&format!("{PAIR}netns_masquerade=yes\n")),
        &format!("{UPLINK}; echo nameserver 127.0.0.53 >/etc/resolv.conf"), ""
        => "no-resolv-conf", "127.0.0.53";
    it_forwards_and_nobody_asked: example(""), "",
        "ip netns exec mgmt sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'"
        => "forwarding", "net.ipv4.ip_forward";
    it_filters_ipv4_alone: example(""), "",
        "ip netns exec mgmt nft 'table ip fw { chain i { type filter hook input priority 0; policy drop; }; }'"
        => "open-ipv6", "IPv6 is not";
    a_published_port_that_nobody_answers: mgmt(&format!("{PAIR}netns_publish=tcp/8080:80\n")),
        UPLINK, "echo netns_dns=10.8.0.1 >>/etc/conf.d/netns.mgmt; netns-setup reload mgmt"
        => "silent-port", "8080:80";
    ifupdown_sets_its_nic_up: example(""), "",
        "mkdir -p /etc/network; echo 'auto lo eth1' >/etc/network/interfaces"
        => "host-config", "/etc/network/interfaces:1";
    a_part_of_ifupdown_sets_its_nic_up: example(""), "",
        "mkdir -p /etc/network/interfaces.d; : >/etc/network/interfaces
         echo 'allow-hotplug eth1' >/etc/network/interfaces.d/eth1"
        => "host-config", "/etc/network/interfaces.d/eth1:1";
    netifrc_sets_its_nic_up: example(""), "",
        "mkdir -p /etc/runlevels/default; ln -s /etc/init.d/net.eth1 /etc/runlevels/default/net.eth1"
        => "host-config", "/etc/runlevels/default/net.eth1";
    a_dhcp_client_of_the_host_has_its_nic: example(""),
        &format!("ln -s /usr/bin/busybox /run/udhcpc; /run/udhcpc -f -i eth1 -s /bin/true {BACKGROUND}"), ""
        => "host-config", "(udhcpc)";
    a_process_in_an_earlier_namespace: example(""), "",
        &format!("netns-exec mgmt -- sleep 99 {BACKGROUND}
            until grep -q '^sleep$' /proc/$!/comm; do sleep 0.01; done
            netns-setup down --force mgmt; netns-setup up mgmt")
        => "old-namespace", "(sleep) runs in an earlier namespace";
    a_file_that_a_process_has_lost: example(""), "",
        &format!("netns-exec mgmt -- sleep 99 {BACKGROUND}
            until grep -q '^sleep$' /proc/$!/comm; do sleep 0.01; done
            echo nameserver 192.0.2.9 >/etc/new; mv /etc/new /etc/resolv.conf")
        => "lost-bind", "/etc/resolv.conf is visible to";
    a_process_outside_that_holds_it: example(""), "",
        &format!("sh -c 'exec 9</run/netns/mgmt; exec sleep 99' {BACKGROUND}") => "held", "(sleep)";
    a_service_on_the_host: example(""), "mkdir -p /etc/conf.d; echo netns=mgmt >/etc/conf.d/web",
        &format!("sleep 99 {BACKGROUND}\n{RECORD}") => "on-host", "service web runs on the host";
    a_service_inside_by_mistake: example(""), "",
        &format!("netns-exec mgmt -- sleep 99 {BACKGROUND}\n{RECORD}") => "inside", "service web runs inside";
    a_file_without_effect: example(""), "",
        "mkdir -p /etc/netns/mgmt; echo x >/etc/netns/mgmt/motd-of-mgmt" => "no-effect", "motd-of-mgmt";
}
