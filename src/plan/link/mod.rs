//! Creates the links or moves them in. `lo` exists already, a NIC is moved (`move_in`), and all
//! others are created in their namespace. `configure` then sets their attributes.

pub mod altname;
pub mod bridge_port;
pub mod configure;
pub mod match_device;
pub mod move_in;
pub mod options;

use std::sync::Arc;

use super::link::bridge_port::is_bridge;
use super::{Plan, Step};
use crate::model::link::options::Options;
use crate::model::{Kind, Link, LinkRef, Netns};
use crate::source::{Origin, Sourced};

impl Plan<'_> {
    pub(super) fn links(&mut self) {
        let want = self.want;
        let mut back = Vec::new();
        for link in &want.links {
            match &link.kind {
                Kind::Loopback => self.loopback(link),
                kind if kind.is_moved() && link.netns == Netns::Host => back.push(link),
                Kind::Physical | Kind::Wireless => self.brought(link),
                // The end inside creates both
                Kind::Veth { .. } if link.netns != Netns::This => {}
                _ => self.create(link),
            }
        }
        // One may have the name of another until it gets its own
        while let Some(at) = back
            .iter()
            .position(|link| self.now(&link.link_at()).is_none())
        {
            self.brought(back.remove(at));
        }
        back.into_iter().for_each(|link| self.brought(link));
    }

    fn loopback(&mut self, link: &Link) {
        if self.now(&link.link_at()).is_none() {
            self.fresh(link, link.netns.clone());
        }
    }

    /// Create a link in its namespace, unless it exists and can stay.
    fn create(&mut self, link: &Link) {
        let peer = self.peer(link).cloned();
        let ends: Vec<&Link> = std::iter::once(link).chain(&peer).collect();
        let there = |p: &Self, end: &Link| {
            p.now(&end.link_at())
                .is_some_and(|l| fits(&end.kind, &l.kind))
        };
        let stays = ends.iter().all(|end| there(self, end)) && !self.must_be_anew(link);
        if stays || !self.has_birthplace(link) || !self.has_parent(link) {
            return;
        }
        if !peer.as_ref().is_none_or(|end| self.has_home(end)) {
            return;
        }
        for end in &ends {
            self.clear(end);
            if !self.has_names(end, &[]) {
                return;
            }
        }
        self.restore_mtu_of_parent(link);
        let made = said_at_creation(link);
        let step = Step::AddLink {
            link: Box::new(made.clone()),
            peer: peer.clone().map(Box::new),
        };
        self.change(step, link.name.origin.clone());
        for end in std::iter::once(&made).chain(&peer) {
            let bare = Link {
                altnames: Vec::new(),
                ..end.clone()
            };
            self.fresh(&bare, end.netns.clone());
        }
    }

    /// A new link gets the MTU of its parent. If the parent has it from earlier settings only, it
    /// gets its own MTU back before.
    fn restore_mtu_of_parent(&mut self, link: &Link) -> Option<()> {
        let parent = link.kind.parent()?;
        let want = &self.want.link(&parent.netns, &parent.name)?.attributes;
        let ours = &self.ours_that_goes(&parent)?.attributes;
        let now = &self.now(&parent)?.attributes;
        let mtu = Options::that_go(want, Some(ours), now).find(|option| option.word == "mtu")?;
        let before = self
            .journal
            .attributes_without_us(&parent, &|at| self.now(at));
        let mut change = Options::of(before.table);
        change.set(mtu, Sourced::without_origin(before.get(mtu.word)?));
        self.now_mut(&parent)?.attributes.extend(change.iter());
        self.change(Step::SetAttribute(parent, Box::new(change)), None);
        Some(())
    }

    /// The other end of a wanted veth.
    fn peer(&self, link: &Link) -> Option<&Link> {
        match &link.kind {
            Kind::Veth { peer: Some(peer) } => self.want.link(&peer.netns, &peer.name),
            _ => None,
        }
    }

    fn must_be_anew(&self, link: &Link) -> bool {
        let there = link.link_at();
        let now = self.now(&there).and_then(|now| now.kind.spec());
        let kinds = link.kind.spec().zip(now);
        kinds.is_some_and(|(want, now)| self.keeps_an_option(&there, want, now))
    }

    fn has_parent(&mut self, link: &Link) -> bool {
        let Some(parent) = link.kind.parent() else {
            return true;
        };
        let there = self.now(&parent).is_some();
        if !there {
            let asked = link.kind.spec().and_then(|spec| spec.origin.clone());
            let suffix = link.name.value.suffix();
            let remedy = match &parent.netns {
                Netns::Named(other) => format!(
                    "type netns-setup up {other} first if that makes {}, or correct link_{suffix}",
                    parent.name
                ),
                _ => format!("start first what makes it, or correct link_{suffix}"),
            };
            self.obstacle(
                &asked,
                format!("there is no link {parent}, which {} lies on", link.name),
                &remedy,
            );
        }
        there
    }

    /// Delete another link that has the name of this one, if it is ours. Reports an obstacle if it
    /// is not.
    fn clear(&mut self, link: &Link) {
        let there = link.link_at();
        let Some(other) = self.now(&there).cloned() else {
            return;
        };
        // A link of ours on the host disappears with its namespace, and another link may have its
        // name now
        let is_it = |ours: &Link| {
            let on_host = there.netns == Netns::Host && ours.kind.spec().is_some();
            !on_host || ours.kind.word() == other.kind.word()
        };
        let ours = self.journal.ours.link(&there.netns, &there.name);
        let ours = ours.is_some_and(is_it) && self.journal.is_ours(&other);
        if other.kind.is_moved() || !ours {
            return self.obstacle(
                &link.name.origin,
                format!("there is another link {there}, which netns-setup did not make"),
                &format!("choose another name, or delete it: {}", deletion(&there)),
            );
        }
        if self.carries_others(&there, &link.name.origin) {
            return;
        }
        self.change(Step::DelLink(there.clone()), link.name.origin.clone());
        self.deleted(&there);
    }

    /// Whether links that netns-setup did not create are on top of this one, or of its peer. Each is
    /// an obstacle.
    pub(super) fn carries_others(&mut self, link: &LinkRef, asked: &Option<Arc<Origin>>) -> bool {
        let others = self.others_on_top(link);
        for (other, below) in &others {
            self.obstacle(
                asked,
                format!("{other} is on top of {below}, and netns-setup did not make it"),
                &format!("delete it: {}", deletion(other)),
            );
        }
        !others.is_empty()
    }

    /// The links that netns-setup did not create and that the kernel would delete together with this
    /// one, each with the link below it; but not those inside a namespace that is to end.
    pub(super) fn others_on_top(&self, link: &LinkRef) -> Vec<(LinkRef, LinkRef)> {
        let all = self.upper_of_pair(link);
        let others = all.iter().filter_map(|upper| self.now(upper));
        let others = others.filter(|upper| {
            let ends = self.dies() && upper.netns == Netns::This;
            !ends && !self.journal.is_ours(upper)
        });
        let others = others.filter_map(|upper| Some((upper.link_at(), upper.kind.goes_with()?)));
        others.collect()
    }
}

/// The command that deletes a link.
fn deletion(link: &LinkRef) -> String {
    // (busybox's ip has no -n.)
    let inside = match &link.netns {
        Netns::This => "nsenter --net=/run/netns/NAME ".into(),
        Netns::Named(other) => format!("nsenter --net=/run/netns/{other} "),
        Netns::Host => String::new(),
    };
    format!("{inside}ip link delete {}", link.name)
}

/// The link with only the attributes that can be set at its creation.
fn said_at_creation(link: &Link) -> Link {
    let opened = link.kind.spec().is_some_and(|spec| spec.of.is_opened);
    // A bridge takes its MTU from its ports, unless the MTU is set after the creation. A link on top
    // of one of this namespace may have a larger MTU only when its parent has it
    let below = link
        .kind
        .parent()
        .filter(|parent| parent.netns == Netns::This);
    let after = is_bridge(link) || below.is_some();
    let mut made = link.clone();
    made.attributes
        .retain(|option, _| !(opened || after && option.word == "mtu"));
    made
}

/// Whether an existing link is the wanted one, or can be changed to it without recreating it.
pub(super) fn fits(want: &Kind, have: &Kind) -> bool {
    match (want, have) {
        (Kind::Virtual(want), Kind::Virtual(have)) => want.fits(have),
        _ => want.is_moved() || want == have,
    }
}
