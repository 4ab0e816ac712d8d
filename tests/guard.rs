//! The guard: nobody moves the link of their own connection by accident. Real connections
//! over a real link; sessions of a real sshd are in tests/openrc.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "common/far.rs"]
mod far;

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use common::{LIMIT, NETNS_EXEC, NETNS_SETUP, Run, Sandbox, wait_until};
use far::{MGMT, dump, in_netns, same, sandbox, setup, write};

/// Listens at the other end until it is dropped.
fn server(sandbox: &Sandbox, netns: &str, address: &str) -> TcpListener {
    in_netns(sandbox, netns, || TcpListener::bind(address).unwrap())
}

/// Calls netns-setup below a shell that holds a connection to this address, and below another
/// shell of which nothing can be read.
fn connected(sandbox: &Sandbox, to: &str, words: &str) -> Run {
    let script = format!(
        "exec 3<>/dev/tcp/{to} && env -i sh -c 'exec 3>&-; PATH={}; {NETNS_SETUP} {words}; exit $?'; exit $?",
        common::PATH
    );
    sandbox.run(&["bash", "-c", &script])
}

/// Calls it in a session whose environment names the connection, while the connection exists.
fn in_session(sandbox: &Sandbox, connection: &str, words: &str) -> Run {
    let _stands = connection_of(sandbox, connection);
    in_said_session(sandbox, connection, words)
}

/// The same, whether or not the connection exists.
fn in_said_session(sandbox: &Sandbox, connection: &str, words: &str) -> Run {
    let script = format!("env -i {NETNS_SETUP} {words}; exit $?");
    sandbox.run_with(&["sh", "-c", &script], |command| {
        command.env("SSH_CONNECTION", connection);
    })
}

/// `PEER PORT LOCAL PORT`, from the namespace that has one address to the namespace that has
/// the other; it exists until both ends are dropped.
fn connection_of(sandbox: &Sandbox, said: &str) -> (TcpListener, Socket) {
    let words: Vec<&str> = said.split(' ').collect();
    let end = |at: usize| {
        let address: IpAddr = words[at].parse().unwrap();
        SocketAddr::new(address, words[at + 1].parse().unwrap())
    };
    let (peer, local) = (end(0), end(2));
    let everywhere = ["", "far", "mgmt", "other"];
    let there = |netns: &&str| {
        netns.is_empty()
            || sandbox
                .sh(&format!("[ -e /run/netns/{netns} ]"))
                .status
                .success()
    };
    let places: Vec<&str> = everywhere.into_iter().filter(there).collect();
    let find = |bind: &(dyn Fn() -> Option<Socket> + Sync)| {
        let mut found = places.iter().map(|netns| match *netns {
            "" => sandbox.inside(bind),
            netns => in_netns(sandbox, netns, bind),
        });
        found
            .find_map(|socket| socket)
            .expect("who has such an address")
    };
    let bound = |address: SocketAddr| {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        // The same ports may be used again a moment later
        socket.set_linger(Some(Duration::ZERO)).unwrap();
        socket.bind(&address.into()).ok().map(|()| socket)
    };
    let listener = find(&|| bound(local));
    listener.listen(1).unwrap();
    let begun = Instant::now();
    loop {
        let client = find(&|| bound(peer));
        match client.connect_timeout(&local.into(), LIMIT) {
            Ok(()) => return (listener.into(), client),
            // The peer has asked for the MAC address while the link was away
            Err(e) if e.kind() == ErrorKind::HostUnreachable && begun.elapsed() < LIMIT => {
                sleep(Duration::from_millis(50));
            }
            Err(e) => panic!("{said}: {e}"),
        }
    }
}

const OVER_ETH1: &str = "192.0.2.1 50022 192.0.2.7 22";

#[test]
fn the_link_of_ones_own_connection_is_not_moved_and_it_is_said_what_to_type() {
    let sandbox = sandbox(MGMT);
    let _server = server(&sandbox, "far", "192.0.2.1:22");
    let before = dump(&sandbox, "");
    for verb in ["up", "reload", "watch"] {
        let run = connected(&sandbox, "192.0.2.1/22", &format!("{verb} mgmt")).code(100);
        run.stdout("").stderr(
            "netns-setup: /etc/conf.d/netns.mgmt:1: netns_links moves eth1, which carries your own connection from 192.0.2.1 port 22 to 192.0.2.7\n\
             netns-setup: type netns-setup try mgmt --within 60 (--with sshd, if that belongs inside), which undoes it unless you confirm it; or add --yes-move-my-connection\n\
             netns-setup: mgmt: nothing was changed\n",
        );
    }
    same(&dump(&sandbox, ""), &before);
    sandbox
        .sh("[ ! -e /run/netns/mgmt ] && [ ! -e /run/netns-services/mgmt ]")
        .ok();
    let plan = connected(&sandbox, "192.0.2.1/22", "plan mgmt").ok();
    assert!(plan.stdout.contains("+ ip link set eth1 netns mgmt\n"));
    assert!(
        plan.stderr.contains("carries your own connection"),
        "{plan}"
    );
    connected(&sandbox, "192.0.2.1/22", "try mgmt --within 600").ok();
    setup(&sandbox, "confirm mgmt").ok();
    setup(&sandbox, "down mgmt").ok();
    connected(&sandbox, "192.0.2.1/22", "up mgmt --yes-move-my-connection").ok();
}

#[test]
fn the_environment_of_the_session_tells_of_it_too() {
    let sandbox = sandbox(MGMT);
    let run = in_session(&sandbox, OVER_ETH1, "up mgmt").code(100);
    assert!(
        run.stderr.contains(
            "moves eth1, which carries your own connection from 192.0.2.1 port 50022 to 192.0.2.7\n"
        ),
        "{run}"
    );
    in_session(
        &sandbox,
        "2001:db8:10::1 50022 2001:db8:10::7 22",
        "up mgmt",
    )
    .code(100);
    // The connection comes through a router, and its local address is that of another link
    sandbox
        .sh("ip -n far address add 203.0.113.5/32 dev lo")
        .ok();
    in_session(&sandbox, "203.0.113.5 50022 192.0.2.7 22", "up mgmt").code(100);
    // The connection ends in another namespace, and its peer is reached through this link
    sandbox
        .sh(
            "set -e; ip netns add other; ip link add o type veth peer name o1 netns other
             ip address add 10.9.9.1/24 dev o; ip link set o up; ip -n other link set o1 up
             ip -n other address add 10.9.9.9/24 dev o1; ip -n other route add default via 10.9.9.1
             ip -n far route add 10.9.9.0/24 via 192.0.2.7; echo 1 >/proc/sys/net/ipv4/ip_forward",
        )
        .ok();
    in_session(&sandbox, "203.0.113.5 50022 10.9.9.9 22", "up mgmt").code(100);
    // Not this link
    sandbox
        .sh(
            "set -e; ip link add p type veth peer name p1 netns far; ip link set p up
             ip address add 10.7.0.1/24 dev p; ip -n far link set p1 up
             ip -n far address add 10.7.0.9/24 dev p1",
        )
        .ok();
    in_session(&sandbox, "10.7.0.9 50022 10.7.0.1 22", "up mgmt").ok();
    // The NIC is inside already: nothing moves
    in_session(&sandbox, "10.7.0.9 50023 10.7.0.1 22", "up mgmt")
        .ok()
        .stderr("");
}

#[test]
fn one_says_that_it_may_be_moved() {
    let allowed = format!("{MGMT}netns_move_my_connection=\"yes\"\n");
    let sandbox = sandbox(&allowed);
    in_session(&sandbox, OVER_ETH1, "up mgmt").ok();
    in_session(&sandbox, "192.0.2.1 5 192.0.2.10 22", "down mgmt").ok();
    write(&sandbox, &allowed.replace("\"yes\"", "maybe"));
    setup(&sandbox, "check mgmt").code(100);
}

#[test]
fn a_connection_that_comes_in_through_the_namespace_keeps_its_link_there() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    let inside = dump(&sandbox, "-n mgmt");
    for words in ["down mgmt", "down --force mgmt", "down --kill mgmt"] {
        let run = in_session(&sandbox, "192.0.2.1 50022 192.0.2.10 22", words).code(100);
        run.stdout("").stderr(
            "netns-setup: mgmt: it would take away eth1, which carries your own connection from 192.0.2.1 port 50022 to 192.0.2.10\n\
             netns-setup: log in another way, or add --yes-move-my-connection\n\
             netns-setup: mgmt: nothing was changed\n",
        );
    }
    write(&sandbox, "netns_links=\"\"\n");
    in_session(&sandbox, "192.0.2.1 50022 192.0.2.10 22", "reload mgmt").code(100);
    same(&dump(&sandbox, "-n mgmt"), &inside);
    // From the host, or over another link, it may be taken down
    in_session(&sandbox, "127.0.0.1 50022 127.0.0.1 22", "down mgmt").ok();
}

/// Each reload removes something; it is an error only if the connection cannot do without it.
#[test]
fn a_reload_does_not_remove_the_address_and_the_route_of_ones_own_connection() {
    let with = |config: &str, routes: &str| {
        format!("netns_links=eth1\nconfig_eth1=\"{config}\"\nroutes_eth1=\"{routes}\"\n")
    };
    let (both, world) = ("192.0.2.7/24 192.0.2.8/24", "default via 192.0.2.1");
    let sandbox = sandbox(&with(both, world));
    sandbox
        .sh("ip -n far address add 203.0.113.5/32 dev lo")
        .ok();
    let near = "192.0.2.1 50022 192.0.2.8 22";
    let routed = "203.0.113.5 50022 192.0.2.8 22";
    let lost = "the address 192.0.2.8/24 of eth1";
    let route = "the route default via 192.0.2.1 dev eth1";
    for (config, routes, connection, what) in [
        ("192.0.2.7/24", world, near, Some(lost)),
        ("192.0.2.7/24 192.0.22.8/24", world, near, Some(lost)),
        ("192.0.2.8/24", world, near, None),
        ("192.0.2.7/24 192.0.2.8/25", world, near, None),
        (both, "", near, None),
        (both, "", routed, Some(route)),
        (both, "203.0.113.0/24 via 192.0.2.1", routed, None),
        (both, "default via 192.0.2.1 metric 5", routed, None),
        (both, "198.51.100.0/24 via 192.0.2.1", routed, Some(route)),
    ] {
        write(&sandbox, &with(both, world));
        setup(&sandbox, "up mgmt").ok();
        write(&sandbox, &with(config, routes));
        let run = in_session(&sandbox, connection, "reload mgmt");
        let Some(what) = what else {
            run.ok();
            setup(&sandbox, "down mgmt").ok();
            continue;
        };
        let peer = connection.split(' ').next().unwrap();
        let told = format!(
            "netns-setup: mgmt: it would remove {what}, which your own connection from {peer} port 50022 to 192.0.2.8 needs\n\
             netns-setup: type netns-setup try mgmt --within 60, which undoes it unless you confirm it; or "
        );
        let run = run.code(100);
        assert!(run.stderr.starts_with(&told), "{config} {routes}: {run}");
        let plan = in_session(&sandbox, connection, "plan mgmt").ok();
        assert!(plan.stderr.starts_with(&told), "{config} {routes}: {plan}");
        // An up removes nothing
        in_session(&sandbox, connection, "up mgmt").ok();
        in_session(&sandbox, connection, "reload mgmt --yes-move-my-connection").ok();
        setup(&sandbox, "down mgmt").ok();
    }
}

/// Each trial cuts the connection; what is said depends on where its address goes.
#[test]
fn a_trial_says_where_to_log_in_again() {
    let sandbox = sandbox(MGMT);
    let again = |at: &str| {
        format!(
            "netns-setup: mgmt: this changes what your own connection needs: if it hangs or ends, log in again{at} within 2 s and type\n\
             netns-setup: netns-setup confirm mgmt\n"
        )
    };
    let silent = "netns-setup: mgmt: nothing runs inside that could answer a login";
    let moved = |addresses: &str| format!("netns_links=eth1\nconfig_eth1=\"{addresses}\"\n");
    for (addresses, at) in [
        ("192.0.2.7/24", ""),
        ("192.0.2.7/24 192.0.2.8/24", ""),
        ("192.0.2.8/24", " at 192.0.2.8"),
        (
            "192.0.2.8/24 2001:db8:10::8/64 fe80::8/64",
            " at 192.0.2.8 or 2001:db8:10::8",
        ),
        ("fe80::8/64", ""),
    ] {
        write(&sandbox, &moved(addresses));
        let run = in_session(&sandbox, OVER_ETH1, "try mgmt --within 2").ok();
        assert!(run.stderr.starts_with(&again(at)), "{addresses}: {run}");
        assert!(run.stderr.contains(silent), "{addresses}: {run}");
        let undone = || sandbox.sh("[ ! -e /run/netns/mgmt ]").status.success();
        assert!(wait_until(LIMIT, undone));
    }

    // An address is replaced, and a process is inside
    write(&sandbox, &moved("192.0.2.7/24"));
    setup(&sandbox, "up mgmt").ok();
    let _inside = sandbox.spawn(&[NETNS_EXEC, "mgmt", "--", "sleep", "1000"]);
    write(&sandbox, &moved("192.0.2.9/24"));
    let run = in_session(&sandbox, OVER_ETH1, "try mgmt --within 2").ok();
    assert!(run.stderr.starts_with(&again(" at 192.0.2.9")), "{run}");
    assert!(!run.stderr.contains(silent), "{run}");
}

#[test]
fn a_link_below_the_one_of_the_connection_is_kept_too() {
    let sandbox = sandbox(MGMT);
    sandbox
        .sh("set -e; ip link add br0 type bridge forward_delay 0; ip link set eth1 master br0; ip address flush dev eth1
             ip link set br0 up; ip link add mv0 link br0 type macvlan mode bridge
             ip link set mv0 up; ip address add 192.0.2.7/24 dev mv0")
        .ok();
    let _stands = connection_of(&sandbox, OVER_ETH1);
    let run = in_said_session(&sandbox, OVER_ETH1, "up mgmt").code(100);
    assert!(run.stderr.contains("netns_links moves eth1"), "{run}");
    sandbox.sh("ip link set eth1 nomaster").ok();
    // The kernel has not deleted it yet, but it carries nothing
    in_said_session(&sandbox, OVER_ETH1, "up mgmt").ok();
}

/// What the guard plans at first is not what is done: something comes in between that makes the
/// move of the link possible, or another namespace brings this one up, too.
#[test]
fn a_link_is_kept_even_if_its_move_becomes_possible_only_later() {
    let lan = "netns_links=br0\ntype_br0=bridge\n";
    let port = |at: &str, master: &str| {
        format!(
            "netns_links=\"eth0 eth1\"\ntype_eth0=veth\npeer_eth0=port0\n{at}peer_master_eth0={master}\nconfig_eth1=192.0.2.10/24\n"
        )
    };
    let of_lan = port("peer_netns_eth0=lan\n", "br0");
    let of_host = format!(
        "{}netns_pre_up=\"ip link add br9 type bridge\"\n",
        port("", "br9")
    );
    let renamed = "netns_links=wan0\nconfig_wan0=192.0.2.10/24\nnetns_pre_up=\"[ -e /sys/class/net/wan0 ] || ip link set eth1 name wan0\"\n";
    for (settings, words, moved) in [
        (&*of_lan, "up lan mgmt", "eth1"),
        (&of_lan, "up --all", "eth1"),
        (&of_lan, "reload --all", "eth1"),
        (&of_host, "up mgmt", "eth1"),
        (&of_host, "reload mgmt", "eth1"),
        (renamed, "up mgmt", "wan0"),
        (renamed, "watch mgmt", "wan0"),
    ] {
        let sandbox = sandbox(settings);
        sandbox.write("/etc/conf.d/netns.lan", lan);
        let run = in_session(&sandbox, OVER_ETH1, words).code(100);
        let told = format!("netns_links moves {moved}, which carries your own connection");
        assert!(run.stderr.contains(&told), "{settings}{words}: {run}");
        assert!(run.stderr.ends_with("mgmt: nothing was changed\n"), "{run}");
        sandbox.sh(&format!("ip link show {moved}")).ok();
        sandbox
            .sh("[ ! -e /run/netns/mgmt ] && [ ! -e /run/netns-services/mgmt ]")
            .ok();
        in_session(
            &sandbox,
            OVER_ETH1,
            &format!(
                "up {} --yes-move-my-connection",
                &words[words.find(' ').unwrap()..]
            )
            .replace("up  ", "up "),
        )
        .ok();
        sandbox.sh(&format!("ip -n mgmt link show {moved}")).ok();
    }

    // The namespace of the bridge brings up the other one, whose settings were edited
    let sandbox = sandbox(&of_lan.replace(" eth1\"", "\"").replace("config_eth1", "#"));
    sandbox.write("/etc/conf.d/netns.lan", lan);
    setup(&sandbox, "up lan mgmt").ok();
    write(&sandbox, &of_lan);
    setup(&sandbox, "down lan").ok();
    let run = in_session(&sandbox, OVER_ETH1, "up lan");
    assert!(
        run.stderr.contains("netns_links moves eth1, which carries"),
        "{run}"
    );
    sandbox.sh("ip link show eth1").ok();
}

/// With a link inside, the kernel deletes the other end of its pair.
#[test]
fn a_connection_over_the_other_end_of_a_pair_keeps_it() {
    let pair = "netns_links=ve0\ntype_ve0=veth\npeer_ve0=host0\npeer_config_ve0=10.8.0.1/24\nconfig_ve0=10.8.0.2/24\n";
    let sandbox = sandbox(pair);
    setup(&sandbox, "up mgmt").ok();
    // A pair that somebody else has made
    sandbox
        .sh(
            "ip link add their0 type veth peer their1 netns mgmt && ip link set their0 up
             ip address add 10.9.0.1/24 dev their0
             ip -n mgmt link set their1 up && ip -n mgmt address add 10.9.0.2/24 dev their1",
        )
        .ok();
    let over_host0 = "10.8.0.2 50022 10.8.0.1 22";
    let over_their0 = "10.9.0.2 50022 10.9.0.1 22";
    for (settings, words, connection, link) in [
        (pair, "down mgmt", over_host0, "ve0"),
        (pair, "down --force mgmt", over_host0, "ve0"),
        (pair, "down mgmt", over_their0, "their1"),
        ("netns_links=\n", "reload mgmt", over_host0, "ve0"),
        (
            "netns_links=ve0\ntype_ve0=bridge\n",
            "reload mgmt",
            over_host0,
            "ve0",
        ),
        (
            "netns_links=ve0\ntype_ve0=bridge\n",
            "up mgmt",
            over_host0,
            "ve0",
        ),
    ] {
        write(&sandbox, settings);
        let run = in_session(&sandbox, connection, words).code(100);
        let told = format!("{link}, which carries your own connection");
        assert!(run.stderr.contains(&told), "{settings}{words}: {run}");
        sandbox.sh(&format!("ip -n mgmt link show {link}")).ok();
    }
    write(&sandbox, "netns_links=\n");
    in_session(&sandbox, over_their0, "reload mgmt").ok();
    in_session(&sandbox, over_their0, "down mgmt --yes-move-my-connection").ok();
}

/// A bridge of the host: only the port to the peer carries the connection.
#[test]
fn of_a_bridge_only_the_port_to_the_peer_is_kept() {
    let port = |address: &str| {
        format!("netns_links=ve0\ntype_ve0=veth\npeer_ve0=port0\npeer_master_ve0=br0\n{address}")
    };
    let of_eth1 = "netns_links=eth1\n";
    let sandbox = sandbox(&port(""));
    sandbox.write("/etc/conf.d/netns.other", of_eth1);
    // The bridge keeps its own MAC address, whatever ports it has
    sandbox
        .sh(
            "ip link add br0 address 52:54:00:00:00:09 type bridge && ip link set br0 up
             ip address flush dev eth1 && ip link set eth1 master br0
             ip address add 192.0.2.7/24 dev br0
             ip link add eth2 type veth peer name far2 && ip link set eth2 up master br0",
        )
        .ok();
    let stands = connection_of(&sandbox, OVER_ETH1);
    in_said_session(&sandbox, OVER_ETH1, "up mgmt").ok();
    in_said_session(&sandbox, OVER_ETH1, "down mgmt").ok();
    write(&sandbox, "netns_links=eth2\n");
    in_said_session(&sandbox, OVER_ETH1, "up mgmt").ok();
    in_said_session(&sandbox, OVER_ETH1, "down mgmt").ok();
    in_said_session(&sandbox, OVER_ETH1, "up other").code(100);
    drop(stands);

    // The connection ends inside, and the bridge has no address
    write(&sandbox, &port("config_ve0=192.0.2.10/24\n"));
    sandbox.sh("ip address flush dev br0").ok();
    setup(&sandbox, "up mgmt").ok();
    let inside = "192.0.2.1 50022 192.0.2.10 22";
    let moves = "netns_links moves eth1, which carries your own connection";
    let run = in_session(&sandbox, inside, "up other").code(100);
    assert!(run.stderr.contains(moves), "{run}");
    write(
        &sandbox,
        &port("config_ve0=192.0.2.10/24\n").replace("=ve0\n", "=\"ve0 eth1\"\n"),
    );
    let run = in_session(&sandbox, inside, "up mgmt").code(100);
    assert!(run.stderr.contains(moves), "{run}");
    sandbox.sh("ip link show eth1").ok();
}

/// The connection ends in a namespace that is connected to the NIC by a bridge of another one.
#[test]
fn a_connection_through_the_bridge_of_another_namespace_keeps_that() {
    let sandbox = sandbox(
        "netns_links=ve0\ntype_ve0=veth\npeer_ve0=port0\npeer_netns_ve0=lan\npeer_master_ve0=br0\nconfig_ve0=192.0.2.10/24\n",
    );
    let lan = "netns_links=\"eth1 br0\"\ntype_br0=bridge\nbridge_br0=eth1\n";
    sandbox.write("/etc/conf.d/netns.lan", lan);
    setup(&sandbox, "up lan mgmt").ok();
    let inside = "192.0.2.1 50022 192.0.2.10 22";
    let stands = connection_of(&sandbox, inside);
    for words in ["down lan", "down --all", "reload lan"] {
        sandbox.write(
            "/etc/conf.d/netns.lan",
            "netns_links=br0\ntype_br0=bridge\n",
        );
        let run = in_said_session(&sandbox, inside, words).code(100);
        assert!(
            run.stderr.contains("which carries your own connection"),
            "{words}: {run}"
        );
    }
    sandbox.sh("ip -n lan link show eth1 master br0").ok();
    drop(stands);
    in_said_session(&sandbox, inside, "down lan").ok();
}

const PUBLISHED: &str = "netns_links=ve0\ntype_ve0=veth\npeer_ve0=host0\nconfig_ve0=10.8.0.2/24\npeer_config_ve0=10.8.0.1/24\nroutes_ve0=\"default via 10.8.0.1\"\nnetns_masquerade=eth1\nnetns_publish=\"tcp/2222:22\"\n";

/// A session of an sshd inside, through a published port.
#[test]
fn a_connection_through_a_published_port_keeps_what_it_needs() {
    let sandbox = sandbox(PUBLISHED);
    setup(&sandbox, "up mgmt").ok();
    sandbox.write("/etc/conf.d/netns.other", "netns_links=eth1\n");
    let server = server(&sandbox, "mgmt", "10.8.0.2:22");
    let client = in_netns(&sandbox, "far", || {
        std::net::TcpStream::connect("192.0.2.7:2222").unwrap()
    });
    let (peer, local) = (client.local_addr().unwrap(), "10.8.0.2 22");
    let said = format!("{} {} {local}", peer.ip(), peer.port());
    let accepted = server.accept().unwrap();
    let without = |setting: &str| {
        let lines = PUBLISHED.lines().filter(|line| !line.starts_with(setting));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    let eth1 = PUBLISHED
        .replace("=ve0\n", "=\"ve0 eth1\"\n")
        .replace("masquerade=eth1", "masquerade=far9");
    for (settings, words, what) in [
        (
            PUBLISHED,
            "up other",
            "netns_links moves eth1, which carries",
        ),
        (&*eth1, "up mgmt", "netns_links moves eth1, which carries"),
        (
            &without("netns_publish"),
            "reload mgmt",
            "it would remove the published port tcp/2222:22, which",
        ),
        (
            &PUBLISHED.replace("2222:22", "2223:22"),
            "reload mgmt",
            "it would remove the published port tcp/2222:22, which",
        ),
    ] {
        write(&sandbox, settings);
        let run = in_said_session(&sandbox, &said, words).code(100);
        assert!(run.stderr.contains(what), "{settings}{words}: {run}");
        assert!(run.stderr.ends_with(": nothing was changed\n"), "{run}");
    }
    write(
        &sandbox,
        &PUBLISHED.replace("2222:22\"", "2222:22 tcp/2223:23\""),
    );
    in_said_session(&sandbox, &said, "reload mgmt").ok();
    drop((accepted, client));
}

/// No single change tells that the connection is lost: the kernel is asked after them.
#[test]
fn changes_that_lead_ones_own_connection_elsewhere_are_undone() {
    let base = "netns_links=eth1\nconfig_eth1=192.0.2.7/24\n";
    let (way, table) = (
        "routes_eth1=\"default via 192.0.2.1\"\n",
        "routes_eth1=\"default via 192.0.2.1 table 9\"\n",
    );
    let rule = "netns_rules=\"from 192.0.2.7 table 9 priority 80\"\n";
    let sandbox = sandbox("");
    sandbox
        .sh("ip -n far address add 203.0.113.5/32 dev lo && ip route flush 203.0.113.0/24")
        .ok();
    let said = "203.0.113.5 50022 192.0.2.7 22";
    let none = Some("no route");
    for (before, after, now) in [
        (
            way,
            format!("{way}netns_rules=\"blackhole from 192.0.2.7 priority 80\"\n"),
            none,
        ),
        (
            way,
            format!("{way}netns_rules=\"unreachable to 203.0.113.0/24 priority 80\"\n"),
            none,
        ),
        (
            way,
            way.replace("192.0.2.1", "192.0.2.254"),
            Some("via 192.0.2.254 dev eth1"),
        ),
        (
            way,
            way.replace("1\"", "1\n203.0.113.0/24 via 192.0.2.254\""),
            Some("via 192.0.2.254 dev eth1"),
        ),
        (
            way,
            way.replace("1\"", "1\nblackhole 203.0.113.0/24\""),
            none,
        ),
        (&format!("{table}{rule}"), table.to_string(), none),
        (&format!("{table}{rule}"), way.to_string(), None),
        (way, format!("{table}{rule}"), None),
        (way, format!("{way}mtu_eth1=1400\n{rule}"), None),
    ] {
        write(&sandbox, &format!("{base}{before}"));
        setup(&sandbox, "up mgmt").ok();
        let stands = connection_of(&sandbox, said);
        let there = dump(&sandbox, "-n mgmt");
        let rules = || sandbox.sh("ip -n mgmt rule").ok().stdout;
        let rules_before = rules();
        write(&sandbox, &format!("{base}{after}"));
        let run = in_said_session(&sandbox, said, "reload mgmt");
        match now {
            None => drop(run.ok()),
            Some(now) => {
                let told = format!(
                    "netns-setup: mgmt: it cut your own connection from 203.0.113.5 port 50022 to 192.0.2.7: in mgmt, packets to 203.0.113.5 had the route \"via 192.0.2.1 dev eth1\", and now \"{now}\"\n\
                     netns-setup: type netns-setup try mgmt --within 60, which undoes it unless you confirm it; or add --yes-move-my-connection\n"
                );
                let run = run.code(100);
                assert!(run.stderr.starts_with(&told), "{after}: {run}");
                assert!(run.stderr.ends_with("have been undone\n"), "{after}: {run}");
                same(&dump(&sandbox, "-n mgmt"), &there);
                assert_eq!(rules(), rules_before);
                in_said_session(&sandbox, said, "reload mgmt --yes-move-my-connection").ok();
            }
        }
        drop(stands);
        setup(&sandbox, "down mgmt").ok();
    }
}

/// Calls it in a session over this connection, and sends its output over it, as sshd does. What it
/// prints on standard error is the output of the run.
fn over(
    sandbox: &Sandbox,
    (listener, _client): &(TcpListener, Socket),
    said: &str,
    words: &str,
) -> Run {
    let session = listener.accept().unwrap().0;
    let script =
        format!("exec 3>&1 >&0; {words} 2>/run/errors; code=$?; cat /run/errors >&3; exit $code");
    sandbox.run_with(&["sh", "-c", &script], |command| {
        command.env("SSH_CONNECTION", said);
        command.stdin(OwnedFd::from(session));
    })
}

/// Packets that are routed as before, and are discarded: only the other end shows it.
#[test]
fn changes_after_which_the_other_end_answers_no_more_are_undone() {
    let four = ("192.0.2.1", "192.0.2.7");
    let six = ("2001:db8:10::1", "2001:db8:10::7");
    let chain = |hook: &str, rule: &str| {
        format!("table inet t {{ chain c {{ type filter hook {hook} priority 0; {rule}; }}; }}")
    };
    let harmless = chain("input", "tcp dport 80 drop");
    let plain = format!("{NETNS_SETUP} reload mgmt");
    // Nothing is printed, but at a terminal something is sent all the same
    let quiet = format!("script -qec '{NETNS_SETUP} -q reload mgmt 2>/run/errors' /dev/null");
    for ((peer, local), words, rules, cuts) in [
        (four, &plain, chain("input", "tcp dport 22 drop"), true),
        (four, &quiet, chain("input", "policy drop"), true),
        (four, &plain, chain("output", "tcp sport 22 drop"), true),
        (
            four,
            &plain,
            chain("input", "tcp dport 22 reject with tcp reset"),
            true,
        ),
        (six, &plain, chain("input", "tcp dport 22 drop"), true),
        (
            four,
            &plain,
            chain("input", "ct state established accept; drop"),
            false,
        ),
        (six, &quiet, chain("input", "meta nfproto ipv4 drop"), false),
    ] {
        let sandbox = sandbox(
            "netns_links=eth1\nconfig_eth1=\"192.0.2.7/24 2001:db8:10::7/64 nodad\"\nnetns_nftables=/etc/rules.nft\n",
        );
        sandbox.write("/etc/rules.nft", &harmless);
        setup(&sandbox, "up mgmt").ok();
        let loaded = || {
            sandbox
                .sh("ip netns exec mgmt nft list ruleset")
                .ok()
                .stdout
        };
        let before = loaded();
        let said = format!("{peer} 50022 {local} 22");
        let stands = connection_of(&sandbox, &said);
        sandbox.write("/etc/rules.nft", &rules);
        let run = over(&sandbox, &stands, &said, words);
        if cuts {
            let told = format!(
                "netns-setup: mgmt: it cut your own connection from {peer} port 50022 to {local}: the other end has acknowledged nothing since then\n\
                 netns-setup: type netns-setup try mgmt --within 60, which undoes it unless you confirm it; or add --yes-move-my-connection\n"
            );
            let run = run.code(100);
            assert!(run.stdout.starts_with(&told), "{rules}: {run}");
            assert!(run.stdout.ends_with("have been undone\n"), "{rules}: {run}");
            assert_eq!(loaded(), before, "{rules}");
        } else {
            run.ok();
            assert_ne!(loaded(), before, "{rules}");
        }
    }
}

/// A NIC that its driver restarts, as some do for a new MTU: it has no carrier for some seconds, and
/// its packets of that time show nothing.
#[test]
fn a_nic_that_has_no_carrier_for_a_moment_is_waited_for() {
    let chain = |rule: &str| {
        format!("table inet t {{ chain c {{ type filter hook input priority 0; {rule}; }}; }}")
    };
    let no_route = "netns_sysctl=net.ipv4.conf.eth1.ignore_routes_with_linkdown=1\n";
    for (rule, more, cuts) in [
        ("tcp dport 80 drop", "", false),
        ("tcp dport 80 drop", no_route, false),
        ("tcp dport 22 drop", "", true),
    ] {
        let sandbox = sandbox(&format!(
            "netns_links=eth1\nconfig_eth1=192.0.2.7/24\nnetns_nftables=/etc/rules.nft\n{more}"
        ));
        sandbox.write("/etc/rules.nft", "");
        setup(&sandbox, "up mgmt").ok();
        let said = "192.0.2.1 50022 192.0.2.7 22";
        let stands = connection_of(&sandbox, said);
        // The carrier is lost while the rules are loaded for the first time
        let nft = "#!/bin/sh
            mkdir /run/lost 2>/dev/null && {
                ip -n far link set far1 down
                (sleep 4; ip -n far link set far1 up) >/dev/null 2>&1 </dev/null &
                # The kernel notes that in the background
                [ \"$(cat /proc/sys/net/ipv4/conf/eth1/ignore_routes_with_linkdown)\" = 0 ] ||
                    while ip route get 192.0.2.1 >/dev/null 2>&1; do :; done
            }
            exec /run/nft \"$@\"\n";
        sandbox.write("/run/nft.slow", nft);
        sandbox
            .sh("cp /usr/sbin/nft /run/nft && chmod +x /run/nft.slow && mount --bind /run/nft.slow /usr/sbin/nft")
            .ok();
        sandbox.write("/etc/rules.nft", &chain(rule));
        let words = format!("{NETNS_SETUP} reload mgmt");
        let run = over(&sandbox, &stands, said, &words);
        let run = run.code(if cuts { 100 } else { 0 });
        let is_told = run.stdout.contains("acknowledged nothing since then");
        assert_eq!(is_told, cuts, "{run}");
        let loaded = sandbox.sh("ip netns exec mgmt /run/nft list ruleset").ok();
        assert_eq!(loaded.stdout.contains("dport"), !cuts, "{loaded}");
    }
}

/// Links that stay, and no longer pass on the packets.
#[test]
fn a_link_of_ones_own_connection_stays_in_its_bridge_and_keeps_its_packets() {
    let bridge =
        "netns_links=\"eth1 br0\"\ntype_br0=bridge\nbridge_br0=eth1\nconfig_br0=192.0.2.7/24\n";
    let passthru = "netns_links=mv0\ntype_mv0=macvlan\nlink_mv0=eth1\nmode_mv0=passthru\n";
    for (before, after, what) in [
        (
            bridge,
            &*bridge.replace("bridge_br0=eth1\n", ""),
            "change the master of eth1",
        ),
        (
            bridge,
            &format!("{bridge}mac_eth1=52:54:00:00:00:07\n"),
            "change the hardware address of eth1",
        ),
        ("netns_links=\n", passthru, "give mv0 all packets of eth1"),
        (
            "netns_links=\n",
            &passthru.replace("passthru", "bridge"),
            "",
        ),
    ] {
        let sandbox = sandbox(before);
        setup(&sandbox, "up mgmt").ok();
        write(&sandbox, after);
        let run = in_session(&sandbox, OVER_ETH1, "reload mgmt");
        match what {
            "" => drop(run.ok()),
            what => {
                let told = format!("mgmt: it would {what}, which your own connection from");
                let run = run.code(100);
                assert!(run.stderr.contains(&told), "{after}: {run}");
            }
        }
    }
}

/// The packets of a tunnel need a link, too.
#[test]
fn a_connection_through_a_tunnel_keeps_the_link_below() {
    let sandbox = sandbox("netns_links=eth1\n");
    sandbox
        .sh("ip route replace default via 192.0.2.1
             ip link add vx0 type vxlan id 7 remote 192.0.2.1 dstport 4789
             ip link set vx0 up && ip address add 10.9.0.1/24 dev vx0
             ip -n far link add vx0 type vxlan id 7 remote 192.0.2.7 dstport 4789
             ip -n far link set vx0 up && ip -n far address add 10.9.0.2/24 dev vx0")
        .ok();
    let over_vx0 = "10.9.0.2 50022 10.9.0.1 22";
    let run = in_session(&sandbox, over_vx0, "up mgmt").code(100);
    assert!(
        run.stderr.contains("moves eth1, which carries your own"),
        "{run}"
    );
}

/// What is given up with `--force` can carry a connection.
#[test]
fn a_forced_down_keeps_the_link_of_others_that_carries_ones_own_connection() {
    let sandbox =
        sandbox("netns_links=ve0\ntype_ve0=veth\npeer_ve0=host0\nconfig_ve0=10.8.0.2/24\n");
    setup(&sandbox, "up mgmt").ok();
    sandbox
        .sh(
            "ip link add mv0 link host0 type macvlan mode bridge && ip link set mv0 up
             ip address add 10.8.0.9/24 dev mv0",
        )
        .ok();
    let over_mv0 = "10.8.0.2 50022 10.8.0.9 22";
    for words in ["down mgmt", "down mgmt --force", "down --all --force"] {
        let run = in_session(&sandbox, over_mv0, words);
        assert_ne!(run.exit_code(), 0, "{words}: {run}");
        sandbox
            .sh("ip link show mv0 && ip netns exec mgmt true")
            .ok();
        let may = run.stderr.contains("which carries your own connection");
        assert!(may || !words.contains("force"), "{words}: {run}");
    }
    in_session(
        &sandbox,
        over_mv0,
        "down mgmt --force --yes-move-my-connection",
    )
    .ok();
    sandbox.sh("! ip link show mv0").ok();
}

#[test]
fn who_is_logged_in_otherwise_keeps_the_only_default_route() {
    let sandbox = sandbox(MGMT);
    sandbox.sh("ip route add default via 192.0.2.1").ok();
    // A login shell, as login(1) starts it
    let call = format!("exec -a -sh bash -c '{NETNS_SETUP} up mgmt; exit $?'");
    let run = sandbox.run(&["bash", "-c", &call]).code(100);
    assert!(
        run.stderr.contains("netns_links moves eth1, which all default routes of the host use, and you are logged in"),
        "{run}"
    );
    sandbox
        .sh("ip link add other type bridge && ip link set other up && ip address add 10.7.0.1/24 dev other && ip route add default via 10.7.0.9 metric 9")
        .ok();
    sandbox.run(&["bash", "-c", &call]).ok();
}

#[test]
fn nobody_is_stopped_where_nobody_is_logged_in() {
    let sandbox = sandbox(MGMT);
    sandbox.sh("ip route add default via 192.0.2.1").ok();
    setup(&sandbox, "up mgmt").ok();
    setup(&sandbox, "down mgmt").ok();
    // A terminal alone is no login: there is one at boot too
    let call = format!("{NETNS_SETUP} up mgmt; exit $?");
    sandbox.run(&["script", "-qec", &call, "/dev/null"]).code(0);
}

#[test]
fn a_connection_that_ends_in_another_namespace_than_its_process_is_known() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    let inside = dump(&sandbox, "-n mgmt");
    let servers = ["192.0.2.1", "2001:db8:10::1"];
    let _servers = servers.map(|address| {
        let bind = || TcpListener::bind((address, 22)).unwrap();
        in_netns(&sandbox, "far", bind)
    });
    // A socket of mgmt in a process on the host, in one of a namespace without a name, and in
    // one that has no /proc/PID/net any more because its thread has left
    for address in servers {
        for elsewhere in ["nsenter -t 1 -n -m", "unshare -n", "ip netns exec far"] {
            let script = format!(
                "exec 3<>/dev/tcp/{address}/22 && exec {elsewhere} bash -c \
                 'nsenter -t 1 -n -m env -i PATH={} sh -c \"exec 3>&-; {NETNS_SETUP} down mgmt; exit \\$?\"; exit $?'",
                common::PATH
            );
            let run = sandbox.run(&["ip", "netns", "exec", "mgmt", "bash", "-c", &script]);
            let run = run.code(100);
            let carries = format!("eth1, which carries your own connection from {address} port 22");
            assert!(run.stderr.contains(&carries), "{run}");
        }
    }
    same(&dump(&sandbox, "-n mgmt"), &inside);
    setup(&sandbox, "down mgmt").ok();
}

#[test]
fn a_session_that_has_ended_counts_no_more() {
    let sandbox = sandbox(MGMT);
    sandbox.sh("ip route add default via 192.0.2.1").ok();
    // A process that continues after a logout (nohup), or that was started in a session long
    // ago
    in_said_session(&sandbox, OVER_ETH1, "up mgmt").ok();
    let inside = "192.0.2.1 50022 192.0.2.10 22";
    in_session(&sandbox, inside, "down mgmt").code(100);
    in_said_session(&sandbox, inside, "down mgmt").ok();
}

/// A program of this name among the ancestors of the call. It is the shell, under another name.
fn below(sandbox: &Sandbox, name: &str, before: &str, words: &str) -> Run {
    let script = format!(
        "cp /bin/bash '/run/{name}' && SSH_CONNECTION='{OVER_ETH1}' \
         exec '/run/{name}' -c '{before} env -i {NETNS_SETUP} {words}; exit $?'"
    );
    sandbox.run(&["bash", "-c", &script])
}

#[test]
fn mosh_goes_on_by_its_own_socket() {
    let sandbox = sandbox(MGMT);
    // Only the name is mosh's; its socket and its environment are real
    below(&sandbox, "mosh-server", "", "up mgmt").ok();
    setup(&sandbox, "down mgmt").ok();
    for unset in ["", "unset SSH_CONNECTION;"] {
        let before = format!("{unset} exec 3<>/dev/udp/192.0.2.1/60001;");
        let run = below(&sandbox, "mosh-server", &before, "up mgmt").code(100);
        let carries = "moves eth1, which carries your own connection";
        assert!(run.stderr.contains(carries), "{run}");
    }
}

#[test]
fn a_script_is_not_the_program_of_its_name() {
    let sandbox = sandbox(MGMT);
    sandbox.sh("ip route add default via 192.0.2.1").ok();
    for name in ["sshd", "screen", "login", "mosh-server", "dropbearmulti"] {
        for interpreter in ["/bin/sh", "/usr/bin/env bash", "/bin/bash -u"] {
            let script = format!(
                "#!{interpreter}\n{NETNS_SETUP} up mgmt && {NETNS_SETUP} down mgmt; exit $?\n"
            );
            sandbox.write(&format!("/run/{name}"), &script);
            sandbox
                .sh(&format!("chmod 755 /run/{name} && /run/{name}"))
                .ok();
        }
        // The program itself counts
        let run = below(&sandbox, name, "unset SSH_CONNECTION;", "up mgmt").code(100);
        assert!(run.stderr.contains("you are logged in"), "{run}");
    }
}

/// A session of a user, of which only the connection and the names can be seen: a program
/// called sshd that holds the connection, with a process below it. It comes in over eth1 in
/// mgmt.
fn session(sandbox: &Sandbox, user: u32) -> common::Background {
    // The process below prints that it runs
    let script = "exec 3<>/dev/tcp/192.0.2.1/22 && sh -c 'echo in; exec sleep 600'; exit";
    let user = user.to_string();
    let become_user = [
        "setpriv",
        "--reuid",
        &user,
        "--regid",
        &user,
        "--clear-groups",
    ];
    let inside = ["ip", "netns", "exec", "mgmt"];
    let words = [&inside[..], &become_user, &["/run/sshd", "-c", script]].concat();
    let mut session = sandbox.spawn(&words);
    assert_eq!(session.line(), "in");
    session
}

/// Whether the namespace may be taken down; called below runsv(8), which does not tell who
/// asked.
fn may_go(sandbox: &Sandbox) -> Run {
    let script = format!("/run/runsv -c '{NETNS_SETUP} may-go mgmt; exit $?'; exit $?");
    sandbox.run(&["/run/runsvdir", "-c", &script])
}

#[test]
fn a_users_own_sshd_is_nobodys_login() {
    let sandbox = sandbox(MGMT);
    sandbox
        .sh("cp /bin/bash /run/sshd; cp /bin/bash /run/runsv; cp /bin/bash /run/runsvdir")
        .ok();
    let _server = server(&sandbox, "far", "192.0.2.1:22");
    setup(&sandbox, "up mgmt").ok();
    let users = session(&sandbox, 65534);
    may_go(&sandbox).ok();
    let roots = session(&sandbox, 0);
    let run = may_go(&sandbox).code(100);
    assert!(
        run.stderr
            .contains("the connection of somebody who is logged in"),
        "{run}"
    );
    drop((users, roots));
}

#[test]
fn below_tmux_the_sessions_of_its_user_count() {
    let sandbox = sandbox(MGMT);
    sandbox.sh("cp /bin/bash /run/sshd").ok();
    let _server = server(&sandbox, "far", "192.0.2.1:22");
    setup(&sandbox, "up mgmt").ok();
    let below_tmux = |words: &str| {
        let script = format!(
            "env -i PATH={} TERM=xterm tmux -S /run/tmux -f /dev/null new-session -d \
             '{NETNS_SETUP} {words} >/run/said 2>&1; echo $? >/run/code'
             until [ -s /run/code ]; do sleep 0.1; done; cat /run/said; read -r code </run/code
             rm /run/code; exit $code",
            common::PATH
        );
        sandbox.run(&["setsid", "sh", "-c", &script])
    };
    let roots = session(&sandbox, 0);
    let run = below_tmux("down mgmt").code(100);
    assert!(
        run.stdout
            .contains("eth1, which carries your own connection from 192.0.2.1 port 22"),
        "{run}"
    );
    drop(roots);
    let gone = || sandbox.sh("! pidof sshd").status.success();
    assert!(common::wait_until(LIMIT, gone));
    below_tmux("down --kill mgmt").ok();
}

#[test]
fn a_new_way_of_the_host_does_not_take_over_ones_own_connection() {
    // A link of the host that is created from the namespace, and nothing that is moved
    let with = |more: &str| {
        format!(
            "netns_links=\"up0 x0\"\ntype_up0=veth\ntype_x0=vxlan\nvxlan_id_x0=7\nhome_x0=host\n{more}"
        )
    };
    let sandbox = sandbox("");
    sandbox
        .sh("ip -n far address add 203.0.113.5/32 dev lo")
        .ok();
    let near = "192.0.2.1 50022 192.0.2.7 22";
    let routed = "203.0.113.5 50022 192.0.2.7 22";
    // The routes to the peers: 192.0.2.0/24, and 203.0.113.0/24 with metric 7
    for (more, carries) in [
        ("routes_x0=\"default dev x0\"\n", [false, false]),
        ("routes_x0=\"192.0.2.0/25 dev x0\"\n", [true, false]),
        ("config_x0=\"192.0.2.100/25\"\n", [true, false]),
        ("config_x0=\"192.0.2.200/25\"\n", [false, false]),
        ("routes_x0=\"203.0.113.0/24 dev x0\"\n", [false, true]),
        (
            "routes_x0=\"203.0.113.0/24 dev x0 metric 9\"\n",
            [false, false],
        ),
        (
            "routes_x0=\"203.0.113.4/30 dev x0 metric 9\"\n",
            [false, true],
        ),
    ] {
        write(&sandbox, &with(more));
        for (connection, carries) in [near, routed].into_iter().zip(carries) {
            let run = in_session(&sandbox, connection, "up mgmt");
            match carries {
                true => {
                    let setting = more.split('=').next().unwrap();
                    let peer = connection.split(' ').next().unwrap();
                    let told = format!(
                        "netns-setup: /etc/conf.d/netns.mgmt:6: {setting} leads the host's packets \
                         over x0, and so your own connection from {peer} port 50022 to 192.0.2.7\n\
                         netns-setup: type netns-setup try mgmt --within 60"
                    );
                    let run = run.code(100);
                    assert!(run.stderr.starts_with(&told), "{more}{run}");
                    sandbox.sh("[ ! -e /run/netns/mgmt ]").ok();
                }
                false => drop(run.ok()),
            }
            setup(&sandbox, "down mgmt").ok();
        }
    }
    // Such a route over a link that exists already is an error too;
    // --yes-move-my-connection allows it
    write(&sandbox, &with(""));
    setup(&sandbox, "up mgmt").ok();
    write(&sandbox, &with("routes_x0=\"192.0.2.1/32 dev x0\"\n"));
    for verb in ["up", "reload", "watch"] {
        in_session(&sandbox, near, &format!("{verb} mgmt")).code(100);
    }
    in_session(&sandbox, near, "up mgmt --yes-move-my-connection").ok();
    let way = sandbox.sh("ip route get 192.0.2.1").ok().stdout;
    assert!(way.starts_with("192.0.2.1 dev x0 "), "{way}");
}
