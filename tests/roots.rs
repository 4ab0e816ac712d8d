//! The test-bed's root directories: they are the same wherever they are built, and one
//! whose build or removal was interrupted is never used. Other tests check what is in
//! them.

#![allow(clippy::unwrap_used, clippy::panic)]

mod tree;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tree::{ROOT, none};

/// An empty directory for one test, deleted when the test succeeds.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

#[track_caller]
fn is_the_same_everywhere(suite: &str) {
    let folder = Folder::new(&format!("root-{suite}"));
    let testbed = Path::new(ROOT).join("tests/testbed");
    let script = Path::new(ROOT).join("tests/roots/in_other_surroundings.sh");
    let out = Command::new(script)
        .args([&testbed, &folder.0])
        .env("TESTBED_SUITE", suite)
        .env_remove("TESTBED_SHELL")
        .output()
        .unwrap();
    assert!(out.status.success(), "{suite}\n{}", said(&out));
}

fn said(out: &Output) -> String {
    [&out.stdout, &out.stderr]
        .map(|said| String::from_utf8_lossy(said).into_owned())
        .concat()
}

#[test]
fn alpines_root_is_the_same_wherever_it_is_built() {
    is_the_same_everywhere("alpine");
}

#[test]
fn trixies_root_is_the_same_wherever_it_is_built() {
    is_the_same_everywhere("trixie");
}

#[test]
fn bookworms_root_is_the_same_wherever_it_is_built() {
    is_the_same_everywhere("bookworm");
}

#[test]
#[ignore = "make test-all"]
fn sids_root_is_the_same_wherever_it_is_built() {
    is_the_same_everywhere("sid");
}

/// Replaces the build of the test-bed's scripts by a fast one.
const SMALL: &str = r#"#!/bin/bash
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/common.sh"
build() {
	local n
	echo built >>"$TESTBED_CACHE/log"
	for n in 1 2 3; do
		mkdir folder$n
		echo whole >folder$n/file
	done
	cp -R folder1 folder4
}
cached root-small build
"#;

/// A cache with everything that can be in it before: a root directory that was not used for a
/// week, and the rest of two interrupted builds, one by an earlier version of the scripts.
struct Cache(Folder);

impl Cache {
    fn new(name: &str) -> Self {
        let cache = Cache(Folder::new(name));
        let path = &cache.0.0;
        fs::write(path.join("make-small"), SMALL).unwrap();
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(path.join("make-small"), mode).unwrap();
        let common = Path::new(ROOT).join("tests/testbed/common.sh");
        symlink(common, path.join("common.sh")).unwrap();
        cache
    }

    fn run(&self, before: &[&str]) -> Output {
        // Under its own name the file can be busy while a child of another test has it open: a
        // file that is open for writing here is inherited by every process that starts
        // meanwhile (open(2), ETXTBSY)
        let program = self.0.0.join("make-small");
        let by_bash = ["bash"].into_iter().chain(program.to_str());
        let words: Vec<&str> = before.iter().copied().chain(by_bash).collect();
        Command::new(words[0])
            .args(&words[1..])
            .env("TESTBED_CACHE", &self.0.0)
            .output()
            .unwrap()
    }

    fn roots(&self) -> Vec<PathBuf> {
        let entries = self.0.0.read_dir().unwrap().flatten();
        let roots = entries.map(|entry| entry.path());
        roots.filter(|path| path.is_dir()).collect()
    }

    /// Fill the cache; `root` is the path that the test asks for.
    fn fill(&self, root: &Path) {
        for old in self.roots() {
            fs::remove_dir_all(old).unwrap();
        }
        let old = self.0.0.join("root-small-0123456789ab");
        for n in 1..5 {
            let folder = old.join(format!("folder{n}"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("file"), "whole\n").unwrap();
        }
        fs::write(old.join(".made"), "").unwrap();
        let week_ago = Command::new("touch")
            .args(["-d", "8 days ago"])
            .arg(old.join(".made"))
            .status();
        assert!(week_ago.unwrap().success());
        fs::create_dir_all(root.join("folder1")).unwrap();
        fs::create_dir_all(root.with_extension("new").join("folder2")).unwrap();
    }
}

fn is_whole(root: &Path) -> bool {
    (1..5).all(|n| {
        let file = root.join(format!("folder{n}/file"));
        fs::read(file).is_ok_and(|text| text == b"whole\n")
    })
}

/// The path that was printed.
fn printed(out: &Output) -> PathBuf {
    String::from_utf8_lossy(&out.stdout).trim_end().into()
}

#[test]
fn what_broke_off_at_any_step_is_never_used() {
    let cache = Cache::new("broken-off");
    let first = cache.run(&[]);
    let root = printed(&first);
    assert!(is_whole(&root), "{}", said(&first));
    let steps = [
        ("mkdir,mkdirat", 4),
        ("unlink,unlinkat", 6),
        ("rename,renameat,renameat2", 2),
        ("openat", 8),
        ("write,copy_file_range", 3),
        ("utimensat", 1),
        ("syncfs", 1),
        ("execve", 2),
    ];
    let (mut faults, mut broke) = (Vec::new(), 0);
    for (calls, most) in steps {
        for (number, how) in (1..=most).flat_map(|n| [(n, "signal=KILL"), (n, "error=ENOSPC")]) {
            cache.fill(&root);
            let inject = format!("inject={calls}:{how}:when={number}");
            let trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject];
            let out = cache.run(&trace);
            broke += usize::from(!out.status.success());
            let seems_whole = |root: &PathBuf| root.join(".made").exists();
            let mut used: Vec<PathBuf> = cache.roots().into_iter().filter(seems_whole).collect();
            if out.status.success() {
                used.push(printed(&out));
            }
            let mut fault = |what: &str| faults.push(format!("{inject}: {what}\n{}", said(&out)));
            if !used.iter().all(|root| is_whole(root)) {
                fault("half a root is used");
            }
            let again = cache.run(&[]);
            if !again.status.success() || printed(&again) != root || !is_whole(&root) {
                fault(&format!("not mended by the next call:\n{}", said(&again)));
            } else if cache.roots().len() != 1 {
                fault(&format!("left: {:?}", cache.roots()));
            }
        }
    }
    none(faults);
    assert!(broke > 30, "{broke} broke off");
}

#[test]
fn two_that_ask_at_once_get_one_root_that_was_built_once() {
    let cache = Cache::new("at-once");
    let roots: Vec<PathBuf> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..4).map(|_| scope.spawn(|| cache.run(&[]))).collect();
        let out = asked.into_iter().map(|asked| asked.join().unwrap());
        out.map(|out| printed(&out)).collect()
    });
    assert!(roots.iter().all(|root| root == &roots[0] && is_whole(root)));
    let log = fs::read_to_string(cache.0.0.join("log")).unwrap();
    assert_eq!(log, "built\n");
}
