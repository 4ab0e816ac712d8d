//! `netns_attach`: a namespace of another program gets a name. Real processes in network
//! namespaces of their own stand for containers. docker(1) cannot run here: a program of
//! the same name prints what docker would print.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use common::{LIMIT, NETNS_EXEC, Sandbox, wait_until};
use far::{dump, is_again, same, setup};
use serde_json::Value;

/// The links that the container makes for itself.
const OWN: &str = "
    ip link set lo up
    ip link add own type bridge
    ip address add 10.3.0.1/24 dev own
    ip link set own up
    ip route add default via 10.3.0.9";

/// What is brought to it.
const SETTINGS: &str = r#"netns_links="eth9 own eth1"
type_eth9=veth
peer_eth9=box9
peer_config_eth9="10.8.0.1/24"
config_eth9="10.8.0.2/24"
routes_eth9="10.7.0.0/16 via 10.8.0.1; default via 10.8.0.1 metric 7"
config_own="10.3.0.2/24"
config_eth1="192.0.2.10/24"
"#;

/// Start a process in a network namespace of its own; return its pid inside the sandbox.
fn container(sandbox: &Sandbox) -> u32 {
    let script = format!("{OWN}\necho >/run/made-$$; exec sleep 1000");
    let start = format!("unshare -n sh -ec '{script}' </dev/null >/dev/null 2>&1 & echo $!");
    let pid = sandbox.sh(&start).ok().stdout.trim().parse().unwrap();
    let made = format!("/run/made-{pid}");
    assert!(wait_until(LIMIT, || sandbox.read(&made).is_some()));
    pid
}

fn end(sandbox: &Sandbox, pid: u32) {
    sandbox.sh(&format!("kill -9 {pid}")).ok();
    let gone = || {
        sandbox
            .sh(&format!("readlink /proc/{pid}/ns/net"))
            .exit_code()
            != 0
    };
    assert!(wait_until(LIMIT, gone));
}

fn attach(sandbox: &Sandbox, to: &str, settings: &str) {
    let text = format!("netns_attach=\"{to}\"\n{settings}");
    sandbox.write("/etc/conf.d/netns.box", &text);
}

/// A sandbox with a NIC, and a container whose namespace gets the name `box`.
fn with_container(settings: &str) -> (Sandbox, u32) {
    let sandbox = far::sandbox("");
    let pid = container(&sandbox);
    attach(&sandbox, &format!("pid:{pid}"), settings);
    (sandbox, pid)
}

/// What is in the container's namespace, read without its name.
fn inside(sandbox: &Sandbox, pid: u32) -> Value {
    sandbox.sh(&format!("ip netns attach peek {pid}")).ok();
    let all = dump(sandbox, "-n peek");
    sandbox.sh("ip netns delete peek").ok();
    all
}

#[track_caller]
fn nothing_is_left(sandbox: &Sandbox) {
    sandbox
        .sh("[ ! -e /run/netns/box ] && [ ! -e /run/netns-services/box ] && ! grep /netns/box /proc/self/mountinfo")
        .ok();
}

#[test]
fn it_has_the_name_and_what_it_is_given_and_nothing_of_that_stays() {
    let (sandbox, pid) = with_container(SETTINGS);
    let (host, own) = (dump(&sandbox, ""), inside(&sandbox, pid));
    let planned = setup(&sandbox, "plan box").ok().stdout.clone();
    let run = setup(&sandbox, "up box").ok().stderr("");
    // Each link is created once, as planned
    assert_eq!(run.stdout, planned);
    let first = format!("+ ip netns attach box {pid}\n+ ip link add name box9 type veth");
    assert!(run.stdout.starts_with(&first), "{run}");
    assert!(!run.stdout.contains("link set lo up"), "{run}");
    setup(&sandbox, "up box").ok().stdout("");
    setup(&sandbox, "reload box").ok().stdout("");
    let run = setup(&sandbox, "status box").ok();
    assert!(
        run.stdout
            .starts_with("box: ready, as its settings say, 1 process\n"),
        "{run}"
    );
    assert!(run.stdout.contains("10.3.0.1/24 (not ours)"), "{run}");
    sandbox
        .run(&[NETNS_EXEC, "box", "ping", "-c", "1", "-W", "5", "10.8.0.1"])
        .ok();
    sandbox
        .run(&[NETNS_EXEC, "box", "ping", "-c", "1", "-W", "5", "192.0.2.1"])
        .ok();
    let run = setup(&sandbox, "down box").ok().stderr("");
    assert!(run.stdout.ends_with("+ ip netns delete box\n"), "{run}");
    is_again(&sandbox, "", &host);
    same(&inside(&sandbox, pid), &own);
    nothing_is_left(&sandbox);
}

#[test]
fn the_printed_commands_do_the_same() {
    let without_card = SETTINGS
        .replace(" eth1", "")
        .replace("config_eth1=", "rc_x=");
    let (ours, a) = with_container(&without_card);
    let (theirs, b) = with_container(&without_card);
    let script = setup(&theirs, "plan --script box").ok().stdout;
    theirs.write("/run/plan", &script);
    theirs.sh("sh -e /run/plan").ok();
    setup(&ours, "up box").ok();
    let macs = "ip link set box9 address 52:54:00:00:00:99
                ip -n box link set eth9 address 52:54:00:00:00:98
                ip -n box link set own address 52:54:00:00:00:97";
    for sandbox in [&ours, &theirs] {
        sandbox.sh(macs).ok();
    }
    for netns in ["", "-n box"] {
        wait_until(LIMIT, || dump(&ours, netns) == dump(&theirs, netns));
        same(&dump(&ours, netns), &dump(&theirs, netns));
    }
    setup(&theirs, "plan box").ok().stdout("");
    // Attached by a path that belongs to no process
    for (sandbox, pid) in [(&ours, a), (&theirs, b)] {
        sandbox
            .sh("rm -rf /run/netns-services; ip netns delete box; ip link delete box9")
            .ok();
        sandbox
            .sh(&format!(
                "touch /run/there && mount --bind /proc/{pid}/ns/net /run/there"
            ))
            .ok();
        attach(
            sandbox,
            "path:/run/there",
            &without_card
                .replace("own\"", "\"")
                .replace("config_own", "rc_y"),
        );
    }
    theirs.write(
        "/run/plan",
        &setup(&theirs, "plan --script box").ok().stdout,
    );
    theirs.sh("sh -e /run/plan").ok();
    setup(&ours, "up box").ok();
    for sandbox in [&ours, &theirs] {
        sandbox.sh("ip link set box9 address 52:54:00:00:00:99; ip -n box link set eth9 address 52:54:00:00:00:98; ip -n box link set own address 52:54:00:00:00:97").ok();
    }
    wait_until(LIMIT, || dump(&ours, "-n box") == dump(&theirs, "-n box"));
    same(&dump(&ours, "-n box"), &dump(&theirs, "-n box"));
}

#[test]
fn when_its_process_is_gone_that_is_said_and_down_is_whole() {
    let (sandbox, pid) = with_container(SETTINGS);
    let host = dump(&sandbox, "");
    setup(&sandbox, "up box").ok();
    end(&sandbox, pid);
    let gone = format!(
        "netns-setup: /etc/conf.d/netns.box:1: netns_attach: the process of pid:{pid} is gone\n"
    );
    for verb in ["up", "reload", "plan"] {
        let run = setup(&sandbox, &format!("{verb} box")).code(111);
        assert!(run.stderr.starts_with(&gone), "{run}");
    }
    let run = setup(&sandbox, "status box").code(1);
    assert!(run.stderr.starts_with(&gone), "{run}");
    setup(&sandbox, "down box").ok();
    is_again(&sandbox, "", &host);
    nothing_is_left(&sandbox);
    setup(&sandbox, "up box").code(111);
    nothing_is_left(&sandbox);
}

#[test]
fn a_container_that_was_started_again_is_taken_by_reload() {
    let sandbox = far::sandbox("");
    let (first, second) = (container(&sandbox), container(&sandbox));
    let own = inside(&sandbox, second);
    // As docker inspect --type container --format '{{.State.Pid}}' web does
    let docker = "#!/bin/sh\n[ \"$*\" = 'inspect --type container --format {{.State.Pid}} web' ] || exit 9\n\
                  [ -e /run/pid ] && exec cat /run/pid\necho \"Error: No such container: web\" >&2; exit 1\n";
    sandbox.sh("mount -t tmpfs tmpfs /usr/local/bin").ok();
    sandbox.write("/usr/local/bin/docker", docker);
    sandbox.sh("chmod 755 /usr/local/bin/docker").ok();
    attach(&sandbox, "docker:web", SETTINGS);
    let run = setup(&sandbox, "up box").code(111);
    assert!(
        run.stderr
            .contains("docker inspect web failed: Error: No such container: web\n"),
        "{run}"
    );
    sandbox.write("/run/pid", "0\n");
    let run = setup(&sandbox, "up box").code(111);
    assert!(run.stderr.contains("docker:web is not running\n"), "{run}");
    nothing_is_left(&sandbox);
    sandbox.write("/run/pid", &format!("{first}\n"));
    setup(&sandbox, "up box").ok();
    sandbox.write("/run/pid", &format!("{second}\n"));
    end(&sandbox, first);
    let says = format!(
        "box still refers to the earlier namespace of /proc/{first}/ns/net; docker:web is another namespace now\n"
    );
    let run = setup(&sandbox, "up box").code(111);
    assert!(run.stderr.contains(&says), "{run}");
    let run = setup(&sandbox, "status box").code(1);
    assert!(run.stderr.contains(&says), "{run}");
    let planned = setup(&sandbox, "plan box").ok().stdout;
    let run = setup(&sandbox, "reload box").ok().stderr("");
    assert_eq!(planned, run.stdout);
    assert!(
        run.stdout.contains(&format!(
            "+ ip netns delete box\n+ ip netns attach box {second}\n"
        )),
        "{run}"
    );
    setup(&sandbox, "status box").ok();
    sandbox
        .run(&[NETNS_EXEC, "box", "ping", "-c", "1", "-W", "5", "192.0.2.1"])
        .ok();
    setup(&sandbox, "down box").ok();
    same(&inside(&sandbox, second), &own);
    nothing_is_left(&sandbox);
}

#[test]
fn what_stands_in_the_way_is_its_owners_and_stays() {
    let (sandbox, pid) = with_container("netns_links=own\ntype_own=veth\n");
    let own = inside(&sandbox, pid);
    for verb in ["plan box", "up box"] {
        let run = setup(&sandbox, verb).code(111).stdout("");
        let says = "there is another link own, which netns-setup did not make\n";
        assert!(run.stderr.contains(says), "{run}");
    }
    attach(
        &sandbox,
        &format!("pid:{pid}"),
        "netns_links=own\nconfig_own=10.3.0.1/24\nroutes_own='default via 10.3.0.8'\n",
    );
    let run = setup(&sandbox, "up box").code(111);
    let says = "another program made a route to 0.0.0.0/0 with this metric\n";
    assert!(run.stderr.contains(says), "{run}");
    same(&inside(&sandbox, pid), &own);
    nothing_is_left(&sandbox);
}

#[test]
fn a_refusal_takes_the_name_away_again() {
    let (sandbox, pid) = with_container(
        &(SETTINGS.replace("own eth1", "own eth1 m0")
            + "type_m0=macvlan\nlink_m0=small\nmtu_m0=1500\n"),
    );
    sandbox.sh("ip link add small mtu 1400 type bridge").ok();
    let (host, own) = (dump(&sandbox, ""), inside(&sandbox, pid));
    let run = setup(&sandbox, "up box").code(111);
    assert!(run.stderr.contains("have been undone"), "{run}");
    is_again(&sandbox, "", &host);
    same(&inside(&sandbox, pid), &own);
    nothing_is_left(&sandbox);
}

#[test]
fn what_is_no_namespace_of_its_own_is_not_attached() {
    let sandbox = Sandbox::new();
    for (to, wrong) in [
        ("pid:1", "pid:1 is in the host's own namespace\n"),
        (
            "path:/proc/1/ns/mnt",
            "/proc/1/ns/mnt is not a network namespace\n",
        ),
        (
            "path:/etc/passwd",
            "/etc/passwd is not a network namespace\n",
        ),
        ("path:/nowhere", "/nowhere does not exist (any more)\n"),
        ("pid:4000000", "the process of pid:4000000 is gone\n"),
        ("podman:web", "there is no program podman\n"),
    ] {
        attach(&sandbox, to, "");
        let run = setup(&sandbox, "up box").code(111);
        let line = format!("netns-setup: /etc/conf.d/netns.box:1: netns_attach: {wrong}");
        assert!(run.stderr.starts_with(&line), "{run}");
        nothing_is_left(&sandbox);
    }
}

#[test]
fn a_name_that_is_anothers_is_not_taken() {
    let (sandbox, pid) = with_container("");
    sandbox.sh("ip netns add box").ok();
    let run = setup(&sandbox, "up box").code(111);
    assert!(
        run.stderr
            .contains("there is another namespace box, which is not ours\n"),
        "{run}"
    );
    sandbox.sh("ip netns delete box").ok();
    // Another program has already given it the name: it stays
    sandbox.sh(&format!("ip netns attach box {pid}")).ok();
    setup(&sandbox, "up box").ok();
    setup(&sandbox, "down box").ok().stdout("");
    sandbox.sh("ip netns list | grep -w box").ok();
}

#[test]
fn a_namespace_of_its_own_takes_over_where_nothing_is_attached_any_more() {
    let (sandbox, pid) = with_container(SETTINGS);
    let own = inside(&sandbox, pid);
    setup(&sandbox, "up box").ok();
    sandbox.write("/etc/conf.d/netns.box", "");
    let run = setup(&sandbox, "up box").code(111);
    assert!(
        run.stderr
            .contains("the settings ask for a namespace of its own now\n"),
        "{run}"
    );
    setup(&sandbox, "reload box").ok();
    same(&inside(&sandbox, pid), &own);
    assert_eq!(sandbox.ip_json("-n box link").as_array().unwrap().len(), 1);
    attach(&sandbox, &format!("pid:{pid}"), SETTINGS);
    let run = setup(&sandbox, "reload box").code(111);
    assert!(
        run.stderr
            .contains("there is a namespace box, which netns-setup has made\n"),
        "{run}"
    );
    setup(&sandbox, "down box").ok();
    nothing_is_left(&sandbox);
}

#[test]
fn a_users_own_namespace_is_not_attached_and_one_of_roots_container_is() {
    let sandbox = Sandbox::new();
    let process = |how: &str| -> u32 {
        let start = format!(
            "{how} unshare -Urn sh -c 'echo >/tmp/made-$PPID; exec sleep 1000' </dev/null >/dev/null 2>&1 & echo $!"
        );
        let pid = sandbox.sh(&start).ok().stdout.trim().parse().unwrap();
        let other = || {
            let own = |pid: &str| sandbox.sh(&format!("readlink /proc/{pid}/ns/net")).stdout;
            own(&u32::to_string(&pid)) != own("1") && !own(&u32::to_string(&pid)).is_empty()
        };
        assert!(wait_until(LIMIT, other));
        pid
    };
    let users = process("setpriv --reuid 1234 --regid 1234 --clear-groups");
    sandbox
        .sh(&format!(
            "touch /run/there && mount --bind /proc/{users}/ns/net /run/there"
        ))
        .ok();
    for to in [format!("pid:{users}"), "path:/run/there".into()] {
        attach(&sandbox, &to, SETTINGS);
        let run = setup(&sandbox, "up box").code(111);
        let line = format!(
            "netns-setup: /etc/conf.d/netns.box:1: netns_attach: {to} is in a network namespace \
             that belongs to user 1234\n"
        );
        assert!(run.stderr.starts_with(&line), "{run}");
        setup(&sandbox, "plan box").code(111);
        nothing_is_left(&sandbox);
    }
    let roots = process("");
    attach(
        &sandbox,
        &format!("pid:{roots}"),
        "netns_links=v0\ntype_v0=veth\n",
    );
    setup(&sandbox, "up box").ok();
    setup(&sandbox, "down box").ok();
    nothing_is_left(&sandbox);
}

#[test]
fn a_name_of_the_hosts_own_namespace_is_neither_joined_nor_set_up() {
    let sandbox = Sandbox::new();
    sandbox.write("/etc/conf.d/netns.box", "netns_links=d0\ntype_d0=bridge\n");
    sandbox.sh("ip netns attach box 1").ok();
    let before = dump(&sandbox, "");
    let run = sandbox.run(&[NETNS_EXEC, "box", "true"]).code(111);
    let line = "netns-exec: box refers to the host's own namespace\n";
    assert!(run.stderr.starts_with(line), "{run}");
    for verb in ["plan", "up", "reload"] {
        let run = setup(&sandbox, &format!("{verb} box")).code(111);
        let line = "netns-setup: box: the name refers to the host's own namespace\n";
        assert!(run.stderr.starts_with(line), "{run}");
    }
    same(&dump(&sandbox, ""), &before);
    sandbox.sh("ip netns delete box").ok();
    setup(&sandbox, "up box").ok();
    sandbox.run(&[NETNS_EXEC, "box", "true"]).ok();
}
