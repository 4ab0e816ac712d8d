//! The network namespaces of containers that have no name in `/run/netns`. They are found by the
//! processes in them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, State};
use crate::system::netns::identity::NetnsInode;
use crate::system::{container, process};

/// An entry for each container whose namespace is not among the known ones and not the host's.
pub(super) fn without_name(known: &BTreeSet<NetnsInode>) -> Vec<Entry> {
    let host = process::netns_of_caller();
    let mut found: BTreeMap<NetnsInode, Entry> = BTreeMap::new();
    for pid in process::all().unwrap_or_default() {
        let Some(netns) = process::netns_of(pid) else {
            continue;
        };
        if known.contains(&netns) || Some(netns) == host {
            continue;
        }
        if let Some(entry) = found.get_mut(&netns) {
            entry.processes += 1;
        } else if let Some(container) = container::of(pid) {
            let entry = Entry {
                processes: 1,
                container: Some(container),
                ..Entry::new("-".into(), State::Foreign)
            };
            found.insert(netns, entry);
        }
    }
    found.into_values().collect()
}
