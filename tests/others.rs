//! The scenarios of tests/others: programs of others that a namespace has to do with, as
//! Debian 13 packages them. A container's engine tells whose namespace is to be named, and
//! a firewall of the host does what our advice says to type.

#![allow(clippy::expect_used)]

mod testbed;

const PACKAGES: &str = "podman crun ufw";

fn scenario(name: &str) {
    let mut host = testbed::host("enter-root", "trixie", "others");
    host.env("TESTBED_PACKAGES", PACKAGES);
    testbed::expect_success(host, "trixie", name, 300);
}

#[test]
fn a_container_of_podman_is_given_a_link() {
    scenario("a_container_of_podman_is_given_a_link");
}

#[test]
fn openvpn_is_the_only_way_out() {
    let mut host = testbed::host("enter-root", "trixie", "others");
    host.env("TESTBED_PACKAGES", "openvpn");
    testbed::expect_success(host, "trixie", "openvpn_is_the_only_way_out", 300);
}

#[test]
fn a_forwarded_port_is_held() {
    let mut host = testbed::host("enter-root", "trixie", "others");
    host.env("TESTBED_PACKAGES", "natpmpc miniupnpd-nftables");
    let service = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/openrc/examples/forwarded-port"
    );
    host.args(["-b", &format!("{service}:/etc/init.d/forwarded-port")]);
    testbed::expect_success(host, "trixie", "a_forwarded_port_is_held", 300);
}

#[test]
fn ufw_lets_through_what_it_is_told_to() {
    scenario("ufw_lets_through_what_it_is_told_to");
}
