//! Which system calls netns-exec makes in the common case: each one adds to the start
//! time of every service, and none may allocate memory or create a thread. strace(1)
//! traces the program that `make` built.

#![allow(clippy::unwrap_used)]

mod common;

use common::Sandbox;

/// In order, without those of the C library's own start, from Linux 6.15 on.
const CALLS: &str = "\
    openat openat stat read close access statx listmount statmount setns \
    unshare mount statfs mount open_tree move_mount open_tree move_mount \
    openat stat stat stat getdents64 \
    open_tree_attr stat move_mount getdents64 close \
    open_tree_attr access access access access \
    access access access getcwd execve";

#[test]
fn the_common_path_makes_these_system_calls_and_no_other() {
    let sandbox = Sandbox::new();
    sandbox
        .sh("ip netns add blue; umount -R /sys/fs/cgroup; mount -t tmpfs one /sys/fs/cgroup")
        .ok();
    sandbox.write("/etc/netns/blue/resolv.conf", "");
    sandbox.write("/run/netns-services/blue/etc", "bind\n");
    sandbox.ready("blue");
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/target/static/netns-exec");
    assert!(std::path::Path::new(program).exists(), "run make first");
    sandbox
        .run(&["strace", "-o", "/run/calls", program, "blue", "/bin/true"])
        .ok();
    let told = sandbox.read("/run/calls").unwrap();
    // An older strace prints only the number of these.
    let told = told
        .replace("syscall_0x1c9(", "statmount(")
        .replace("syscall_0x1ca(", "listmount(")
        .replace("syscall_0x1d3(", "open_tree_attr(");
    // Each C library uses its own variant of these.
    let told = told
        .replace("newfstatat(", "stat(")
        .replace("fstat(", "stat(");
    // From opening the namespace's file to the command.
    let lines = told
        .lines()
        .skip_while(|line| !line.contains("\"/run/netns/blue"));
    let mut names: Vec<_> = lines
        .filter_map(|line| Some(line.split_once('(')?.0))
        .collect();
    if let Some(end) = names.iter().position(|name| *name == "execve") {
        names.truncate(end + 1);
    }
    for never in ["brk", "mmap", "clone", "futex"] {
        assert!(!names.contains(&never), "{told}");
    }
    // An older kernel lacks the last three of them, and needs more calls for the same.
    if told.contains("ENOSYS") {
        return;
    }
    let expected: Vec<_> = CALLS.split_whitespace().collect();
    assert_eq!(names, expected, "{told}");
}
