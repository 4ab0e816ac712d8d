//! Every shell script and every manual page of the project, read by those who know:
//! shellcheck and the shells that are to run it, and mandoc. What they do is the
//! business of other tests.

#![allow(clippy::panic)]

mod tree;

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use tree::{files, is_asked, none, said, texts};

/// What runs a script, according to its first line or to the directory that it is in.
#[derive(Clone, Copy, PartialEq)]
enum Shell {
    /// Any POSIX shell; tested with dash and busybox.
    Posix,
    /// openrc-run, which is a POSIX shell with `local`.
    OpenRc,
    /// A POSIX shell that sources the script, which only has settings.
    Sourced,
    /// Busybox's alone.
    Busybox,
    /// bash; only for the project's own tools.
    Bash,
}

fn scripts() -> Vec<(String, Shell)> {
    let shell_of = |path: &str, text: &str| {
        let first = text.lines().next().unwrap_or("");
        let sourced = [
            "conf.d/",
            "libexec/name-servers.sh",
            "libexec/openrc/",
            "openrc/init-functions.d/",
            "openrc/init.d/",
            "openrc/rc.conf.d/",
            "openrc/user/",
        ];
        match first.strip_prefix("#!") {
            Some("/bin/sh") => Some(Shell::Posix),
            Some("/sbin/openrc-run") => Some(Shell::OpenRc),
            Some("/bin/busybox sh") => Some(Shell::Busybox),
            Some("/bin/bash") => Some(Shell::Bash),
            Some("/usr/bin/make -f") => None,
            Some(other) => (!path.ends_with(".rs")).then(|| panic!("{path}: who is {other}?")),
            None if sourced.iter().any(|folder| path.starts_with(folder)) => Some(Shell::Sourced),
            None => None,
        }
    };
    let found = texts(files()).into_iter();
    found
        .filter_map(|(path, text)| shell_of(&path, &text).map(|shell| (path, shell)))
        .collect()
}

/// The output of `command`, with the path of each script of `shells` after it.
fn faults(shells: &[Shell], command: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    if !is_asked(command[0]) {
        return faults;
    }
    let mut seen = 0;
    for (path, shell) in scripts() {
        if shells.contains(&shell) {
            seen += 1;
            let (well, said) = said(&[command, &[&path]].concat());
            if !well || !said.is_empty() {
                faults.push(format!("{}: {path}:\n{said}", command.join(" ")));
            }
        }
    }
    assert!(seen > 0, "no script for {}", command.join(" "));
    faults
}

/// What shellcheck was asked: its version, and every script, for one reads others.
fn asked_of_shellcheck() -> String {
    let mut hash = DefaultHasher::new();
    said(&["shellcheck", "--version"]).hash(&mut hash);
    let paths = scripts().into_iter().map(|(path, _)| path);
    texts(paths.collect()).hash(&mut hash);
    // A change of the check itself also makes it run again
    include_str!("scripts.rs").hash(&mut hash);
    format!("{:x}", hash.finish())
}

/// It takes half a minute of processor time. If it found nothing, it does not run again until a
/// script changes.
#[test]
fn shellcheck_has_nothing_to_say() {
    use Shell::*;
    if !is_asked("shellcheck") {
        return;
    }
    let stamp = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shellcheck");
    let asked = asked_of_shellcheck();
    if fs::read_to_string(&stamp).is_ok_and(|before| before == asked) {
        return;
    }
    let check = ["shellcheck", "-x", "-P", "SCRIPTDIR"];
    none(faults(&[Posix, Bash, Busybox], &check));
    // In a file that is sourced, shellcheck cannot see what reads or sets a variable.
    let elsewhere = [&check[..], &["-s", "sh", "-e", "SC2034,SC2154"]].concat();
    none(faults(&[Sourced], &elsewhere));
    let with_local = [&check[..], &["-s", "sh", "-e", "SC2034,SC2154,SC3043"]].concat();
    none(faults(&[OpenRc], &with_local));
    // If this cannot be recorded, the check runs again
    let _ = fs::write(&stamp, asked);
}

#[test]
fn dash_and_busybox_can_read_every_posix_script() {
    use Shell::*;
    none(faults(&[Posix, OpenRc, Sourced], &["dash", "-n"]));
    none(faults(
        &[Posix, OpenRc, Sourced, Busybox],
        &["busybox", "sh", "-n"],
    ));
}

#[test]
fn bash_is_for_the_projects_own_machinery() {
    none(faults(&[Shell::Bash], &["bash", "-n"]));
    let elsewhere = |path: &String| {
        let own = [
            ".ci/",
            "tests/testbed/",
            "tests/bench/",
            "tests/packages/recipe.sh",
        ];
        path != "tests/demo" && !own.iter().any(|folder| path.starts_with(folder))
    };
    let bash = scripts()
        .into_iter()
        .filter(|(_, shell)| *shell == Shell::Bash);
    none(bash.map(|(path, _)| path).filter(elsewhere).collect());
}

#[test]
fn what_is_installed_for_inits_stays_short() {
    let limit = |path: &str| match path {
        path if path.starts_with("libexec/openrc/") => 160,
        path if path.starts_with("openrc/init.d/") => 125,
        path if path.starts_with("runit/") && path.ends_with(".sh") => 90,
        path if path.starts_with("runit/") => 17,
        _ => usize::MAX,
    };
    let mut faults = Vec::new();
    for (path, text) in texts(files()) {
        let lines = text.lines().count();
        if lines > limit(&path) {
            faults.push(format!(
                "{path} has {lines} lines, {} at most",
                limit(&path)
            ));
        }
    }
    none(faults);
}

#[test]
fn mandoc_has_nothing_to_say() {
    // Whether the machine has the pages that ours refer to is no fault of the page.
    let of_the_machine = |line: &str| {
        line.contains("referenced manual not found") || line.contains("outdated mandoc.db")
    };
    if !is_asked("mandoc") {
        return;
    }
    let pages = files().into_iter();
    let pages = pages.filter(|path| path.starts_with("man/") && !path.ends_with(".json"));
    let mut seen = 0;
    for page in pages {
        seen += 1;
        let (_, said) = said(&["mandoc", "-Tlint", &page]);
        none(
            said.lines()
                .filter(|l| !of_the_machine(l))
                .map(String::from)
                .collect(),
        );
    }
    assert!(seen > 0);
}
