//! The nftables table of a namespace on the host, for masquerading and port forwarding: loads,
//! lists and removes it with nft(8). Also lists what else in the host's firewall may block the
//! traffic.

use std::fs::File;
use std::io;

use super::procfs;
use super::program::run;
use crate::model::Table;
use crate::model::nat::{IpVersion, Legacy};
use crate::name::NetnsName;
use crate::os_error::OsError;

/// Load the table of the namespace on the host. It replaces the previous one.
pub fn load(host: &File, netns: &NetnsName, table: &Table) -> Result<(), OsError> {
    nft(host, netns, &["-f", "-"], &table.text).map(drop)
}

/// Remove the table. A table that is gone already is no error.
pub fn remove(host: &File, netns: &NetnsName) -> Result<(), OsError> {
    let text = Table::removal(netns);
    nft(host, netns, &["-f", "-"], &text).map(drop)
}

/// The table of the namespace, as nft lists it. `None` if there is no such table, or if nft is not
/// installed.
pub fn list(host: &File, netns: &NetnsName) -> Result<Option<String>, OsError> {
    let name = Table::name(netns);
    let words: Vec<&str> = ["-s", "list", "table"]
        .into_iter()
        .chain(name.split(' '))
        .collect();
    // nft fails in the same way if there is no such table and if it cannot list tables
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

/// The nftables ruleset of the host as JSON (`nft -j`), without the elements of sets.
pub fn list_ruleset(host: &File, netns: &NetnsName) -> Result<String, OsError> {
    nft(host, netns, &["-j", "-t", "list", "ruleset"], "")
}

/// The `filter` tables of iptables-legacy, which nft does not list.
pub fn iptables_legacy(host: &File) -> Result<Vec<Legacy>, OsError> {
    let mut found = Vec::new();
    for (family, names, program) in [
        (IpVersion::V4, "ip_tables_names", "iptables-legacy-save"),
        (IpVersion::V6, "ip6_tables_names", "ip6tables-legacy-save"),
    ] {
        // If there is no such file, the kernel has no such tables
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
