//! Building the query to the kernel from the wanted state and the journal. The host may have
//! thousands of links and routes, so only those that matter are requested.

use std::collections::BTreeSet;

use crate::kernel::Query;
use crate::model::{Kind, Link, LinkRef, Netns, State, SysctlKey};
use crate::plan::Journal;
use crate::source::Sourced;

/// The links outside the namespace, and the sysctls, that concern it.
pub fn build_query(want: &State, journal: &Journal) -> Query {
    let (mut links, mut moved) = (BTreeSet::new(), BTreeSet::new());
    let ours = journal.ours.links.iter().chain(&journal.before.links);
    for link in want.links.iter().chain(ours) {
        links.insert(link.link_at());
        match &link.kind {
            kind if kind.is_moved() && link.netns == Netns::This => {
                let host = LinkRef {
                    netns: Netns::Host,
                    name: link.other_name().clone(),
                };
                links.insert(host.clone());
                moved.insert(host);
            }
            // In the namespace where it was created, request its lower link, or a link of its own
            // name if it has none
            Kind::Virtual(made) => drop(links.insert(LinkRef {
                netns: made.born.clone(),
                name: made.parent.clone().unwrap_or(link.name.value.clone()),
            })),
            _ => {}
        }
        if let Some(master) = &link.master {
            links.insert(LinkRef {
                netns: link.netns.clone(),
                name: master.value.clone(),
            });
        }
    }
    let moved_back = journal.before.links.iter().flat_map(Link::names_moved_back);
    links.extend(moved_back.map(|name| Netns::Host.link(&name)));
    // The other nexthops of multipath routes of the host that are to be restored
    let ways = ways(journal);
    links.extend(ways.clone());
    links.retain(|link| link.netns != Netns::This);
    // A moved link takes its routes along; on other links, only routes of ours matter
    moved.extend(journal.before.links.iter().map(Link::link_at));
    let mut routed = moved.clone();
    routed.extend(ways);
    let routes = want.routes.iter().chain(&journal.ours.routes);
    routed.extend(routes.flat_map(|Sourced { value, .. }| {
        value.links().map(|name| LinkRef {
            netns: value.netns.clone(),
            name: name.clone(),
        })
    }));
    let sysctls = want.sysctls.iter().chain(&journal.ours.sysctls);
    let sysctls = sysctls.flat_map(|Sourced { value, .. }| {
        let of_all = value.key.of_all().filter(|_| value.netns == Netns::Host);
        let keys = [Some(value.key.clone()), value.key.of_new_links(), of_all];
        keys.into_iter()
            .flatten()
            .map(|key| (value.netns.clone(), key))
    });
    let mut sysctls: BTreeSet<_> = sysctls.collect();
    let changing = journal
        .ours
        .links
        .iter()
        .filter(|made| changes_addresses(made, want));
    sysctls.extend(changing.flat_map(|made| {
        let keys = SysctlKey::of_secondaries(&made.name.value);
        keys.map(|key| (made.netns.clone(), key))
    }));
    Query {
        links,
        routed,
        moved,
        made: made_on_host(journal),
        sysctls,
        rules: !(want.rules.is_empty() && journal.ours.rules.is_empty()),
        ends: false,
    }
}

/// The links on the host that we made.
pub fn made_on_host(journal: &Journal) -> BTreeSet<LinkRef> {
    let made = journal.ours.links.iter();
    let made = made.filter(|link| link.netns == Netns::Host && !link.kind.is_moved());
    made.map(Link::link_at).collect()
}

/// The query of a `down`. If the namespace is ours, it ends with all that is in it.
pub fn build_query_of_down(want: &State, journal: &Journal) -> Query {
    Query {
        ends: journal.ours.exists,
        ..build_query(want, journal)
    }
}

/// Returns true if addresses of ours on this link may be deleted, and with a primary address its
/// secondaries.
fn changes_addresses(made: &Link, want: &State) -> bool {
    let text = |link: &Link| -> Vec<String> {
        let addresses = link.addresses.iter().filter(|a| a.value.ip().is_ipv4());
        addresses.map(|a| a.value.to_string()).collect()
    };
    let made_text = text(made);
    let wanted = want.link(&made.netns, &made.name.value).map(text);
    !made_text.is_empty() && wanted != Some(made_text)
}

/// The links of the host's multipath routes that are to be restored.
pub fn ways(journal: &Journal) -> BTreeSet<LinkRef> {
    let routes = journal.before.routes.iter();
    let ways = routes.flat_map(|Sourced { value, .. }| {
        value.links().map(|name| LinkRef {
            netns: value.netns.clone(),
            name: name.clone(),
        })
    });
    ways.collect()
}
