//! The program of a watch is replaced while it runs, as by an upgrade of the package: the watch
//! becomes the new program, or goes on as the old one and says why.

use std::fs;

use crate::common::{NETNS_SETUP, Sandbox};
use crate::far::{sandbox, setup, write};
use crate::{PAIR, Watch, begin_by, has_default};

const PROGRAM: &str = "/run/bin/netns-setup";

/// As [`PAIR`], with hooks that count.
fn hooked() -> String {
    PAIR.to_string()
        + "netns_pre_up='echo pre >>/run/hooked'\nnetns_post_up='echo post >>/run/hooked'\n"
}

/// A watch by a copy of the program.
fn watch(sandbox: &Sandbox) -> Watch<'_> {
    put(sandbox, &format!("cp {NETNS_SETUP} $0.new; mv $0.new $0"));
    let watch = begin_by(sandbox, PROGRAM);
    watch.soon("it is up", || {
        sandbox.read("/run/netns-services/mgmt/ready").is_some()
    });
    watch.is_quiet();
    watch
}

/// Put another file in the place of the program, which `$0` is.
#[track_caller]
fn put(sandbox: &Sandbox, script: &str) {
    sandbox.sh("mkdir -p /run/bin").ok();
    sandbox.run(&["sh", "-ec", script, PROGRAM]).ok();
}

/// As dpkg and others do it: the name has the old file or the complete new one.
const RENAMED: &str = "cp $0 $0.new; mv $0.new $0";

/// As install(1) does it: for a moment, the file is not complete.
fn installed() -> String {
    format!("install -m 755 {NETNS_SETUP} $0")
}

impl Watch<'_> {
    /// Whether it runs the file that has the name now.
    fn is_new(&self) -> bool {
        let file = fs::read_link(format!("/proc/{}/exe", self.pid())).unwrap();
        !file.to_string_lossy().ends_with(" (deleted)")
    }

    #[track_caller]
    fn becomes_new(&self) {
        self.soon("it is the new program", || self.is_new());
        self.repairs();
        let line = format!("mgmt: {PROGRAM} was replaced; the watch goes on as the new one\n");
        assert_eq!(self.out().matches(&line).count(), 1, "{}", self.out());
    }

    #[track_caller]
    fn repairs(&self) {
        self.sandbox.sh("ip -n mgmt route del default").ok();
        self.soon("it repairs", || has_default(self.sandbox));
    }
}

#[test]
fn a_watch_becomes_the_program_that_replaces_its_own() {
    let sandbox = sandbox(&hooked());
    let mut watch = watch(&sandbox);
    let netns = sandbox.sh("stat -L -c %i /run/netns/mgmt").stdout;
    put(&sandbox, RENAMED);
    watch.becomes_new();
    assert_eq!(watch.err(), "");
    // Once more, by the program that it became; and the hooks do not run again
    let first = watch.out();
    put(&sandbox, &installed());
    watch.soon("it is said again", || {
        watch.out().matches("goes on as the new one").count() == 2
    });
    watch.soon("it is the new program", || watch.is_new());
    watch.repairs();
    assert!(watch.out().starts_with(&first), "{}", watch.out());
    watch.is_quiet();
    assert_eq!(sandbox.read("/run/hooked").as_deref(), Some("pre\npost\n"));
    assert_eq!(sandbox.sh("stat -L -c %i /run/netns/mgmt").stdout, netns);
    // The signals that it blocked while it became the new program are blocked no more
    watch.ends();
}

#[test]
fn a_watch_stays_the_old_program_while_the_new_one_would_change_something() {
    let sandbox = sandbox(&hooked());
    let watch = watch(&sandbox);
    // What others add stays, and is no reason. Settings that were edited and not reloaded are one
    sandbox
        .sh("ip -n mgmt address add 10.9.9.9/32 dev br0")
        .ok();
    watch.is_quiet();
    put(&sandbox, RENAMED);
    watch.becomes_new();
    write(
        &sandbox,
        &hooked().replace("10.9.0.1/24", "\"10.9.0.1/24 10.9.0.2/24\""),
    );
    put(&sandbox, RENAMED);
    let line = format!(
        "mgmt: {PROGRAM} was replaced; the watch goes on as the old one, because the new one plans other changes\n"
    );
    watch.soon("it is said", || watch.err().contains(&line));
    watch.repairs();
    watch.is_quiet();
    assert!(!watch.is_new());
    assert!(
        !sandbox
            .sh("ip -n mgmt address")
            .stdout
            .contains("10.9.0.2/24")
    );
    assert_eq!(watch.err().matches(&line).count(), 1, "{}", watch.err());
    setup(&sandbox, "reload mgmt").ok();
    watch.soon("it is the new program", || watch.is_new());
    watch.repairs();
}

/// A reload follows a repair so closely that the watch reads the settings only after its pause. By
/// then all events have been read.
#[test]
fn a_watch_looks_at_the_new_program_again_when_it_has_read_its_settings() {
    let sandbox = sandbox(&hooked());
    let watch = watch(&sandbox);
    write(
        &sandbox,
        &hooked().replace("10.9.0.1/24", "\"10.9.0.1/24 10.9.0.2/24\""),
    );
    put(&sandbox, RENAMED);
    watch.soon("it is said", || {
        watch.err().contains("the new one plans other changes")
    });
    watch.is_quiet();
    watch.repairs();
    setup(&sandbox, "reload mgmt").ok();
    watch.becomes_new();
}

#[test]
fn a_new_program_that_does_not_run_ends_no_watch() {
    let sandbox = sandbox(&hooked());
    let watch = watch(&sandbox);
    put(
        &sandbox,
        "printf '#!/bin/sh\necho \"broken\" >&2\nexit 1\n' >$0.new; chmod 755 $0.new; mv $0.new $0",
    );
    let line = format!(
        "mgmt: {PROGRAM} was replaced; the watch goes on as the old one, because the new one fails: broken\n"
    );
    watch.soon("it is said", || watch.err().contains(&line));
    watch.repairs();
    assert_eq!(watch.err().matches(&line).count(), 1, "{}", watch.err());
    put(&sandbox, "rm $0");
    watch.repairs();
    put(&sandbox, &installed());
    watch.becomes_new();
}

#[test]
fn a_namespace_that_was_taken_down_stays_down_when_the_program_is_replaced() {
    let sandbox = sandbox(&hooked());
    let watch = watch(&sandbox);
    setup(&sandbox, "down mgmt").ok();
    watch.soon("that is noticed", || {
        watch.err().contains("it stays that way")
    });
    put(&sandbox, RENAMED);
    watch.is_quiet();
    assert!(!watch.is_new());
    assert!(sandbox.read("/run/netns-services/mgmt/ready").is_none());
    setup(&sandbox, "up mgmt").ok();
    watch.soon("it is the new program", || watch.is_new());
    watch.repairs();
}
