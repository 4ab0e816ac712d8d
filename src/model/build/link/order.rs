//! Sorts links so that they can be created in this order: each after its master and parent, and
//! otherwise as listed.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::build::problem;
use crate::model::{Kind, Link, LinkRef, Netns};
use crate::source::Problem;

pub(crate) fn in_order(links: Vec<Link>, problems: &mut Vec<Problem>) -> Vec<Link> {
    let mut waiting = Waiting::of(links);
    let mut ordered = Vec::new();
    while let Some(next) = waiting.ready.first().copied() {
        let Some(link) = waiting.take(next) else {
            continue;
        };
        let other = match &link.kind {
            Kind::Veth { peer } => peer.clone(),
            _ => None,
        };
        ordered.push(link);
        // One request creates both ends of a pair, so they stay together.
        let other = other.and_then(|other| waiting.first_called(&other));
        ordered.extend(other.and_then(|n| waiting.take(n)));
    }
    let mut left = waiting.links.into_iter().flatten().peekable();
    if let Some(link) = left.peek() {
        problems.push(problem(
            &link.name,
            "cannot be made: parents and masters form a circle".into(),
            "remove link_IF or master_IF of one of the links in the circle".into(),
        ));
    }
    ordered.extend(left);
    ordered
}

/// The links that are not in the order yet. They are identified by their index in the original
/// order.
struct Waiting {
    links: Vec<Option<Link>>,
    called: BTreeMap<LinkRef, Vec<usize>>,
    /// For each link, how many links must be created before it.
    missing: Vec<usize>,
    /// For each link, the links that must wait for it.
    needed_by: Vec<Vec<usize>>,
    /// The links that need not wait.
    ready: BTreeSet<usize>,
}

impl Waiting {
    fn of(links: Vec<Link>) -> Self {
        let mut called: BTreeMap<LinkRef, Vec<usize>> = BTreeMap::new();
        for (n, link) in links.iter().enumerate() {
            called.entry(link.link_at()).or_default().push(n);
        }
        let mut missing = vec![0; links.len()];
        let mut needed_by = vec![Vec::new(); links.len()];
        for (n, link) in links.iter().enumerate() {
            for need in needs(link)
                .iter()
                .filter_map(|need| called.get(need))
                .flatten()
            {
                missing[n] += 1;
                needed_by[*need].push(n);
            }
        }
        let ready = (0..links.len()).filter(|n| missing[*n] == 0).collect();
        Waiting {
            links: links.into_iter().map(Some).collect(),
            called,
            missing,
            needed_by,
            ready,
        }
    }

    fn first_called(&self, name: &LinkRef) -> Option<usize> {
        let all = self.called.get(name)?.iter();
        { all }.copied().find(|n| self.links[*n].is_some())
    }

    fn take(&mut self, n: usize) -> Option<Link> {
        self.ready.remove(&n);
        let link = self.links[n].take()?;
        for waiting in std::mem::take(&mut self.needed_by[n]) {
            self.missing[waiting] -= 1;
            if self.missing[waiting] == 0 && self.links[waiting].is_some() {
                self.ready.insert(waiting);
            }
        }
        Some(link)
    }
}

/// The links that must exist before this one is created. For the other end of a veth that is the
/// end inside, because one request creates both.
fn needs(link: &Link) -> Vec<LinkRef> {
    let inside = |name| Netns::This.link(&name);
    let mut needs = Vec::new();
    if link.netns != Netns::This {
        needs.extend(link.needed());
    } else {
        needs.extend(link.master.iter().map(|m| inside(m.value.clone())));
        let parent = link.kind.parent();
        needs.extend(parent.filter(|parent| parent.netns == Netns::This));
    }
    needs
}
