//! How loaded rules are removed: the input of nft(8) and of iptables-restore(8).

use std::collections::BTreeSet;

use super::Ruleset;

/// The built-in chains of each table of iptables.
const CHAINS: [(&str, &[&str]); 5] = [
    ("filter", &["INPUT", "FORWARD", "OUTPUT"]),
    ("nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
    (
        "mangle",
        &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
    ),
    ("raw", &["PREROUTING", "OUTPUT"]),
    ("security", &["INPUT", "FORWARD", "OUTPUT"]),
];

/// The input of nft that deletes the tables of loaded rules, as one line.
pub fn delete_tables(old: &Ruleset) -> String {
    // The table is added before it is deleted, because it may be gone already
    let delete = |table: &String| format!("table {table}; delete table {table}; ");
    old.tables.iter().map(delete).collect()
}

/// The input of iptables-restore that makes those tables of the old rules accept everything that
/// the new rules do not have.
pub fn accept_all(old: &Ruleset, new: Option<&Ruleset>) -> String {
    let gone = &tables(old) - &new.map(tables).unwrap_or_default();
    let accept = |table: &&str| {
        let chains = CHAINS.iter().find(|(name, _)| name == table);
        let chains = chains.map(|(_, chains)| *chains).unwrap_or_default();
        let chains = chains
            .iter()
            .map(|chain| format!(":{chain} ACCEPT [0:0]\n"));
        format!("*{table}\n{}COMMIT\n", chains.collect::<String>())
    };
    gone.iter().map(accept).collect()
}

/// The tables of iptables that the rules are for.
fn tables(rules: &Ruleset) -> BTreeSet<&str> {
    let names = rules.text.lines().filter_map(|line| line.strip_prefix('*'));
    names.map(str::trim).collect()
}
