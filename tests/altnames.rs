//! Alternative names of links: added, removed, and in conflict with each other. Judged by
//! `ip`.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use common::Sandbox;
use far::{dump, is_again, sandbox, setup, write};
use serde_json::{Value, json};

const SETTINGS: &str = r#"netns_links="eth1 br0"
altname_eth1="uplink a-name-of-more-than-fifteen-bytes"
type_br0=bridge
altname_br0="lan"
"#;

/// The alternative names of a link; null if there are none.
fn altnames(sandbox: &Sandbox, netns: &str, link: &str) -> Value {
    sandbox.ip_json(&format!("{netns} link show dev {link}"))[0]["altnames"].clone()
}

#[test]
fn links_are_called_what_is_asked_for_and_a_card_comes_back_under_its_own_names() {
    let sandbox = sandbox(SETTINGS);
    sandbox
        .sh("ip link property add dev eth1 altname enp4s0")
        .ok();
    let before = dump(&sandbox, "");
    let planned = setup(&sandbox, "plan mgmt").ok().stdout;
    for line in [
        "+ ip -n mgmt link property add dev eth1 altname uplink\n",
        "+ ip -n mgmt link property add dev br0 altname lan\n",
    ] {
        assert!(planned.contains(line), "{planned}");
    }
    setup(&sandbox, "up mgmt").ok().stdout(&planned);
    let long = "a-name-of-more-than-fifteen-bytes";
    let found = altnames(&sandbox, "-n mgmt", "eth1");
    assert_eq!(found, json!(["enp4s0", "uplink", long]));
    assert_eq!(altnames(&sandbox, "-n mgmt", "br0"), json!(["lan"]));
    setup(&sandbox, "reload mgmt").ok().stdout("").stderr("");

    // A name moves from one link to the other; names that others added stay
    write(
        &sandbox,
        "netns_links=\"eth1 br0\"\ntype_br0=bridge\naltname_br0=\"uplink\"\n",
    );
    sandbox
        .sh("ip -n mgmt link property add dev br0 altname theirs")
        .ok();
    setup(&sandbox, "reload mgmt").ok().stderr("");
    assert_eq!(altnames(&sandbox, "-n mgmt", "eth1"), json!(["enp4s0"]));
    let found = altnames(&sandbox, "-n mgmt", "br0");
    assert_eq!(found, json!(["theirs", "uplink"]));

    write(&sandbox, SETTINGS);
    setup(&sandbox, "reload mgmt").ok().stderr("");
    setup(&sandbox, "down mgmt").ok().stderr("");
    assert_eq!(altnames(&sandbox, "", "eth1"), json!(["enp4s0"]));
    is_again(&sandbox, "", &before);
}

#[test]
fn a_name_that_is_taken_is_said_before_anything_is_done() {
    let sandbox = sandbox("netns_links=eth1\naltname_eth1=uplink\n");
    sandbox
        .sh("ip netns add mgmt; ip -n mgmt link add br9 type bridge; ip -n mgmt link property add dev br9 altname uplink")
        .ok();
    let before = dump(&sandbox, "");
    setup(&sandbox, "up mgmt").code(111).stderr(
        "netns-setup: /etc/conf.d/netns.mgmt:2: altname_eth1: uplink is already a name of br9\n\
         netns-setup: choose another name, or remove it from that link with ip link property del\n\
         netns-setup: mgmt: nothing was changed\n",
    );
    // A name that the NIC already has also conflicts with the name of a link inside
    sandbox.sh("ip link property add dev eth1 altname br9").ok();
    write(&sandbox, "netns_links=eth1\n");
    setup(&sandbox, "up mgmt").code(111).stderr(
        "netns-setup: /etc/conf.d/netns.mgmt:1: netns_links: eth1 cannot come in: br9 is already a name of br9\n\
         netns-setup: choose another name, or remove it from one of the two with ip link property del\n\
         netns-setup: mgmt: nothing was changed\n",
    );
    sandbox.sh("ip link property del dev eth1 altname br9").ok();
    is_again(&sandbox, "", &before);
}

#[test]
fn a_card_stays_where_it_is_as_long_as_its_name_is_another_link_s() {
    let sandbox = sandbox(SETTINGS);
    setup(&sandbox, "up mgmt").ok();
    sandbox
        .sh("ip link add other type bridge; ip link property add dev other altname eth1")
        .ok();
    let run = setup(&sandbox, "down mgmt").code(111);
    let said = "eth1 cannot go there: eth1 is already a name of other on the host";
    assert!(run.stderr.contains(said), "{run}");
    setup(&sandbox, "up mgmt").ok().stdout("");
    sandbox.sh("ip link delete other").ok();
    setup(&sandbox, "down mgmt").ok();
    assert_eq!(sandbox.ip_json("link show dev eth1")[0]["operstate"], "UP");
}
