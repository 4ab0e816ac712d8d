//! What is wanted and what is there in, the changes between them out. Pure: no kernel,
//! no files, and no memory but the journal it is given.
//!
//! The order is the one in which the kernel accepts it, and in which nothing is open to
//! the network before it is whole: the namespace, `lo`, then each link made or moved,
//! then masters, then up, addresses, routes; what is no longer asked for goes last, so
//! that traffic over what stays is not cut.

mod change;
mod holds;
mod journal;
mod take;
mod undo;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::model::{Kind, Link, LinkAt, Route, State, Where};
use crate::name::LinkName;
use crate::place::{Asked, At};

pub use change::{Change, Step};
pub use holds::holds;
pub use journal::Journal;
pub use undo::as_it_was;

/// What stands in the way of what is wanted: trying again may help (exit code 111).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The setting that cannot be met.
    pub asked: Option<Arc<Asked>>,
    /// What is in the way.
    pub wrong: String,
    /// What can be done about it.
    pub remedy: String,
}

/// Two lines, as [`crate::place::Problem`] has them.
impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(asked) = &self.asked {
            write!(f, "{}: {}: ", asked.place, asked.setting)?;
        }
        write!(f, "{}\n{}", self.wrong, self.remedy)
    }
}

/// Whether what is no longer asked for goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// It stays: `up`.
    Stays,
    /// What the journal says we made goes: `reload`, `down`, an undo.
    Goes,
}

/// The changes that make `have` what is wanted. Whatever `journal` does not know of is
/// somebody else's, and is touched only where it stands in the way of a setting.
/// `plan(x, x, …)` is empty.
pub fn plan(
    want: &State,
    have: &State,
    journal: &Journal,
    rest: Rest,
) -> Result<Vec<Change>, Vec<Obstacle>> {
    let mut plan = Plan {
        want,
        have,
        journal,
        rest,
        now: have.links.clone(),
        lost: BTreeSet::new(),
        changes: Vec::new(),
        obstacles: Vec::new(),
    };
    plan.netns();
    plan.links();
    plan.sizes_and_macs();
    plan.masters();
    plan.admin_states();
    plan.addresses();
    plan.routes();
    plan.resolv_conf();
    if rest == Rest::Goes {
        plan.take_away();
    }
    match plan.obstacles.is_empty() {
        true => Ok(plan.changes),
        false => Err(plan.obstacles),
    }
}

/// A plan in the making.
struct Plan<'a> {
    want: &'a State,
    have: &'a State,
    journal: &'a Journal,
    rest: Rest,
    /// The links as they will be after the changes so far.
    now: Vec<Link>,
    /// The links whose addresses and routes the changes so far take away.
    lost: BTreeSet<LinkAt>,
    changes: Vec<Change>,
    obstacles: Vec<Obstacle>,
}

impl Plan<'_> {
    fn change(&mut self, step: Step, asked: Option<Arc<Asked>>) {
        self.changes.push(Change { step, asked });
    }

    fn obstacle(&mut self, asked: &Option<Arc<Asked>>, wrong: String, remedy: &str) {
        let (asked, remedy) = (asked.clone(), remedy.to_string());
        self.obstacles.push(Obstacle {
            asked,
            wrong,
            remedy,
        });
    }

    fn now(&self, link: &LinkAt) -> Option<&Link> {
        self.now
            .iter()
            .find(|l| l.at == link.at && l.name.value == link.name)
    }

    /// Note that a link is gone, with all that hangs on it.
    fn gone(&mut self, link: &LinkAt) {
        self.now.retain(|l| l.link_at() != *link);
        self.lost.insert(link.clone());
    }

    /// Note that a link is there as the kernel makes it, or leaves it after a move.
    fn fresh(&mut self, link: &Link, at: Where) {
        let bare = Link {
            at,
            master: None,
            up: Some(false),
            addresses: Vec::new(),
            ..link.clone()
        };
        self.now.push(bare);
    }

    fn netns(&mut self) {
        if self.want.netns && !self.have.netns {
            self.change(Step::AddNetns, None);
        }
    }

    fn links(&mut self) {
        let want = self.want;
        for link in &want.links {
            match &link.kind {
                Kind::Loopback => self.loopback(link),
                Kind::Physical => self.physical(link),
                // Its inside end makes both
                Kind::Veth { .. } if link.at != Where::Inside => {}
                _ => self.made(link),
            }
        }
    }

    fn loopback(&mut self, link: &Link) {
        if self.now(&link.link_at()).is_none() {
            self.fresh(link, link.at.clone());
        }
    }

    /// A link that is never made, but brought from the other side.
    fn physical(&mut self, link: &Link) {
        let there = link.link_at();
        let other = if link.at == Where::Host {
            Where::Inside
        } else {
            Where::Host
        };
        let from = LinkAt {
            at: other,
            name: there.name.clone(),
        };
        // On its way back, the name on the host can be somebody else's by now
        let is_there = self.now(&there).is_some();
        match self.now(&from).cloned() {
            _ if is_there && link.at == Where::Inside => {}
            Some(_) if is_there => self.obstacle(
                &link.name.asked,
                format!(
                    "{} cannot go back to the host: there is another {}",
                    from.name, from.name
                ),
                "rename the one on the host with ip link set, and try again",
            ),
            Some(moved) => {
                self.change(
                    Step::MoveLink(from.clone(), link.at.clone()),
                    link.name.asked.clone(),
                );
                self.gone(&from);
                self.fresh(&moved, link.at.clone());
            }
            None if is_there || link.at == Where::Host => {}
            None => self.obstacle(
                &link.name.asked,
                format!("the host has no link {}", there.name),
                "plug it in or load its driver, or correct the name; ip link lists those there are",
            ),
        }
    }

    /// A link that we make where it is to be.
    fn made(&mut self, link: &Link) {
        let peer = self.peer(link).cloned();
        let ends: Vec<&Link> = std::iter::once(link).chain(&peer).collect();
        let there = |p: &Self, end: &Link| {
            p.now(&end.link_at())
                .is_some_and(|l| fits(&end.kind, &l.kind))
        };
        if ends.iter().all(|end| there(self, end)) || !self.has_parent(link) {
            return;
        }
        for end in &ends {
            self.clear(end);
        }
        let step = Step::AddLink {
            link: Box::new(link.clone()),
            peer: peer.clone().map(Box::new),
        };
        self.change(step, link.name.asked.clone());
        for end in ends {
            self.fresh(end, end.at.clone());
        }
    }

    /// The other end of a veth that is wanted.
    fn peer(&self, link: &Link) -> Option<&Link> {
        match &link.kind {
            Kind::Veth { peer: Some(peer) } => self.want.link(&peer.at, &peer.name),
            _ => None,
        }
    }

    fn has_parent(&mut self, link: &Link) -> bool {
        let Kind::Macvlan { parent, .. } = &link.kind else {
            return true;
        };
        let there = self.now(parent).is_some();
        if !there {
            self.obstacle(
                &link.name.asked,
                format!("there is no link {parent}, which {} lies on", link.name),
                "start what makes it first, or correct link_IF",
            );
        }
        there
    }

    /// Take away what has a link's name and is not that link, where we may.
    fn clear(&mut self, link: &Link) {
        let there = link.link_at();
        let Some(other) = self.now(&there).cloned() else {
            return;
        };
        let ours = self.journal.made.link(&there.at, &there.name).is_some();
        if other.kind == Kind::Physical || !(ours || link.at == Where::Inside) {
            return self.obstacle(
                &link.name.asked,
                format!("there is another link {there}, which is not ours to delete"),
                "choose another name, or delete or rename that link",
            );
        }
        self.change(Step::DelLink(there.clone()), link.name.asked.clone());
        self.gone(&there);
        if let Kind::Veth { peer: Some(peer) } = other.kind {
            self.gone(&peer);
        }
    }

    fn sizes_and_macs(&mut self) {
        let want = self.want;
        for link in &want.links {
            let there = link.link_at();
            let Some(now) = self.now(&there).cloned() else {
                continue;
            };
            let mtu = link.mtu.clone().or_else(|| self.mtu_as_before(&now));
            if let Some(mtu) = mtu.filter(|mtu| now.mtu.as_ref() != Some(mtu)) {
                self.change(Step::SetMtu(there.clone(), mtu.value), mtu.asked);
            }
            let mac = link.mac.clone().or_else(|| self.mac_as_before(&now));
            if let Some(mac) = mac.filter(|mac| now.mac.as_ref() != Some(mac)) {
                self.change(Step::SetMac(there.clone(), mac.value), mac.asked);
            }
        }
    }

    /// What is no longer asked for is as the kernel has it: of a link we made, 1500, or
    /// as the link below.
    fn mtu_as_before(&self, now: &Link) -> Option<At<u32>> {
        let ours = self.journal.made.link(&now.at, &now.name.value)?;
        let goes = self.rest == Rest::Goes && ours.mtu.is_some() && ours.mtu == now.mtu;
        let before = self.journal.before.link(&Where::Host, &now.name.value);
        match (&ours.kind, before) {
            _ if !goes => None,
            (Kind::Physical, Some(before)) => before.mtu.clone(),
            (Kind::Veth { .. } | Kind::Bridge | Kind::Dummy, _) => Some(At::nobody(1500)),
            (Kind::Macvlan { parent, .. }, _) => self.now(parent)?.mtu.clone(),
            _ => None,
        }
    }

    fn mac_as_before(&self, now: &Link) -> Option<At<crate::model::Mac>> {
        let ours = self.journal.made.link(&now.at, &now.name.value)?;
        let goes = self.rest == Rest::Goes && ours.mac.is_some() && ours.mac == now.mac;
        let before = self.journal.before.link(&Where::Host, &now.name.value)?;
        before
            .mac
            .clone()
            .filter(|_| goes && ours.kind == Kind::Physical)
    }

    fn masters(&mut self) {
        let want = self.want;
        for link in &want.links {
            let (there, Some(master)) = (link.link_at(), &link.master) else {
                continue;
            };
            let Some(now) = self.now(&there) else {
                continue;
            };
            if now.master.as_ref() == Some(master) {
                continue;
            }
            let bridge = LinkAt {
                at: link.at.clone(),
                name: master.value.clone(),
            };
            if self.now(&bridge).is_none() {
                self.obstacle(
                    &master.asked,
                    format!(
                        "there is no link {bridge}, which {} is to belong to",
                        link.name
                    ),
                    "start what makes it first, or correct its name",
                );
                continue;
            }
            let step = Step::SetMaster(there, Some(master.value.clone()));
            self.change(step, master.asked.clone());
        }
    }

    fn admin_states(&mut self) {
        let want = self.want;
        for link in &want.links {
            let (there, Some(up)) = (link.link_at(), link.up) else {
                continue;
            };
            if self.now(&there).is_some_and(|now| now.up != Some(up)) {
                self.change(Step::SetUp(there, up), link.name.asked.clone());
            }
        }
    }

    fn addresses(&mut self) {
        let want = self.want;
        for link in &want.links {
            let there = link.link_at();
            let Some(now) = self.now(&there).cloned() else {
                continue;
            };
            for address in link.addresses.iter().filter(|a| !now.addresses.contains(a)) {
                // IPv6 knows an address once a link, whatever its prefix
                let ip = address.value.ip();
                let other = now
                    .addresses
                    .iter()
                    .find(|a| ip.is_ipv6() && a.value.ip() == ip);
                if let Some(other) = other {
                    let step = Step::DelAddress(there.clone(), other.value);
                    self.change(step, address.asked.clone());
                }
                let step = Step::AddAddress(there.clone(), address.value);
                self.change(step, address.asked.clone());
            }
        }
    }

    fn routes(&mut self) {
        let want = self.want;
        let mut routes: Vec<_> = want
            .routes
            .iter()
            .filter(|r| !self.stands(&r.value))
            .collect();
        routes.sort_by_key(|route| needs(&route.value));
        for route in routes {
            if self.want_lost(&route.value) {
                continue;
            }
            let other =
                self.have.routes.iter().any(|have| {
                    have.value.key() == route.value.key() && !self.is_lost(&have.value)
                });
            let step = match other {
                true => Step::ReplaceRoute(route.value.clone()),
                false => Step::AddRoute(route.value.clone()),
            };
            self.change(step, route.asked.clone());
        }
    }

    /// This very route is there, and stays.
    fn stands(&self, route: &Route) -> bool {
        self.have.routes.iter().any(|have| have.value == *route) && !self.is_lost(route)
    }

    /// The kernel has taken the route away, or will, with its link.
    fn is_lost(&self, route: &Route) -> bool {
        let on = |dev: &LinkName| LinkAt {
            at: route.at.clone(),
            name: dev.clone(),
        };
        route
            .dev
            .as_ref()
            .is_some_and(|dev| self.lost.contains(&on(dev)))
    }

    /// The link of the route is not there: of a NIC that was pulled out, there is
    /// nothing to give back to the host.
    fn want_lost(&self, route: &Route) -> bool {
        let on = |dev: &LinkName| LinkAt {
            at: route.at.clone(),
            name: dev.clone(),
        };
        route
            .dev
            .as_ref()
            .is_some_and(|dev| self.now(&on(dev)).is_none())
    }

    fn resolv_conf(&mut self) {
        let want = self.want;
        if let Some(text) = &want.resolv_conf
            && self.have.resolv_conf.as_ref() != Some(text)
        {
            self.change(
                Step::WriteResolvConf(text.value.clone()),
                text.asked.clone(),
            );
        }
    }
}

/// A link that is there is the one that is wanted, or can be made it without making it
/// anew.
pub(crate) fn fits(want: &Kind, have: &Kind) -> bool {
    *want == Kind::Physical || want == have
}

/// The kernel refuses a gateway that it cannot reach yet: what lies on a link first,
/// the default routes last.
fn needs(route: &Route) -> u8 {
    match (route.via, route.dst.prefix_len()) {
        (None, _) => 0,
        (Some(_), 1..) => 1,
        (Some(_), 0) => 2,
    }
}
