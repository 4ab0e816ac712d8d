//! Logging in over a NIC that is in a namespace, with the session on the host: with
//! OpenSSH and dropbear as Debian packages them, and OpenSSH's client on another machine.

mod testbed;

/// The packages are Debian's on Alpine too, whose own packages are not available here.
const PACKAGES: &str = "openssh-server openssh-client openssh-sftp-server socat";

#[track_caller]
fn scenario(suite: &str, folder: &str, name: &str) {
    let mut host = testbed::host("enter-root", suite, folder);
    host.env("TESTBED_PACKAGES", PACKAGES);
    for (from, to) in [
        ("openrc/examples", "/usr/share/openrc-examples"),
        ("README.md", "/README.md"),
    ] {
        let from = concat!(env!("CARGO_MANIFEST_DIR"), "/").to_string() + from;
        host.args(["-b", &format!("{from}:{to}")]);
    }
    testbed::expect_success(host, suite, name, 300);
}

#[test]
fn a_session_of_openssh_is_on_the_host() {
    scenario("trixie", "openrc", "a_session_of_openssh_is_on_the_host");
}

// OpenSSH before 9.8.
#[test]
fn a_session_of_an_older_openssh_is_on_the_host() {
    scenario("bookworm", "openrc", "a_listeners_sessions_are_on_the_host");
}

#[test]
fn a_session_of_dropbear_is_on_the_host() {
    scenario("alpine", "openrc", "a_listeners_sessions_are_on_the_host");
}

#[test]
fn a_session_on_the_host_keeps_the_namespace_of_runit() {
    scenario(
        "trixie",
        "runit",
        "a_session_on_the_host_keeps_the_namespace",
    );
}
