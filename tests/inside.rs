//! What keeps a namespace from being taken down: real processes inside, of services as
//! OpenRC and runit record them, and real processes outside that hold it, of which `ip
//! netns pids` lists only some.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

mod common;
#[path = "common/far.rs"]
mod far;

use common::{Background, LIMIT, NETNS_SETUP, Run, Sandbox, wait_until};
use far::{sandbox, setup};

const SETTINGS: &str = "netns_links=\n";

/// A process of the sandbox that reports when it is in place, and its id there.
fn lives(sandbox: &Sandbox, script: &str) -> (Background, String) {
    let mut process = sandbox.spawn(&["bash", "-c", script]);
    let pid = process.line();
    assert!(!pid.is_empty(), "{script} said nothing");
    (process, pid)
}

fn refused(sandbox: &Sandbox) -> Run {
    let run = setup(sandbox, "down mgmt").code(111).stdout("");
    assert!(sandbox.read("/run/netns-services/mgmt/ready").is_some());
    run
}

/// Down by force: nothing is left except the processes that were listed.
#[track_caller]
fn forced(sandbox: &Sandbox, told: &str) {
    setup(sandbox, "down --force mgmt").ok().stderr(told);
    sandbox.sh("[ ! -e /run/netns/mgmt ]").ok();
}

#[test]
fn the_service_of_a_process_is_told() {
    let sandbox = sandbox(SETTINGS);
    setup(&sandbox, "up mgmt").ok();
    let exec = "exec nsenter --net=/run/netns/mgmt";
    let (_openrc, openrc) = lives(&sandbox, &format!("{exec} sh -c 'echo $$; exec sleep 99'"));
    sandbox.write("/run/dns.pid", &format!("{openrc}\n"));
    sandbox.write(
        "/run/openrc/daemons/dns/001",
        "exec=/bin/sleep\npidfile=/run/dns.pid\n",
    );
    // A child of runsv; only its name is not real
    sandbox.write(
        "/run/sv/web",
        "nsenter --net=/run/netns/mgmt sh -c 'echo $$; exec sleep 99'\n:\n",
    );
    let (_runit, runit) = lives(&sandbox, "exec -a runsv bash /run/sv/web");
    assert!(wait_until(LIMIT, || {
        let both = sandbox.sh(&format!("cat /proc/{openrc}/comm /proc/{runit}/comm"));
        both.stdout == "sleep\nsleep\n"
    }));
    let mut told = [
        (openrc, "sleep, service dns"),
        (runit, "sleep, service web"),
    ];
    told.sort_by_key(|(pid, _)| pid.parse::<i32>().unwrap());
    let told = told.map(|(pid, of)| format!("{pid} ({of})")).join(", ");
    refused(&sandbox).stderr(&format!(
        "netns-setup: mgmt: still used by 2 processes: {told}\n\
         netns-setup: stop them first, or run netns-setup down --kill to kill them, or down --force to leave them behind without links\n"
    ));
}

#[test]
fn what_holds_it_from_outside_is_told() {
    let sandbox = sandbox(SETTINGS);
    let remedy = "netns-setup: stop or unmount what holds it, or run netns-setup down --force: it loses its name and its links, and exists until nothing holds it\n";
    let socket = "import os, socket, ctypes, time\n\
         libc = ctypes.CDLL(None, use_errno=True)\n\
         host = os.open('/proc/self/ns/net', os.O_RDONLY)\n\
         there = os.open('/run/netns/mgmt', os.O_RDONLY)\n\
         assert libc.setns(there, 0x40000000) == 0\n\
         held = socket.socket()\n\
         os.dup2(held.fileno(), 20)\n\
         assert libc.setns(host, 0x40000000) == 0\n\
         os.close(there); held.close()\n\
         print(os.getpid(), flush=True)\n\
         time.sleep(99)\n";
    sandbox.write("/run/holds.py", socket);
    for (script, name, by) in [
        (
            "exec 9</run/netns/mgmt; echo $$; read -r x",
            "bash",
            "open as descriptor 9",
        ),
        ("exec python3 /run/holds.py", "python3", "socket 20"),
        (
            "exec unshare -m --propagation private bash -c \
             'touch /run/kept; mount --bind /run/netns/mgmt /run/kept; echo $$; read -r x'",
            "bash",
            "bound at /run/kept",
        ),
    ] {
        setup(&sandbox, "up mgmt").ok();
        let (_process, pid) = lives(&sandbox, script);
        let held = format!("1 process: {pid} ({name}) {by}");
        refused(&sandbox).stderr(&format!(
            "netns-setup: mgmt: held from outside by {held}\n{remedy}"
        ));
        forced(
            &sandbox,
            &format!("netns-setup: mgmt: exists without a name, held by {held}\n"),
        );
    }
}

/// Links of each way to end: one whose end is awaited, those that nobody outside notices, and
/// those that are deleted one by one.
const LINKS: &str = "netns_links='p0 br0 t0 m0 vx0 vx1'\n\
    type_p0=veth\npeer_p0=p0h\nmaster_p0=br0\n\
    type_br0=bridge\nconfig_br0=192.0.2.1/24\n\
    type_t0=tap\n\
    type_m0=macvlan\nlink_m0=base\nmac_m0=02:00:00:00:00:07\n\
    type_vx0=vxlan\nvxlan_id_vx0=7\n\
    type_vx1=vxlan\nvxlan_id_vx1=7\nlink_netns_vx1=mgmt\n";

fn with_links() -> Sandbox {
    let sandbox = sandbox(LINKS);
    sandbox
        .sh("ip link add base type veth peer name base-peer")
        .ok();
    sandbox
}

/// A netlink socket in the namespace keeps it alive for some milliseconds after it was closed.
#[test]
fn what_ends_with_the_namespace_is_looked_at_from_the_host() {
    let sandbox = sandbox(
        "netns_links='p0 br0'\n\
         type_p0=veth\npeer_p0=p0h\npeer_config_p0=192.0.2.2/24\nmaster_p0=br0\n\
         type_br0=bridge\nconfig_br0=192.0.2.1/24\nroutes_br0='default via 192.0.2.2'\n\
         rules_br0='from 192.0.2.1 table 7'\nnetns_sysctl='net.ipv4.ip_forward=1'\n",
    );
    setup(&sandbox, "up mgmt").ok();
    let traced = format!("strace -f -o /run/calls -e trace=setns,socket {NETNS_SETUP} down mgmt");
    let said = sandbox.sh(&traced).ok().stdout;
    for link in ["p0", "br0"] {
        assert!(said.contains(&format!("link delete {link}\n")), "{said}");
    }
    let calls = sandbox.read("/run/calls").unwrap();
    let mut threads = HashSet::new();
    for line in calls.lines() {
        let (thread, call) = line.split_once(' ').unwrap();
        if call.trim_start().starts_with("setns(") {
            threads.insert(thread);
        }
        let opens = call.trim_start().starts_with("socket(");
        assert!(!(opens && threads.contains(thread)), "{calls}");
    }
    // One has looked whether programs have sockets there
    assert!(!threads.is_empty(), "{calls}");
    let left = sandbox
        .sh("ip -o link; ls /run/netns /run/netns-services")
        .ok();
    assert!(
        !left.stdout.contains("p0h") && !left.stdout.contains("mgmt"),
        "{left}"
    );
}

#[test]
fn what_proc_does_not_show_keeps_no_link() {
    let sandbox = with_links();
    setup(&sandbox, "up mgmt").ok();
    // A socket in a message that nobody has read yet
    let socket = "import os, socket, ctypes, fcntl\n\
         libc = ctypes.CDLL(None, use_errno=True)\n\
         host = os.open('/proc/self/ns/net', os.O_RDONLY)\n\
         there = os.open('/run/netns/mgmt', os.O_RDONLY)\n\
         assert libc.setns(there, 0x40000000) == 0\n\
         held = socket.socket()\n\
         assert libc.setns(host, 0x40000000) == 0\n\
         one, other = socket.socketpair()\n\
         socket.send_fds(one, [b'x'], [held.fileno()])\n\
         os.close(there); held.close()\n\
         print(os.getpid(), flush=True)\n\
         input()\n\
         _, [back], _, _ = socket.recv_fds(other, 1, 1)\n\
         netns = os.fdopen(fcntl.ioctl(back, 0x894c))\n\
         assert libc.setns(netns.fileno(), 0x40000000) == 0\n\
         print(os.listdir('/proc/self/net/dev_snmp6'), flush=True)\n\
         input()\n";
    sandbox.write("/run/sends.py", socket);
    let (mut process, _) = lives(&sandbox, "exec python3 /run/sends.py");
    setup(&sandbox, "down mgmt").ok().stderr(
        "netns-setup: mgmt: its links are deleted, but something still uses the namespace, for example a socket of a process outside\n\
         netns-setup: the kernel ends it when nothing uses it any more; it has no name, and nothing can join it\n",
    );
    sandbox.sh("[ ! -e /run/netns-services/mgmt ]").ok();
    process.say("\n");
    assert_eq!(process.line(), "['lo']");
    // Nothing of the earlier namespace is in the way of the next one
    setup(&sandbox, "up mgmt").ok();
    setup(&sandbox, "down mgmt").ok().stderr("");
}

#[test]
fn nothing_is_in_the_way_of_the_next_up() {
    let sandbox = with_links();
    for _ in 0..10 {
        setup(&sandbox, "up mgmt").ok();
        setup(&sandbox, "down mgmt").ok().stderr("");
        let left = sandbox
            .sh("ip -o link; ls /run/netns /run/netns-services")
            .ok();
        for name in ["p0h", "m0", "mgmt"] {
            assert!(!left.stdout.contains(name), "{}", left.stdout);
        }
    }
}

#[test]
fn a_mount_namespace_that_only_sees_the_name_holds_nothing() {
    let sandbox = sandbox(SETTINGS);
    setup(&sandbox, "up mgmt").ok();
    let private = "exec unshare -m --propagation private bash -c 'echo $$; read -r x'";
    let (_private, _) = lives(&sandbox, private);
    setup(&sandbox, "down mgmt").ok().stderr("");
}

#[test]
fn kill_ends_only_who_lives_inside() {
    let sandbox = sandbox(SETTINGS);
    setup(&sandbox, "up mgmt").ok();
    let (mut inside, _) = lives(
        &sandbox,
        "exec nsenter --net=/run/netns/mgmt sh -c 'echo $$; exec sleep 99'",
    );
    let (mut holder, pid) = lives(&sandbox, "exec 9</run/netns/mgmt; echo $$; read -r x");
    // A process of the host, one thread of which is inside
    let thread = "import os, ctypes, threading, time\n\
         libc = ctypes.CDLL(None, use_errno=True)\n\
         def inside():\n\
         \x20 there = os.open('/run/netns/mgmt', os.O_RDONLY)\n\
         \x20 assert libc.setns(there, 0x40000000) == 0\n\
         \x20 os.close(there)\n\
         \x20 print(os.getpid(), flush=True)\n\
         \x20 time.sleep(99)\n\
         threading.Thread(target=inside).start()\n";
    sandbox.write("/run/thread.py", thread);
    let (mut hosts, hosts_pid) = lives(&sandbox, "exec python3 /run/thread.py");
    setup(&sandbox, "down --kill mgmt").ok().stderr(&format!(
        "netns-setup: mgmt: left behind in it, without links: 1 process: {hosts_pid} (python3)\n\
         netns-setup: mgmt: exists without a name, held by 1 process: {pid} (bash) open as \
         descriptor 9\n"
    ));
    assert!(wait_until(LIMIT, || {
        inside.child.try_wait().unwrap().is_some()
    }));
    assert!(holder.child.try_wait().unwrap().is_none());
    assert!(hosts.child.try_wait().unwrap().is_none());
}

/// Not all programs that stop a service wait for its end; dpkg's start-stop-daemon does not.
#[test]
fn who_is_ending_keeps_nothing() {
    let sandbox = sandbox(SETTINGS);
    setup(&sandbox, "up mgmt").ok();
    let ending = "nsenter --net=/run/netns/mgmt sh -c 'echo $$; exec sleep 0.5'";
    let _ends = lives(&sandbox, ending);
    setup(&sandbox, "down mgmt").ok().stderr("");
    sandbox.sh("[ ! -e /run/netns/mgmt ]").ok();
}
