//! The scenarios of tests/openrc under real OpenRCs: Alpine's 0.63 with its own patches
//! and no iproute2, Debian's 0.56 and 0.45.2 (with dpkg's start-stop-daemon), and by
//! `make test-all` Debian's newest. The hook also under the other shells that are sh.

mod testbed;

use testbed::{Shell, run};

macro_rules! scenarios {
    ($($scenario:ident)*) => {
        mod alpine {
            $(#[test] fn $scenario() { super::on("alpine", stringify!($scenario)) })*
        }
        mod trixie {
            $(#[test] fn $scenario() { super::on("trixie", stringify!($scenario)) })*
        }
        mod bookworm {
            $(#[test] fn $scenario() { super::on("bookworm", stringify!($scenario)) })*
        }
        mod sid {
            $(#[test] #[ignore = "make test-all"]
            fn $scenario() { super::on("sid", stringify!($scenario)) })*
        }
    };
}

scenarios! {
    a_daemon_runs_inside_and_nowhere_else
}

fn on(suite: &str, scenario: &str) {
    run(suite, Shell::Busybox, "openrc", scenario);
}

#[test]
fn the_hook_is_understood_by_dash() {
    run("trixie", Shell::Dash, "openrc", "a_daemon_runs_inside_and_nowhere_else");
}

#[test]
fn the_hook_is_understood_by_bash() {
    run("trixie", Shell::Bash, "openrc", "a_daemon_runs_inside_and_nowhere_else");
}
