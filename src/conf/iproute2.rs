//! Resolves the names in the system's tables to numbers, so that `table vpn` of a route and `user
//! qemu` of a link mean the same as to ip(8).

use std::path::Path;

use super::files::{list_plain, read_plain};
use crate::model::names::{Names, Numbers};

/// The directories of iproute2. A later one takes precedence.
const FOLDERS: [&str; 3] = ["usr/lib/iproute2", "usr/share/iproute2", "etc/iproute2"];

/// The names that ip(8) knows on the system whose root directory is `root`, normally `/`. Missing
/// files are no error: busybox's ip has none of them.
pub fn names(root: &Path) -> Names {
    Names {
        tables: later(root, |root| entries(root, "rt_tables")),
        protos: later(root, |root| entries(root, "rt_protos")),
        vrfs: Vec::new(),
        unsaid_table: None,
        users: later(root, |root| accounts(root, "etc/passwd")),
        groups: later(root, |root| accounts(root, "etc/group")),
        as_kept: false,
    }
}

fn later(root: &Path, find: fn(&Path) -> Vec<(String, u32)>) -> Numbers {
    let root = root.to_path_buf();
    Numbers::by(move || find(&root))
}

/// The entries `name:x:NUMBER:…` of passwd(5) or group(5). Names of a directory service are not
/// found: a static program has neither the C library's name service nor its modules.
fn accounts(root: &Path, file: &str) -> Vec<(String, u32)> {
    let account = |line: &str| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        Some((name.to_string(), parts.nth(1)?.parse().ok()?))
    };
    read_plain(&root.join(file))
        .lines()
        .filter_map(account)
        .collect()
}

fn entries(root: &Path, file: &str) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        let folder = root.join(folder);
        let mut paths = vec![folder.join(file)];
        paths.extend(list_plain(&folder.join(format!("{file}.d")), ".conf"));
        for path in paths {
            found.extend(read_plain(&path).lines().filter_map(entry));
        }
    }
    // The first match counts.
    found.reverse();
    found
}

/// Parse `10 vpn` or `0xa vpn # comment`. Other lines are ignored, as in iproute2.
fn entry(line: &str) -> Option<(String, u32)> {
    let mut words = line.split('#').next()?.split_ascii_whitespace();
    let number = words.next()?;
    let number = match number.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    Some((words.next()?.into(), number.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_the_owner_outweighs_the_packages() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "usr/share/iproute2/rt_tables",
            "# reserved\n255\tlocal\n0x10 vpn\n",
        );
        write(
            "etc/iproute2/rt_tables.d/mine.conf",
            "20 vpn # mine\nnonsense\n",
        );
        write("etc/iproute2/rt_tables.d/mine.conf.bak", "30 vpn\n");
        write(
            "etc/passwd",
            "root:x:0:0::/:\nqemu:x:36:34::/:/bin/false\n+\n",
        );
        let names = names(root.path());
        assert_eq!(names.users[1], ("qemu".to_string(), 36));
        assert_eq!(names.users.len(), 2);
        let vpn = names.tables.iter().find(|(name, _)| name == "vpn");
        assert_eq!(vpn, Some(&("vpn".to_string(), 20)));
    }
}
