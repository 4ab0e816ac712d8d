//! What wg(8)'s file may contain. `tests/wireguard/NAME.conf` is such a file, and `NAME.stderr`
//! is what `netns-setup check` prints about it; tests/setup.rs checks that the program prints
//! the same. The effect of such files needs a kernel with WireGuard: tests/wireguard.rs.
#![cfg(feature = "setup")]
#![allow(clippy::unwrap_used)]

#[path = "common/checked.rs"]
mod checked;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wireguard");

/// A directory that only its owner can write to, with settings that name wg(8)'s file in it.
fn folder(text: &str, mode: u32) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wg0.conf");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    let settings = format!(
        "netns_links=wg0\ntype_wg0=wireguard\nwireguard_wg0={}\n",
        file.display()
    );
    fs::write(dir.path().join("netns.mgmt"), settings).unwrap();
    dir
}

/// The exit status of `check`, and its output, without the name of the directory.
fn check(dir: &Path) -> (i32, String) {
    let (status, said) = checked::check(dir, "mgmt");
    (
        status,
        said.replace(dir.to_str().unwrap(), "/etc/wireguard"),
    )
}

/// `UPDATE_GOLDEN=1` writes the messages again.
#[test]
fn every_file_of_wgs_gives_its_exact_text() {
    let mut cases = 0;
    for entry in fs::read_dir(CASES).unwrap() {
        let case = entry.unwrap().path();
        if case.extension().is_none_or(|end| end != "conf") {
            continue;
        }
        let text = fs::read_to_string(&case).unwrap();
        let dir = folder(&text, 0o600);
        let (status, said) = check(dir.path());
        let golden = case.with_extension("stderr");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &said).unwrap();
        }
        assert_eq!(said, fs::read_to_string(&golden).unwrap(), "{case:?}");
        let wrong = said.contains("nothing was changed");
        assert_eq!(status, if wrong { 100 } else { 0 }, "{case:?}");
        let secrets = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(_, v)| v.trim());
        for secret in secrets.filter(|value| value.len() > 20) {
            assert!(!said.contains(secret), "{case:?} told {secret}");
        }
        cases += 1;
    }
    assert!(cases >= 3, "{cases} cases");
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    let text = fs::read_to_string(Path::new(CASES).join("good.conf")).unwrap();
    for (mode, status) in [
        (0o600, 0),
        (0o400, 0),
        (0o640, 0),
        (0o644, 100),
        (0o604, 100),
    ] {
        let dir = folder(&text, mode);
        let (got, said) = check(dir.path());
        assert_eq!(got, status, "{mode:o}: {said}");
        assert_eq!(
            said.contains("run chmod 600 /etc/wireguard/wg0.conf"),
            status != 0
        );
    }
    let dir = folder(&text, 0o620);
    let (got, said) = check(dir.path());
    assert!(got == 100 && said.contains("its group may write"), "{said}");
    fs::remove_file(dir.path().join("wg0.conf")).unwrap();
    let (got, said) = check(dir.path());
    assert!(
        got == 100 && said.contains("there is no such file"),
        "{said}"
    );
}

#[test]
fn two_tunnels_of_one_birthplace_have_a_port_each() {
    let text = fs::read_to_string(Path::new(CASES).join("good.conf")).unwrap();
    let port = text.lines().position(|line| line.starts_with("ListenPort"));
    let line = port.unwrap() + 1;
    let other = |text: &str, more: &str| {
        let dir = folder(
            &fs::read_to_string(Path::new(CASES).join("good.conf")).unwrap(),
            0o600,
        );
        let (file, settings) = (dir.path().join("wg1.conf"), dir.path().join("netns.mgmt"));
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let first = fs::read_to_string(&settings)
            .unwrap()
            .replace("wg0\n", "'wg0 wg1'\n");
        let second = format!(
            "type_wg1=wireguard\nwireguard_wg1={}\n{more}",
            file.display()
        );
        fs::write(&settings, first + &second).unwrap();
        check(dir.path())
    };
    let said = format!(
        "netns-setup: /etc/wireguard/wg1.conf:{line}: the ListenPort 51820 of wg1 is that of wg0 \
         too, at /etc/wireguard/wg0.conf:{line}\n"
    );
    let (status, told) = other(&text, "");
    assert!(status == 100 && told.starts_with(&said), "{told}");
    for (text, more) in [
        (text.replace("51820", "51821"), ""),
        (text.replace("ListenPort=", "# ListenPort="), ""),
        (text.clone(), "link_netns_wg1=other\n"),
    ] {
        assert_eq!(other(&text, more).0, 0, "{more}{text}");
    }
}
