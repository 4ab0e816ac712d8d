//! Which files are read as settings, which are not trusted, and the message for each. In
//! these tests the trusted user is the one who runs them; the program trusts only root.
#![cfg(feature = "setup")]
#![allow(clippy::unwrap_used)]

#[path = "common/checked.rs"]
mod checked;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use netns_services::conf::{self, Trust};
use netns_services::model::Context;
use netns_services::model::build::build;
use netns_services::name::NetnsName;
use nix::unistd::geteuid;
use tempfile::TempDir;

/// A directory with valid settings of mgmt.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    chmod(dir.path(), 0o755);
    fs::write(own(&dir), "netns_links=\"eth1\"\n").unwrap();
    chmod(&own(&dir), 0o644);
    dir
}

fn own(dir: &TempDir) -> PathBuf {
    dir.path().join("netns.mgmt")
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mgmt() -> NetnsName {
    "mgmt".parse().unwrap()
}

/// The messages about the directory, with `DIR` for its name.
fn said(dir: &TempDir) -> String {
    said_to(checked::own(), dir)
}

/// As [`said`], with another trusted user.
fn said_to(trust: Trust, dir: &TempDir) -> String {
    match conf::read(dir.path(), &mgmt(), trust) {
        Ok(_) => "read\n".into(),
        Err(problems) => {
            let text = conf::describe(&mgmt(), &problems).join("\n");
            let text = text.replace(dir.path().to_str().unwrap(), "DIR");
            let lines = text.lines().filter(|line| !line.contains("nothing was"));
            lines.map(|line| format!("{line}\n")).collect()
        }
    }
}

#[test]
fn files_of_the_trusted_user_are_read_with_or_without_defaults() {
    let dir = folder();
    assert_eq!(said(&dir), "read\n");
    fs::write(dir.path().join("netns"), "netns_dns=192.0.2.53\n").unwrap();
    assert_eq!(said(&dir), "read\n");
    chmod(dir.path(), 0o700);
    chmod(&own(&dir), 0o600);
    assert_eq!(said(&dir), "read\n");
}

#[test]
fn a_missing_file_is_told_with_what_to_make() {
    let dir = folder();
    fs::remove_file(own(&dir)).unwrap();
    let expected = "DIR/netns.mgmt: there is no such file\n\
        expected the settings of the namespace; write them there, for example \
        netns_links=\"eth1\", or make an empty file: touch DIR/netns.mgmt\n";
    assert_eq!(said(&dir), expected);
    let nowhere = dir.path().join("not-there");
    assert!(conf::read(&nowhere, &mgmt(), checked::own()).is_err());
}

#[test]
fn what_another_can_write_to_is_not_trusted() {
    for (mode, who) in [
        (0o664, "its group may write to this file (mode 0664)"),
        (0o646, "others may write to this file (mode 0646)"),
        (0o666, "group and others may write to this file (mode 0666)"),
    ] {
        let dir = folder();
        chmod(&own(&dir), mode);
        let remedy = "expected only root, because root acts on it at boot; run chmod 644";
        let expected = format!("DIR/netns.mgmt: {who}\n{remedy} DIR/netns.mgmt\n");
        assert_eq!(said(&dir), expected);
    }
}

/// A user who owns no files here, so the files of the tests belong to somebody else.
fn somebody_else() -> Trust {
    Trust::for_tests(geteuid().as_raw() + 1)
}

#[test]
fn what_belongs_to_another_is_not_trusted() {
    let (dir, user) = (folder(), geteuid());
    let why = format!("belongs to user {user}, not to root");
    let remedy = "expected only root, because root acts on it at boot; run chown root";
    let expected = format!("DIR: {why}\n{remedy} DIR\n");
    assert_eq!(said_to(somebody_else(), &dir), expected.repeat(2));
    assert!(conf::names(dir.path(), somebody_else()).is_err());
}

/// No option and no environment variable changes which user the program trusts. (check only warns
/// in a directory that is not the machine's: tests/checks.rs.)
#[test]
fn the_program_trusts_root_alone() {
    let dir = folder();
    let plan = || {
        let plan = Command::new(env!("CARGO_BIN_EXE_netns-setup"))
            .args(["plan", "mgmt", "--conf-dir"])
            .arg(dir.path())
            .env("NETNS_LOG", "trace")
            .output()
            .unwrap();
        assert_eq!(plan.status.code(), Some(100));
        String::from_utf8(plan.stderr).unwrap()
    };
    if !geteuid().is_root() {
        // Their own files do not make them root
        let told = plan();
        assert!(told.contains("only root can see and change"), "{told}");
        return;
    }
    chown(dir.path(), Some(812), None).unwrap();
    chown(own(&dir), Some(812), None).unwrap();
    let told = plan();
    let expected = ": belongs to user 812, not to root";
    assert!(told.contains(expected), "{told}");
    chown(dir.path(), Some(0), None).unwrap();
    assert!(said(&dir).starts_with("DIR/netns.mgmt: belongs to user 812, not to root\n"));
}

#[test]
fn a_folder_that_another_can_write_to_is_not_trusted() {
    for mode in [0o775, 0o757, 0o1777] {
        let dir = folder();
        chmod(dir.path(), mode);
        let text = said(&dir);
        let remedy = "expected only root, because root acts on it at boot; run chmod 755 DIR\n";
        assert!(text.starts_with("DIR: ") && text.contains(remedy), "{text}");
        assert!(conf::names(dir.path(), checked::own()).is_err());
    }
}

#[test]
fn the_defaults_are_trusted_no_more_than_the_namespaces_own() {
    let dir = folder();
    let defaults = dir.path().join("netns");
    fs::write(&defaults, "").unwrap();
    chmod(&defaults, 0o606);
    chmod(&own(&dir), 0o606);
    let text = said(&dir);
    assert_eq!(
        text.matches("others may write to this file").count(),
        2,
        "{text}"
    );
}

#[test]
fn a_link_is_trusted_as_what_it_leads_to() {
    let (dir, elsewhere) = (folder(), folder());
    fs::remove_file(own(&dir)).unwrap();
    symlink(own(&elsewhere), own(&dir)).unwrap();
    assert_eq!(said(&dir), "read\n");
    chmod(elsewhere.path(), 0o777);
    assert!(said(&dir).contains("group and others may write to this folder"));
    chmod(elsewhere.path(), 0o755);
    chmod(&own(&elsewhere), 0o666);
    assert!(said(&dir).contains("group and others may write to this file"));
}

#[test]
fn what_is_no_file_is_refused_without_waiting_for_it() {
    for kind in ["pipe", "folder", "device"] {
        let dir = folder();
        fs::remove_file(own(&dir)).unwrap();
        match kind {
            "pipe" => nix::unistd::mkfifo(&own(&dir), nix::sys::stat::Mode::S_IRUSR).unwrap(),
            "folder" => fs::create_dir(own(&dir)).unwrap(),
            _ => symlink("/dev/zero", own(&dir)).unwrap(),
        }
        let text = said(&dir);
        assert!(
            text.starts_with("DIR/netns.mgmt: is not a regular file\n"),
            "{kind}: {text}"
        );
    }
    let dir = folder();
    fs::write(own(&dir), vec![b'#'; 1024 * 1024 + 1]).unwrap();
    assert!(said(&dir).contains("is larger than 1 MiB"));
}

#[test]
fn the_names_are_those_of_files_that_can_be_meant() {
    let dir = folder();
    for file in [
        "netns",
        "netns.lan",
        "netns.mgmt.apk-new",
        "netns.mgmt~",
        "netns.12",
        "netns.",
        "netns.mgmt.default",
        "net.eth0",
        "netns.a-b",
    ] {
        fs::write(dir.path().join(file), "").unwrap();
    }
    let names = conf::names(dir.path(), checked::own()).unwrap();
    let names: Vec<&str> = names.iter().map(NetnsName::as_str).collect();
    assert_eq!(names, ["a-b", "lan", "mgmt"]);
    let nowhere = dir.path().join("not-there");
    assert_eq!(conf::names(&nowhere, checked::own()).unwrap(), []);
}

/// The settings that a package installs, and its examples, must be valid.
#[test]
fn the_files_that_are_shipped_are_good() {
    let dir = tempfile::tempdir().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf.d");
    fs::write(
        dir.path().join("netns"),
        fs::read(shipped.join("netns")).unwrap(),
    )
    .unwrap();
    fs::write(own(&dir), fs::read(shipped.join("netns.example")).unwrap()).unwrap();
    let settings = conf::read(dir.path(), &mgmt(), checked::own()).unwrap();
    build(&settings, &Context::default()).unwrap();
}
