//! What packagers and releases do, in the roots of the test-bed: `make install` into a directory,
//! with paths of theirs, without the hook, and what then is installed does the main job. Which files
//! are installed is the business of tests/install.rs.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod testbed;
mod tree;

use std::fs;
use std::path::Path;
use std::process::Command;

/// `make install` of what is in `built`, into `folder`.
fn install(built: &Path, folder: &Path, words: &[&str]) {
    let mut command = Command::new("make");
    command.arg("install").args(words).current_dir(tree::ROOT);
    command.env_remove("MAKEFLAGS");
    command.arg(format!("DESTDIR={}", folder.display()));
    command.arg(format!("BUILT={}", built.display()));
    let out = command.output().expect("make must be installed");
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{errors}");
}

/// The programs as `make LIBEXECDIR=/usr/lib/odd` builds them: the path has the length of the usual
/// one, and takes its place. (A build takes minutes.)
fn programs_with_another_path(folder: &Path) {
    let (usual, other) = (b"/usr/libexec", b"/usr/lib/odd");
    for program in ["netns-exec", "netns-setup"] {
        let mut bytes = fs::read(testbed::program(program)).unwrap();
        let mut count = 0;
        for at in 0..bytes.len() - usual.len() {
            if bytes[at..].starts_with(usual) {
                bytes[at..at + other.len()].copy_from_slice(other);
                count += 1;
            }
        }
        assert!(count > 0, "{program}: the path is not compiled in");
        fs::write(folder.join(program), bytes).unwrap();
    }
    fs::write(folder.join("libexecdir"), "/usr/lib/odd\n").unwrap();
}

fn does_the_job_with_other_paths(suite: &str) {
    let top = tempfile::tempdir().unwrap();
    let (built, installed) = (top.path().join("built"), top.path().join("installed"));
    fs::create_dir(&built).unwrap();
    programs_with_another_path(&built);
    let words = [
        "SBINDIR=/usr/bin",
        "LIBEXECDIR=/usr/lib/odd",
        "DATADIR=/opt/data",
        "DOCDIR=/usr/share/doc/odd",
    ];
    install(&built, &installed, &words);
    let mut host = testbed::bare_host("enter-root", suite, "packages");
    host.args(["-b", &format!("{}:/installed", installed.display())]);
    testbed::expect_success(host, suite, "other_paths", 300);
}

#[test]
fn alpine_does_the_job_with_a_packagers_paths() {
    does_the_job_with_other_paths("alpine");
}

#[test]
fn debian_does_the_job_with_a_packagers_paths() {
    does_the_job_with_other_paths("trixie");
}
