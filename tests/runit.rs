//! The scenarios of tests/runit under real runits: 2.1.2 (Debian 12), 2.2.0 (Debian 13;
//! also with Alpine's shell and tools), and with `make test-all` the newest.

mod testbed;

testbed::scenarios! { "runit":
    a_crash_leaves_the_namespace_to_its_services
    a_daemon_runs_inside_and_nowhere_else
    a_first_day
    a_service_waits_for_its_card
    a_session_keeps_the_namespace_it_comes_in_by
    a_start_keeps_the_card_of_a_session
    a_trial_moves_sshd_over_its_own_card
    services_of_a_namespace_made_anew_are_restarted
    wrong_settings_are_not_tried_again
}

#[test]
fn a_firewall_of_others_is_not_loaded() {
    let scenario = "a_firewall_of_others_is_not_loaded";
    testbed::run("trixie", testbed::Shell::Busybox, "runit", scenario);
}

/// The directory layouts of three distributions, in one root directory.
#[test]
fn a_copy_answers_for_itself_alone() {
    for suite in ["alpine", "bookworm"] {
        let scenario = "a_copy_answers_for_itself_alone";
        testbed::run(suite, testbed::Shell::Busybox, "runit", scenario);
    }
}
