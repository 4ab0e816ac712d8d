//! What the pages, README and settings files show is run: the examples work, and the
//! messages are those that the program prints.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "common/checked.rs"]
mod checked;
mod tree;

use std::os::unix::fs::PermissionsExt;

use netns_services::definitions::settings::{Scope, all};
use tree::{examples, none, text};

#[test]
fn the_settings_file_says_nothing_and_would_be_right_uncommented() {
    let file = text("conf.d/netns");
    none(
        file.lines()
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
            .map(String::from)
            .collect(),
    );
    none(
        file.lines()
            .filter(|l| l.len() > 77)
            .map(String::from)
            .collect(),
    );
    let uncomment = |line: &str| match line.strip_prefix('#') {
        // NAME stands for the name of a namespace; no file has this name.
        Some(set) if set.contains("=\"") && !set.starts_with(' ') && !set.contains("NAME/") => {
            format!("{set}\n")
        }
        _ => format!("{line}\n"),
    };
    let all: String = file.lines().map(uncomment).collect();
    let said = check(&[("netns", &all), ("netns.x", "netns_links=\"eth9\"")], "x");
    assert_eq!(said, (0, String::new()));
}

/// What `check` prints about these settings, with the real path of their directory.
fn check(files: &[(&str, &str)], name: &str) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    // A WireGuard file as the examples name it, with keys that are used nowhere
    let keys = folder.path().join("wg0.conf");
    std::fs::write(&keys, text("tests/wireguard/good.conf")).unwrap();
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
    for (file, text) in files {
        let text = text.replace("/etc/wireguard/netns", folder.path().to_str().unwrap());
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    let (status, said) = checked::check(folder.path(), name);
    let said = said.replace(folder.path().to_str().unwrap(), "/etc/conf.d");
    (status, said)
}

#[test]
fn every_example_is_right() {
    let example = text("conf.d/netns.example");
    assert_eq!(
        check(&[("netns.mgmt", &example)], "mgmt"),
        (0, String::new())
    );
    let readme = examples(&text("README.md"), "```");
    let page = examples(&text("man/netns.5"), ".Ed");
    assert_eq!((readme.len(), page.len()), (8, 11));
    for (name, settings) in [readme.clone(), page.clone()].concat() {
        let said = check(&[(&format!("netns.{name}"), &settings)], &name);
        assert_eq!(said, (0, String::new()), "{settings}");
    }
    let example: String = example
        .split_inclusive('\n')
        .skip_while(|l| l.starts_with(['#', '\n']))
        .collect();
    // Each recipe is compared with what people type, or a scenario runs it
    let recipes = [
        "tests/openrc/what_is_shown_can_be_typed.sh",
        "tests/recipes.rs",
        "tests/vm/recipes.sh",
        "tests/vm/vpn_day.sh",
    ];
    let recipes: String = recipes.iter().map(|file| text(file)).collect();
    for (name, _) in &readme {
        let made = [format!("readme(\"{name}\")"), format!("\nreadme {name}\n")];
        assert!(made.iter().any(|text| recipes.contains(text)), "{name}");
    }
    assert!(page.contains(&("mgmt".to_string(), example)));
}

/// What netns(5) says to write instead of another tool's lines are valid settings.
#[test]
fn what_replaces_the_lines_of_other_tools_are_settings() {
    let page = text("man/netns.5");
    let (_, table) = page.split_once(".Ss From other tools").unwrap();
    let (table, _) = table.split_once("\n.Ed").unwrap();
    let right = table.lines().filter_map(|line| line.get(32..));
    let words = right.flat_map(|cell| cell.split(' '));
    let names = words.filter_map(|word| word.split_once(['"', '\''])?.0.strip_suffix('='));
    // (netns= is a service's)
    let names: Vec<_> = names.filter(|name| *name != "netns").collect();
    assert!(names.len() > 20, "{names:?}");
    let is_setting = |name: &str| {
        all().any(|var| match var.of {
            Scope::Namespace => var.name == name,
            Scope::Link => name.starts_with(&format!("{}_", var.name)),
        })
    };
    none(
        names
            .into_iter()
            .filter(|name| !is_setting(name))
            .map(String::from)
            .collect(),
    );
}

#[test]
fn the_messages_that_are_shown_are_those_that_are_printed() {
    let shown = |text: &str| {
        let said = text
            .lines()
            .map(str::trim_start)
            .filter(|l| l.starts_with("netns-setup: "));
        said.map(|line| format!("{line}\n")).collect::<String>()
    };
    for (file, settings) in [
        (
            "README.md",
            "netns_links=\"eth1\"\nconfig_eth1=\"192.0.2.10\"\n",
        ),
        (
            "man/netns-setup.8",
            "netns_links=\"eth1\"\n\n\n\n\n\nconfig_eth1=\"10.0.0.2\"\n",
        ),
    ] {
        let (code, said) = check(&[("netns.mgmt", settings)], "mgmt");
        assert_eq!(code, 100, "{said}");
        let shown = shown(&text(file));
        assert!(
            said.starts_with(&shown) && !shown.is_empty(),
            "{file}: {shown}{said}"
        );
    }
}
