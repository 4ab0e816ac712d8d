//! Reading the present state of a namespace: from the kernel as far as possible, and from the
//! journal for the rest. Nothing is changed or decided.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use super::failure::{Why, broken};
use super::{birthplaces, nat, wireguard};
use crate::kernel::{Kernel, Query};
use crate::model::{State, Tool};
use crate::name::LinkName;
use crate::os_error::OsError;
use crate::plan::Journal;
use crate::system::dhcp;

/// Read the present state. For firewall rules, it is what we loaded, as long as the tables exist:
/// changes inside the tables are not examined. Rules that end with the namespace are not looked for.
pub fn observe(kernel: &mut Kernel, query: &Query, journal: &Journal) -> Result<State, Why> {
    let have = kernel.look(query);
    let have = have.map_err(|e| broken("cannot read the state of the network", e))?;
    let mut rules = journal.ours.firewall.clone();
    // Rules are gone with the namespace
    rules.retain(|_| have.exists);
    let indexes = kernel.indexes_inside();
    let mut listed = None;
    let mut there = || match &listed {
        Some(there) => Ok(BTreeSet::clone(there)),
        None => kernel
            .nft_tables()
            .inspect(|there| listed = Some(there.clone())),
    };
    let lasting = rules.iter_mut().filter(|_| !query.ends);
    for rules in lasting.map(|rules| &mut rules.value) {
        if let Some(loading) = journal.loading.as_ref().filter(|l| l.tool == rules.tool) {
            if rules.tool != Tool::Ipset {
                let mut there = match there() {
                    // Without nft there are no tables. iptables-legacy needs no nftables in the kernel
                    Err(e) if may_lack(rules.tool, &e) => BTreeSet::new(),
                    there => there.map_err(|e| broken("cannot read its tables", e))?,
                };
                there.retain(|table| !loading.others.contains(table));
                rules.tables = there.into_iter().collect();
            }
            continue;
        }
        // Without nft, no program can have deleted the tables with it
        let gone = |there: BTreeSet<_>| rules.tables.iter().any(|table| !there.contains(table));
        if !rules.tables.is_empty() && there().is_ok_and(gone) {
            rules.text.clear();
        }
        let is_recreated = |noted: &(LinkName, u32)| {
            let now = indexes.iter().find(|(link, _)| *link == noted.0);
            now.is_some_and(|now| now != noted)
        };
        rules.outlived = rules.links_by_index.iter().any(is_recreated);
    }
    let table = nat::table(kernel, journal);
    let table = table.map_err(|e| broken("cannot read our table on the host", e))?;
    let mut clients = journal.ours.clients.clone();
    clients.retain(|client| dhcp::process(kernel.name(), &client.value).is_some());
    let mut have = State {
        clients,
        firewall: rules,
        table,
        ..have
    };
    birthplaces::complete(&mut have, journal, |at| kernel.birth(at));
    wireguard::complete(&mut have, journal);
    journal.recall(&mut have);
    Ok(have)
}

/// Returns true if these rules can exist on a machine without nft.
fn may_lack(tool: Tool, e: &OsError) -> bool {
    !matches!(tool, Tool::Nftables | Tool::Replies) || e.errno.kind() == ErrorKind::NotFound
}
