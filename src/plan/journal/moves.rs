//! The journal's entries for NICs that were moved in: their state on the host, and how it is
//! restored.

use std::borrow::Cow;

use crate::model::{Address, Kind, Link, LinkRef, Netns, Phy, Route, State, Sysctl, SysctlKey};
use crate::name::LinkName;
use crate::plan::{Journal, Step};
use crate::source::Sourced;

impl Step {
    /// The links that the step moves to another namespace, as pairs of the old and the new place
    /// and name.
    pub fn ways(&self) -> Vec<(&LinkRef, &LinkRef)> {
        match self {
            Step::MoveLink(link, to) => vec![(link, to)],
            Step::MovePhy(_, ways) => ways.iter().map(|(link, to)| (link, to)).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether the step, in `down`, restores something on the host beside the link itself.
    pub fn is_return(&self) -> bool {
        let at = match self {
            Step::AddRoute(route) | Step::ReplaceRoute(route) => &route.netns,
            Step::SetAttribute(link, _)
            | Step::SetMaster(link, Some(_))
            | Step::SetPort(link, _)
            | Step::AddAltname(link, _)
            | Step::AddAddress(link, _)
            | Step::SetUp(link, _) => &link.netns,
            Step::SetSysctl(sysctl) if sysctl.optional => &sysctl.netns,
            Step::RestoreVerbatim(_) => return true,
            _ => return false,
        };
        *at == Netns::Host
    }
}

impl Journal {
    /// `want`, and in addition the links that were moved away from the host and are not wanted
    /// inside. They go back as they were, or bare (without addresses, routes and master).
    pub fn with_returns(&self, mut want: State) -> State {
        let is_bare = want.bare.or(self.ours.bare).unwrap_or(false);
        for link in &self.before.links {
            if want.link(&Netns::This, link.other_name()).is_none() {
                want.links
                    .push(if is_bare { bare(link) } else { link.clone() });
            }
        }
        let goes = |link: &&Link| want.link(&Netns::Host, &link.name.value).is_some();
        let back: Vec<&Link> = self.before.links.iter().filter(goes).collect();
        if !is_bare {
            let comes = |route: &&Sourced<Route>| back.iter().any(|link| route.value.needs(link));
            let routes = self.before.routes.iter().filter(comes);
            want.routes.extend(routes.cloned());
            let kept = self.before.verbatim.iter();
            let kept = kept.filter(|kept| back.iter().any(|link| link.name.value == kept.link));
            want.verbatim.extend(kept.cloned());
        }
        let of = |key: &SysctlKey| {
            back.iter()
                .any(|l| key.link() == Some(l.name.value.as_str()))
        };
        for Sourced { value, .. } in &self.before.sysctls {
            let asked = want.sysctl(&value.netns, &value.key).is_some();
            if value.netns == Netns::Host && of(&value.key) && !asked {
                want.sysctls.push(Sourced::without_origin(Sysctl {
                    optional: true,
                    ..value.clone()
                }));
            }
        }
        want
    }

    /// A NIC that the kernel has moved back to the host, because another program deleted the
    /// namespace, and that does not have its own name. `None` as long as the journal has it inside:
    /// if it is on the host nevertheless, it was unplugged and plugged in again.
    pub fn moved_back<'a>(&self, before: &Link, links: &'a [Link]) -> Option<&'a Link> {
        let is_inside = self.ours.link(&Netns::This, before.other_name()).is_some();
        let back = before.moved_back_in(links);
        back.filter(|_| !is_inside)
    }

    /// The NICs of the journal that are neither inside nor on the host. Another device may have the
    /// name of such a NIC now.
    pub fn gone<'a>(&'a self, have: &'a State) -> impl Iterator<Item = &'a Link> {
        self.before.links.iter().filter(|before| {
            let there = have.link(&Netns::Host, &before.name.value);
            there.is_none_or(|there| before.is_other_device(there))
                && have.link(&Netns::This, before.other_name()).is_none()
                && self.moved_back(before, &have.links).is_none()
        })
    }

    /// What the host had on a NIC and does not get back if that is gone.
    pub fn lost_with(&self, link: &Link) -> Vec<Step> {
        if self.ours.bare == Some(true) {
            return Vec::new();
        }
        let addresses = link.addresses.iter().map(|address| &address.value);
        let addresses = addresses.filter(|address| !address.is_kernels());
        let addresses = addresses.map(|address| Step::AddAddress(link.link_at(), *address));
        let routes = self.before.routes.iter().map(|route| &route.value);
        let routes = routes.filter(|route| route.needs(link));
        let routes = routes.map(|route| Step::AddRoute(route.clone()));
        addresses.chain(routes).collect()
    }

    /// `want` without what the host had on a NIC that is gone.
    pub fn without_gone<'a>(&self, want: &'a State, have: &State) -> Cow<'a, State> {
        let gone: Vec<&Link> = self.gone(have).collect();
        if gone.is_empty() {
            return Cow::Borrowed(want);
        }
        let is_of_gone = |name: &str| gone.iter().any(|link| link.name.value.as_str() == name);
        let mut want = want.clone();
        want.links
            .retain(|link| link.netns != Netns::Host || !is_of_gone(link.name.value.as_str()));
        want.routes.retain(|route| {
            let route = &route.value;
            route.netns != Netns::Host || !gone.iter().any(|link| route.needs(link))
        });
        want.verbatim.retain(|kept| !is_of_gone(kept.link.as_str()));
        want.sysctls.retain(|Sourced { value, .. }| {
            value.netns != Netns::Host || !value.key.link().is_some_and(is_of_gone)
        });
        Cow::Owned(want)
    }

    /// Note that the state is as wanted. Forgets what has been given back to the host, so that it
    /// is not given back again. Returns whether there was anything to forget.
    pub fn forget_given_back(&mut self, want: &State) -> bool {
        let noted = how_many(&self.before);
        let ours = &self.ours.sysctls;
        let State {
            links,
            routes,
            verbatim: kept,
            sysctls,
            ..
        } = &mut self.before;
        links.retain(|link| want.link(&Netns::This, link.other_name()).is_some());
        routes.retain(|route| links.iter().any(|link| route.value.needs(link)));
        let inside = |name: &str| links.iter().any(|l| l.name.value.as_str() == name);
        kept.retain(|kept| inside(kept.link.as_str()));
        sysctls.retain(|Sourced { value, .. }| {
            let mut ours = ours.iter().map(|ours| &ours.value);
            let set =
                ours.any(|m| m.key == value.key || m.key.of_all().as_ref() == Some(&value.key));
            value.netns != Netns::Host || set || value.key.link().is_some_and(inside)
        });
        how_many(&self.before) != noted
    }

    /// Whether a route of the host belongs to the host itself, unchanged or trimmed.
    pub(crate) fn is_hosts(&self, route: &Route) -> bool {
        let of_ours = |name: &LinkName| {
            let made = self.ours.link(&route.netns, name);
            made.is_some_and(|made| made.kind.spec().is_some())
        };
        let mut known = self.before.routes.iter();
        known.any(|before| before.value.key() == route.key()) && !route.links().any(of_ours)
    }

    /// Note the original of a route of the host before a trimmed one replaces it.
    pub(crate) fn note_trimmed_route(&mut self, left: &Route, have: &State) {
        let mut there = have.routes.iter();
        let whole = there.find(|r| left.key() == r.value.key() && left.is_left_of(&r.value));
        if !self.is_hosts(left) {
            self.before.routes.extend(whole.cloned());
        }
    }

    /// Set, for the NICs inside, their name on the host and their phy, as the journal has them.
    pub fn recall(&self, have: &mut State) {
        for link in have.links.iter_mut().filter(|l| l.netns == Netns::This) {
            let before = self.before.inside(&link.name.value);
            link.other = before.and_then(|before| before.differs(&link.name.value));
            if let Some(before) = before.filter(|before| before.kind == Kind::Wireless) {
                link.kind = Kind::Wireless;
                link.phy = before.phy.clone();
            }
        }
    }

    pub(crate) fn note_moves(&mut self, ways: &[(&LinkRef, &LinkRef)], have: &State) {
        for (link, to) in ways.iter().filter(|(_, to)| to.netns == Netns::This) {
            self.note_move(link, to, have);
        }
    }

    /// Note the state of a NIC before it is moved in. If it was noted under another name on the
    /// host, that entry is removed: the NIC was unplugged and plugged in again. But if the kernel has
    /// moved it back, because another program deleted the namespace, the host has not got back yet
    /// what is noted.
    fn note_move(&mut self, link: &LinkRef, to: &LinkRef, have: &State) {
        let Some(was) = have.link(&link.netns, &link.name) else {
            return;
        };
        self.own_link(to).kind = Kind::Physical;
        if let Some(before) = self.before.inside(&to.name) {
            let name = before.name.value.clone();
            if name == link.name || before.names_moved_back().contains(&link.name) {
                return;
            }
            self.before.links.retain(|l| l.name.value != name);
            let on = |r: &Sourced<Route>| r.value.dev.as_ref() == Some(&name);
            self.before.routes.retain(|r| !on(r));
        }
        self.before.links.push(Link {
            kind: match was.kind {
                Kind::Wireless => Kind::Wireless,
                _ => Kind::Physical,
            },
            phy: was.phy.clone().map(|phy| Phy {
                links: Vec::new(),
                ..phy
            }),
            other: (to.name != link.name).then(|| to.name.clone()),
            wireguard: None,
            addresses: in_order(&was.addresses),
            ..was.clone()
        });
        let lost = |r: &&Sourced<Route>| {
            let route = &r.value;
            let ours = self
                .before
                .routes
                .iter()
                .any(|b| b.value.key() == route.key());
            let comes = ours || route.comes_with(was) || !route.is_said_whole();
            route.netns == link.netns && route.needs(was) && !comes
        };
        let lost: Vec<_> = have.routes.iter().filter(lost).cloned().collect();
        self.before.routes.extend(lost);
        let own = have.verbatim.iter().filter(|kept| kept.link == link.name);
        self.before.verbatim.retain(|kept| kept.link != link.name);
        self.before.verbatim.extend(own.cloned());
        for Sourced { value, .. } in &have.sysctls {
            let own = value.netns == Netns::Host && value.key.link() == Some(link.name.as_str());
            if own && self.before.sysctl(&value.netns, &value.key).is_none() {
                self.before
                    .sysctls
                    .push(Sourced::without_origin(value.clone()));
            }
        }
    }
}

/// The number of entries about the host.
fn how_many(before: &State) -> usize {
    before.links.len() + before.routes.len() + before.verbatim.len() + before.sysctls.len()
}

/// The link without what a network manager configures on it. It is up if it was up before: a
/// manager that did not notice its short absence would not bring it up.
fn bare(link: &Link) -> Link {
    Link {
        addresses: Vec::new(),
        master: None,
        port: None,
        vlans: Vec::new(),
        ..link.clone()
    }
}

/// The order in which addresses must be added to get this order in the kernel, which puts each new
/// IPv6 address before the others.
fn in_order(told: &[Sourced<Address>]) -> Vec<Sourced<Address>> {
    let (mut all, v6): (Vec<_>, Vec<_>) =
        told.iter().cloned().partition(|a| a.value.ip().is_ipv4());
    all.extend(v6.into_iter().rev());
    all
}
