//! What is there, in one look: the kernel is asked for all that it can tell, and the
//! journal for the rest. Nothing is changed here, and nothing decided.

use std::collections::BTreeSet;

use super::failure::{Why, broken};
use super::{nat, wireguard};
use crate::kernel::{About, Kernel};
use crate::model::{State, Tool};
use crate::plan::Journal;

/// What is there. Of the firewall's rules, that is what we loaded, as long as its tables
/// stand: what the namespace makes of them is its own affair.
pub fn look(kernel: &mut Kernel, asked: &About, journal: &Journal) -> Result<State, Why> {
    let have = kernel.look(asked);
    let have = have.map_err(|no| broken("cannot read the state of the network", no))?;
    let mut rules = journal.made.rules.clone();
    // With the namespace, they are gone
    rules.retain(|_| have.netns);
    let mut listed = None;
    let mut there = || {
        let listed = listed.get_or_insert_with(|| kernel.tables().ok());
        listed.clone()
    };
    for rules in rules.iter_mut().map(|rules| &mut rules.value) {
        if let Some(loading) = journal.loading.as_ref().filter(|l| l.tool == rules.tool) {
            if rules.tool != Tool::Ipset {
                let mut there = there().unwrap_or_default();
                there.retain(|table| !loading.others.contains(table));
                rules.tables = there.into_iter().collect();
            }
            continue;
        }
        // Where there is no nft to ask any more, nobody can have taken them away by it
        let gone = |there: BTreeSet<_>| rules.tables.iter().any(|table| !there.contains(table));
        if !rules.tables.is_empty() && there().is_some_and(gone) {
            rules.text.clear();
        }
    }
    let table = nat::table(kernel, journal);
    let mut clients = journal.made.clients.clone();
    clients.retain(|client| kernel.client(&client.value).is_some());
    let mut have = State {
        clients,
        rules,
        table,
        ..have
    };
    wireguard::complete(&mut have, journal);
    journal.recall(&mut have);
    Ok(have)
}
