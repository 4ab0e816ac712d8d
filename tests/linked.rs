//! What the programs are linked with, above all netns-exec: every service of a namespace
//! starts through it, so each library adds to start-up time and to code that runs as
//! root.

#![allow(clippy::expect_used)]

mod tree;

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// All crates that netns-exec is linked with. A new one needs a decision.
#[rustfmt::skip]
const NETNS_EXEC_IS_MADE_OF: [&str; 10] = [
    "anstyle", "bitflags", "cfg-if", "clap", "clap_builder", "clap_lex", "libc",
    "netns-services", "nix", "strsim",
];

#[test]
fn netns_exec_is_made_of_little() {
    let told = cargo(&[
        "tree",
        "--no-default-features",
        "--edges=normal,no-proc-macro",
        "--prefix=none",
    ]);
    let names = told.lines().filter_map(|line| line.split(' ').next());
    let crates: BTreeSet<_> = names.collect();
    for never in ["tokio", "rtnetlink", "netlink-proto", "light-ini"] {
        assert!(!crates.contains(never), "{never}\n{told}");
    }
    assert_eq!(crates, BTreeSet::from(NETNS_EXEC_IS_MADE_OF), "{told}");
}

#[test]
fn the_program_netns_exec_holds_no_runtime() {
    // A separate build, with symbols: cargo test builds both programs with all features.
    let target = concat!(env!("CARGO_TARGET_TMPDIR"), "/netns-exec");
    cargo(&[
        "build",
        "--no-default-features",
        "--bin=netns-exec",
        "--target-dir",
        target,
    ]);
    let holds = |program: &str, word: &str| {
        let bytes = std::fs::read(program).expect("it was built");
        let mut parts = bytes.windows(word.len());
        parts.any(|part| part == word.as_bytes())
    };
    let program = format!("{target}/debug/netns-exec");
    assert!(holds(&program, ".symtab"), "{program} has no symbols");
    assert!(!holds(&program, "tokio"), "{program}");
    assert!(!holds(&program, "rtnetlink"), "{program}");
    // The other program has one: so the search would have found it.
    assert!(holds(env!("CARGO_BIN_EXE_netns-setup"), "tokio"));
}

/// The output of cargo, without a network. If make runs this as root, cargo runs as the caller,
/// to whom the built files belong.
fn cargo(words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    command.args(words).args(["--locked", "--offline"]);
    let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
    if let (Some(user), Some(group)) = (number("SUDO_UID"), number("SUDO_GID")) {
        command.uid(user).gid(group);
    }
    let out = command
        .current_dir(tree::ROOT)
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{errors}");
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[test]
fn what_make_built_is_static() {
    for program in ["netns-exec", "netns-setup"] {
        let path = format!("target/static/{program}");
        let (well, told) = tree::said(&["readelf", "--program-headers", &path]);
        assert!(well, "run make first: {told}");
        assert!(told.contains("LOAD") && !told.contains("INTERP"), "{told}");
    }
}
