//! A journal that cannot be read: what it told of is touched by no verb, there is a way out,
//! and no other namespace is kept from anything by it.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use common::{LIMIT, NETNS_EXEC, wait_until};
use far::{MGMT, dump, same, sandbox, setup};

/// Tied to each other, and with the host's forwarding: all that reads others' journals.
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
            let remedy = "run netns-setup down --force mgmt: it is set aside";
            assert!(run.stderr.contains(remedy), "{run}");
        }
        // The others come and go, and what they share with each other does
        setup(&sandbox, "up web").ok();
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
        // Another `down` does not make it somebody else's, which would be joined
        let run = setup(&sandbox, "down mgmt").code(111).stdout("");
        assert!(run.stderr.contains("and is kept as "), "{run}");
        sandbox.run(&[NETNS_EXEC, "mgmt", "true"]).code(111);
        // As it was told: here, the kernel deletes what stands for a card
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
