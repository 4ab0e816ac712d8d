//! Links in, the same links in an order in which they can be made out: each behind its
//! master and behind its parent, and otherwise as they were listed.

use super::problem;
use crate::model::{Kind, Link, LinkAt, Where};
use crate::place::Problem;

pub(super) fn in_order(links: Vec<Link>, problems: &mut Vec<Problem>) -> Vec<Link> {
    let mut waiting = links;
    let mut ordered: Vec<Link> = Vec::new();
    while !waiting.is_empty() {
        let next = waiting.iter().position(|link| {
            let mut needs = needs(link).into_iter();
            needs.all(|need| !waiting.iter().any(|other| other.link_at() == need))
        });
        let Some(next) = next else {
            problems.push(problem(
                &waiting[0].name,
                "cannot be made, since parents and masters lead in a circle".into(),
                "expected a link that needs no other at the end of them".into(),
            ));
            ordered.append(&mut waiting);
            break;
        };
        let link = waiting.remove(next);
        let other = match &link.kind {
            Kind::Veth { peer } => peer.clone(),
            _ => None,
        };
        ordered.push(link);
        // The ends of a pair are made together, and stay together.
        let other = waiting.iter().position(|l| Some(l.link_at()) == other);
        ordered.extend(other.map(|n| waiting.remove(n)));
    }
    ordered
}

/// The links that must be there before this one is made; of a veth's other end that is
/// the end inside, since one message makes both.
fn needs(link: &Link) -> Vec<LinkAt> {
    let inside = |name| LinkAt {
        at: Where::Inside,
        name,
    };
    let mut needs = Vec::new();
    if link.at != Where::Inside {
        needs.extend(link.needed());
    } else {
        needs.extend(link.master.iter().map(|m| inside(m.value.clone())));
        let parent = link.kind.parent();
        needs.extend(parent.filter(|parent| parent.at == Where::Inside));
    }
    needs
}
