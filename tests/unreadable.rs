//! What cannot be read. With an unreadable journal, no verb touches what it lists, there is a
//! way to continue, and no other namespace is affected. A pipe, a device, or a file without an
//! end in place of a file is an error, and no process waits for it.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use common::{LIMIT, NETNS_EXEC, NETNS_SETUP, Sandbox, wait_until};
use far::{MGMT, dump, same, sandbox, setup};

/// Linked to each other, and with forwarding on the host: every feature that reads other
/// journals.
const TIED: &str = "netns_links=\"v0 w0\"\ntype_v0=veth\npeer_netns_v0=place\ntype_w0=veth\n\
    config_w0=10.8.0.2/24\npeer_config_w0=10.8.0.1/24\nroutes_w0=\"default via 10.8.0.1\"\n\
    netns_masquerade=yes\n";

const JOURNAL: &str = "/run/netns-services/mgmt/journal";

/// Each makes another kind of damage.
const DAMAGES: [&str; 4] = [
    "printf 'no journal\\n[' >JOURNAL",
    "printf '\\377\\376' >>JOURNAL",
    "sed -i s/192.0.2.10/192.0.2.1000/ JOURNAL",
    "rm JOURNAL; mkdir JOURNAL; touch JOURNAL/file",
];

#[test]
fn nothing_is_touched_and_there_is_a_way_out() {
    let sandbox = sandbox(MGMT);
    sandbox.write("/etc/conf.d/netns.place", "");
    sandbox.write("/etc/conf.d/netns.web", TIED);
    for damage in DAMAGES {
        setup(&sandbox, "up mgmt").ok();
        sandbox.sh(&damage.replace("JOURNAL", JOURNAL)).ok();
        let states = || ["", "-n mgmt"].map(|netns| dump(&sandbox, netns));
        let before = states();
        for verb in [
            "up",
            "reload",
            "down",
            "down --kill",
            "plan",
            "status",
            "try",
        ] {
            let run = setup(&sandbox, &format!("{verb} mgmt")).code(111);
            let line = format!("netns-setup: mgmt: cannot read its journal, {JOURNAL}: ");
            assert!(run.stderr.starts_with(&line), "{run}");
            let remedy = "run netns-setup down --force mgmt: the journal is renamed";
            assert!(run.stderr.contains(remedy), "{run}");
        }
        // The others are taken down and up, and so is what they share with each other
        let run = setup(&sandbox, "up web").ok();
        let line =
            "is up, but cannot tell which other namespaces have links to it: the journal of mgmt: ";
        assert!(run.stderr.contains(line), "{run}");
        setup(&sandbox, "up place").ok();
        setup(&sandbox, "reload web").ok();
        setup(&sandbox, "down web").ok();
        setup(&sandbox, "down place").ok();
        let run = setup(&sandbox, "down --force mgmt").code(111).stdout("");
        assert!(run.stderr.contains("and is kept as "), "{run}");
        for (is, was) in states().iter().zip(&before) {
            same(is, was);
        }
        let run = sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).code(111);
        assert!(run.stderr.contains("mgmt is not ready"), "{run}");
        // A second `down` does not turn it into a namespace of another program, which could be
        // joined
        let run = setup(&sandbox, "down mgmt").code(111).stdout("");
        assert!(run.stderr.contains("and is kept as "), "{run}");
        sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).code(111);
        // As the message says: here, the kernel deletes the veth that stands for a NIC
        sandbox.sh("ip netns delete mgmt").ok();
        setup(&sandbox, "down mgmt").ok().stderr("");
        sandbox.sh("[ ! -e /run/netns-services/mgmt ]").ok();
        let gone = || sandbox.sh("! ip -n far link show far1").exit_code() == 0;
        assert!(wait_until(LIMIT, gone));
        sandbox
            .sh("ip link add eth1 type veth peer name far1 netns far
                 ip link set eth1 up; ip -n far link set far1 up")
            .ok();
    }
}

/// Settings, and the file that they name.
const READ: [(&str, &str); 6] = [
    ("netns_links=\n", "/etc/conf.d/netns.mgmt"),
    ("netns_links=\n", "/etc/netns/mgmt/nftables.nft"),
    (
        "netns_nftables=/etc/netns/mgmt/all.nft\n",
        "/etc/netns/mgmt/part.nft",
    ),
    ("netns_links=\n", "/etc/netns/mgmt/iptables/rules.v4"),
    ("netns_links=\n", "/etc/netns/mgmt/ipset.conf"),
    (
        "netns_links=wg0\ntype_wg0=wireguard\nwireguard_wg0=/run/keys/wg0.conf\n",
        "/run/keys/wg0.conf",
    ),
];

/// What is created in place of a file.
const NO_FILES: [&str; 5] = [
    "mkfifo FILE",
    "mkdir FILE",
    "ln -s /dev/zero FILE",
    "ln -s /proc/kmsg FILE",
    "ln -s /sys/kernel/mm/transparent_hugepage/enabled FILE",
];

#[track_caller]
fn in_time(sandbox: &Sandbox, words: &str) -> common::Run {
    sandbox.sh(&format!("exec timeout -k 1 60 {NETNS_SETUP} {words}"))
}

#[test]
fn what_does_not_end_is_refused_and_nobody_waits_for_it() {
    let sandbox = sandbox("");
    sandbox
        .sh("mkdir -p -m 755 /etc/netns/mgmt/iptables /run/keys
             echo 'include \"/etc/netns/mgmt/part.nft\"' >/etc/netns/mgmt/all.nft")
        .ok();
    for (settings, file) in READ {
        for makes in NO_FILES {
            // A folder of sets is one
            if file.ends_with("ipset.conf") && makes.starts_with("mkdir") {
                continue;
            }
            far::write(&sandbox, settings);
            sandbox
                .sh(&format!("rm -rf FILE; {makes}").replace("FILE", file))
                .ok();
            let run = in_time(&sandbox, "up mgmt").code(100);
            assert!(run.stderr.contains(&format!("{file}: ")), "{makes}: {run}");
            assert!(run.stderr.contains("nothing was changed"), "{makes}: {run}");
            sandbox.sh(&format!("rm -rf {file}")).ok();
        }
    }
    // A file that belongs to the owner, or does not mention this namespace, is skipped
    far::write(
        &sandbox,
        "netns_links=tap0\ntype_tap0=tap\nowner_tap0=nobody\n",
    );
    sandbox
        .sh("mkfifo /etc/conf.d/web /etc/netns/mgmt/resolv.conf")
        .ok();
    for verb in ["up", "reload", "status", "doctor", "down"] {
        // Doctor reports the pipe
        let run = in_time(&sandbox, &format!("{verb} mgmt"));
        let most = i32::from(verb == "doctor");
        assert!((0..=most).contains(&run.exit_code()), "{verb}: {run}");
    }
    sandbox.sh("mount --bind /etc/conf.d/web /etc/passwd").ok();
    let run = in_time(&sandbox, "up mgmt").code(100);
    assert!(run.stderr.contains("owner_tap0=\"nobody\""), "{run}");
}
