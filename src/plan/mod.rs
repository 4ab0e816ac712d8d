//! The changes between the current state and the wanted state. Pure: this module reads neither the
//! kernel nor files, and keeps no state but the journal that it is given.
//!
//! The changes come in the order that the kernel accepts, and in which nothing is reachable from
//! the network before it is complete: the namespace, its sysctls, the links that are created or
//! moved, masters, firewall rules, then link up (`lo` first), addresses, routes, policy rules. What
//! the settings no longer list is removed last, so that traffic over the rest is not interrupted.

mod address;
mod attach;
mod change;
mod command;
mod dhcp;
mod firewall;
mod host_routes;
mod journal;
mod link;
mod linked_netns;
mod nat;
mod remove;
mod route;
mod rule;
mod satisfied;
mod sysctl;
mod undo;
mod wireguard;

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::model::{DeviceId, Kind, Link, LinkRef, Netns, State, VerbatimKind};
use crate::name::LinkName;
use crate::source::Origin;
use link::bridge_port;

pub use change::{Change, Step};
pub use journal::{Journal, Loading};
pub use link::match_device::{name_devices, needs_devices};
pub use link::move_in::missing_device;
pub use route::replaced_default;
pub use satisfied::satisfied;
pub use undo::as_it_was;

/// Why a setting cannot be applied now. Trying again later may help (exit code 111).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The setting that cannot be applied.
    pub origin: Option<Arc<Origin>>,
    /// What prevents it.
    pub wrong: String,
    /// A hint how to solve it.
    pub remedy: String,
    /// The device that is not on the host, if that is the obstacle.
    pub missing: Option<MissingDevice>,
}

/// A device that is not on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissingDevice {
    /// By its name on the host.
    Named(LinkName),
    /// By the properties that the settings give.
    Known(DeviceId),
}

/// Two lines, as for [`crate::source::Problem`].
impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(asked) = &self.origin {
            write!(f, "{}: {}: ", asked.place, asked.setting)?;
        }
        write!(f, "{}\n{}", self.wrong, self.remedy)
    }
}

/// What happens to things that the settings do not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extras {
    /// They stay: `up`.
    Keep,
    /// Those that the journal lists as ours are removed: `reload`, `down`, an undo.
    Remove,
}

/// The changes that turn `have` into `want`. Whatever `journal` does not list belongs to others,
/// and is changed only if it conflicts with a setting. `plan(x, x, …)` is empty.
pub fn plan(
    want: &State,
    have: &State,
    journal: &Journal,
    rest: Extras,
) -> Result<Vec<Change>, Vec<Obstacle>> {
    match plan_what_can_be(want, have, journal, rest) {
        (changes, obstacles) if obstacles.is_empty() => Ok(changes),
        (_, obstacles) => Err(obstacles),
    }
}

/// As [`plan`], for an undo: returns the changes that are possible even if there are obstacles to
/// others.
pub fn plan_what_can_be(
    want: &State,
    have: &State,
    journal: &Journal,
    rest: Extras,
) -> (Vec<Change>, Vec<Obstacle>) {
    let want = journal.without_gone(want, have);
    let mut plan = Plan::begin(&want, have, journal, rest);
    plan.netns();
    plan.table();
    plan.take_clients();
    plan.sysctls();
    plan.others();
    if rest == Extras::Remove {
        plan.take_links_of_host();
    }
    plan.links();
    plan.altnames();
    plan.options();
    plan.attributes();
    plan.sysctls_of_links();
    plan.masters();
    plan.ports();
    plan.vlans();
    plan.wireguards();
    plan.rules();
    plan.admin_states();
    plan.addresses();
    plan.restore_verbatim(&[VerbatimKind::Nexthop]);
    plan.routes();
    plan.restore_verbatim(&[VerbatimKind::Route, VerbatimKind::Neighbour]);
    plan.policy();
    plan.clients();
    plan.resolv_conf();
    plan.endpoints();
    if rest == Extras::Remove {
        plan.take_away();
    }
    (plan.changes, plan.obstacles)
}

/// The links of others that would be deleted with those of ours that the wanted state does not list.
pub fn of_others_on_top(want: &State, have: &State, journal: &Journal) -> Vec<LinkRef> {
    let plan = Plan::begin(want, have, journal, Extras::Remove);
    let ours = plan.our_links_that_go();
    let others = ours.iter().flat_map(|link| plan.others_on_top(link));
    let others: BTreeSet<LinkRef> = others.map(|(other, _)| other).collect();
    others.into_iter().collect()
}

/// A plan under construction.
struct Plan<'a> {
    want: &'a State,
    have: &'a State,
    journal: &'a Journal,
    rest: Extras,
    /// The links as they will be after the changes so far.
    now: Vec<Link>,
    /// The links whose addresses and routes are removed by the changes so far.
    lost: BTreeSet<LinkRef>,
    /// The links that have lost their last IPv4 address, and with it their IPv4 routes.
    bare: BTreeSet<LinkRef>,
    /// The addresses that a namespace has lost. The routes with such a source address are lost too.
    lost_sources: BTreeSet<(Netns, IpAddr)>,
    changes: Vec<Change>,
    obstacles: Vec<Obstacle>,
}

impl<'a> Plan<'a> {
    fn begin(want: &'a State, have: &'a State, journal: &'a Journal, rest: Extras) -> Self {
        Plan {
            want,
            have,
            journal,
            rest,
            now: have.links.clone(),
            lost: BTreeSet::new(),
            bare: BTreeSet::new(),
            lost_sources: BTreeSet::new(),
            changes: Vec::new(),
            obstacles: Vec::new(),
        }
    }

    fn change(&mut self, step: Step, asked: Option<Arc<Origin>>) {
        self.changes.push(Change::new(step, asked));
    }

    fn obstacle(&mut self, asked: &Option<Arc<Origin>>, wrong: String, remedy: &str) {
        let (asked, remedy) = (asked.clone(), remedy.to_string());
        self.add_obstacle(Obstacle {
            origin: asked,
            wrong,
            remedy,
            missing: None,
        });
    }

    fn add_obstacle(&mut self, obstacle: Obstacle) {
        // Links that are moved or deleted together are checked one by one, and may report the same
        // obstacle
        if !self
            .obstacles
            .iter()
            .any(|known| known.wrong == obstacle.wrong)
        {
            self.obstacles.push(obstacle);
        }
    }

    fn now(&self, link: &LinkRef) -> Option<&Link> {
        self.now
            .iter()
            .find(|l| l.netns == link.netns && l.name.value == link.name)
    }

    fn now_mut(&mut self, link: &LinkRef) -> Option<&mut Link> {
        self.now
            .iter_mut()
            .find(|l| l.netns == link.netns && l.name.value == link.name)
    }

    /// Note that a link is gone, with its addresses and routes.
    fn gone(&mut self, link: &LinkRef) {
        self.now.retain(|l| l.link_at() != *link);
        self.lost.insert(link.clone());
    }

    /// Note that a link is deleted, and with it its peer and the links on top of it.
    fn deleted(&mut self, link: &LinkRef) {
        let mut others = self.upper_of_pair(link);
        others.extend(self.peer_now(link));
        self.gone(link);
        others.iter().for_each(|other| self.gone(other));
    }

    /// The other end of a veth that exists, if its namespace was looked at.
    fn peer_now(&self, link: &LinkRef) -> Option<LinkRef> {
        self.now(link).and_then(|now| match &now.kind {
            Kind::Veth { peer } => peer.clone(),
            _ => None,
        })
    }

    /// The links on top of this one and, if it is a veth, on top of its peer.
    fn upper_of_pair(&self, link: &LinkRef) -> Vec<LinkRef> {
        let mut upper = self.upper(link);
        upper.extend(self.peer_now(link).iter().flat_map(|peer| self.upper(peer)));
        upper
    }

    /// The links that the kernel deletes together with this one, those on top first.
    fn upper(&self, link: &LinkRef) -> Vec<LinkRef> {
        let is_on = |now: &&Link| now.kind.goes_with().as_ref() == Some(link);
        let on = self.now.iter().filter(is_on).map(Link::link_at);
        on.flat_map(|on| [self.upper(&on), vec![on]].concat())
            .collect()
    }

    /// Note that a link is down. The kernel then removes its routes and its IPv6 addresses.
    fn is_down(&mut self, link: &LinkRef) {
        self.lost.insert(link.clone());
        if let Some(now) = self.now_mut(link) {
            now.up = Some(false);
            now.addresses.retain(|address| address.value.ip().is_ipv4());
        }
    }

    /// Note that a link exists as the kernel creates it, or leaves it after a move.
    fn fresh(&mut self, link: &Link, at: Netns) {
        let bare = Link {
            netns: at,
            master: None,
            port: None,
            vlans: bridge_port::begins(bridge_port::is_bridge(link)),
            up: Some(false),
            addresses: Vec::new(),
            wireguard: None,
            index: None,
            ..link.clone()
        };
        self.now.push(bare);
    }

    fn netns(&mut self) {
        if self.want.exists && !self.have.exists {
            match &self.want.attached {
                Some(from) => self.change(Step::Attach(from.value.clone()), from.origin.clone()),
                None => self.change(Step::AddNetns, None),
            }
        }
    }

    fn resolv_conf(&mut self) {
        let (want, have) = (self.want, self.have);
        let differs = want.resolv_conf != have.resolv_conf;
        if let Some(text) = want.resolv_conf.as_ref().filter(|_| differs) {
            self.change(
                Step::WriteResolvConf(text.value.clone()),
                text.origin.clone(),
            );
        }
    }
}
