//! Loads firewall rules in a namespace, with the programs for their languages: ipset(8), nft(8),
//! iptables-restore(8). Each load is all or nothing.

use std::collections::BTreeSet;
use std::fs::File;

use super::program::run;
use crate::model::firewall::removal::{accept_all, delete_tables};
use crate::model::firewall::{include, references, sets};
use crate::model::{Ruleset, Tool};
use crate::os_error::OsError;

/// Load rules, which replace `old`.
pub fn load(netns: &File, new: &Ruleset, old: Option<&Ruleset>) -> Result<(), OsError> {
    match new.tool {
        Tool::Ipset => load_sets(netns, new, old),
        Tool::Nftables | Tool::Replies => {
            let text = old.map(delete_tables).unwrap_or_default() + "\n" + &new.text;
            let kept = old.filter(|old| *old == new);
            let kept = kept.map(|old| elements(netns, old)).unwrap_or_default();
            let load = |text: &str| nft(netns, &new.file, text);
            let loaded = match kept.is_empty() {
                true => load(&text),
                // An old element may be incompatible with the new rules: then load these alone
                false => load(&format!("{text}\n{kept}")).or_else(|_| load(&text)),
            };
            loaded.map_err(|no| in_its_file(no, new))
        }
        tool => {
            let program = tool.program();
            let text = new.text.clone()
                + "\n"
                + &old
                    .map(|old| accept_all(old, Some(new)))
                    .unwrap_or_default();
            feed(netns, program, &["--test"], &new.file, &new.text)?;
            feed(netns, program, &["-w", "5"], &new.file, &text)
        }
    }
}

/// Remove the rules that were loaded.
pub fn unload(netns: &File, old: &Ruleset) -> Result<(), OsError> {
    match old.tool {
        Tool::Ipset => {
            let text = destroy(old.sets());
            feed(netns, "ipset", &["-exist", "restore"], &old.file, &text)
        }
        Tool::Nftables | Tool::Replies => nft(netns, &old.file, &delete_tables(old)),
        tool => {
            let program = tool.program();
            let text = accept_all(old, None);
            feed(netns, program, &["-w", "5"], &old.file, &text)
        }
    }
}

/// The complete nftables ruleset in the namespace, as nft(8) lists it.
pub fn list_ruleset(netns: &File) -> Result<String, OsError> {
    run(netns, "nft", &["list", "ruleset"], "nft list ruleset", "")
}

/// The nftables tables in the namespace, as `FAMILY NAME`.
pub fn list_tables(netns: &File) -> Result<BTreeSet<String>, OsError> {
    let listed = run(netns, "nft", &["list", "tables"], "nft list tables", "")?;
    let names = listed
        .lines()
        .filter_map(|line| line.strip_prefix("table "));
    Ok(names.map(str::to_string).collect())
}
/// Load sets. A set that exists is filled under another name, and the two are then swapped, so that
/// rules never see it half full.
fn load_sets(netns: &File, new: &Ruleset, old: Option<&Ruleset>) -> Result<(), OsError> {
    let there = run(netns, "ipset", &["list", "-name"], &new.file, "")?;
    let (text, beside) = sets::beside(&new.text, &there.lines().collect());
    let ipset = |text: &str| feed(netns, "ipset", &["-exist", "restore"], &new.file, text);
    let loaded = ipset(&text);
    if loaded.is_err() {
        for other in &beside {
            let _ = ipset(&destroy(vec![other]));
        }
    }
    // A set that is still used by rules cannot be destroyed
    let gone = old.map(Ruleset::sets).unwrap_or_default();
    for set in gone
        .into_iter()
        .filter(|set| loaded.is_ok() && !new.sets().contains(set))
    {
        let _ = ipset(&destroy(vec![set]));
    }
    loaded
}

fn destroy(sets: Vec<&str>) -> String {
    sets.iter().map(|set| format!("destroy {set}\n")).collect()
}

/// The nft commands that add the current elements of the sets of these rules again. Programs that
/// ban addresses have added them.
fn elements(netns: &File, rules: &Ruleset) -> String {
    let of_table = |table: &String| {
        let words: Vec<&str> = ["list", "table"]
            .into_iter()
            .chain(table.split(' '))
            .collect();
        let listed = run(netns, "nft", &words, &rules.file, "").unwrap_or_default();
        references::elements(table, &listed)
    };
    rules.tables.iter().map(of_table).collect()
}

/// Correct the position in nft's error message: a line of nft's input, after the first one, becomes
/// the file and the line that it was read from.
fn in_its_file(no: OsError, rules: &Ruleset) -> OsError {
    let message = no.message.map(|said| {
        let rest = said.strip_prefix(&format!("{}:", rules.file));
        let rest = rest.and_then(|rest| rest.split_once(':'));
        match rest.map(|(line, rest)| (line.parse::<usize>(), rest)) {
            Some((Ok(line), rest)) if line > 1 => {
                let (file, line) = include::origin(&rules.text, &rules.file, line - 1);
                format!("{file}:{line}:{rest}")
            }
            _ => said,
        }
    });
    OsError { message, ..no }
}

fn nft(netns: &File, file: &str, text: &str) -> Result<(), OsError> {
    feed(netns, "nft", &["-f", "-"], file, text)
}

fn feed(netns: &File, program: &str, args: &[&str], file: &str, text: &str) -> Result<(), OsError> {
    run(netns, program, args, file, text).map(drop)
}
