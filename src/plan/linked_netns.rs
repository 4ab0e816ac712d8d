//! Connected namespaces: two namespaces with a veth pair between them, or with a link in one whose
//! parent link or UDP socket is in the other. If the other namespace does not exist yet, it is
//! created without its settings. The namespace that is set up second also lists the pair as its
//! own.

use super::{Journal, Plan, Step};
use crate::model::{Kind, Link, LinkRef, Netns};
use crate::name::{LinkName, NetnsName};
use crate::source::Sourced;

impl Plan<'_> {
    /// Create the other namespaces that links lead into.
    pub(super) fn others(&mut self) {
        let (want, have) = (self.want, self.have);
        for other in want.others.difference(&have.others) {
            let at = Netns::Named(other.clone());
            let mut asked = want.links.iter().filter_map(|link| {
                let spec = link.kind.spec().filter(|spec| spec.born == at);
                let here = (link.netns == at).then_some(&link.name.origin);
                here.or(spec.map(|spec| &spec.origin)).cloned()
            });
            let asked = asked.next().flatten();
            self.change(Step::AddOther(other.clone()), asked);
        }
    }

    /// Whether the namespace of the link's parent link or UDP socket exists, or will exist. Reports
    /// an obstacle if not.
    pub(super) fn has_birthplace(&mut self, link: &Link) -> bool {
        let Some(spec) = link.kind.spec() else {
            return true;
        };
        let Netns::Named(other) = &spec.born else {
            return true;
        };
        let there = self.have.others.contains(other) || self.want.others.contains(other);
        if !there {
            let what = match &spec.parent {
                Some(parent) => format!("where {parent}, the parent of {}, should be", link.name),
                None => format!("where the UDP socket of {} should be", link.name),
            };
            self.obstacle(
                &spec.origin,
                format!("there is no namespace {other}, {what}"),
                &format!(
                    "type netns-setup up {other}, which needs /etc/conf.d/netns.{other}; or correct link_netns_{}",
                    link.name.value.suffix()
                ),
            );
        }
        there
    }

    /// Whether the namespace of this end of a veth pair exists, or will exist. Reports an obstacle
    /// if not.
    pub(super) fn has_home(&mut self, end: &Link) -> bool {
        let Netns::Named(other) = &end.netns else {
            return true;
        };
        let there = self.have.others.contains(other) || self.want.others.contains(other);
        if !there {
            self.obstacle(
                &end.name.origin,
                format!(
                    "there is no namespace {other}, where {} should be",
                    end.name
                ),
                "run netns-setup up for that namespace first, or correct peer_netns_IF",
            );
        }
        there
    }

    /// Delete the other namespaces that were created for this one and that nothing else uses.
    pub(super) fn take_others(&mut self) {
        let (want, have, ours) = (self.want, self.have, &self.journal.ours);
        for other in ours.others.difference(&want.others) {
            if have.others.contains(other) {
                self.change(Step::DelOther(other.clone()), None);
            }
        }
    }
}

impl Journal {
    /// Whether this link inside was created or moved in by us.
    pub fn brought(&self, name: &LinkName) -> bool {
        let ours = self.ours.link(&Netns::This, name);
        let ours = ours.is_some_and(|link| !(link.kind.is_moved() || link.kind == Kind::Loopback));
        ours || self.before.inside(name).is_some()
    }

    /// Note the identity of the namespace that a new link was created in.
    pub fn note_birth(&mut self, link: &LinkRef, birth: Option<String>) {
        if let Kind::Virtual(spec) = &mut self.own_link(link).kind {
            spec.birth = birth;
        }
    }

    /// Add to this journal the veth pairs between the two namespaces that the other namespace's
    /// journal lists, if `ours` is true for the end in this namespace.
    pub fn adopt(
        &mut self,
        this: &NetnsName,
        other: &NetnsName,
        theirs: &Journal,
        ours: impl Fn(&Link) -> bool,
    ) {
        let here = Netns::Named(this.clone());
        for link in theirs.ours.links.iter().filter(|link| link.netns == here) {
            let Kind::Veth { peer: Some(peer) } = &link.kind else {
                continue;
            };
            let there = LinkRef {
                netns: Netns::Named(other.clone()),
                name: peer.name.clone(),
            };
            let inside = Netns::This.link(&link.name.value);
            let own = theirs.ours.link(&peer.netns, &peer.name);
            let end = |at: &LinkRef, peer: &LinkRef, known: Option<&Link>| {
                let peer = Some(peer.clone());
                let kind = Kind::Veth { peer };
                Link {
                    index: known.and_then(|known| known.index),
                    ..Link::new(
                        at.netns.clone(),
                        Sourced::without_origin(at.name.clone()),
                        kind,
                    )
                }
            };
            let ends = [end(&inside, &there, Some(link)), end(&there, &inside, own)];
            if peer.netns == Netns::This && ours(&ends[0]) {
                for end in ends {
                    let made = self.own_link(&end.link_at());
                    // The namespace that recreated the pair knows its new indexes, and the other
                    // one does not yet. If they differ, it is unknown which are right
                    let differs = made.index.zip(end.index).is_some_and(|(a, b)| a != b);
                    let known = made.index.or(end.index);
                    (made.kind, made.index) = (end.kind, known.filter(|_| !differs));
                }
            }
        }
    }
}
