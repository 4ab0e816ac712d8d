//! The scenarios of tests/others: programs of others that a namespace has to do with, as
//! Debian 13 packages them. A container's engine tells whose namespace is to be named, and
//! a firewall of the host does what our advice says to type.

#![allow(clippy::expect_used)]

mod testbed;

const PACKAGES: &str = "podman crun ufw network-manager connman ifupdown udev dbus-daemon";

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
fn ufw_lets_through_what_it_is_told_to() {
    scenario("ufw_lets_through_what_it_is_told_to");
}
