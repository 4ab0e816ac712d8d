//! The guard: nobody moves the link that carries his own connection unawares. Real
//! connections over a real link; sessions of a real sshd are tests/openrc's.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use std::net::TcpListener;

use common::{NETNS_SETUP, Run, Sandbox};
use far::{MGMT, dump, in_netns, same, sandbox, setup, write};

/// Listens at the other end for as long as it is kept.
fn server(sandbox: &Sandbox, netns: &str, address: &str) -> TcpListener {
    in_netns(sandbox, netns, || TcpListener::bind(address).unwrap())
}

/// Calls netns-setup below a shell that holds a connection to there, and below another
/// one of which nothing can be seen.
fn connected(sandbox: &Sandbox, to: &str, words: &str) -> Run {
    let script = format!(
        "exec 3<>/dev/tcp/{to} && env -i sh -c 'exec 3>&-; PATH={}; {NETNS_SETUP} {words}; exit $?'; exit $?",
        common::PATH
    );
    sandbox.run(&["bash", "-c", &script])
}

/// Calls it in a session of which the environment tells.
fn in_session(sandbox: &Sandbox, connection: &str, words: &str) -> Run {
    let script = format!("env -i {NETNS_SETUP} {words}; exit $?");
    sandbox.run_with(&["sh", "-c", &script], |command| {
        command.env("SSH_CONNECTION", connection);
    })
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
             netns-setup: type netns-setup try mgmt --within 60, which undoes it unless you confirm it; or add --yes-move-my-connection\n\
             netns-setup: mgmt: nothing was changed\n",
        );
    }
    same(&dump(&sandbox, ""), &before);
    sandbox
        .sh("[ ! -e /run/netns/mgmt ] && [ ! -e /run/netns-services ]")
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
    // It comes by way of a router, and has the address of another link
    in_session(&sandbox, "203.0.113.5 50022 192.0.2.7 22", "up mgmt").code(100);
    // It ends in some other namespace, and its peer is reached by this link
    in_session(&sandbox, "203.0.113.5 50022 10.9.9.9 22", "up mgmt").code(100);
    // Not this link
    sandbox
        .sh("ip link add other type bridge && ip link set other up && ip address add 10.7.0.1/24 dev other")
        .ok();
    in_session(&sandbox, "10.7.0.9 50022 10.7.0.1 22", "up mgmt").ok();
    // It is inside already: nothing moves
    in_session(&sandbox, OVER_ETH1, "up mgmt").ok().stderr("");
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
    // From the host, or over another link, it may go
    in_session(&sandbox, "127.0.0.1 50022 127.0.0.1 22", "down mgmt").ok();
}

#[test]
fn a_link_below_the_one_of_the_connection_is_kept_too() {
    let sandbox = sandbox(MGMT);
    sandbox
        .sh("set -e; ip link add br0 type bridge; ip link set eth1 master br0; ip address flush dev eth1
             ip link set br0 up; ip link add mv0 link br0 type macvlan mode bridge
             ip link set mv0 up; ip address add 192.0.2.7/24 dev mv0")
        .ok();
    let run = in_session(&sandbox, OVER_ETH1, "up mgmt").code(100);
    assert!(run.stderr.contains("netns_links moves eth1"), "{run}");
    sandbox.sh("ip link set eth1 nomaster").ok();
    in_session(&sandbox, OVER_ETH1, "up mgmt").ok();
}

#[test]
fn who_is_logged_in_otherwise_keeps_the_only_default_route() {
    let sandbox = sandbox(MGMT);
    sandbox.sh("ip route add default via 192.0.2.1").ok();
    // A login shell, as login(1) starts it
    let call = format!("exec -a -sh bash -c '{NETNS_SETUP} up mgmt; exit $?'");
    let run = sandbox.run(&["bash", "-c", &call]).code(100);
    assert!(
        run.stderr.contains("netns_links moves eth1, which all default routes of the host go out by, and you are logged in"),
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
    // A terminal alone is no login: boot has one, too
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
    // A socket of mgmt's in a process of the host's, of a namespace without a name, and of
    // one that has no /proc/PID/net of its own any more, for its thread has left
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
