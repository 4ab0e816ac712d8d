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

/// Set up `folder` as `make` does: the programs that the test was built with, and the directory of
/// scripts that they use.
fn built_for(libexec: &str, folder: &Path) {
    for program in [
        env!("CARGO_BIN_EXE_netns-exec"),
        env!("CARGO_BIN_EXE_netns-setup"),
    ] {
        let name = Path::new(program).file_name().unwrap();
        std::os::unix::fs::symlink(program, folder.join(name)).unwrap();
    }
    fs::write(folder.join("libexecdir"), format!("{libexec}\n")).unwrap();
}

/// The output of `make WORDS DESTDIR=folder`; the programs are those that the test was built
/// with.
fn make(words: &[&str], folder: &Path) -> String {
    let built = tempfile::tempdir().unwrap();
    let libexec = words
        .iter()
        .rev()
        .find_map(|word| word.strip_prefix("LIBEXECDIR="));
    built_for(libexec.unwrap_or("/usr/libexec"), built.path());
    let mut command = Command::new("make");
    command
        .args(words)
        .current_dir(tree::ROOT)
        .env_remove("MAKEFLAGS");
    command.arg(format!("DESTDIR={}", folder.display()));
    command.arg(format!("BUILT={}", built.path().display()));
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
    let with_netns = folder.join("etc/conf.d/inside");
    fs::write(&with_netns, "netns=\"mgmt\"\n").unwrap();
    fs::write(folder.join("etc/conf.d/plain"), "netns=\"\"\n").unwrap();
    let told = make(&["uninstall"], &folder);
    let ignored = "/etc/conf.d/inside has a netns=: OpenRC now starts this service on the host";
    assert!(told.contains(ignored) && !told.contains("plain"), "{told}");
    fs::remove_dir_all(folder.join("etc/conf.d")).unwrap();
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
    let say = [
        "install",
        "PREFIX=/opt/x",
        "LIBEXECDIR=/opt/x/lib",
        "DOCDIR=/opt/doc/x",
    ];
    make(&say, folder.path());
    let moved = FILES.into_iter().map(|line| {
        line.replace(" usr/share/doc/netns-services/", " opt/doc/x/")
            .replace(" usr/libexec/", " opt/x/lib/")
            .replace(" usr/s", " opt/x/s")
    });
    let mut moved: Vec<String> = moved.collect();
    moved.sort_by_key(|line| line[4..].to_string());
    assert_eq!(found(folder.path()).0, moved);
    for line in moved {
        let text = fs::read_to_string(folder.path().join(&line[4..])).unwrap_or_default();
        let usual = [
            "/usr/share/netns-services",
            "/usr/share/doc/netns-services",
            "/usr/libexec/netns-services",
        ];
        assert!(usual.iter().all(|usual| !text.contains(usual)), "{line}");
    }
}

/// What `make WORDS`, which fails, says.
fn refused(words: &[&str], folder: &Path) -> String {
    let mut command = Command::new("make");
    command.args(words).current_dir(tree::ROOT);
    command.env_remove("MAKEFLAGS");
    command.arg(format!("DESTDIR={}/dest", folder.display()));
    let out = command.output().expect("make must be installed");
    assert_eq!(out.status.code(), Some(2));
    assert!(!folder.join("dest").exists());
    String::from_utf8(out.stderr).unwrap()
}

#[test]
fn programs_that_were_built_for_other_paths_are_not_installed() {
    let folder = tempfile::tempdir().unwrap();
    built_for("/usr/libexec", folder.path());
    let built = format!("BUILT={}", folder.path().display());
    let said = refused(&["install", &built, "LIBEXECDIR=/usr/lib"], folder.path());
    assert!(said.contains("type make LIBEXECDIR=/usr/lib"), "{said}");
    // OpenRC and iproute2 read /etc, and nothing else
    let said = refused(&["install", &built, "SYSCONFDIR=/opt/etc"], folder.path());
    assert!(said.contains("OpenRC reads /etc"), "{said}");
    // make has lists of words
    let said = refused(&["install", &built, "PREFIX=/opt/a b"], folder.path());
    assert!(said.contains("PREFIX is \"/opt/a b\""), "{said}");
}

#[test]
fn make_hands_the_path_of_the_scripts_to_the_compiler_and_no_other_line_has_it() {
    let (well, told) = tree::said(&["make", "--dry-run", "all", "LIBEXECDIR=/usr/lib"]);
    assert!(well, "{told}");
    assert_eq!(
        told.matches("NETNS_LIBEXECDIR='/usr/lib' ").count(),
        2,
        "{told}"
    );
    let (_, found) = tree::said(&[
        "grep",
        "-rnE",
        "/usr/(lib|share|libexec)/netns|/usr/libexec\"",
        "src",
    ]);
    assert_eq!(found.lines().count(), 1, "{found}");
}

#[test]
fn each_part_is_installed_by_itself_and_all_of_them_are_all() {
    let mut all = Vec::new();
    for part in ["programs", "openrc", "hook", "runit"] {
        let folder = tempfile::tempdir().unwrap();
        make(&["install", &format!("PARTS={part}")], folder.path());
        let files = found(folder.path()).0;
        let of_hook = files.iter().any(|file| file.contains("rc.conf.d/"));
        assert_eq!(of_hook, part == "hook", "{files:?}");
        all.extend(files);
        make(&["uninstall", &format!("PARTS={part}")], folder.path());
        assert!(found(folder.path()).0.is_empty());
    }
    all.sort_by_key(|line| line[4..].to_string());
    assert_eq!(all, FILES);
}

#[test]
fn a_build_is_static_or_dynamic_and_has_the_flags_of_a_distribution() {
    let plan = |words: &[&str]| tree::said(&[&["make", "--dry-run", "all"], words].concat());
    let (well, told) = plan(&[]);
    assert!(
        well && told.contains("target-feature=+crt-static"),
        "{told}"
    );
    assert!(told.contains("relocation-model=static"), "{told}");
    assert!(!told.contains("target/cargo-dynamic"), "{told}");
    let (well, told) = plan(&[
        "LINK=dynamic",
        "STRIP=no",
        "LDFLAGS=-Wl,-z,relro -Wl,-z,now",
    ]);
    assert!(well, "{told}");
    for flag in [
        "RUSTFLAGS=\"$RUSTFLAGS ",
        "target-feature=-crt-static",
        "relocation-model=pie",
        "-C link-arg=-Wl,-z,relro -C link-arg=-Wl,-z,now",
        "profile.release.strip=false",
        "mkdir -p target/dynamic",
        "--target-dir target/cargo-dynamic ",
        "\"target/cargo-dynamic/$target/release/netns-exec\" target/dynamic/",
    ] {
        assert!(told.contains(flag), "{flag}: {told}");
    }
    let (well, told) = plan(&["LINK=both"]);
    assert!(!well && told.contains("static or dynamic"), "{told}");
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
    command.arg(format!("BUILT={}/static", empty.path().display()));
    let out = command.output().expect("make must be installed");
    assert_eq!(out.status.code(), Some(2));
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(
        said.contains("netns-exec is missing: run make first"),
        "{said}"
    );
    assert!(!empty.path().join("dest").exists());
}

/// What the functions of a recipe of `packaging/` install; those of split packages together.
fn installed_by(recipe: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (built, destination) = (folder.path().join("built"), folder.path().join("dest"));
    fs::create_dir(&built).unwrap();
    built_for("/nowhere", &built);
    let recipe = format!("{}/packaging/{recipe}", tree::ROOT);
    let mut command = Command::new("tests/packages/recipe.sh");
    command.arg(recipe).arg(&destination).arg(&built);
    let out = command
        .current_dir(tree::ROOT)
        .env_remove("MAKEFLAGS")
        .output();
    let out = out.expect("bash must be installed");
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{errors}");
    found(&destination).0
}

/// The files of `make install`, in other directories and without some, sorted.
fn files(without: &[&str], directories: &[(&str, &str)], more: &[&str]) -> Vec<String> {
    let kept = FILES
        .into_iter()
        .filter(|line| !without.iter().any(|part| line.contains(part)));
    let moved = kept.map(|line| {
        let renamed = directories.iter();
        renamed.fold(line.to_string(), |line, (from, to)| line.replace(from, to))
    });
    let mut all: Vec<String> = moved
        .chain(more.iter().map(|line| line.to_string()))
        .collect();
    all.sort_by_key(|line| line[4..].to_string());
    all
}

#[test]
fn the_recipes_of_packages_install_what_make_install_does() {
    if !tree::is_asked("bash") {
        return;
    }
    let pages = [".5", ".8"].map(|section| (section, format!("{section}.gz")));
    let pages = pages.each_ref().map(|(from, to)| (*from, to.as_str()));
    assert_eq!(
        installed_by("alpine/APKBUILD"),
        files(&["lib/lsb"], &pages, &[])
    );
    let places = [("usr/sbin/", "usr/bin/"), ("usr/libexec/", "usr/lib/")];
    assert_eq!(
        installed_by("artix/PKGBUILD"),
        files(
            &["lib/lsb"],
            &places,
            &["644 usr/share/licenses/netns-services/LICENSE-MIT"]
        )
    );
    let openrc = [
        "etc/init.d",
        "etc/rc.conf.d",
        "etc/user",
        "lib/lsb",
        "doc/netns-services/openrc",
        "netns-boot",
        "netns-closed",
        "netns-firewall",
        "netns-watch",
    ];
    let licences = [
        "644 usr/share/licenses/netns-services/LICENSE-APACHE",
        "644 usr/share/licenses/netns-services/LICENSE-MIT",
    ];
    assert_eq!(
        installed_by("void/template"),
        files(&openrc, &places, &licences)
    );
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        installed_by(&format!("gentoo/netns-services-{version}.ebuild")),
        files(
            &[],
            &[("doc/netns-services/", "doc/netns-services-0-r1/")],
            &[]
        )
    );
}

/// (tests/packages tries those of Alpine, Artix and Debian)
#[test]
fn the_recipe_of_gentoo_says_which_services_start_on_the_host_when_it_is_removed() {
    if !tree::is_asked("bash") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("etc/conf.d");
    fs::create_dir_all(&settings).unwrap();
    fs::write(settings.join("inside"), "netns=\"mgmt\"\n").unwrap();
    let script = "inherit() { :; }; ewarn() { echo \"$@\"; }; . packaging/gentoo/*.ebuild; EROOT=$1; pkg_postrm";
    let top = folder.path().to_str().unwrap();
    let postrm = || tree::said(&["bash", "-c", script, "bash", top]);
    let ignored = format!(
        "{top}/etc/conf.d/inside has a netns=: OpenRC now starts this service on the host\n"
    );
    assert_eq!(postrm(), (true, ignored));
    let hook = folder.path().join("etc/rc.conf.d");
    fs::create_dir_all(&hook).unwrap();
    fs::write(hook.join("netns.conf"), "").unwrap();
    assert_eq!(
        postrm(),
        (true, String::new()),
        "the hook stays with an edit, or the next version"
    );
}

#[test]
fn the_recipes_of_packages_have_the_version_of_cargo() {
    let version = env!("CARGO_PKG_VERSION");
    for (recipe, line) in [
        ("alpine/APKBUILD", "pkgver=V\n"),
        ("artix/PKGBUILD", "pkgver=V\n"),
        ("void/template", "version=V\n"),
        ("debian/changelog", "netns-services (V-1) "),
    ] {
        let text = tree::text(&format!("packaging/{recipe}"));
        assert!(text.contains(&line.replace('V', version)), "{recipe}");
    }
}
