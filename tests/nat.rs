//! Masquerading and port forwarding, with real sockets in three places: `far`, which is
//! outside; the host; and the namespace. nft and /proc/sys show what is left afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "common/far.rs"]
mod far;
#[path = "common/talk.rs"]
mod talk;

use std::net::{Ipv6Addr, SocketAddrV6, TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

use common::{Background, LIMIT, NETNS_SETUP, Sandbox, wait_until};
use far::{dump, is_again, same, setup};
use talk::{ask, ask_at, ask_udp, hears, serve};

/// A veth to the host, without masquerading or port forwarding.
const VETH: &str = r#"netns_links="ve0"
type_ve0="veth"
peer_ve0="mgmt-ve0"
config_ve0="10.8.0.2/24 fd00:8::2/64 nodad"
peer_config_ve0="10.8.0.1/24 fd00:8::1/64 nodad"
routes_ve0="default via 10.8.0.1
default via fd00:8::1"
"#;

const FAR: [&str; 2] = ["192.0.2.1", "2001:db8:10::1"];
const HOST: [&str; 2] = ["192.0.2.7", "2001:db8:10::7"];

/// A sandbox with these settings of `mgmt` in addition to the veth. Its host does not use
/// duplicate address detection, so that nothing has to wait for it.
#[track_caller]
fn sandbox(settings: &str) -> Sandbox {
    let sandbox = far::sandbox(&format!("{VETH}{settings}"));
    sandbox
        .sh("echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
             echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad")
        .ok();
    sandbox
}

/// Writes settings of `mgmt` in addition to the veth.
fn write(sandbox: &Sandbox, settings: &str) {
    far::write(sandbox, &format!("{VETH}{settings}"));
}

/// As [`VETH`], for `lan`.
fn write_lan(sandbox: &Sandbox, settings: &str) {
    let veth = VETH
        .replace("mgmt", "lan")
        .replace("10.8.", "10.9.")
        .replace("fd00:8:", "fd00:9:");
    sandbox.write("/etc/conf.d/netns.lan", &format!("{veth}{settings}"));
}

/// The complete firewall of the host, and its sysctls of links that are not ours.
fn host(sandbox: &Sandbox) -> String {
    sandbox
        .sh("nft list ruleset
             cd /proc/sys/net
             grep -r . ipv4/ip_forward ipv4/conf ipv6/conf 2>/dev/null | grep -v -e -ve0/ | sort")
        .ok()
        .stdout
}

fn sysctl(sandbox: &Sandbox, key: &str) -> String {
    let text = sandbox.sh(&format!("cat /proc/sys/{key}")).ok().stdout;
    text.trim().to_string()
}

/// A NIC that moves into the namespace is no uplink of the host, also while it is still there.
#[test]
fn the_only_uplink_moves_into_the_namespace() {
    for nat in ["netns_masquerade=yes", "netns_publish=tcp/8080:80"] {
        let sandbox = far::sandbox("");
        sandbox.sh("ip route add default via 192.0.2.1").ok();
        let before = dump(&sandbox, "");
        let links = VETH.replace("netns_links=\"ve0\"", "netns_links=\"eth1 ve0\"");
        far::write(
            &sandbox,
            &format!("{links}{nat}\nconfig_eth1=192.0.2.10/24\n"),
        );
        for verb in ["up", "reload"] {
            let run = setup(&sandbox, &format!("{verb} mgmt")).ok();
            assert!(!run.stdout.contains("eth1.forwarding"), "{}", run.stdout);
        }
        setup(&sandbox, "down mgmt").ok();
        is_again(&sandbox, "", &before);
    }
}

#[test]
fn masquerading_reaches_the_world_as_the_host_in_both_families() {
    let sandbox = sandbox("netns_masquerade=eth1\n");
    setup(&sandbox, "up mgmt").ok().stderr("");
    serve(&sandbox, "far", 80, "far");
    for (far, host) in FAR.iter().zip(HOST) {
        assert_eq!(ask(&sandbox, "mgmt", far, 80), format!("far {host}"));
        assert_eq!(ask_udp(&sandbox, "mgmt", 0, far, 80), format!("far {host}"));
    }
    setup(&sandbox, "status mgmt").ok();
    setup(&sandbox, "up mgmt").ok().stdout("");
    // From outside nothing gets in, even if far has a route to the namespace
    serve(&sandbox, "mgmt", 80, "mgmt");
    sandbox
        .sh("ip -n far route add 10.8.0.0/24 via 192.0.2.7
             ip -n far route add fd00:8::/64 via 2001:db8:10::7")
        .ok();
    for inside in ["10.8.0.2", "fd00:8::2"] {
        assert_eq!(
            ask(&sandbox, "", inside, 80).split(' ').next(),
            Some("mgmt")
        );
        assert_eq!(ask(&sandbox, "far", inside, 80), "");
    }
}

#[test]
fn any_uplink_is_a_link_of_the_default_routes_then() {
    let sandbox = sandbox("netns_masquerade=yes\n");
    let run = setup(&sandbox, "up mgmt").ok();
    assert!(
        run.stderr.contains("the host has no default route"),
        "{run}"
    );
    sandbox.sh("ip route add default via 192.0.2.1").ok();
    let run = setup(&sandbox, "status mgmt").code(1);
    assert!(
        run.stdout
            .contains("+ sysctl -w net.ipv4.conf.eth1.forwarding=1\n"),
        "{run}"
    );
    setup(&sandbox, "reload mgmt").ok().stderr("");
    serve(&sandbox, "far", 80, "far");
    assert_eq!(
        ask(&sandbox, "mgmt", FAR[0], 80),
        format!("far {}", HOST[0])
    );
}

#[test]
fn a_published_port_is_reached_from_outside_from_the_host_and_from_127_0_0_1() {
    let sandbox = sandbox("netns_publish=\"tcp/8080:80 udp/5353:80 tcp/192.0.2.7:81:80\"\n");
    // The uplinks are the links of the default routes
    sandbox
        .sh("ip route add default via 192.0.2.1; ip route add default via 2001:db8:10::1")
        .ok();
    setup(&sandbox, "up mgmt").ok().stderr("");
    serve(&sandbox, "mgmt", 80, "mgmt");
    for (n, host) in HOST.iter().enumerate() {
        let end = ["10.8.0.1", "fd00:8::1"][n];
        assert_eq!(ask(&sandbox, "far", host, 8080), format!("mgmt {}", FAR[n]));
        assert_eq!(
            ask_udp(&sandbox, "far", 0, host, 5353),
            format!("mgmt {}", FAR[n])
        );
        assert_eq!(ask(&sandbox, "", host, 8080), format!("mgmt {end}"));
        assert_eq!(ask_udp(&sandbox, "", 0, host, 5353), format!("mgmt {end}"));
        // The namespace itself also reaches itself by the host's address
        assert_eq!(ask(&sandbox, "mgmt", host, 8080), format!("mgmt {end}"));
    }
    assert_eq!(ask(&sandbox, "", "127.0.0.1", 8080), "mgmt 10.8.0.1");
    assert_eq!(ask_udp(&sandbox, "", 0, "127.0.0.1", 5353), "mgmt 10.8.0.1");
    assert_eq!(
        ask(&sandbox, "far", HOST[0], 81),
        format!("mgmt {}", FAR[0])
    );
    assert_eq!(ask(&sandbox, "", "127.0.0.1", 81), "");
    assert_eq!(ask(&sandbox, "far", HOST[0], 80), "");
    // Without masquerading, the namespace does not reach the outside
    serve(&sandbox, "far", 82, "far");
    assert_eq!(ask(&sandbox, "mgmt", FAR[0], 82), "");
}

/// Another network of the host, and a machine in it: `behind`.
fn add_behind(sandbox: &Sandbox) {
    sandbox
        .sh("ip netns add behind
             ip link add lan0 type veth peer name lan1 netns behind
             ip link set lan0 up; ip -n behind link set lan1 up; ip -n behind link set lo up
             ip address add 10.7.0.1/24 dev lan0; ip -n behind address add 10.7.0.2/24 dev lan1
             ip address add fd00:7::1/64 dev lan0 nodad
             ip -n behind address add fd00:7::2/64 dev lan1 nodad
             ip -n behind route add default via 10.7.0.1
             ip -n behind route add default via fd00:7::1")
        .ok();
}

#[test]
fn a_published_port_is_reached_by_each_link_of_the_host() {
    let sandbox = sandbox("netns_publish=tcp/8080:80\n");
    // As on a router: the default route is not the LAN's, and there is another namespace
    add_behind(&sandbox);
    sandbox
        .sh("ip route add default via 192.0.2.1; ip route add default via 2001:db8:10::1")
        .ok();
    write_lan(&sandbox, "netns_masquerade=eth1\n");
    serve(&sandbox, "far", 81, "far");
    let before = host(&sandbox);
    for order in [["mgmt", "lan"], ["lan", "mgmt"]] {
        for netns in order {
            setup(&sandbox, &format!("up {netns}")).ok().stderr("");
        }
        serve(&sandbox, "mgmt", 80, "mgmt");
        for (n, [from, to]) in [["10.7.0.2", "10.7.0.1"], ["fd00:7::2", "fd00:7::1"]]
            .into_iter()
            .enumerate()
        {
            hears(&sandbox, "behind", to, 8080, &format!("mgmt {from}"));
            hears(&sandbox, "far", HOST[n], 8080, &format!("mgmt {}", FAR[n]));
            // Nothing else is forwarded, and the other namespace has its own forwarding
            assert_eq!(ask(&sandbox, "behind", FAR[n], 81), "");
            hears(&sandbox, "lan", FAR[n], 81, &format!("far {}", HOST[n]));
        }
        setup(&sandbox, "status mgmt lan").ok();
        setup(&sandbox, &format!("down --force {}", order[0])).ok();
        setup(&sandbox, &format!("down --force {}", order[1])).ok();
        assert_eq!(host(&sandbox), before);
    }
}

#[test]
fn nothing_else_is_forwarded_although_the_link_forwards() {
    let sandbox = sandbox("netns_masquerade=eth1\nnetns_publish=tcp/8080:80\n");
    // Another network of the host, and a machine outside that uses the host as a router
    add_behind(&sandbox);
    sandbox
        .sh("ip -n far route add 10.7.0.0/24 via 192.0.2.7
             ip -n far route add fd00:7::/64 via 2001:db8:10::7
             echo 1 >/proc/sys/net/ipv4/conf/lan0/forwarding
             echo 1 >/proc/sys/net/ipv6/conf/lan0/force_forwarding")
        .ok();
    serve(&sandbox, "behind", 80, "behind");
    setup(&sandbox, "up mgmt").ok();
    assert_eq!(sysctl(&sandbox, "net/ipv4/conf/eth1/forwarding"), "1");
    assert_eq!(sysctl(&sandbox, "net/ipv6/conf/eth1/force_forwarding"), "1");
    assert_eq!(sysctl(&sandbox, "net/ipv4/ip_forward"), "0");
    assert_eq!(sysctl(&sandbox, "net/ipv6/conf/all/forwarding"), "0");
    for to in ["10.7.0.2", "fd00:7::2"] {
        assert!(ask(&sandbox, "", to, 80).starts_with("behind"), "the host");
        assert_eq!(ask(&sandbox, "far", to, 80), "");
        assert_eq!(ask(&sandbox, "mgmt", to, 80), "");
    }
    // What the owner of the host forwards is forwarded as before
    setup(&sandbox, "down mgmt").ok();
    sandbox
        .sh("echo 1 >/proc/sys/net/ipv4/conf/eth1/forwarding")
        .ok();
    setup(&sandbox, "up mgmt").ok();
    assert!(ask(&sandbox, "far", "10.7.0.2", 80).starts_with("behind"));
    assert_eq!(ask(&sandbox, "far", "fd00:7::2", 80), "");
}

/// A packet to 127.0.0.1 from inside, and one with the source 127.0.0.1: sent past the routing
/// of the namespace, which would not let them out.
const SPOOF: &str = r#"
import socket, struct, sys
def packet(source, to):
    udp = struct.pack("!HHHH", 9, 99, 13, 0) + b"spoof"
    ip = struct.pack("!BBHHHBBH4s4s", 69, 0, 20 + len(udp), 0, 0, 64, 17, 0,
                     socket.inet_aton(source), socket.inet_aton(to))
    total = sum(struct.unpack("!10H", ip))
    total = (total & 0xffff) + (total >> 16)
    ip = ip[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xffff) + ip[12:]
    return bytes.fromhex(sys.argv[1].replace(":", "")) + bytes(6) + b"\x08\x00" + ip + udp
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(("ve0", 0))
for source, to in [("10.8.0.2", "127.0.0.1"), ("127.0.0.1", "10.8.0.1"), ("10.8.0.2", "10.8.0.1")]:
    out.send(packet(source, to))
"#;

#[test]
fn a_namespace_does_not_reach_what_listens_on_127_0_0_1() {
    let sandbox = sandbox("netns_publish=tcp/8080:80\n");
    setup(&sandbox, "up mgmt").ok();
    let mac = sandbox.ip_json("link show mgmt-ve0")[0]["address"]
        .as_str()
        .unwrap()
        .to_string();
    let socket = sandbox.inside(|| UdpSocket::bind("0.0.0.0:99").unwrap());
    sandbox
        .run(&["ip", "netns", "exec", "mgmt", "python3", "-c", SPOOF, &mac])
        .ok();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    // Only the last one, which is not forged, arrives
    let (_, from) = socket.recv_from(&mut [0; 16]).unwrap();
    assert_eq!(from.ip().to_string(), "10.8.0.2");
    socket
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    assert!(socket.recv_from(&mut [0; 16]).is_err());
}

#[test]
fn down_leaves_the_host_as_it_was() {
    let sandbox = sandbox("netns_masquerade=eth1\nnetns_publish=\"tcp/8080:80 udp/53\"\n");
    sandbox.sh("nft add table inet theirs").ok();
    let (before, links) = (host(&sandbox), dump(&sandbox, ""));
    setup(&sandbox, "up mgmt").ok();
    assert_ne!(host(&sandbox), before);
    setup(&sandbox, "down mgmt").ok();
    assert_eq!(host(&sandbox), before);
    is_again(&sandbox, "", &links);
}

#[test]
fn reload_takes_away_what_is_no_longer_asked_for() {
    let sandbox = sandbox("");
    setup(&sandbox, "up mgmt").ok();
    let all = |sandbox: &Sandbox| {
        let ours = "cd /proc/sys/net; grep . ipv[46]/conf/mgmt-ve0/*forwarding ipv4/conf/mgmt-ve0/route_localnet";
        host(sandbox) + &sandbox.sh(ours).ok().stdout
    };
    let before = all(&sandbox);
    write(
        &sandbox,
        "netns_masquerade=eth1\nnetns_publish=tcp/8080:80\n",
    );
    setup(&sandbox, "reload mgmt").ok();
    assert_ne!(all(&sandbox), before);
    write(&sandbox, "netns_publish=tcp/127.0.0.1:8081:80\n");
    setup(&sandbox, "reload mgmt").ok();
    assert_eq!(sysctl(&sandbox, "net/ipv4/conf/eth1/forwarding"), "0");
    serve(&sandbox, "mgmt", 80, "mgmt");
    assert_eq!(ask(&sandbox, "", "127.0.0.1", 8080), "");
    assert_eq!(ask(&sandbox, "", "127.0.0.1", 8081), "mgmt 10.8.0.1");
    write(&sandbox, "");
    setup(&sandbox, "reload mgmt").ok();
    assert_eq!(all(&sandbox), before);
    setup(&sandbox, "reload mgmt").ok().stdout("");
}

#[test]
fn two_namespaces_share_a_link_and_go_in_any_order() {
    let sandbox = sandbox("netns_masquerade=eth1\n");
    write_lan(
        &sandbox,
        "netns_masquerade=eth1\nnetns_publish=tcp/8080:80\n",
    );
    let before = host(&sandbox);
    serve(&sandbox, "far", 80, "far");
    for order in [["mgmt", "lan"], ["lan", "mgmt"]] {
        setup(&sandbox, "up mgmt lan").ok();
        for netns in order {
            for (far, host) in FAR.iter().zip(HOST) {
                assert_eq!(ask(&sandbox, netns, far, 80), format!("far {host}"));
            }
        }
        setup(&sandbox, "status mgmt lan").ok();
        serve(&sandbox, "lan", 80, "lan");
        assert_eq!(
            ask(&sandbox, "far", HOST[0], 8080),
            format!("lan {}", FAR[0])
        );
        // Forwarded ports are reachable for the other namespace too; other ports are not
        assert_eq!(ask(&sandbox, "mgmt", HOST[0], 8080), "lan 10.8.0.2");
        assert_eq!(ask(&sandbox, "mgmt", "10.9.0.2", 80), "");
        setup(&sandbox, &format!("down --force {}", order[0])).ok();
        assert_eq!(
            ask(&sandbox, order[1], FAR[0], 80),
            format!("far {}", HOST[0])
        );
        assert_eq!(sysctl(&sandbox, "net/ipv4/conf/eth1/forwarding"), "1");
        setup(&sandbox, &format!("down --force {}", order[1])).ok();
        assert_eq!(host(&sandbox), before);
    }
}

#[test]
fn reload_gives_back_what_another_uses_only_to_the_last() {
    let sandbox = sandbox("netns_masquerade=eth1\n");
    write_lan(&sandbox, "netns_masquerade=eth1\n");
    let before = host(&sandbox);
    setup(&sandbox, "up mgmt lan").ok();
    write(&sandbox, "");
    setup(&sandbox, "reload mgmt").ok();
    assert_eq!(sysctl(&sandbox, "net/ipv4/conf/eth1/forwarding"), "1");
    setup(&sandbox, "reload mgmt").ok().stdout("");
    setup(&sandbox, "down lan").ok();
    assert_eq!(host(&sandbox), before);
    setup(&sandbox, "status mgmt").ok();
}

#[test]
fn a_flush_by_others_is_noticed_and_mended() {
    let sandbox = sandbox("netns_masquerade=eth1\nnetns_publish=tcp/8080:80\n");
    setup(&sandbox, "up mgmt").ok();
    let before = host(&sandbox);
    for change in [
        "nft flush ruleset",
        "nft delete table inet netns_mgmt",
        "nft flush chain inet netns_mgmt forward",
        "nft add rule inet netns_mgmt forward accept",
    ] {
        sandbox.sh(change).ok();
        let run = setup(&sandbox, "status mgmt").code(1);
        assert!(
            run.stdout.contains("+ nft 'add table inet netns_mgmt; "),
            "{run}"
        );
        let run = setup(&sandbox, "reload mgmt").ok();
        assert_eq!(run.stdout.lines().count(), 1, "{run}");
        assert_eq!(host(&sandbox), before);
        setup(&sandbox, "status mgmt").ok();
    }
}

#[test]
fn a_port_that_is_taken_is_said_and_nothing_is_touched() {
    let sandbox = sandbox("netns_publish=\"tcp/8080:80 udp/53\"\n");
    let (before, links) = (host(&sandbox), dump(&sandbox, ""));
    for (text, line) in [
        (
            "tcp/8080:80: a program on the host already uses tcp port 8080",
            "ss -tlnp sport = :8080",
        ),
        (
            "udp/53: a program on the host already uses udp port 53",
            "ss -ulnp sport = :53",
        ),
    ] {
        let held = sandbox.inside(|| match text.starts_with("tcp") {
            true => (TcpListener::bind("127.0.0.1:8080").ok(), None),
            false => (None, UdpSocket::bind("127.0.0.53:53").ok()),
        });
        assert!(held.0.is_some() || held.1.is_some());
        let run = setup(&sandbox, "up mgmt").code(111).stdout("");
        assert!(
            run.stderr.starts_with(&format!(
                "netns-setup: /etc/conf.d/netns.mgmt:8: netns_publish: {text}\n"
            )),
            "{run}"
        );
        assert!(run.stderr.contains(line), "{run}");
        assert!(
            run.stderr
                .ends_with("netns-setup: mgmt: nothing was changed\n"),
            "{run}"
        );
        assert_eq!(host(&sandbox), before);
        same(&dump(&sandbox, ""), &links);
        drop(held);
    }
    setup(&sandbox, "up mgmt").ok();
    // A port that is ours already is not checked again
    setup(&sandbox, "reload mgmt").ok().stdout("");
    // Nor can another namespace get it
    write_lan(&sandbox, "netns_publish=tcp/192.0.2.7:8080:80\n");
    let run = setup(&sandbox, "up lan").code(100).stdout("");
    assert!(run.stderr.contains("netns_publish: \"tcp/192.0.2.7:8080:80\" is already published by the namespace mgmt (tcp/8080:80)\n"), "{run}");
    setup(&sandbox, "down mgmt").ok();
    setup(&sandbox, "up lan").ok();
}

#[test]
fn a_drop_of_others_is_told_with_what_to_type() {
    let sandbox = sandbox("netns_masquerade=eth1\n");
    serve(&sandbox, "far", 80, "far");
    sandbox
        .sh("nft 'table inet theirs { chain pass { type filter hook forward priority 5; policy drop; }; }'
             nft 'table ip filter { chain DOCKER-USER { }; chain FORWARD { type filter hook forward priority 0; policy drop; jump DOCKER-USER; }; }'")
        .ok();
    let run = setup(&sandbox, "up mgmt").ok();
    assert!(
        run.stderr
            .contains("the host's table inet theirs, chain pass, drops"),
        "{run}"
    );
    assert!(
        run.stderr
            .contains("the host's table ip filter, chain FORWARD, drops"),
        "{run}"
    );
    assert_eq!(ask(&sandbox, "mgmt", FAR[0], 80), "");
    let told = setup(&sandbox, "status mgmt").ok().stderr;
    assert_eq!(told, run.stderr);
    // The printed commands can be typed as they are, and then the warning is gone
    let typed = told
        .lines()
        .filter_map(|line| line.split_once("it is not yet accepted: "));
    for (_, command) in typed {
        sandbox
            .sh(&format!(
                "set -e; {}",
                command.replace("iptables -I", "iptables-nft -I")
            ))
            .ok();
    }
    setup(&sandbox, "status mgmt").ok().stderr("");
    assert_eq!(
        ask(&sandbox, "mgmt", FAR[0], 80),
        format!("far {}", HOST[0])
    );
}

#[test]
fn without_nft_nothing_is_done_and_the_package_is_named() {
    let sandbox = sandbox("netns_masquerade=eth1\n");
    let links = dump(&sandbox, "");
    sandbox
        .sh("for nft in /usr/sbin/nft /sbin/nft; do mount --bind /etc/hostname \"$nft\"; done 2>/dev/null; true")
        .ok();
    let run = setup(&sandbox, "up mgmt").code(111).stdout("");
    assert!(
        run.stderr.contains("netns.mgmt:8: netns_masquerade: "),
        "{run}"
    );
    assert!(run.stderr.contains("nft"), "{run}");
    same(&dump(&sandbox, ""), &links);
}

#[test]
fn a_refusal_half_way_takes_the_table_and_the_forwarding_back() {
    let sandbox =
        sandbox("netns_masquerade=eth1\nnetns_publish=tcp/8080:80\nnetns_dns=192.0.2.53\n");
    sandbox.sh("mkdir -p /etc/netns/mgmt/.resolv.conf.new").ok();
    let (before, links) = (host(&sandbox), dump(&sandbox, ""));
    let run = setup(&sandbox, "up mgmt").code(111);
    assert!(run.stdout.contains("+ nft '"), "{run}");
    assert!(run.stderr.contains("and have been undone"), "{run}");
    assert_eq!(host(&sandbox), before);
    is_again(&sandbox, "", &links);
}

#[test]
fn a_kill_at_any_moment_leaves_nothing_that_down_does_not_find() {
    let sandbox = sandbox("netns_masquerade=eth1\nnetns_publish=tcp/8080:80\n");
    write_lan(&sandbox, "netns_masquerade=eth1\n");
    let before = host(&sandbox);
    setup(&sandbox, "up lan").ok();
    let mut cut = 0;
    for delay in (0..60).step_by(4) {
        let mut up = sandbox.spawn(&[NETNS_SETUP, "up", "mgmt"]);
        thread::sleep(Duration::from_millis(delay));
        let whole = sandbox.read("/run/netns-services/mgmt/ready").is_some();
        cut += usize::from(!whole);
        up.child.kill().unwrap();
        up.ended();
        setup(&sandbox, "down mgmt").ok();
        assert_eq!(sysctl(&sandbox, "net/ipv4/conf/eth1/forwarding"), "1");
        let tables = sandbox.sh("nft list tables").ok().stdout;
        assert_eq!(tables, "table inet netns_lan\n");
    }
    assert!(cut > 0, "it was always faster: this proves nothing");
    setup(&sandbox, "down lan").ok();
    assert_eq!(host(&sandbox), before);
}

#[test]
fn a_udp_client_that_goes_on_finds_the_new_target() {
    let sandbox = sandbox("netns_publish=udp/5353:80\n");
    sandbox.sh("ip route add default via 192.0.2.1").ok();
    setup(&sandbox, "up mgmt").ok();
    serve(&sandbox, "mgmt", 80, "old");
    serve(&sandbox, "mgmt", 81, "new");
    let ask = || ask_udp(&sandbox, "far", 4000, HOST[0], 5353);
    assert!(ask().starts_with("old"));
    write(&sandbox, "netns_publish=udp/5353:81\n");
    setup(&sandbox, "reload mgmt").ok();
    assert!(ask().starts_with("new"));
    // And what listens on the host itself gets the packets when the port is no longer forwarded
    write(&sandbox, "");
    setup(&sandbox, "reload mgmt").ok();
    serve(&sandbox, "", 5353, "host");
    assert!(ask().starts_with("host"));
}

#[test]
fn the_plan_run_by_sh_and_nft_gives_the_same() {
    let settings = "netns_masquerade=\"eth1\"\nnetns_publish=\"tcp/8080:80 udp/53 tcp/192.0.2.7:443 tcp/[2001:db8:10::7]:444:443 tcp/127.0.0.1:8081:80\"\nmac_ve0=52:54:00:00:01:01\n";
    let (ours, theirs) = (sandbox(settings), sandbox(settings));
    let script = setup(&theirs, "plan --script mgmt").ok().stdout;
    theirs.write("/run/plan", &script);
    setup(&ours, "up mgmt").ok();
    theirs.sh("sh -e /run/plan").ok();
    for sandbox in [&ours, &theirs] {
        sandbox
            .sh("ip link set mgmt-ve0 address 52:54:00:00:02:00")
            .ok();
    }
    for netns in ["", "-n mgmt"] {
        wait_until(LIMIT, || dump(&ours, netns) == dump(&theirs, netns));
        same(&dump(&ours, netns), &dump(&theirs, netns));
    }
    let all = |sandbox: &Sandbox| {
        let ours = "cd /proc/sys/net; grep . ipv[46]/conf/mgmt-ve0/*forwarding ipv4/conf/mgmt-ve0/route_localnet";
        host(sandbox) + &sandbox.sh(ours).ok().stdout
    };
    assert_eq!(all(&ours), all(&theirs));
}

#[test]
fn watch_puts_the_table_back_and_follows_the_default_route() {
    let sandbox = sandbox("netns_masquerade=yes\n");
    let script = format!("exec {NETNS_SETUP} watch mgmt >/run/out 2>/run/err");
    let _watch = sandbox.spawn(&["sh", "-c", &script]);
    let soon = |what: &str, holds: &dyn Fn() -> bool| {
        let said = || [sandbox.read("/run/out"), sandbox.read("/run/err")];
        assert!(wait_until(LIMIT, holds), "{what}: {:?}", said());
    };
    soon("ready", &|| {
        sandbox.read("/run/netns-services/mgmt/ready").is_some()
    });
    sandbox.sh("ip route add default via 192.0.2.1").ok();
    soon("forwarding", &|| {
        sysctl(&sandbox, "net/ipv4/conf/eth1/forwarding") == "1"
    });
    let ours = || {
        let listed = sandbox.sh("nft list table inet netns_mgmt");
        listed.exit_code() == 0 && listed.stdout.contains("masquerade")
    };
    soon("the table", &ours);
    sandbox.sh("nft flush ruleset").ok();
    soon("the table again", &ours);
}

#[test]
fn forwarding_that_the_owner_turns_on_meanwhile_stays_on() {
    let sandbox = sandbox("netns_masquerade=eth1\n");
    let uplink = "net/ipv4/conf/eth1/forwarding";
    setup(&sandbox, "up mgmt").ok();
    setup(&sandbox, "down mgmt").ok();
    assert_eq!(sysctl(&sandbox, uplink), "0");
    // As docker does
    setup(&sandbox, "up mgmt").ok();
    sandbox.sh("sysctl -qw net.ipv4.ip_forward=1").ok();
    setup(&sandbox, "reload mgmt").ok();
    setup(&sandbox, "down mgmt").ok();
    assert_eq!(sysctl(&sandbox, uplink), "1");
    // What did not forward although all others did does not forward afterwards
    sandbox.sh(&format!("sysctl -qw {uplink}=0")).ok();
    setup(&sandbox, "up mgmt").ok();
    assert_eq!(sysctl(&sandbox, uplink), "1");
    setup(&sandbox, "down mgmt").ok();
    assert_eq!(sysctl(&sandbox, uplink), "0");
}

/// A namespace that packets of the host, and those of a machine behind it, may pass through.
struct Shape {
    name: &'static str,
    settings: &'static str,
    /// The sender: the namespace itself, or the machine behind it.
    sender: &'static str,
    /// The addresses of the sender, of the namespace, and of the host's end.
    sends: [&'static str; 2],
    own: [&'static str; 2],
    end: [&'static str; 2],
    /// The links at which a connection arrives, each with its source and destination at that
    /// point: one to the outside, one from the LAN, one from the host, and one from the sender
    /// to the forwarded port of the host.
    out: &'static str,
    lan: &'static str,
    host: &'static str,
    itself: &'static str,
}

const SHAPES: [Shape; 3] = [
    Shape {
        name: "tenant",
        settings: "",
        sender: "mgmt",
        sends: ["10.8.0.2", "fd00:8::2"],
        own: ["10.8.0.2", "fd00:8::2"],
        end: ["10.8.0.1", "fd00:8::1"],
        out: "host mgmt-ve0 SENDS>FAR, far far1 HOST>FAR",
        lan: "host eth1 FAR>HOST, mgmt ve0 FAR>OWN",
        host: "mgmt ve0 END>OWN",
        itself: "host mgmt-ve0 SENDS>HOST, mgmt ve0 END>OWN",
    },
    // Both ports belong to the bridge: README's virtual machines, one of them with a kernel of
    // its own
    Shape {
        name: "machines on a bridge",
        settings: r#"netns_links="br0 vm0 up0"
type_br0=bridge
bridge_br0="vm0 up0"
config_br0="10.8.0.2/24 fd00:8::2/64 nodad"
routes_br0="default via 10.8.0.1; default via fd00:8::1"
type_vm0=veth
peer_netns_vm0=guest
peer_vm0=eth0
peer_config_vm0="10.8.0.5/24 fd00:8::5/64 nodad"
type_up0=veth
peer_config_up0="10.8.0.1/24 fd00:8::1/64 nodad"
netns_sysctl="net.ipv6.conf.default.accept_dad=0"
"#,
        sender: "guest",
        sends: ["10.8.0.5", "fd00:8::5"],
        own: ["10.8.0.2", "fd00:8::2"],
        end: ["10.8.0.1", "fd00:8::1"],
        out: "mgmt vm0 SENDS>FAR, host mgmt-up0 SENDS>FAR, far far1 HOST>FAR",
        lan: "host eth1 FAR>HOST, mgmt up0 FAR>OWN, mgmt br0 FAR>OWN",
        host: "mgmt up0 END>OWN, mgmt br0 END>OWN",
        itself: "mgmt vm0 SENDS>HOST, host mgmt-up0 SENDS>HOST, mgmt up0 END>OWN, mgmt br0 END>OWN",
    },
    Shape {
        name: "routed",
        settings: r#"netns_links="ve0 br0 vm0"
type_ve0=veth
config_ve0="10.8.0.2/24 fd00:8::2/64 nodad"
peer_config_ve0="10.8.0.1/24 fd00:8::1/64 nodad"
routes_ve0="default via 10.8.0.1; default via fd00:8::1"
type_br0=bridge
bridge_br0="vm0"
config_br0="10.9.0.1/24 fd00:9::1/64 nodad"
type_vm0=veth
peer_netns_vm0=guest
peer_vm0=eth0
peer_config_vm0="10.9.0.5/24 fd00:9::5/64 nodad"
netns_sysctl="net.ipv4.ip_forward=1; net.ipv6.conf.all.forwarding=1; net.ipv6.conf.default.accept_dad=0"
"#,
        sender: "guest",
        sends: ["10.9.0.5", "fd00:9::5"],
        own: ["10.8.0.2", "fd00:8::2"],
        end: ["10.8.0.1", "fd00:8::1"],
        out: "mgmt vm0 SENDS>FAR, mgmt br0 SENDS>FAR, host mgmt-ve0 SENDS>FAR, far far1 HOST>FAR",
        lan: "host eth1 FAR>HOST, mgmt ve0 FAR>OWN",
        host: "mgmt ve0 END>OWN",
        itself: "mgmt vm0 SENDS>HOST, mgmt br0 SENDS>HOST, host mgmt-ve0 SENDS>HOST, mgmt ve0 END>OWN",
    },
];

impl Shape {
    /// The settings, with a tap for the machine instead of a veth to it.
    fn with_tap(&self) -> String {
        let lines = self.settings.lines();
        let lines = lines.filter(|line| !line.starts_with("peer_") || !line.contains("_vm0="));
        let lines = lines.map(|line| line.replace("type_vm0=veth", "type_vm0=tap") + "\n");
        lines.collect()
    }
}

/// A virtual machine whose kernel is that of the namespace `guest`: opens the tap vm0 of mgmt, as
/// QEMU does, and copies frames between it and the machine's own link.
const MACHINE: &str = r#"
import ctypes, fcntl, os, select, struct
def tap(netns, link):
    with open(f"/run/netns/{netns}") as file:
        assert ctypes.CDLL(None).setns(file.fileno(), 0x40000000) == 0
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, 0x400454ca, struct.pack("16sH22x", link, 0x1002))
    return tap
ends = [tap("guest", b"eth0"), tap("mgmt", b"vm0")]
print("open", flush=True)
while True:
    for end in select.select(ends, [], [])[0]:
        frame = os.read(end, 4096)
        try:
            os.write(ends[end == ends[0]], frame)
        except OSError:
            pass  # the other link is down
"#;

/// Starts the machine behind the tap vm0, with the addresses that the shape's guest has.
fn start_machine(sandbox: &Sandbox, shape: &Shape) -> Background {
    let mut machine = sandbox.spawn(&["python3", "-c", MACHINE]);
    assert_eq!(machine.line(), "open");
    let [v4, v6] = shape.sends;
    sandbox
        .sh(&format!(
            "set -e; ip -n guest link set eth0 up; ip -n guest address add {v4}/24 dev eth0
             ip -n guest address add {v6}/64 dev eth0 nodad"
        ))
        .ok();
    machine
}

/// Counts the new connections that arrive at each existing link.
fn count(sandbox: &Sandbox, netns: &str) {
    let links = sandbox.ip_json(
        match netns {
            "" => "link",
            _ => "-n NETNS link",
        }
        .replace("NETNS", netns)
        .as_str(),
    );
    let chains = links.as_array().unwrap().iter().map(|link| {
        let (name, number) = (link["ifname"].as_str().unwrap(), &link["ifindex"]);
        format!(
            "chain link{number} {{ type filter hook ingress device \"{name}\" priority -500;
             tcp flags & (syn | ack) == syn update @v4 {{ iifname . ip saddr . ip daddr }}
             tcp flags & (syn | ack) == syn update @v6 {{ iifname . ip6 saddr . ip6 daddr }}; }}\n"
        )
    });
    let sets = [
        "v4 { typeof iifname . ip saddr . ip daddr",
        "v6 { typeof iifname . ip6 saddr . ip6 daddr",
    ];
    let sets = sets
        .map(|set| format!("set {set}; size 1000; flags dynamic; counter; }}\n"))
        .concat();
    let table = format!(
        "table netdev seen {{ {sets} {} }}\n",
        chains.collect::<String>()
    );
    let exec = if netns.is_empty() {
        String::new()
    } else {
        format!("ip netns exec {netns} ")
    };
    sandbox.write("/run/seen", &table);
    sandbox.sh(&format!("{exec}nft -f /run/seen")).ok();
}

/// The counts since the last call, as [`Shape`] writes them, sorted.
fn counted(sandbox: &Sandbox) -> Vec<String> {
    let mut all = Vec::new();
    for netns in ["host", "far", "behind", "mgmt", "guest"] {
        let exec = match netns {
            "host" => String::new(),
            netns => format!("ip netns exec {netns} "),
        };
        let flush = "flush set netdev seen v4; flush set netdev seen v6";
        let script = format!("{exec}sh -c \"nft -j list table netdev seen && nft '{flush}'\"");
        let listed = sandbox.sh(&script).ok().stdout;
        let answers = serde_json::Deserializer::from_str(&listed).into_iter::<serde_json::Value>();
        for answer in answers.map(Result::unwrap) {
            let objects = answer["nftables"].as_array().unwrap().iter();
            let elements = objects.filter_map(|object| object["set"]["elem"].as_array());
            for element in elements.flatten().map(|element| &element["elem"]) {
                assert!(
                    element["counter"]["packets"].as_u64().unwrap() > 0,
                    "{element}"
                );
                let word = |n: usize| element["val"]["concat"][n].as_str().unwrap();
                all.push(format!("{netns} {} {}>{}", word(0), word(1), word(2)));
            }
        }
    }
    all.sort();
    all
}

#[test]
fn in_each_shape_packets_go_where_they_should_and_over_no_other_link() {
    let sandbox = sandbox("");
    // Another network, which must stay invisible
    sandbox
        .sh("ip netns add guest; ip netns add behind
             ip link add lan0 type veth peer name lan1 netns behind
             ip link set lan0 up; ip -n behind link set lan1 up
             ip address add 10.7.0.1/24 dev lan0; ip -n behind address add 10.7.0.2/24 dev lan1
             ip netns exec guest sysctl -qw net.ipv6.conf.default.accept_dad=0
             ip -n guest link set lo up")
        .ok();
    serve(&sandbox, "far", 82, "far");
    let routes = || {
        sandbox
            .sh("ip route; ip -6 route show proto static; ip -6 route show proto boot")
            .ok()
            .stdout
    };
    let before = routes();
    for netns in ["", "far", "behind"] {
        count(&sandbox, netns);
    }
    let guests = SHAPES.iter().filter(|shape| shape.sender == "guest");
    let shapes = SHAPES.iter().map(|shape| (shape, false));
    for (shape, has_tap) in shapes.chain(guests.map(|shape| (shape, true))) {
        let guest = if has_tap { " behind a tap" } else { "" };
        let name = format!("{}{guest}", shape.name);
        let way = "netns_masquerade=eth1\nnetns_publish=tcp/8080:80\n";
        match shape.settings {
            "" => write(&sandbox, way),
            _ if has_tap => far::write(&sandbox, &(shape.with_tap() + way)),
            settings => far::write(&sandbox, &format!("{settings}{way}")),
        }
        setup(&sandbox, "up mgmt").ok().stderr("");
        setup(&sandbox, "reload mgmt").ok().stdout("");
        let machine = has_tap.then(|| start_machine(&sandbox, shape));
        if shape.sender == "guest" {
            let router = if shape.name == "routed" {
                ["10.9.0.1", "fd00:9::1"]
            } else {
                shape.end
            };
            for router in router {
                sandbox
                    .sh(&format!("ip -n guest route add default via {router}"))
                    .ok();
            }
        }
        sandbox.sh("nft delete table netdev seen").ok();
        for netns in ["", "mgmt", "guest"] {
            count(&sandbox, netns);
        }
        serve(&sandbox, "mgmt", 80, "mgmt");
        // A link uses an address that no other link has to ask for its neighbours
        let tentative =
            "ip -6 address; for netns in mgmt guest far; do ip -n $netns -6 address; done";
        let ready = || !sandbox.sh(tentative).ok().stdout.contains("tentative");
        assert!(wait_until(LIMIT, ready), "{}", name);
        for n in [0, 1] {
            let said = |path: &str| {
                let path = path.replace("SENDS", shape.sends[n]).replace("FAR", FAR[n]);
                let path = path.replace("HOST", HOST[n]).replace("OWN", shape.own[n]);
                let mut path: Vec<String> = path
                    .replace("END", shape.end[n])
                    .split(", ")
                    .map(String::from)
                    .collect();
                path.sort();
                path
            };
            let case = |way: &str, from: &str, to: &str, port: u16, answer: String, path: &str| {
                assert_eq!(
                    ask(&sandbox, from, to, port),
                    answer,
                    "{}, {way}, {to}: {:?}",
                    name,
                    counted(&sandbox)
                );
                assert_eq!(counted(&sandbox), said(path), "{}, {way}, {to}", name);
            };
            counted(&sandbox);
            let (far, host, end) = (FAR[n], HOST[n], shape.end[n]);
            case(
                "out",
                shape.sender,
                far,
                82,
                format!("far {host}"),
                shape.out,
            );
            case(
                "in from the LAN",
                "far",
                host,
                8080,
                format!("mgmt {far}"),
                shape.lan,
            );
            case(
                "in from the host",
                "",
                host,
                8080,
                format!("mgmt {end}"),
                shape.host,
            );
            case(
                "in from itself",
                shape.sender,
                host,
                8080,
                format!("mgmt {end}"),
                shape.itself,
            );
            // What is not forwarded: the machine behind it, and the network beside it
            assert_eq!(ask(&sandbox, "far", shape.own[n], 80), "");
        }
        drop(machine);
        setup(&sandbox, "down --force mgmt").ok();
        assert_eq!(routes(), before, "{}", name);
        sandbox.sh("ip netns exec guest nft flush ruleset").ok();
    }
}

#[test]
fn ports_in_a_row_lead_inside_and_only_for_whom_they_are() {
    let sandbox = sandbox(
        "netns_publish=\"tcp/8000-8010 tcp/81:80 from 192.0.2.0/24 udp/5353:80 from 2001:db8:10::1 tcp/8080:80\"\n",
    );
    sandbox
        .sh("ip route add default via 192.0.2.1; ip route add default via 2001:db8:10::1")
        .ok();
    setup(&sandbox, "up mgmt").ok().stderr("");
    setup(&sandbox, "reload mgmt").ok().stdout("");
    for port in [80, 8000, 8010, 8011] {
        serve(&sandbox, "mgmt", port, "mgmt");
    }
    for (n, host) in HOST.iter().enumerate() {
        for port in [8000, 8010] {
            assert_eq!(ask(&sandbox, "far", host, port), format!("mgmt {}", FAR[n]));
        }
        assert_eq!(ask(&sandbox, "far", host, 8011), "");
    }
    assert_eq!(
        ask(&sandbox, "far", HOST[0], 81),
        format!("mgmt {}", FAR[0])
    );
    // The host is in that network, and sends from its own address
    assert_eq!(ask(&sandbox, "", HOST[0], 81), "mgmt 10.8.0.1");
    for (from, to) in [("", "127.0.0.1"), ("", HOST[1]), ("far", HOST[1])] {
        assert_eq!(ask(&sandbox, from, to, 81), "", "{from} to {to}");
    }
    assert_eq!(
        ask_udp(&sandbox, "far", 0, HOST[1], 5353),
        format!("mgmt {}", FAR[1])
    );
    assert_eq!(ask_udp(&sandbox, "", 0, HOST[1], 5353), "");
    // A server of the host at the address of one link stays reachable
    let of_link = sandbox
        .sh("ip -o -6 address show dev eth1 scope link")
        .ok()
        .stdout;
    let link_local = of_link
        .split(['/', ' '])
        .find(|word| word.starts_with("fe80:"));
    let link_local: Ipv6Addr = link_local.unwrap().parse().unwrap();
    let scope = sandbox.ip_json("-n far link show far1")[0]["ifindex"]
        .as_u64()
        .unwrap();
    serve(&sandbox, "", 8080, "host");
    let to = SocketAddrV6::new(link_local, 8080, 0, u32::try_from(scope).unwrap());
    // The host answers as soon as duplicate address detection has ended on both ends
    let is_host = || ask_at(&sandbox, "far", to.into()).starts_with("host fe80::");
    assert!(wait_until(LIMIT, is_host));
    assert_eq!(
        ask(&sandbox, "far", HOST[1], 8080),
        format!("mgmt {}", FAR[1])
    );
    // A source that was removed is not forwarded
    write(&sandbox, "netns_publish=\"tcp/81:80 from 192.0.2.254\"\n");
    setup(&sandbox, "reload mgmt").ok();
    assert_eq!(ask(&sandbox, "far", HOST[0], 81), "");
    // Of several ports, the message names the one in use; those that are ours already are not
    // in it
    let held = sandbox.inside(|| TcpListener::bind("0.0.0.0:9003").unwrap());
    write(&sandbox, "netns_publish=\"tcp/9000-9010\"\n");
    let run = setup(&sandbox, "reload mgmt").code(111);
    assert!(
        run.stderr
            .contains("tcp/9000-9010: a program on the host already uses tcp port 9003"),
        "{run}"
    );
    drop(held);
    setup(&sandbox, "reload mgmt").ok();
    write(&sandbox, "netns_publish=\"tcp/9000-9020\"\n");
    setup(&sandbox, "reload mgmt").ok();
}

/// A NIC that goes back to the host is an uplink of the host in the same run.
#[test]
fn the_only_uplink_goes_back_to_the_host() {
    let sandbox = far::sandbox("");
    sandbox.sh("ip route add default via 192.0.2.1").ok();
    let before = dump(&sandbox, "");
    let links = VETH.replace("netns_links=\"ve0\"", "netns_links=\"eth1 ve0\"");
    for nat in [
        "netns_masquerade=yes",
        "netns_masquerade=eth1",
        "netns_publish=tcp/8080:80",
    ] {
        far::write(&sandbox, &format!("{links}config_eth1=192.0.2.10/24\n"));
        setup(&sandbox, "up mgmt").ok();
        write(&sandbox, nat);
        let planned = setup(&sandbox, "plan mgmt").ok().stdout;
        assert!(
            planned.contains("+ sysctl -w net.ipv4.conf.eth1.forwarding=1\n"),
            "{planned}"
        );
        setup(&sandbox, "reload mgmt").ok().stdout(&planned);
        setup(&sandbox, "reload mgmt").ok().stdout("");
        setup(&sandbox, "down mgmt").ok();
        is_again(&sandbox, "", &before);
        assert_eq!(sysctl(&sandbox, "net/ipv4/conf/eth1/forwarding"), "0");
    }
}
