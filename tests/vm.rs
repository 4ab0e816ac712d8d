//! The scenarios of tests/vm on virtual machines: tests that need a real NIC, types of
//! link that this machine's kernel lacks, or an older kernel.

mod testbed;

#[test]
fn a_card_is_found_whatever_it_is_called() {
    testbed::run_vm("alpine", "vm", "a_card_is_found_whatever_it_is_called");
}

#[test]
fn a_card_comes_after_the_boot_and_goes_and_comes() {
    testbed::run_booted_vm(
        "alpine",
        "vm",
        "a_card_comes_after_the_boot_and_goes_and_comes",
    );
}

#[test]
fn a_card_goes_in_and_comes_back() {
    testbed::run_vm("alpine", "vm", "a_card_goes_in_and_comes_back");
}

#[test]
fn a_wireless_card_moves_with_its_phy() {
    testbed::run_vm("bookworm", "vm", "a_wireless_card_moves_with_its_phy");
}

#[test]
fn a_first_day_ends_with_a_reboot() {
    testbed::run_rebooted_vm("alpine", "vm", "a_first_day_ends_with_a_reboot");
}

#[test]
fn every_type_of_link() {
    testbed::run_vm("alpine", "vm", "every_type_of_link");
}

#[test]
fn a_missing_module_is_told() {
    testbed::run_vm("alpine", "vm", "a_missing_module_is_told");
}

#[test]
fn a_watch_keeps_a_card_and_a_vlan() {
    testbed::run_vm("alpine", "vm", "a_watch_keeps_a_card_and_a_vlan");
}

// Alpine's kernel does not have iptables-legacy.
#[test]
fn an_old_iptables_is_seen() {
    testbed::run_vm("bookworm", "vm", "an_old_iptables_is_seen");
}

#[test]
fn an_older_kernel_forwards_ipv6_for_us_alone() {
    testbed::run_vm(
        "bookworm",
        "vm",
        "an_older_kernel_forwards_ipv6_for_us_alone",
    );
}

#[test]
fn a_router_is_not_what_its_namespaces_are() {
    testbed::run_vm("alpine", "vm", "a_router_is_not_what_its_namespaces_are");
}

#[test]
fn a_kernel_without_ipv6_does_all_but_ipv6() {
    let scenario = "a_kernel_without_ipv6_does_all_but_ipv6";
    testbed::run_vm_booted_with("ipv6.disable=1", "alpine", "vm", scenario);
}

#[test]
fn a_clock_may_be_set() {
    testbed::run_vm("alpine", "vm", "a_clock_may_be_set");
}

#[test]
fn a_tap_loads_its_module() {
    testbed::run_vm("alpine", "vm", "a_tap_loads_its_module");
}

#[test]
fn firewall_names_a_vrf_and_its_ports() {
    testbed::run_vm("alpine", "vm", "firewall_names_a_vrf_and_its_ports");
}

#[test]
fn vlans() {
    testbed::run_vm("alpine", "vm", "vlans");
}

// `born` and `wireguard` test one of each type.
#[test]
#[ignore = "every type, each with every fate: make test-all"]
fn links_of_every_type_follow_where_they_come_from() {
    testbed::run_vm("alpine", "vm", "born");
}
