//! netns-exec joins, mounts, becomes the command, or refuses.

#![allow(clippy::unwrap_used)]

mod common;

use common::{NETNS_EXEC, Sandbox};

fn with_blue() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .sh("ip netns add blue; ip -n blue link add inside type ifb")
        .ok();
    sandbox
}

#[test]
fn the_command_sees_the_namespace() {
    let sandbox = with_blue();
    let run = |script| sandbox.run(&[NETNS_EXEC, "blue", "sh", "-c", script]);
    run("ls /sys/class/net; cat /sys/class/net/inside/mtu")
        .ok()
        .stdout("inside\nlo\n1500\n");
    run("ls -d /sys/fs/cgroup/*/cgroup.procs | head -1 | grep -q procs").ok();
    run("ip -br link | cut -d ' ' -f 1")
        .ok()
        .stdout("lo\ninside\n");
}

#[test]
fn entries_of_etc_netns_are_bound_read_only() {
    let sandbox = with_blue();
    sandbox.write("/etc/netns/blue/resolv.conf", "nameserver 192.0.2.1\n");
    sandbox.write("/etc/netns/blue/ssh/moduli", "ours\n");
    sandbox.write("/etc/netns/blue/nftables.nft", "not for /etc\n");
    sandbox.write("/etc/netns/blue/nothing-on-the-host", "passed over\n");
    sandbox.sh("mkdir -p /etc/ssh").ok();
    let run = |script| sandbox.run(&[NETNS_EXEC, "blue", "sh", "-c", script]);
    run("cat /etc/resolv.conf /etc/ssh/moduli")
        .ok()
        .stdout("nameserver 192.0.2.1\nours\n");
    run("echo >>/etc/resolv.conf").code(2);
    run("ls /etc/nothing-on-the-host").code(2);
    run("grep ' /etc/nftables.nft ' /proc/self/mountinfo").code(1);
}

#[test]
fn a_namespace_that_is_missing_or_not_whole_is_refused() {
    let sandbox = with_blue();
    sandbox.run(&[NETNS_EXEC, "red", "true"]).code(111).stderr(
        "netns-exec: no network namespace called red in /run/netns\n\
         netns-exec: start it first: rc-service netns.red start, or on runit: sv up netns-red\n",
    );
    sandbox.write("/run/netns-services/blue/etc", "bind\n");
    sandbox.run(&[NETNS_EXEC, "blue", "true"]).code(111).stderr(
        "netns-exec: blue is not ready: it is not set up whole\n\
         netns-exec: see what is missing: netns-setup status blue\n",
    );
    sandbox.write("/run/netns-services/blue/ready", "");
    sandbox.run(&[NETNS_EXEC, "blue", "true"]).ok();
}

#[test]
fn the_command_that_cannot_be_run_is_told_from_the_one_that_is_not_there() {
    let sandbox = with_blue();
    sandbox.write("/run/plain", "");
    sandbox.run(&[NETNS_EXEC, "blue", "/run/plain"]).code(126);
    sandbox
        .run(&[NETNS_EXEC, "blue", "no-such-program"])
        .code(127);
    sandbox
        .run(&[NETNS_EXEC, "blue", "/no/such/program"])
        .code(127);
    sandbox
        .run(&[NETNS_EXEC, "blue", "sh", "-c", "exit 42"])
        .code(42);
}
