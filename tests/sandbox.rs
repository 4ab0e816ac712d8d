//! The sandbox has the properties that the other tests rely on.

#![allow(clippy::unwrap_used)]

mod common;

use common::{LIMIT, Sandbox, wait_until};

#[test]
fn a_sandbox_is_a_host_of_its_own() {
    let sandbox = Sandbox::new();
    let links = sandbox.ip_json("link");
    assert_eq!(links.as_array().map(Vec::len), Some(1), "{links}");
    assert_eq!(links[0]["operstate"], "DOWN");
    sandbox
        .sh("ls /sys/class/net /run")
        .ok()
        .stdout("/run:\n\n/sys/class/net:\nlo\n");
    sandbox.sh("[ $$ -lt 100 ] && [ -e /sys/fs/cgroup ]").ok();
    sandbox.sh("exit 111").code(111);
}

#[test]
fn what_a_sandbox_writes_stays_there_and_what_it_starts_ends_with_it() {
    let sandbox = Sandbox::new();
    sandbox.write("/etc/netns-sandbox-test/file", "text");
    assert_eq!(
        sandbox.read("/etc/netns-sandbox-test/file").as_deref(),
        Some("text")
    );
    assert!(!std::path::Path::new("/etc/netns-sandbox-test").exists());
    let refused = sandbox.sh("LC_ALL=C mkdir /srv/netns-sandbox-test").code(1);
    assert!(
        refused.stderr.contains("Read-only file system"),
        "{refused:?}"
    );
    let sleep = format!("sleep 1000.{}", std::process::id());
    let running = || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let mut said =
            processes.map(|p| std::fs::read(p.path().join("cmdline")).unwrap_or_default());
        said.any(|words| String::from_utf8_lossy(&words).replace('\0', " ").trim() == sleep)
    };
    sandbox.sh(&format!("setsid {sleep} &")).ok();
    assert!(wait_until(LIMIT, running));
    drop(sandbox);
    assert!(wait_until(LIMIT, || !running()));
}
