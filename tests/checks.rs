//! `netns-setup check` and `graph --settings` for everybody: an ordinary user, in a copy of the
//! settings that belongs to somebody else, as in CI; and what this machine lacks, which is told and
//! is no error.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use common::{NETNS_EXEC, NETNS_SETUP, Run, Sandbox};
use far::{MGMT, sandbox, setup, write};
use serde_json::Value;

/// Settings that name files of another machine.
const TUNNEL: &str = "netns_links=wg0
type_wg0=wireguard
wireguard_wg0=/etc/wireguard/netns/wg0.conf
netns_nftables=/etc/netns/tunnel/all.nft
";

/// Call netns-setup as an ordinary user.
#[track_caller]
fn as_user(sandbox: &Sandbox, words: &str) -> Run {
    let program = "/run/netns-setup";
    sandbox.sh(&format!(
        "[ -e {program} ] || cp {NETNS_SETUP} {program}
             exec setpriv --reuid 65534 --regid 65534 --clear-groups {program} {words}"
    ))
}

/// Half of a report would be wrong: a namespace that is ready would be printed as not ready, and
/// the hint for an unreadable journal would be followed.
#[test]
fn an_ordinary_user_sees_no_namespace() {
    let sandbox = sandbox(MGMT);
    setup(&sandbox, "up mgmt").ok();
    for words in [
        "list",
        "status",
        "status mgmt",
        "plan mgmt",
        "graph",
        "metrics",
        "doctor mgmt",
        "up mgmt",
        "down mgmt",
        "reload mgmt",
        "try mgmt",
        "confirm mgmt",
        "watch mgmt",
        "may-go mgmt",
        "may-come mgmt",
    ] {
        as_user(&sandbox, words).code(100).stdout("").stderr(
            "netns-setup: only root can see and change namespaces\n\
             netns-setup: run it as root, by doas, sudo or su\n",
        );
    }
}

#[test]
fn an_ordinary_user_checks_settings_that_are_not_roots() {
    // A file system of its own, because /srv is the machine's
    let sandbox = in_memory();
    for (name, text) in [("netns.mgmt", MGMT), ("netns.tunnel", TUNNEL)] {
        sandbox.write(&format!("/srv/conf.d/{name}"), text);
    }
    sandbox
        .sh("chown -R 65534:65534 /srv/conf.d; chmod -R g+w /srv/conf.d")
        .ok();
    let warning = "netns-setup: /srv/conf.d: belongs to user 65534, not to root
netns-setup: expected only root, because root acts on it at boot; run chown root /srv/conf.d
";
    let missing = "netns-setup: /srv/conf.d/netns.tunnel:3: wireguard_wg0: /etc/wireguard/netns/wg0.conf was not checked: it is not here
netns-setup: type netns-setup check as root, on the machine that has it
netns-setup: /srv/conf.d/netns.tunnel:4: netns_nftables: /etc/netns/tunnel/all.nft was not checked: it is not here
netns-setup: type netns-setup check as root, on the machine that has it
";
    let check = "--conf-dir /srv/conf.d check";
    // Nothing about the NIC, which that machine has
    for run in [
        as_user(&sandbox, &format!("{check} mgmt")),
        setup(&sandbox, &format!("{check} mgmt")),
    ] {
        run.ok().stdout("").stderr(warning);
    }
    as_user(&sandbox, &format!("{check} --all"))
        .ok()
        .stderr(&format!("{missing}{warning}"));
    sandbox.write("/srv/conf.d/netns.mgmt", &MGMT.replace("/24", "/33"));
    let run = as_user(&sandbox, &format!("{check} --all")).code(100);
    assert!(
        run.stderr.contains("/srv/conf.d/netns.mgmt:2: config_eth1"),
        "{run}"
    );
    // What acts on the settings trusts root alone
    for verb in ["up", "plan", "status", "watch"] {
        let run = setup(&sandbox, &format!("--conf-dir /srv/conf.d {verb} mgmt")).code(100);
        assert!(
            run.stderr.contains("belongs to user 65534, not to root"),
            "{run}"
        );
    }
}

/// The settings of this machine are trusted only if they are root's, no matter who asks.
#[test]
fn the_settings_of_this_machine_are_roots() {
    let sandbox = sandbox(MGMT);
    as_user(&sandbox, "check mgmt").ok().stderr("");
    sandbox.sh("chown 65534 /etc/conf.d/netns.mgmt").ok();
    for run in [
        as_user(&sandbox, "check mgmt"),
        setup(&sandbox, "check mgmt"),
    ] {
        let run = run.code(100);
        assert!(
            run.stderr.contains("belongs to user 65534, not to root"),
            "{run}"
        );
    }
    // Keys that only root can read
    write(
        &sandbox,
        "netns_links=wg0\ntype_wg0=wireguard\nwireguard_wg0=/run/keys/wg0.conf\n",
    );
    sandbox
        .sh("chown 0 /etc/conf.d/netns.mgmt; mkdir -m 700 /run/keys; echo nonsense >/run/keys/wg0.conf; chmod 600 /run/keys/wg0.conf")
        .ok();
    as_user(&sandbox, "check mgmt").ok().stderr(
        "netns-setup: /etc/conf.d/netns.mgmt:3: wireguard_wg0: /run/keys/wg0.conf was not checked: only root can read it\n\
         netns-setup: type netns-setup check as root, on the machine that has it\n",
    );
    setup(&sandbox, "check mgmt").code(100);
}

/// Root does not load rules that others can write to.
#[test]
fn rules_that_others_can_write_to_are_not_loaded() {
    let sandbox = in_memory();
    sandbox.write(
        "/srv/conf.d/netns.mgmt",
        "netns_links=\nnetns_nftables=/srv/conf.d/all.nft\n",
    );
    sandbox.write("/srv/conf.d/all.nft", "nonsense\n");
    let check = "--conf-dir /srv/conf.d check mgmt";
    setup(&sandbox, check).code(100);
    sandbox.sh("chown 65534 /srv/conf.d/all.nft").ok();
    let run = setup(&sandbox, check).ok();
    assert!(
        run.stderr
            .contains("/srv/conf.d/all.nft: belongs to user 65534"),
        "{run}"
    );
    let said = "its rule files were read but not loaded: others than root can write to its files";
    assert!(run.stderr.contains(said), "{run}");
}

#[test]
fn what_this_machine_lacks_is_told_and_is_no_error() {
    let sandbox = sandbox("");
    // All programs but these
    sandbox
        .sh("mkdir /run/sbin && mount --bind /usr/sbin /run/sbin && mount -t tmpfs sbin /usr/sbin &&
             ln -s /run/sbin/* /usr/sbin/ && cd /usr/sbin && rm -f nft ipset dhcpcd udhcpc")
        .ok();
    write(
        &sandbox,
        "netns_links=\"eth1 eth7 ve0\"\nconfig_eth1=dhcp\ntype_ve0=veth\nconfig_ve0=10.8.0.2/24\n\
         peer_config_ve0=10.8.0.1/24\nnetns_masquerade=eth0\n",
    );
    sandbox.write("/etc/netns/mgmt/ipset.conf", "create hosts hash:ip\n");
    let missing = "netns-setup: /etc/conf.d/netns.mgmt:1: netns_links: the host has no link eth7
netns-setup: plug it in or load its driver, or correct the name; ip link lists the links
netns-setup: /etc/conf.d/netns.mgmt:2: config_eth1: there is no DHCP client on this machine
netns-setup: install dhcpcd, or busybox with its udhcpc
netns-setup: there is no program ipset on this machine
netns-setup: install the package that has it
netns-setup: /etc/conf.d/netns.mgmt:6: netns_masquerade: there is no program nft on this machine
netns-setup: install the package that has it
";
    setup(&sandbox, "check mgmt")
        .ok()
        .stdout("")
        .stderr(missing);
    as_user(&sandbox, "check mgmt")
        .ok()
        .stdout("")
        .stderr(missing);
    setup(&sandbox, "check --quiet mgmt").ok().stderr("");
    let json: Value =
        serde_json::from_str(&setup(&sandbox, "check --json mgmt").ok().stdout).unwrap();
    assert_eq!(json[0]["outcome"], "done");
    let warnings = json[0]["warnings"].as_array().unwrap().iter();
    let warnings: String = warnings
        .map(|line| format!("netns-setup: {}\n", line.as_str().unwrap()))
        .collect();
    assert_eq!(warnings, missing);
    // A NIC that is inside is not missing
    sandbox.sh("umount /usr/sbin; rm -r /etc/netns").ok();
    write(&sandbox, MGMT);
    setup(&sandbox, "up --quiet mgmt").ok();
    setup(&sandbox, "check mgmt").ok().stderr("");
    sandbox.sh("ip -n far link delete far1").ok();
    let run = setup(&sandbox, "check mgmt").ok();
    assert!(run.stderr.contains("the host has no link eth1"), "{run}");
}

/// A sandbox whose /srv is in memory.
#[track_caller]
fn in_memory() -> Sandbox {
    let sandbox = sandbox("");
    sandbox
        .sh("mount -t tmpfs -o mode=755 srv /srv; mkdir -m 755 /srv/conf.d")
        .ok();
    sandbox
}

#[test]
fn an_ordinary_user_draws_the_settings() {
    let sandbox = in_memory();
    for (name, text) in [
        ("netns.tunnel", TUNNEL),
        (
            "netns.vms",
            "netns_links=\"br0 lan0 up0\"\ntype_br0=bridge\nbridge_br0=up0\n\
            type_lan0=macvlan\nlink_lan0=eth1\ntype_up0=veth\n",
        ),
        ("netns.wrong", "netns_lnks=eth1\n"),
    ] {
        sandbox.write(&format!("/srv/conf.d/{name}"), text);
    }
    sandbox.sh("chown -R 65534 /srv/conf.d").ok();
    let graph = "graph --settings --conf-dir /srv/conf.d";
    let drawn = "\
the host
  eth1
  vms-up0  veth, peer up0 in vms
tunnel
  wg0  wireguard, sends through the host
vms
  br0  bridge
  lan0  macvlan, parent eth1 on the host
  up0  veth, peer vms-up0 on the host, master br0
";
    let run = as_user(&sandbox, graph).code(100).stdout(drawn);
    assert!(run.stderr.contains("netns_lnks is not a setting"), "{run}");
    sandbox.sh("rm /srv/conf.d/netns.wrong").ok();
    as_user(&sandbox, graph).ok().stdout(drawn).stderr("");
    let dot = as_user(&sandbox, &format!("{graph} --dot")).ok().stdout;
    assert!(
        dot.contains("\"/vms-up0\" -- \"vms/up0\" [label=\"veth\"]"),
        "{dot}"
    );
}

/// Where netns-exec could not mount the files of a namespace, no service would start in it. An
/// overlay also has a directory where /etc has a file.
#[test]
fn files_that_could_not_be_mounted_are_an_error() {
    let sandbox = sandbox("netns_links=\n");
    setup(&sandbox, "up mgmt").ok();
    sandbox.sh("mkdir -p /etc/netns/mgmt/hosts").ok();
    for (settings, code) in [
        ("netns_links=\n", 100),
        ("netns_links=\nnetns_etc=overlay\n", 0),
    ] {
        write(&sandbox, settings);
        setup(&sandbox, "check mgmt").code(code);
        setup(&sandbox, "may-come mgmt").code(code);
        setup(&sandbox, "reload mgmt").ok();
        let joined = sandbox.run(&[NETNS_EXEC, "mgmt", "true"]);
        assert_eq!(joined.exit_code() == 0, code == 0, "{joined}");
    }
}
