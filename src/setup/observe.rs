//! What is there, in one look: the kernel is asked for all that it can tell, and the
//! journal for the rest. Nothing is changed here, and nothing decided.

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

/// What is there. Of the firewall's rules, that is what we loaded, as long as its tables
/// stand: what the namespace makes of them is its own affair.
pub fn look(kernel: &mut Kernel, asked: &Query, journal: &Journal) -> Result<State, Why> {
    let have = kernel.look(asked);
    let have = have.map_err(|no| broken("cannot read the state of the network", no))?;
    let mut rules = journal.ours.firewall.clone();
    // With the namespace, they are gone
    rules.retain(|_| have.exists);
    let indexes = kernel.indexes_inside();
    let mut listed = None;
    let mut there = || match &listed {
        Some(there) => Ok(BTreeSet::clone(there)),
        None => kernel
            .nft_tables()
            .inspect(|there| listed = Some(there.clone())),
    };
    for rules in rules.iter_mut().map(|rules| &mut rules.value) {
        if let Some(loading) = journal.loading.as_ref().filter(|l| l.tool == rules.tool) {
            if rules.tool != Tool::Ipset {
                let mut there = match there() {
                    // Without nft there are none; nor, perhaps, beside the older iptables
                    Err(no) if may_lack(rules.tool, &no) => BTreeSet::new(),
                    there => there.map_err(|no| broken("cannot read its tables", no))?,
                };
                there.retain(|table| !loading.others.contains(table));
                rules.tables = there.into_iter().collect();
            }
            continue;
        }
        // Where there is no nft to ask any more, nobody can have taken them away by it
        let gone = |there: BTreeSet<_>| rules.tables.iter().any(|table| !there.contains(table));
        if !rules.tables.is_empty() && there().is_ok_and(gone) {
            rules.text.clear();
        }
        let anew = |held: &(LinkName, u32)| {
            let now = indexes.iter().find(|(link, _)| *link == held.0);
            now.is_some_and(|now| now != held)
        };
        rules.outlived = rules.links_by_index.iter().any(anew);
    }
    let table = nat::table(kernel, journal);
    let table = table.map_err(|no| broken("cannot read our table on the host", no))?;
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

/// Where these rules are, there may be no nft that could be asked.
fn may_lack(tool: Tool, no: &OsError) -> bool {
    !matches!(tool, Tool::Nftables | Tool::Replies) || no.errno.kind() == ErrorKind::NotFound
}
