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
#[ignore = "make test-all"]
fn debian_does_the_job_with_a_packagers_paths() {
    does_the_job_with_other_paths("trixie");
}

/// What `packaging/dist` makes of the project in `source`: the tarballs of these words.
fn dist(source: &Path, folder: &Path, words: &[&str]) {
    let mut command = Command::new("packaging/dist");
    command.args(words).current_dir(source);
    command
        .env("DIST", folder)
        .env("SOURCE_DATE_EPOCH", "1700000000");
    let out = command.env_remove("MAKEFLAGS").output();
    let out = out.expect("packaging/dist runs");
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{errors}");
}

/// On each machine, a suite and its init, from the same tarball.
fn do_the_job_from_the_tarball(machines: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    testbed::program("netns-setup");
    dist(Path::new(tree::ROOT), folder.path(), &["programs"]);
    let on = &|suite, init| {
        let mut host = testbed::bare_host("enter-root", suite, "packages");
        host.args(["-b", &format!("{}:/dist", folder.path().display())]);
        host.args(["sh", "/t/tarball.sh", init]);
        testbed::expect_end(host, suite, "tarball");
    };
    std::thread::scope(|scope| {
        for &(suite, init) in machines {
            scope.spawn(move || on(suite, init));
        }
    });
}

#[test]
fn the_tarball_does_the_job_on_machines_without_a_compiler() {
    do_the_job_from_the_tarball(&[("alpine", "openrc"), ("trixie", "runit")]);
}

#[test]
#[ignore = "make test-all"]
fn the_tarball_does_the_job_on_more_machines_without_a_compiler() {
    do_the_job_from_the_tarball(&[
        ("trixie", "openrc"),
        ("bookworm", "openrc"),
        ("bookworm", "runit"),
        ("sid", "openrc"),
    ]);
}

#[test]
fn the_recipe_of_alpine_makes_its_packages_on_alpine() {
    let folder = tempfile::tempdir().unwrap();
    dist(Path::new(tree::ROOT), folder.path(), &["source"]);
    let built = testbed::program("netns-setup");
    let built = built.parent().unwrap();
    let mut host = testbed::bare_host("enter-root", "alpine", "packages");
    host.env("TESTBED_PACKAGES", "make");
    for (from, to) in [(folder.path(), "/dist"), (built, "/programs")] {
        host.args(["-b", &format!("{}:{to}", from.display())]);
    }
    testbed::expect_success(host, "alpine", "apkbuild", 300);
}

/// The sums of the tarballs, and their names.
fn sums(folder: &Path) -> String {
    fs::read_to_string(folder.join("SHA256SUMS")).unwrap()
}

/// Byte for byte, also where there is no git. (That the compiler makes the same of it takes minutes.)
#[test]
fn the_tarballs_are_the_same_from_another_directory() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    dist(Path::new(tree::ROOT), &at("one"), &["source", "programs"]);
    let version = env!("CARGO_PKG_VERSION");
    let tarball = at("one").join(format!("netns-services-{version}.tar.gz"));
    let unpack = ["tar", "-xzf", tarball.to_str().unwrap(), "-C"];
    let (well, told) = tree::said(&[&unpack[..], &[folder.path().to_str().unwrap()]].concat());
    assert!(well, "{told}");
    let unpacked = at(&format!("netns-services-{version}"));
    fs::create_dir_all(unpacked.join("target/static")).unwrap();
    for file in ["netns-exec", "netns-setup", "libexecdir"] {
        let file = format!("target/static/{file}");
        fs::copy(Path::new(tree::ROOT).join(&file), unpacked.join(&file)).unwrap();
    }
    dist(&unpacked, &at("two"), &["source", "programs"]);
    assert_eq!(sums(&at("one")), sums(&at("two")));
    let notes = at("one").join(format!("netns-services-{version}.md"));
    let notes = fs::read_to_string(notes).unwrap();
    assert!(notes.trim_start().starts_with("### Added"), "{notes}");
}

/// The package of Debian, with the programs that `make` built, as this version, in `folder`.
fn deb(top: &Path, version: &str, folder: &str) {
    let source = top.join(format!("netns-services-{}", env!("CARGO_PKG_VERSION")));
    let packaging = Path::new(tree::ROOT).join("packaging/debian");
    let script = "rm -rf debian && cp -r \"$1\" debian && sed -i \"1s/(.*)/($2)/\" debian/changelog &&
        make -f debian/rules binary LINK=static PACKED=none BUILT=\"$3\" && mkdir -p \"$4\" && mv ../*.deb \"$4\"";
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "sh"])
        .arg(packaging)
        .arg(version);
    command.arg(Path::new(tree::ROOT).join("target/static"));
    command.arg(top.join(folder));
    command.env_remove("MAKEFLAGS");
    let out = command.current_dir(source).output().expect("sh runs");
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{errors}");
}

fn the_deb_does_the_job(machines: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    testbed::program("netns-setup");
    dist(Path::new(tree::ROOT), folder.path(), &["source"]);
    let unpack = "cd \"$1\" && tar -xzf netns-services-*.tar.gz";
    let top = folder.path().to_str().unwrap();
    let (well, told) = tree::said(&["sh", "-c", unpack, "sh", top]);
    assert!(well, "{told}");
    deb(folder.path(), "0.1.0-1", "old");
    deb(folder.path(), "0.1.0-2", "new");
    let on = &|suite, init| {
        let mut host = testbed::bare_host("enter-root", suite, "packages");
        host.args(["-b", &format!("{top}:/dist"), "sh", "/t/deb.sh", init]);
        testbed::expect_end(host, suite, "deb");
    };
    std::thread::scope(|scope| {
        for &(suite, init) in machines {
            scope.spawn(move || on(suite, init));
        }
    });
}

#[test]
fn the_deb_does_the_job_is_upgraded_and_purged() {
    the_deb_does_the_job(&[("trixie", "openrc")]);
}

#[test]
#[ignore = "make test-all"]
fn the_deb_does_the_job_under_runit_and_on_an_older_debian() {
    the_deb_does_the_job(&[("trixie", "runit"), ("bookworm", "openrc")]);
}

#[test]
fn a_namespace_of_an_older_release_is_taken_over() {
    let mut host = testbed::host("enter-root", "trixie", "packages");
    host.args(["-t", "120", "sh", "/t/older_state.sh", "8182a22"]);
    testbed::expect_end(host, "trixie", "older_state");
}
