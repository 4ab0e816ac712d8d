//! What netns-exec shows of /etc, and that it stays: symlinks that are replaced while a
//! service runs, files that are replaced by renaming and bound again, overlays, and who
//! may write.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Background, NETNS_EXEC, Sandbox};

/// A host with a namespace that has a name server of its own.
fn host() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add blue").ok();
    sandbox.write("/etc/netns/blue/resolv.conf", "nameserver inside\n");
    sandbox
}

/// A service in the namespace that prints the first line of a file for every line it reads. It
/// is one process: a child that has not ended yet would be counted among the healed processes.
fn service(sandbox: &Sandbox) -> Background {
    let script = "while read -r file; do line=; read -r line <\"$file\"; echo \"$line\"; done";
    let mut service = sandbox.spawn(&[NETNS_EXEC, "blue", "sh", "-c", script]);
    assert_eq!(asked(&mut service, "/etc/resolv.conf"), "nameserver inside");
    service
}

fn asked(service: &mut Background, file: &str) -> String {
    service.say(&format!("{file}\n"));
    service.line()
}

fn overlay(sandbox: &Sandbox) {
    sandbox.write("/run/netns-services/blue/etc", "overlay\n");
    sandbox.ready("blue");
}

#[test]
fn a_symlinked_resolv_conf_holds_while_its_target_is_replaced() {
    let sandbox = host();
    sandbox
        .sh("mkdir /run/host; echo 1 >/run/host/r; ln -sf /run/host/r /etc/resolv.conf")
        .ok();
    let mut service = service(&sandbox);
    sandbox
        .sh("echo 2 >/run/host/new; mv /run/host/new /run/host/r")
        .ok();
    assert_eq!(asked(&mut service, "/etc/resolv.conf"), "nameserver inside");
    sandbox.sh("rm -r /run/host").ok();
    assert_eq!(asked(&mut service, "/etc/resolv.conf"), "nameserver inside");
    sandbox
        .run(&["readlink", "/etc/resolv.conf"])
        .stdout("/run/host/r\n");
}

#[test]
fn a_plain_resolv_conf_that_is_renamed_over_is_lost_and_healed() {
    let sandbox = host();
    let mut service = service(&sandbox);
    let mut other = sandbox.spawn(&[NETNS_EXEC, "blue", "cat"]);
    other.say("up\n");
    assert_eq!(other.line(), "up");
    // What every DHCP client does at every lease, and what that does to a bind mount.
    sandbox
        .sh("echo 'nameserver host' >/etc/new; mv /etc/new /etc/resolv.conf")
        .ok();
    assert_eq!(asked(&mut service, "/etc/resolv.conf"), "nameserver host");

    let healed = sandbox.run(&[NETNS_EXEC, "--heal", "blue"]).ok();
    assert_eq!(asked(&mut service, "/etc/resolv.conf"), "nameserver inside");
    let mut lines: Vec<_> = healed.stdout.lines().collect();
    lines.sort_by_key(|line| line.contains("(sh)"));
    assert_eq!(lines.len(), 2, "{healed}");
    for (line, name) in lines.iter().zip(["(cat)", "(sh)"]) {
        let said = "blue: bound again /etc/resolv.conf for ";
        assert!(line.starts_with(said) && line.ends_with(name), "{healed}");
    }
    sandbox.run(&[NETNS_EXEC, "--heal", "blue"]).ok().stdout("");
    assert_eq!(
        sandbox.read("/etc/resolv.conf").as_deref(),
        Some("nameserver host\n")
    );
    sandbox.run(&[NETNS_EXEC, "--heal", "red"]).code(111);
}

#[test]
fn an_entry_that_an_editor_renamed_is_healed_too() {
    let sandbox = host();
    let mut service = service(&sandbox);
    sandbox.sh("echo 'nameserver new' >/etc/netns/blue/n; mv /etc/netns/blue/n /etc/netns/blue/resolv.conf").ok();
    assert_eq!(asked(&mut service, "/etc/resolv.conf"), "nameserver inside");
    sandbox.run(&[NETNS_EXEC, "--heal", "blue"]).ok();
    assert_eq!(asked(&mut service, "/etc/resolv.conf"), "nameserver new");
    let stacked = "grep -c ' /etc/resolv.conf ' /proc/*/mountinfo | sort -t: -k2 -n | tail -n 1";
    assert!(sandbox.sh(stacked).ok().stdout.ends_with(":1\n"));
}

#[test]
fn healing_enters_only_what_netns_exec_made_for_that_name() {
    let sandbox = host();
    sandbox
        .sh("ip netns add red; mkdir /etc/netns/red; echo red >/etc/netns/red/resolv.conf")
        .ok();
    // A process of another tool in the same network, one of a namespace of another name, and
    // one in a container.
    let reads = "echo up; read -r x; cat /etc/resolv.conf";
    let mut others: Vec<_> = [
        vec!["ip", "netns", "exec", "blue", "sh", "-c", reads],
        vec![NETNS_EXEC, "red", "sh", "-c", reads],
        vec![
            NETNS_EXEC,
            "blue",
            "unshare",
            "--user",
            "--mount",
            "--map-root-user",
            "sh",
            "-c",
            reads,
        ],
    ]
    .into_iter()
    .map(|words| sandbox.spawn(&words))
    .collect();
    for other in &mut others {
        assert_eq!(other.line(), "up");
    }
    sandbox
        .sh("echo host >/etc/new; mv /etc/new /etc/resolv.conf")
        .ok();
    sandbox.run(&[NETNS_EXEC, "--heal", "blue"]).ok().stdout("");
    for other in &mut others {
        other.say("\n");
        assert_eq!(other.line(), "host");
    }
}

#[test]
fn in_an_overlay_what_the_host_renames_takes_nothing_away() {
    let sandbox = host();
    overlay(&sandbox);
    sandbox.write("/etc/netns/blue/only-here", "new\n");
    sandbox.sh("mkdir /etc/netns/blue/ssl; echo ours >/etc/netns/blue/ssl/ours; chmod 600 /etc/netns/blue/ssl/ours").ok();
    sandbox.sh("mkdir -p /etc/ssl; echo theirs >/etc/ssl/theirs; echo host >/etc/hosts; mount --bind /etc/hosts /etc/hosts").ok();
    let mut service = service(&sandbox);
    sandbox
        .sh("echo host >/etc/new; mv /etc/new /etc/resolv.conf")
        .ok();
    for (file, line) in [
        ("/etc/resolv.conf", "nameserver inside"),
        ("/etc/only-here", "new"),
        ("/etc/ssl/ours", "ours"),
        ("/etc/ssl/theirs", "theirs"),
        ("/etc/hosts", "host"),
    ] {
        assert_eq!(asked(&mut service, file), line, "{file}");
    }
    sandbox.run(&[NETNS_EXEC, "--heal", "blue"]).ok().stdout("");
    // What a program writes to /etc stays inside, except in /etc/netns, where hooks write.
    let writes = "stat -c %a /etc/ssl/ours; echo x >/etc/private; echo x >/etc/netns/blue/for-all";
    sandbox
        .run(&[NETNS_EXEC, "blue", "sh", "-c", writes])
        .ok()
        .stdout("600\n");
    assert_eq!(sandbox.read("/etc/private"), None);
    assert_eq!(
        sandbox.read("/etc/netns/blue/for-all").as_deref(),
        Some("x\n")
    );
}

#[test]
fn an_entry_that_is_a_symlink_is_what_it_leads_to() {
    let sandbox = host();
    sandbox.sh("mkdir /etc/vpn; echo 'nameserver vpn' >/etc/vpn/r; ln -sf ../../vpn/r /etc/netns/blue/resolv.conf").ok();
    let reads = [NETNS_EXEC, "blue", "cat", "/etc/resolv.conf"];
    sandbox.run(&reads).ok().stdout("nameserver vpn\n");
    sandbox.sh("chmod 777 /etc/vpn").ok();
    sandbox.run(&reads).code(111).stderr(
        "netns-exec: group or others may write /etc/vpn (mode 0777)\n\
         netns-exec: expected only root; run chmod go-w /etc/vpn\n",
    );
    sandbox.sh("rm -r /etc/vpn").ok();
    sandbox.run(&reads).code(111).stderr(
        "netns-exec: cannot bind /etc/netns/blue/resolv.conf over the same name in /etc: No such file or directory\n\
         netns-exec: expected it to exist; a symlink must have a target\n",
    );
}

#[test]
fn what_others_than_root_may_write_is_refused() {
    let sandbox = host();
    for (change, said) in [
        (
            "chmod 775 /etc/netns",
            "group or others may write /etc/netns (mode 0775)",
        ),
        (
            "chmod 755 /etc/netns; chmod 702 /etc/netns/blue",
            "group or others may write /etc/netns/blue (mode 0702)",
        ),
        (
            "chmod 755 /etc/netns/blue; chown 65534 /etc/netns/blue",
            "/etc/netns/blue belongs to user 65534",
        ),
        (
            "chown 0 /etc/netns/blue; chmod 666 /etc/netns/blue/resolv.conf",
            "group or others may write /etc/netns/blue/resolv.conf (mode 0666)",
        ),
        (
            "rm -r /etc/netns/blue; mkdir /run/other; ln -s /run/other /etc/netns/blue",
            "cannot open /etc/netns/blue: Not a directory",
        ),
    ] {
        sandbox.sh(change).ok();
        let run = sandbox
            .run(&[NETNS_EXEC, "blue", "echo", "ran"])
            .code(111)
            .stdout("");
        let first = run.stderr.lines().next().unwrap_or_default();
        assert_eq!(first, format!("netns-exec: {said}"), "{change}");
    }
}

#[test]
fn the_hosts_resolvers_are_hidden_and_the_folders_stay() {
    let sandbox = host();
    sandbox
        .sh("mkdir -p /run/nscd /run/systemd/resolve /run/avahi-daemon; touch /run/nscd/socket")
        .ok();
    let lists =
        "ls -A /run/nscd /run/systemd/resolve; touch /run/nscd/new 2>/dev/null || echo read-only";
    sandbox
        .run(&[NETNS_EXEC, "blue", "sh", "-c", lists])
        .ok()
        .stdout("/run/nscd:\n\n/run/systemd/resolve:\nread-only\n");
    sandbox.run(&["ls", "/run/nscd"]).ok().stdout("socket\n");
}

#[test]
fn name_servers_that_are_asked_for_and_gone_are_not_the_hosts() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "/etc/conf.d/netns.blue",
        "netns_links=d0\ntype_d0=bridge\nnetns_dns=192.0.2.1\n",
    );
    let setup = |verb: &str| sandbox.run(&[common::NETNS_SETUP, verb, "blue"]);
    let shown = || sandbox.run(&[NETNS_EXEC, "blue", "cat", "/etc/resolv.conf"]);
    setup("up").ok();
    for gone in [
        "rm /etc/netns/blue/resolv.conf",
        "rm -r /etc/netns/blue",
        ": >/etc/netns/blue/resolv.conf",
        "mount -t tmpfs -o mode=755 none /etc/netns",
    ] {
        assert!(shown().ok().stdout.contains("192.0.2.1"));
        sandbox.sh(gone).ok();
        let run = shown().code(111);
        let expected = "netns-exec: /etc/netns/blue/resolv.conf is gone, and netns_dns asks for it\n\
                        netns-exec: to write it again, run netns-setup up blue\n";
        assert_eq!(run.stderr, expected, "{gone}");
        setup("up").ok();
    }
    // With an overlay as without
    sandbox.write(
        "/etc/conf.d/netns.blue",
        "netns_links=d0\ntype_d0=bridge\nnetns_dns=192.0.2.1\nnetns_etc=overlay\n",
    );
    setup("reload").ok();
    shown().ok();
    sandbox.sh("rm /etc/netns/blue/resolv.conf").ok();
    shown().code(111);
    // The settings no longer ask for name servers: programs inside see the host's again
    sandbox.write("/etc/conf.d/netns.blue", "netns_links=d0\ntype_d0=bridge\n");
    setup("reload").ok();
    assert!(shown().ok().stdout.contains("192.0.2.53"));
    setup("down").ok();
    assert!(sandbox.read("/run/netns-services/blue/lock").is_none());
}
