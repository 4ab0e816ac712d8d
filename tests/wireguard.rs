//! WireGuard on a kernel that supports it, by the scenarios of tests/vm. Judged by wg(8).
//! tests/wireguard_files.rs has what wg(8)'s file may contain.

mod testbed;

#[test]
fn a_tunnel_goes_out_where_it_was_born_and_nothing_goes_beside_it() {
    testbed::run_vm("alpine", "vm", "wireguard");
}

#[test]
fn a_change_of_the_file_is_taken_over_and_nothing_else_is_touched() {
    testbed::run_vm("alpine", "vm", "wireguard_changes");
}

#[test]
fn what_is_shown_of_a_tunnel_is_what_wg_shows() {
    testbed::run_vm("alpine", "vm", "wireguard_shown");
}

#[test]
fn a_namespace_is_ready_when_its_tunnel_is() {
    testbed::run_vm("alpine", "vm", "wireguard_ready");
}

#[test]
fn a_peer_that_has_moved_is_found_by_its_name_and_one_that_is_heard_is_left_alone() {
    testbed::run_vm("alpine", "vm", "wireguard_moves");
}

#[test]
fn names_are_looked_up_where_the_tunnel_was_born() {
    testbed::run_vm("alpine", "vm", "wireguard_names");
}

#[test]
fn a_day_behind_a_provider_shows_nobody_but_the_provider() {
    let mut host = testbed::host("run-vm", "alpine", "vm");
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md:/README.md");
    host.env("TESTBED_PACKAGES", testbed::DAEMONS)
        .args(["-n", "2", "-b", readme]);
    testbed::expect_success(host, "alpine", "vpn_day", 600);
}

// wg-quick is a script for bash.
#[test]
fn a_file_of_wg_quick_gives_what_wg_quick_makes_of_it() {
    testbed::run_vm_with_bash("vm", "wireguard_quick");
}

#[test]
#[ignore = "twenty files; make test-all has them"]
fn each_file_of_wg_quick_gives_what_wg_quick_makes_of_it() {
    testbed::run_vm_with_bash("vm", "wireguard_quick_all");
}
