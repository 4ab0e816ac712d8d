//! Two namespaces and the pair between them: the other namespace is made, bare, where it
//! is not there yet, and whoever comes second takes the pair for its own too.

use super::{Journal, Plan, Step};
use crate::model::{Kind, Link, LinkAt, Where};
use crate::name::NetnsName;
use crate::place::At;

impl Plan<'_> {
    /// The other namespaces that links lead into.
    pub(super) fn others(&mut self) {
        let (want, have) = (self.want, self.have);
        for other in want.others.difference(&have.others) {
            let at = Where::Netns(other.clone());
            let link = want.links.iter().find(|link| link.at == at);
            let asked = link.and_then(|link| link.name.asked.clone());
            self.change(Step::AddOther(other.clone()), asked);
        }
    }

    /// The namespace that this end of a pair is to be in is there, or will be.
    pub(super) fn has_home(&mut self, end: &Link) -> bool {
        let Where::Netns(other) = &end.at else {
            return true;
        };
        let there = self.have.others.contains(other) || self.want.others.contains(other);
        if !there {
            self.obstacle(
                &end.name.asked,
                format!("there is no namespace {other}, where {} is to be", end.name),
                "start what makes it first, or correct peer_netns_IF",
            );
        }
        there
    }

    /// Those that were made for this one, and that nobody else has use for.
    pub(super) fn take_others(&mut self) {
        let (want, have, made) = (self.want, self.have, &self.journal.made);
        for other in made.others.difference(&want.others) {
            if have.others.contains(other) {
                self.change(Step::DelOther(other.clone()), None);
            }
        }
    }
}

impl Journal {
    /// Of the pairs between this namespace and another that the other's journal says it
    /// made, those whose end here `ours` is true of are ours as well.
    pub fn adopt(
        &mut self,
        this: &NetnsName,
        other: &NetnsName,
        theirs: &Journal,
        ours: impl Fn(&Link) -> bool,
    ) {
        let here = Where::Netns(this.clone());
        for link in theirs.made.links.iter().filter(|link| link.at == here) {
            let Kind::Veth { peer: Some(peer) } = &link.kind else {
                continue;
            };
            let there = LinkAt {
                at: Where::Netns(other.clone()),
                name: peer.name.clone(),
            };
            let inside = LinkAt {
                at: Where::Inside,
                name: link.name.value.clone(),
            };
            let own = theirs.made.link(&peer.at, &peer.name);
            let end = |at: &LinkAt, peer: &LinkAt, known: Option<&Link>| {
                let peer = Some(peer.clone());
                let kind = Kind::Veth { peer };
                Link {
                    index: known.and_then(|known| known.index),
                    ..Link::new(at.at.clone(), At::nobody(at.name.clone()), kind)
                }
            };
            let ends = [end(&inside, &there, Some(link)), end(&there, &inside, own)];
            if peer.at == Where::Inside && ours(&ends[0]) {
                for end in ends {
                    let made = self.made(&end.link_at());
                    (made.kind, made.index) = (end.kind, end.index);
                }
            }
        }
    }
}
