//! `netns-setup doctor` and real faults: each fault is made in the usual way, doctor
//! finds it and prints a hint, and after following the hint the fault is gone. A healthy
//! namespace has none.

#![allow(clippy::panic, clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;
#[path = "common/talk.rs"]
mod talk;

use common::{Background, LIMIT, NETNS_EXEC, NETNS_SETUP, Sandbox, wait_until};
use far::{MGMT, sandbox, setup, write};
use serde_json::Value;
use talk::serve;

/// A namespace that is up, without any fault.
fn healthy() -> Sandbox {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    is_healthy(&sandbox);
    sandbox
}

#[track_caller]
fn is_healthy(sandbox: &Sandbox) {
    setup(sandbox, "doctor mgmt").code(0).stdout("").stderr("");
}

/// What doctor finds: the kinds, and the text for each.
#[track_caller]
fn found(sandbox: &Sandbox) -> Vec<(String, String, String)> {
    let run = setup(sandbox, "doctor --json mgmt").code(1);
    let all: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(all[0]["name"], "mgmt");
    let text = |value: &Value| value.as_str().unwrap().to_string();
    let findings = all[0]["findings"].as_array().unwrap().iter();
    let told = findings.map(|f| (text(&f["kind"]), text(&f["what"]), text(&f["remedy"])));
    let told: Vec<_> = told.collect();
    for (_, what, remedy) in &told {
        assert!(
            !what.contains('\n') && !remedy.is_empty(),
            "{what}: {remedy}"
        );
    }
    told
}

/// Doctor finds this, and nothing else.
#[track_caller]
fn finds(sandbox: &Sandbox, kind: &str, what: &str, remedy: &str) {
    let found = found(sandbox);
    let [(a, b, c)] = &found[..] else {
        panic!("expected one finding: {found:#?}");
    };
    assert_eq!(a, kind, "{found:#?}");
    assert!(b.contains(what), "{found:#?}\n{what}");
    assert!(c.contains(remedy), "{found:#?}\n{remedy}");
}

/// A process that runs inside through netns-exec, and its id in the sandbox.
fn lives(sandbox: &Sandbox) -> (Background, String) {
    let words = [
        NETNS_EXEC,
        "mgmt",
        "--",
        "sh",
        "-c",
        "echo $$; exec sleep 99",
    ];
    let mut process = sandbox.spawn(&words);
    let pid = process.line();
    is_sleep(sandbox, &pid);
    (process, pid)
}

fn is_sleep(sandbox: &Sandbox, pid: &str) {
    let comm = format!("cat /proc/{pid}/comm");
    assert!(wait_until(LIMIT, || sandbox.sh(&comm).stdout == "sleep\n"));
}

#[test]
fn a_finding_is_two_lines_and_the_code_is_1() {
    let sandbox = healthy();
    setup(&sandbox, "down mgmt").ok();
    setup(&sandbox, "doctor mgmt")
        .code(1)
        .stdout("mgmt: there is no such namespace\n  run netns-setup up mgmt\n");
    write(&sandbox, "netns_links=nowhere/");
    setup(&sandbox, "doctor mgmt").code(100);
}

#[test]
fn processes_in_an_old_namespace_of_its_name() {
    let sandbox = healthy();
    let (mut old, pid) = lives(&sandbox);
    is_healthy(&sandbox);
    setup(&sandbox, "down --force mgmt").ok();
    setup(&sandbox, "up mgmt").ok();
    let what = format!("{pid} (sleep) runs in an earlier namespace");
    finds(
        &sandbox,
        "old-namespace",
        &what,
        "start it again with netns-exec",
    );
    old.child.kill().unwrap();
    old.child.wait().unwrap();
    is_healthy(&sandbox);
}

#[test]
fn binds_that_a_running_process_has_lost() {
    let sandbox = healthy();
    let (_process, pid) = lives(&sandbox);
    sandbox
        .sh("echo 'nameserver 192.0.2.9' >/etc/new && mv /etc/new /etc/resolv.conf")
        .ok();
    let what = format!("the host's /etc/resolv.conf is visible to {pid} (sleep)");
    finds(&sandbox, "lost-bind", &what, "netns-exec --heal mgmt");
    sandbox.run(&[NETNS_EXEC, "--heal", "mgmt"]).ok();
    is_healthy(&sandbox);
}

#[test]
fn no_resolv_conf_and_a_resolver_on_loopback() {
    let sandbox = healthy();
    write(&sandbox, &MGMT.replace("192.0.2.53", "127.0.0.53"));
    setup(&sandbox, "reload mgmt").ok();
    finds(
        &sandbox,
        "dead-resolver",
        "names 127.0.0.53",
        "start one inside",
    );
    let server = "import socket\n\
         s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         s.bind(('127.0.0.53', 53))\n\
         print(1, flush=True)\n\
         s.recv(1)\n";
    let mut server = sandbox.spawn(&["ip", "netns", "exec", "mgmt", "python3", "-c", server]);
    assert_eq!(server.line(), "1");
    is_healthy(&sandbox);
    drop(server);
    write(&sandbox, &MGMT.replace("netns_dns=", "#"));
    setup(&sandbox, "reload mgmt").ok();
    finds(
        &sandbox,
        "no-resolv-conf",
        "/etc/netns/mgmt/resolv.conf",
        "netns_dns=",
    );
}

#[test]
fn name_services_of_the_host_in_view() {
    let sandbox = healthy();
    let (_hidden, _) = lives(&sandbox);
    sandbox
        .sh("mkdir -p /run/avahi-daemon /run/nscd; echo 'hosts: files mdns4 dns' >/etc/nsswitch.conf")
        .ok();
    for socket in ["avahi-daemon/socket", "nscd/socket"] {
        let listen = format!(
            "import socket\ns = socket.socket(socket.AF_UNIX)\ns.bind('/run/{socket}')\n\
             s.listen()\nprint(1, flush=True)\ns.accept()\n"
        );
        let mut service = sandbox.spawn(&["python3", "-c", &listen]);
        assert_eq!(service.line(), "1");
        // The socket appeared after the process had started, so the process sees it
        finds(
            &sandbox,
            "name-service",
            &format!("(sleep) can reach /run/{socket}"),
            "netns",
        );
        // A process that starts now does not
        let (process, _) = lives(&sandbox);
        assert_eq!(found(&sandbox).len(), 1);
        drop(process);
        sandbox.sh(&format!("rm /run/{socket}")).ok();
        is_healthy(&sandbox);
    }
}

#[test]
fn forwarding_that_no_setting_asks_for() {
    let sandbox = healthy();
    for key in ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"] {
        let set = |to| {
            let file = key.replace('.', "/");
            sandbox
                .sh(&format!(
                    "ip netns exec mgmt sh -c 'echo {to} >/proc/sys/{file}'"
                ))
                .ok();
        };
        set(1);
        let found = found(&sandbox);
        let kind = |kind: &str| {
            found
                .iter()
                .any(|(k, what, _)| k == kind && what.contains(key))
        };
        assert!(kind("forwarding"), "{found:#?}");
        assert!(
            found
                .iter()
                .all(|(k, ..)| k == "forwarding" || k == "difference")
        );
        set(0);
        is_healthy(&sandbox);
        let asked = format!("{MGMT}netns_sysctl={key}=1\n");
        write(&sandbox, &asked);
        setup(&sandbox, "reload mgmt").ok();
        is_healthy(&sandbox);
        write(&sandbox, MGMT);
        setup(&sandbox, "reload mgmt").ok();
        is_healthy(&sandbox);
    }
}

#[test]
fn ipv6_is_open_while_ipv4_is_filtered() {
    let sandbox = healthy();
    let table = |family: &str| {
        format!(
            "table {family} fw {{ chain i {{ type filter hook input priority 0; policy drop; }}; }}"
        )
    };
    let nft = |command: &str| {
        sandbox
            .sh(&format!("ip netns exec mgmt nft '{command}'"))
            .ok();
    };
    nft(&table("ip"));
    finds(&sandbox, "open-ipv6", "IPv6 is not", "table inet");
    nft(&table("ip6"));
    is_healthy(&sandbox);
    nft("flush ruleset");
    nft(&table("inet"));
    is_healthy(&sandbox);
    nft("flush ruleset");
    sandbox.write(
        "/etc/netns/mgmt/iptables/rules.v4",
        "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -j DROP\nCOMMIT\n",
    );
    setup(&sandbox, "reload mgmt").ok();
    finds(&sandbox, "open-ipv6", "IPv6 is not", "ip6tables");
}

#[test]
fn a_service_that_should_be_inside_and_is_not() {
    let sandbox = healthy();
    let mut service = sandbox.spawn(&["sh", "-c", "echo $$; exec sleep 99"]);
    let pid = service.line();
    is_sleep(&sandbox, &pid);
    sandbox.write("/run/web.pid", &format!("{pid}\n"));
    sandbox.write(
        "/run/openrc/daemons/web/001",
        "exec=/bin/sleep\npidfile=/run/web.pid\n",
    );
    sandbox.write("/etc/conf.d/web", "# the server\nnetns=\"other\"\n");
    is_healthy(&sandbox);
    sandbox.write("/etc/conf.d/web", "# the server\nnetns=\"mgmt\"\n");
    let what = format!(
        "service web runs on the host: {pid} (sleep, service web), and /etc/conf.d/web:2 says \
         netns=mgmt"
    );
    finds(&sandbox, "on-host", &what, "restart the service web");
    drop(service);
    is_healthy(&sandbox);
    let (_inside, pid) = lives(&sandbox);
    sandbox.write("/run/web.pid", &format!("{pid}\n"));
    is_healthy(&sandbox);
}

#[test]
fn a_service_that_is_inside_and_should_not_be() {
    let sandbox = healthy();
    let (_web, pid) = lives(&sandbox);
    let note = |service: &str| {
        sandbox.write(&format!("/run/{service}.pid"), &format!("{pid}\n"));
        let note = format!("exec=/bin/sleep\npidfile=/run/{service}.pid\n");
        sandbox.write(&format!("/run/openrc/daemons/{service}/001"), &note);
        sandbox.write(&format!("/run/openrc/started/{service}"), "");
    };
    note("web");
    let is_found = || {
        let what = format!("service web runs inside: {pid} (sleep, service web), and no setting");
        finds(&sandbox, "inside", &what, "run rc-service web restart");
    };
    is_found();
    sandbox.sh("rm /run/openrc/started/web").ok();
    is_healthy(&sandbox);
    note("web");
    // Files that say where the service belongs, or may; and some that cannot be interpreted
    for (file, text) in [
        ("/etc/conf.d/web", "netns=mgmt\n"),
        ("/etc/conf.d/web", "\t: ${netns:=mgmt}\n"),
        ("/etc/conf.d/web", ". /etc/elsewhere\n"),
        ("/etc/conf.d/web", "netns_from_inside=\"stay\"\n"),
        ("/etc/conf.d/web.default", "netns=mgmt\n"),
        (
            "/etc/init.d/web",
            "#!/sbin/openrc-run\ncommand=netns-exec\n",
        ),
        ("/etc/rc.conf", "netns_from_inside=stay\n"),
        ("/etc/rc.conf.d/own.conf", "netns=mgmt\n"),
    ] {
        sandbox.write(file, text);
        is_healthy(&sandbox);
        sandbox.write(file, &format!("#{}", text.replace('\n', "\n#")));
        is_found();
    }
    sandbox.write(
        "/etc/conf.d/web",
        "netns_from_inside=\"leave\"\nmy_netns=mgmt\n",
    );
    sandbox.write("/etc/rc.conf.d/netns.conf", "netns=\n");
    is_found();
    sandbox.sh("rm -r /run/openrc/*/web").ok();
    for ours in ["netns.mgmt", "netns-nftables.mgmt"] {
        note(ours);
        is_healthy(&sandbox);
        sandbox.sh(&format!("rm -r /run/openrc/*/{ours}")).ok();
    }
}

#[test]
fn foreign_objects_and_differences() {
    let sandbox = healthy();
    let ip = |words: &str| sandbox.sh(&format!("ip -n mgmt {words}")).ok();
    ip("link add theirs type bridge");
    finds(&sandbox, "foreign", "link theirs", "remove it");
    ip("link delete theirs");
    ip("address add 10.9.9.9/32 dev lo");
    finds(
        &sandbox,
        "foreign",
        "address 10.9.9.9/32 of lo",
        "remove it",
    );
    ip("address delete 10.9.9.9/32 dev lo");
    ip("route add blackhole 10.9.0.0/16");
    finds(&sandbox, "foreign", "10.9.0.0/16", "remove it");
    ip("route delete blackhole 10.9.0.0/16");
    is_healthy(&sandbox);
    ip("link set eth1 mtu 1300");
    let command = "ip -n mgmt link set eth1 mtu 1400";
    finds(&sandbox, "difference", command, "netns-setup reload mgmt");
    setup(&sandbox, "reload mgmt").ok();
    is_healthy(&sandbox);
}

fn write_web(sandbox: &Sandbox, settings: &str) {
    sandbox.write("/etc/conf.d/netns.web", settings);
}

/// The end of a veth pair that another namespace of ours has in this one.
#[test]
fn what_another_namespace_has_in_this_one_is_not_foreign() {
    let sandbox = healthy();
    write_web(
        &sandbox,
        "netns_links=eth0\ntype_eth0=veth\nconfig_eth0=10.9.0.2/24\npeer_netns_eth0=mgmt\n\
         peer_config_eth0=10.9.0.1/24\nnetns_doctor_accept=no-resolv-conf\n",
    );
    setup(&sandbox, "up web").ok();
    is_healthy(&sandbox);
    let status = setup(&sandbox, "status mgmt").ok();
    assert!(status.stdout.contains("web-eth0"), "{status}");
    assert!(!status.stdout.contains("not ours"), "{status}");
    sandbox
        .sh("ip -n mgmt address add 10.9.0.9/24 dev web-eth0")
        .ok();
    let address = "address 10.9.0.9/24 of web-eth0";
    finds(&sandbox, "foreign", address, "remove it");
    // A link of ours does not make the namespace ours
    sandbox.sh("ip netns add theirs").ok();
    write_web(
        &sandbox,
        "netns_links=eth0\ntype_eth0=veth\npeer_netns_eth0=theirs\n",
    );
    setup(&sandbox, "reload web").ok();
    let list = setup(&sandbox, "list").ok();
    assert!(list.stdout.contains("theirs  by others"), "{list}");
}

#[test]
fn of_a_namespace_that_failed_to_start_the_reason_comes_first() {
    let sandbox = sandbox(&MGMT.replace("netns_links=\"eth1\"", "netns_links=\"eth1 eth7\""));
    setup(&sandbox, "up mgmt").code(111);
    let all = found(&sandbox);
    let (kind, what, remedy) = &all[0];
    assert_eq!(kind, "missing", "{all:#?}");
    assert!(what.contains("its last start failed, less than a minute ago: /etc/conf.d/netns.mgmt:1: netns_links: the host has no link eth7"), "{what}");
    assert!(remedy.contains("plug it in"), "{remedy}");
    // Nothing is said of files that nobody inside reads
    assert!(all.iter().all(|(kind, ..)| kind != "no-resolv-conf"));
}

/// A device that another namespace has is named with that namespace, by every verb.
#[test]
fn a_device_that_another_namespace_has() {
    let sandbox = sandbox(MGMT);
    sandbox.write("/etc/conf.d/netns.web", "netns_links=\"eth1\"\n");
    let both = setup(&sandbox, "check mgmt web").ok();
    assert_eq!(
        both.stderr,
        "netns-setup: /etc/conf.d/netns.web:1: netns_links: \"eth1\" is a device that mgmt also takes, by netns_links at /etc/conf.d/netns.mgmt:1\n\
         netns-setup: only one of the two namespaces can be up; to have both up, choose another one in one of the two files\n"
    );
    setup(&sandbox, "up web").ok();
    for verb in ["up", "plan", "status", "check"] {
        let run = setup(&sandbox, &format!("{verb} mgmt"));
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(
            said.contains("netns_links: eth1 is in the namespace web\n"),
            "{said}"
        );
        assert!(
            said.contains("run netns-setup down web, which gives it back"),
            "{said}"
        );
    }
    setup(&sandbox, "down web").ok();
    setup(&sandbox, "up mgmt").ok();
}

#[test]
fn a_published_port_without_a_listener() {
    let pair = "netns_links=p0\ntype_p0=veth\nconfig_p0=10.8.0.2/24\npeer_config_p0=10.8.0.1/24\nnetns_dns=192.0.2.53\n";
    let sandbox = sandbox(&format!(
        "{pair}netns_publish=\"tcp/8080:80 udp/5353:80\"\n"
    ));
    setup(&sandbox, "up mgmt").ok();
    let all = found(&sandbox);
    let kinds: Vec<_> = all
        .iter()
        .map(|(kind, what, _)| {
            (
                kind.as_str(),
                what.contains("/8080:80") || what.contains("/5353:80"),
            )
        })
        .collect();
    assert_eq!(kinds, [("silent-port", true); 2], "{all:#?}");
    serve(&sandbox, "mgmt", 80, "mgmt");
    is_healthy(&sandbox);
}

#[test]
fn a_device_that_the_host_sets_up_too_and_a_finding_that_is_meant() {
    let sandbox = healthy();
    sandbox.write("/etc/network/interfaces", "auto lo\niface eth1 inet dhcp\n");
    is_healthy(&sandbox);
    sandbox.write(
        "/etc/network/interfaces",
        "auto lo\nallow-hotplug eth0 eth1\niface eth1 inet dhcp\n",
    );
    finds(
        &sandbox,
        "host-config",
        "eth1 is also set up on the host, by /etc/network/interfaces:2",
        "remove the device there",
    );
    write(
        &sandbox,
        &format!("{MGMT}netns_doctor_accept=\"forwarding host-config\"\n"),
    );
    is_healthy(&sandbox);
    sandbox.write("/etc/network/interfaces", "");
    sandbox
        .sh("mkdir -p /etc/runlevels/default; ln -s /etc/init.d/net.eth1 /etc/runlevels/default/")
        .ok();
    write(&sandbox, MGMT);
    finds(
        &sandbox,
        "host-config",
        "by /etc/runlevels/default/net.eth1",
        "remove the device there",
    );
    write(
        &sandbox,
        &format!("{MGMT}netns_doctor_accept=\"difference\"\n"),
    );
    let no = setup(&sandbox, "check mgmt").code(100);
    assert!(
        no.stderr
            .contains("\"difference\" is not a finding of doctor that can be accepted"),
        "{}",
        no.stderr
    );
}

/// A namespace that another program made: doctor does not report the processes that keep it, and
/// does not say to stop them.
#[test]
fn a_namespace_of_another_program() {
    let sandbox = sandbox("");
    let (_container, pid) = {
        let mut process = sandbox.spawn(&[
            "unshare",
            "-n",
            "bash",
            "-c",
            "ip link set lo up; echo $$; read -r x",
        ]);
        let pid = process.line();
        (process, pid)
    };
    sandbox.sh(&format!("mkdir -p /run/docker/netns; touch /run/docker/netns/1; mount --bind /proc/{pid}/ns/net /run/docker/netns/1")).ok();
    write(&sandbox, &format!("netns_attach=pid:{pid}\nnetns_links=\n"));
    setup(&sandbox, "up mgmt").ok();
    is_healthy(&sandbox);
}

#[test]
fn an_entry_without_a_twin_and_a_holder_outside() {
    let sandbox = healthy();
    sandbox.write("/etc/netns/mgmt/motd-of-mgmt", "x\n");
    finds(
        &sandbox,
        "no-effect",
        "/etc/netns/mgmt/motd-of-mgmt",
        "/etc/motd-of-mgmt",
    );
    write(&sandbox, &format!("{MGMT}netns_etc=overlay\n"));
    setup(&sandbox, "reload mgmt").ok();
    is_healthy(&sandbox);
    let mut holder = sandbox.spawn(&["bash", "-c", "exec 9</run/netns/mgmt; echo $$; read -r x"]);
    let pid = holder.line();
    let what = format!("{pid} (bash) open as descriptor 9");
    finds(&sandbox, "held", &what, "before netns-setup down mgmt");
    drop(holder);
    // The process of a watch is no fault
    let mut watch = sandbox.spawn(&[NETNS_SETUP, "watch", "mgmt"]);
    let watching = "grep -lz '^watch' /proc/[0-9]*/cmdline";
    assert!(wait_until(LIMIT, || sandbox.sh(watching).exit_code() == 0));
    is_healthy(&sandbox);
    assert!(watch.child.try_wait().unwrap().is_none());
}
