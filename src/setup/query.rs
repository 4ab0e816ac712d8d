//! What is wanted and what is ours in, what the kernel is asked about out. The host may
//! have thousands of links and a router's tables: they are not read through.

use std::collections::BTreeSet;

use crate::kernel::Query;
use crate::model::{Kind, Link, LinkRef, Netns, State, SysctlKey};
use crate::plan::Journal;
use crate::source::Sourced;

/// The links of other namespaces, and the sysctls, that have to do with this one.
pub fn build_query(want: &State, journal: &Journal) -> Query {
    let (mut asked, mut moved) = (BTreeSet::new(), BTreeSet::new());
    let ours = journal.made.links.iter().chain(&journal.before.links);
    for link in want.links.iter().chain(ours) {
        asked.insert(link.link_at());
        match &link.kind {
            kind if kind.is_moved() && link.at == Netns::This => {
                let host = LinkRef {
                    at: Netns::Host,
                    name: link.other_name().clone(),
                };
                asked.insert(host.clone());
                moved.insert(host);
            }
            // Where it was born, its own name is asked about if it lies on nothing
            Kind::Virtual(made) => drop(asked.insert(LinkRef {
                at: made.born.clone(),
                name: made.parent.clone().unwrap_or(link.name.value.clone()),
            })),
            _ => {}
        }
        if let Some(master) = &link.master {
            asked.insert(LinkRef {
                at: link.at.clone(),
                name: master.value.clone(),
            });
        }
    }
    // The other ways of the host's routes that are to be whole again
    let ways = ways(journal);
    asked.extend(ways.clone());
    asked.retain(|link| link.at != Netns::This);
    // What is moved takes its routes along; of others only a route of ours matters
    moved.extend(journal.before.links.iter().map(Link::link_at));
    let mut routed = moved.clone();
    routed.extend(ways);
    let routes = want.routes.iter().chain(&journal.made.routes);
    routed.extend(routes.flat_map(|Sourced { value, .. }| {
        value.links().map(|name| LinkRef {
            at: value.at.clone(),
            name: name.clone(),
        })
    }));
    let sysctls = want.sysctls.iter().chain(&journal.made.sysctls);
    let sysctls = sysctls.flat_map(|Sourced { value, .. }| {
        let of_all = value.key.of_all().filter(|_| value.at == Netns::Host);
        let keys = [Some(value.key.clone()), value.key.of_new_links(), of_all];
        keys.into_iter()
            .flatten()
            .map(|key| (value.at.clone(), key))
    });
    let mut sysctls: BTreeSet<_> = sysctls.collect();
    let changing = journal
        .made
        .links
        .iter()
        .filter(|made| changes_addresses(made, want));
    sysctls.extend(changing.flat_map(|made| {
        let keys = SysctlKey::of_secondaries(&made.name.value);
        keys.map(|key| (made.at.clone(), key))
    }));
    Query {
        links: asked,
        routed,
        moved,
        sysctls,
        policy: !(want.policy.is_empty() && journal.made.policy.is_empty()),
    }
}

/// Addresses of ours on this link may go, and others of their network with them.
fn changes_addresses(made: &Link, want: &State) -> bool {
    let text = |link: &Link| -> Vec<String> {
        let addresses = link.addresses.iter().filter(|a| a.value.ip().is_ipv4());
        addresses.map(|a| a.value.to_string()).collect()
    };
    let made_text = text(made);
    let wanted = want.link(&made.at, &made.name.value).map(text);
    !made_text.is_empty() && wanted != Some(made_text)
}

/// The links that the host's routes lead over which are to be whole again.
pub fn ways(journal: &Journal) -> BTreeSet<LinkRef> {
    let whole = journal.before.routes.iter();
    let ways = whole.flat_map(|Sourced { value, .. }| {
        value.links().map(|name| LinkRef {
            at: value.at.clone(),
            name: name.clone(),
        })
    });
    ways.collect()
}
