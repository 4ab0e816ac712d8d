//! The table of a namespace on the host, for its way out and in: loaded, listed and removed
//! by nft(8), and what else of the host's firewall may be in its way.

use std::fs::File;
use std::io;

use super::procfs;
use super::program::run;
use crate::model::Table;
use crate::model::nat::{IpVersion, Legacy};
use crate::name::NetnsName;
use crate::os_error::OsError;

/// Load the namespace's table on the host, in the place of the one before.
pub fn load(host: &File, netns: &NetnsName, table: &Table) -> Result<(), OsError> {
    nft(host, netns, &["-f", "-"], &table.text).map(drop)
}

/// Take it away; gone already is taken away.
pub fn remove(host: &File, netns: &NetnsName) -> Result<(), OsError> {
    let text = Table::removal(netns);
    nft(host, netns, &["-f", "-"], &text).map(drop)
}

/// The namespace's table as nft lists it; nothing if it is not there, or if there is no
/// nft to ask.
pub fn list(host: &File, netns: &NetnsName) -> Result<Option<String>, OsError> {
    let name = Table::name(netns);
    let words: Vec<&str> = ["-s", "list", "table"]
        .into_iter()
        .chain(name.split(' '))
        .collect();
    // nft fails alike where there is no such table and where it cannot tell
    match nft(host, netns, &words, "") {
        Ok(listed) => Ok(Some(listed)),
        Err(no) if no.errno.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(no) => {
            let all = nft(host, netns, &["list", "tables"], "")?;
            let line = format!("table {name}");
            if all.lines().any(|listed| listed == line) {
                Err(no)
            } else {
                Ok(None)
            }
        }
    }
}

/// All tables of the host, as nft prints them for programs, without what is in sets.
pub fn list_ruleset(host: &File, netns: &NetnsName) -> Result<String, OsError> {
    nft(host, netns, &["-j", "-t", "list", "ruleset"], "")
}

/// The tables of the old iptables, which nft does not list; those there are.
pub fn iptables_legacy(host: &File) -> Result<Vec<Legacy>, OsError> {
    let mut found = Vec::new();
    for (family, names, program) in [
        (IpVersion::V4, "ip_tables_names", "iptables-legacy-save"),
        (IpVersion::V6, "ip6_tables_names", "ip6tables-legacy-save"),
    ] {
        // No such file: the kernel has none of it
        let names = procfs::text(&format!("/proc/net/{names}")).unwrap_or_default();
        if names.lines().any(|name| name == "filter") {
            let rules = run(host, program, &["-t", "filter"], "", "").ok();
            found.push(Legacy { family, rules });
        }
    }
    Ok(found)
}

fn nft(host: &File, netns: &NetnsName, words: &[&str], text: &str) -> Result<String, OsError> {
    let file = format!("table {}", Table::name(netns));
    run(host, "nft", words, &file, text)
}
