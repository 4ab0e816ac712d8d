//! `make install` and `make uninstall` with a directory of their own: which files are
//! installed, and that all of them are removed. Other tests check the contents of the
//! files.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod tree;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// MODE and path of all files that are installed by default.
const FILES: [&str; 54] = [
    "644 etc/conf.d/netns",
    "755 etc/init.d/netns",
    "755 etc/init.d/netns-ipset",
    "755 etc/init.d/netns-iptables",
    "755 etc/init.d/netns-nftables",
    "644 etc/rc.conf.d/netns-caller.sh",
    "644 etc/rc.conf.d/netns-depends.sh",
    "644 etc/rc.conf.d/netns-followed.sh",
    "644 etc/rc.conf.d/netns-inside.sh",
    "644 etc/rc.conf.d/netns-probe",
    "644 etc/rc.conf.d/netns-script.sh",
    "644 etc/rc.conf.d/netns-settings.sh",
    "644 etc/rc.conf.d/netns.conf",
    "644 etc/user/rc.conf.d/netns.conf",
    "644 lib/lsb/init-functions.d/60-netns",
    "755 usr/libexec/netns-services/dhcp-hook",
    "755 usr/libexec/netns-services/forwarded-port",
    "644 usr/libexec/netns-services/name-servers.sh",
    "644 usr/libexec/netns-services/openrc/netns-boot.sh",
    "644 usr/libexec/netns-services/openrc/netns-closed.sh",
    "644 usr/libexec/netns-services/openrc/netns-firewall.sh",
    "644 usr/libexec/netns-services/openrc/netns-trusted.sh",
    "644 usr/libexec/netns-services/openrc/netns-watch.sh",
    "755 usr/libexec/netns-services/resolvconf",
    "755 usr/libexec/netns-services/sshd-session",
    "755 usr/sbin/netns-exec",
    "755 usr/sbin/netns-setup",
    "644 usr/share/bash-completion/completions/netns-exec",
    "644 usr/share/bash-completion/completions/netns-setup",
    "644 usr/share/doc/netns-services/CHANGELOG.md",
    "644 usr/share/doc/netns-services/LICENSE-APACHE",
    "644 usr/share/doc/netns-services/LICENSE-MIT",
    "644 usr/share/doc/netns-services/README.md",
    "644 usr/share/doc/netns-services/netns.example",
    "755 usr/share/doc/netns-services/openrc/forwarded-port",
    "755 usr/share/doc/netns-services/openrc/sshd-listen",
    "755 usr/share/doc/netns-services/runit/firewall/finish",
    "755 usr/share/doc/netns-services/runit/firewall/run",
    "755 usr/share/doc/netns-services/runit/forwarded-port/run",
    "755 usr/share/doc/netns-services/runit/run",
    "755 usr/share/doc/netns-services/runit/sshd-listen/run",
    "644 usr/share/fish/vendor_completions.d/netns-exec.fish",
    "644 usr/share/fish/vendor_completions.d/netns-setup.fish",
    "644 usr/share/man/man5/netns.5",
    "644 usr/share/man/man8/netns-exec.8",
    "644 usr/share/man/man8/netns-setup.8",
    "644 usr/share/netns-services/netns-setup.schema.json",
    "755 usr/share/netns-services/runit/netns/check",
    "755 usr/share/netns-services/runit/netns/control/t",
    "755 usr/share/netns-services/runit/netns/finish",
    "755 usr/share/netns-services/runit/netns/run",
    "644 usr/share/netns-services/runit/netns/service.sh",
    "644 usr/share/zsh/site-functions/_netns-exec",
    "644 usr/share/zsh/site-functions/_netns-setup",
];

/// The output of `make WORDS DESTDIR=folder`; the programs are those that the test was built
/// with.
fn make(words: &[&str], folder: &Path) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_netns-exec"))
        .parent()
        .unwrap();
    let mut command = Command::new("make");
    command
        .args(words)
        .current_dir(tree::ROOT)
        .env_remove("MAKEFLAGS");
    command.arg(format!("DESTDIR={}", folder.display()));
    command.arg(format!("STATIC={}", programs.display()));
    let out = command.output().expect("make must be installed");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).unwrap()
}

/// MODE and path of all files below `folder`, and the paths of directories, which end with /.
fn found(folder: &Path) -> (Vec<String>, Vec<String>) {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    let mut below = vec![folder.to_path_buf()];
    while let Some(next) = below.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            let path = entry
                .path()
                .strip_prefix(folder)
                .unwrap()
                .display()
                .to_string();
            let meta = entry.metadata().unwrap();
            if meta.is_dir() {
                folders.push(path);
                below.push(entry.path());
            } else {
                files.push(format!("{:o} {path}", meta.permissions().mode() & 0o7777));
            }
        }
    }
    files.sort_by_key(|line| line[4..].to_string());
    (files, folders)
}

#[test]
fn install_puts_these_files_there_and_uninstall_takes_them_away() {
    let top = tempfile::tempdir().unwrap();
    // The directory of a packager may have a blank in its name.
    let folder = top.path().join("de st");
    make(&["install"], &folder);
    let (files, _) = found(&folder);
    assert_eq!(files, FILES);
    make(&["install"], &folder);
    let again = found(&folder).0;
    assert_eq!(again, FILES, "a second time changes nothing");
    make(&["uninstall"], &folder);
    let (files, folders) = found(&folder);
    assert!(files.is_empty(), "{files:?}");
    let ours: Vec<_> = folders
        .iter()
        .filter(|path| path.contains("netns"))
        .collect();
    assert!(ours.is_empty(), "{ours:?}");
}

#[test]
fn a_packager_says_where_things_go() {
    let folder = tempfile::tempdir().unwrap();
    let say = ["install", "PREFIX=/opt/x", "SYSCONFDIR=/opt/etc"];
    make(&say, folder.path());
    let moved = FILES.into_iter().map(|line| {
        let line = line
            .replace(" usr/s", " opt/x/s")
            .replace(" usr/libexec/", " opt/x/libexec/");
        line.replace(" etc/", " opt/etc/")
    });
    let mut moved: Vec<String> = moved.collect();
    moved.sort_by_key(|line| line[4..].to_string());
    assert_eq!(found(folder.path()).0, moved);
    for line in moved {
        let text = fs::read_to_string(folder.path().join(&line[4..])).unwrap_or_default();
        let ours = ["usr/share/netns-services", "usr/libexec/netns-services"];
        let script = text.starts_with("#!") || line.ends_with(".sh");
        assert!(!script || ours.iter().all(|o| !text.contains(o)), "{line}");
    }
}

#[test]
fn settings_that_were_edited_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    make(&["install"], folder.path());
    let settings = folder.path().join("etc/conf.d/netns");
    fs::write(&settings, "netns_dns=192.0.2.53\n").unwrap();
    let said = make(&["install"], folder.path());
    assert!(said.contains("etc/conf.d/netns is kept"), "{said}");
    let said = make(&["uninstall"], folder.path());
    assert!(said.contains("etc/conf.d/netns is kept"), "{said}");
    assert_eq!(
        fs::read_to_string(&settings).unwrap(),
        "netns_dns=192.0.2.53\n"
    );
    assert_eq!(found(folder.path()).0, ["644 etc/conf.d/netns"]);
}

#[test]
fn install_builds_nothing_and_says_what_is_missing() {
    let empty = tempfile::tempdir().unwrap();
    let mut command = Command::new("make");
    command
        .arg("install")
        .current_dir(tree::ROOT)
        .env_remove("MAKEFLAGS");
    command.arg(format!("DESTDIR={}/dest", empty.path().display()));
    command.arg(format!("STATIC={}/static", empty.path().display()));
    let out = command.output().expect("make must be installed");
    assert_eq!(out.status.code(), Some(2));
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(
        said.contains("netns-exec is missing: run make first"),
        "{said}"
    );
    assert!(!empty.path().join("dest").exists());
}
