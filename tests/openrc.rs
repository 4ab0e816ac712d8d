//! The scenarios of tests/openrc under real OpenRCs: Alpine's 0.63 with its own patches
//! and without iproute2, Debian's 0.56 and 0.45.2 (with dpkg's start-stop-daemon), and
//! with `make test-all` Debian's newest. The hook is also run by the other shells that
//! can be /bin/sh.

mod testbed;

use testbed::{Shell, expect_success, host, run, run_by_bash, run_with_packages};

testbed::scenarios! { "openrc":
    alpines_own_firewall_scripts_run_unmodified
    a_daemon_runs_inside_and_nowhere_else
    a_dhcp_client_keeps_an_address_inside
    a_first_day
    a_hook_starts_services
    a_firewall_is_never_stopped_on_the_host
    a_line_that_is_no_assignment_starts_nothing
    a_missing_card_holds_services_until_it_comes
    a_namespace_made_by_others_is_joined
    a_restart_that_could_not_start_stops_nothing
    a_restart_with_wrong_settings_stops_nothing
    a_runlevels_settings_do_not_drop_the_namespace
    a_session_inside_is_as_good_as_one_outside
    a_service_called_sshd_is_nobodys_login
    a_session_keeps_the_card_it_comes_in_by
    a_session_keeps_the_services_it_came_in_by
    a_start_says_what_came_of_it
    a_stop_names_the_services_inside
    a_script_inside_speaks_of_itself_and_of_others
    a_script_with_its_own_start_runs_inside_whole
    a_service_on_the_host_does_not_notice
    a_service_typed_inside_starts_on_the_host
    a_supervised_daemon_follows_the_name
    a_trial_moves_sshd_over_its_own_card
    a_whole_machine_boots_and_shuts_down
    checks_see_the_files_of_the_daemon
    every_function_of_a_script_runs_inside
    every_kind_of_daemon_is_found_again
    netns_setup_typed_inside_works_from_the_host
    nobody_outside_keeps_a_namespace_unsaid
    nothing_starts_where_the_settings_are_wrong
    services_of_a_namespace_made_anew_are_restarted
    stop_and_status_work_when_the_namespace_is_gone
    the_hook_notices_where_it_does_not_work
    the_iptables_of_a_namespace_have_a_service
    the_order_of_the_boot_follows_the_links
    tied_namespaces_start_side_by_side
    a_namespace_comes_after_the_one_it_lies_in
    two_of_one_daemon_are_not_confused
    rules_that_cut_a_session_are_undone
    the_rules_of_a_namespace_have_a_service
    the_service_keeps_its_namespace
}

/// Of the suites, only Alpine has no iproute2.
#[test]
fn a_hint_can_be_typed_without_iproute2() {
    let scenario = "a_hint_can_be_typed_without_iproute2";
    run("alpine", Shell::Busybox, "openrc", scenario);
}

/// The commands of README and of the pages, and the output that README shows.
#[track_caller]
fn types_what_is_shown(suite: &str) {
    let mut host = host("enter-root", suite, "openrc");
    for (from, to) in [("README.md", "/README.md"), ("man", "/man")] {
        let from = concat!(env!("CARGO_MANIFEST_DIR"), "/").to_string() + from;
        host.args(["-b", &format!("{from}:{to}")]);
    }
    expect_success(host, suite, "what_is_shown_can_be_typed", 300);
}

#[test]
fn what_is_shown_can_be_typed_on_alpine() {
    types_what_is_shown("alpine");
}

#[test]
fn what_is_shown_can_be_typed_on_debian() {
    types_what_is_shown("trixie");
}

// The scripts are Alpine's; under other suites they take a minute each, and only make test-all
// runs them.
mod firewalls {
    crate::testbed::scenarios! { alpine [] "openrc": a_distributions_firewall_scripts_do_all_inside }
    crate::testbed::scenarios! { trixie [#[ignore = "make test-all"]] "openrc": a_distributions_firewall_scripts_do_all_inside }
    crate::testbed::scenarios! { bookworm [#[ignore = "make test-all"]] "openrc": a_distributions_firewall_scripts_do_all_inside }
    crate::testbed::scenarios! { sid [#[ignore = "make test-all"]] "openrc": a_distributions_firewall_scripts_do_all_inside }
}

// The two programs that VPN clients call; Alpine has openresolv's.
mod name_servers {
    use super::run_with_packages;

    const SCENARIO: &str = "a_vpn_client_sets_name_servers_inside";

    #[test]
    fn debians_resolvconf_is_kept_apart() {
        run_with_packages("trixie", "resolvconf bash", "openrc", SCENARIO);
    }

    #[test]
    fn alpines_resolvconf_is_kept_apart() {
        run_with_packages("alpine", "openresolv", "openrc", SCENARIO);
    }

    #[test]
    #[ignore = "make test-all"]
    fn openresolv_on_debian_is_kept_apart() {
        run_with_packages("trixie", "openresolv", "openrc", SCENARIO);
    }
}

#[test]
fn the_hook_is_understood_by_dash() {
    run(
        "trixie",
        Shell::Dash,
        "openrc",
        "a_daemon_runs_inside_and_nowhere_else",
    );
}

#[test]
fn the_hook_is_understood_by_bash() {
    run(
        "trixie",
        Shell::Bash,
        "openrc",
        "a_daemon_runs_inside_and_nowhere_else",
    );
}

// As Gentoo builds OpenRC. bash expands no aliases then, unless the hook turns that on.
#[test]
fn the_hook_works_where_bash_runs_openrc() {
    for scenario in [
        "a_daemon_runs_inside_and_nowhere_else",
        "a_script_with_its_own_start_runs_inside_whole",
        "a_service_typed_inside_starts_on_the_host",
        "a_supervised_daemon_follows_the_name",
        "every_function_of_a_script_runs_inside",
        "the_hook_notices_where_it_does_not_work",
    ] {
        run_by_bash("openrc", scenario);
    }
}

// Debian's doas (the package opendoas) is built with PAM, Alpine's without.
#[test]
fn a_user_runs_one_command_inside() {
    let scenario = "a_user_runs_one_command_inside";
    run("alpine", Shell::Busybox, "openrc", scenario);
    run_with_packages("trixie", "opendoas sudo", "openrc", scenario);
}

// Alpine has no System V scripts.
#[test]
fn a_system_v_script_runs_inside_whole() {
    for suite in ["trixie", "bookworm"] {
        run_with_packages(
            suite,
            "sysvinit-utils debianutils",
            "openrc",
            "a_system_v_script_runs_inside_whole",
        );
    }
}
