//! The scenarios of tests/others: other programs that work with a namespace, as Debian 13
//! packages them. A container engine tells which namespace gets a name, a firewall of the host
//! follows the advice that we print, and a network manager of the host continues when its NIC
//! comes back.

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

fn a_container_is_shown_by_its_name(packages: &str) {
    let scenario = "a_container_is_shown_by_its_name";
    testbed::run_with_packages("trixie", packages, "others", scenario);
}

#[test]
fn a_container_of_podman_is_shown_by_its_name() {
    a_container_is_shown_by_its_name(PACKAGES);
}

#[test]
fn a_container_of_docker_is_shown_by_its_name() {
    a_container_is_shown_by_its_name("docker.io docker-cli");
}

#[test]
fn a_container_of_lxc_is_shown_by_its_name() {
    a_container_is_shown_by_its_name("lxc");
}

#[test]
fn openvpn_is_the_only_way_out() {
    let mut host = testbed::host("enter-root", "trixie", "others");
    host.env("TESTBED_PACKAGES", "openvpn");
    testbed::expect_success(host, "trixie", "openvpn_is_the_only_way_out", 300);
}

/// With a `resolvconf` of the host, which the client's script calls, or with none.
fn openvpn_sets_its_name_servers_inside(resolvconf: &str) {
    let packages = format!("openvpn openssl bash {resolvconf}");
    let scenario = "openvpn_sets_its_name_servers_inside";
    testbed::run_with_packages("trixie", packages.trim_end(), "others", scenario);
}

#[test]
fn openvpn_sets_its_name_servers_inside_by_resolvconf() {
    openvpn_sets_its_name_servers_inside("resolvconf");
}

#[test]
fn openvpn_sets_its_name_servers_inside_by_openresolv() {
    openvpn_sets_its_name_servers_inside("openresolv");
}

#[test]
#[ignore = "nothing is set, so nothing can go wrong but on the host: make test-all"]
fn openvpn_without_resolvconf_sets_no_name_servers() {
    openvpn_sets_its_name_servers_inside("");
}

#[test]
fn a_dhcp_server_is_told_the_client_id() {
    let scenario = "a_dhcp_server_is_told_the_client_id";
    testbed::run_with_packages("trixie", "dnsmasq-base", "others", scenario);
}

#[test]
fn a_router_is_an_address_of_a_machine() {
    let scenario = "a_router_is_an_address_of_a_machine";
    testbed::run("trixie", testbed::Shell::Dash, "others", scenario);
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

/// The arguments of `tests/others/a_manager_carries_on.sh`.
fn carries_on(manager: &str, give_back: &str, ways: &[&str]) {
    let packages = match manager.starts_with("ifupdown_") {
        true => "ifupdown isc-dhcp-client udhcpc",
        false => PACKAGES,
    };
    let mut host = testbed::host("enter-root", "trixie", "others");
    host.env("TESTBED_PACKAGES", packages);
    host.args(["-t", "300", "sh", "/t/a_manager_carries_on.sh"]);
    host.args([manager, give_back]).args(ways);
    let scenario = format!("{manager}, {give_back}, {ways:?}");
    testbed::expect_end(host, "trixie", &scenario);
}

#[test]
fn networkmanager_takes_a_bare_card_back() {
    carries_on("NetworkManager", "bare", &["up", "try"]);
}

#[test]
fn connman_takes_a_bare_card_back() {
    carries_on("connman", "bare", &["down"]);
}

#[test]
fn dhcpcd_goes_on_with_a_card_that_is_back() {
    carries_on("dhcpcd", "whole", &["down"]);
}

#[test]
fn ifupdown_goes_on_with_a_card_that_is_back() {
    carries_on("ifupdown", "whole", &["try"]);
}

/// Nothing tells it of a NIC that appears: that needs one of our hooks.
#[test]
fn ifupdown_begins_anew_by_a_hook_where_nothing_else_tells_it() {
    carries_on("ifupdown_dhclient", "whole", &["try", "up"]);
    carries_on("ifupdown_udhcpc", "bare", &["down"]);
}

// The combination of ifupdown and a failed up is missing: udev's rule then runs ifdown and ifup
// at the same time, and either may be last.
#[test]
#[ignore = "each manager on all ways takes a minute; make test-all has them"]
fn a_manager_carries_on_whatever_way_its_card_comes_back() {
    let all = ["down", "try", "up"];
    for (manager, give_backs, ways) in [
        ("NetworkManager", &["bare"][..], &all[..]),
        ("connman", &["bare"], &all),
        ("dhcpcd", &["whole", "bare"], &all),
        ("ifupdown", &["whole", "bare"], &all[..2]),
        ("ifupdown_dhclient", &["whole", "bare"], &all),
        ("ifupdown_udhcpc", &["whole", "bare"], &all),
    ] {
        for give_back in give_backs {
            carries_on(manager, give_back, ways);
        }
    }
}
