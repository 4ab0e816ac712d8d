//! What is wanted and what is there in, the changes between them out. Pure: no kernel,
//! no files, and no memory but the journal it is given.
//!
//! The order is the one in which the kernel accepts it, and in which nothing is open to
//! the network before it is whole: the namespace, its sysctls, each link made or moved,
//! masters, the firewall, then up (`lo` first), addresses, routes, policy rules; what is no longer asked for goes
//! last, so that traffic over what stays is not cut.

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

use crate::model::{Link, LinkRef, Netns, State, VerbatimKind};
use crate::source::Origin;
use link::bridge_port;

pub use change::{Change, Step};
pub use journal::{Journal, Loading};
pub use link::match_device::{name_devices, needs_devices};
pub use route::replaced_default;
pub use satisfied::satisfied;
pub use undo::as_it_was;

/// What stands in the way of what is wanted: trying again may help (exit code 111).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The setting that cannot be met.
    pub origin: Option<Arc<Origin>>,
    /// What is in the way.
    pub wrong: String,
    /// What can be done about it.
    pub remedy: String,
}

/// Two lines, as [`crate::source::Problem`] has them.
impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(asked) = &self.origin {
            write!(f, "{}: {}: ", asked.place, asked.setting)?;
        }
        write!(f, "{}\n{}", self.wrong, self.remedy)
    }
}

/// Whether what is no longer asked for goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extras {
    /// It stays: `up`.
    Keep,
    /// What the journal says we made goes: `reload`, `down`, an undo.
    Remove,
}

/// The changes that make `have` what is wanted. Whatever `journal` does not know of is
/// somebody else's, and is touched only where it stands in the way of a setting.
/// `plan(x, x, …)` is empty.
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

/// As [`plan`], for an undo: what stands in the way of one thing is no reason to leave
/// the others.
pub fn plan_what_can_be(
    want: &State,
    have: &State,
    journal: &Journal,
    rest: Extras,
) -> (Vec<Change>, Vec<Obstacle>) {
    let mut plan = Plan {
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
    };
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

/// A plan in the making.
struct Plan<'a> {
    want: &'a State,
    have: &'a State,
    journal: &'a Journal,
    rest: Extras,
    /// The links as they will be after the changes so far.
    now: Vec<Link>,
    /// The links whose addresses and routes the changes so far take away.
    lost: BTreeSet<LinkRef>,
    /// Those that have lost their last IPv4 address, and with it their IPv4 routes.
    bare: BTreeSet<LinkRef>,
    /// The addresses that a namespace has lost, and with them the routes that have them as
    /// their source.
    lost_sources: BTreeSet<(Netns, IpAddr)>,
    changes: Vec<Change>,
    obstacles: Vec<Obstacle>,
}

impl Plan<'_> {
    fn change(&mut self, step: Step, asked: Option<Arc<Origin>>) {
        self.changes.push(Change::new(step, asked));
    }

    fn obstacle(&mut self, asked: &Option<Arc<Origin>>, wrong: String, remedy: &str) {
        let (asked, remedy) = (asked.clone(), remedy.to_string());
        let obstacle = Obstacle {
            origin: asked,
            wrong,
            remedy,
        };
        // Of links that are moved together, each is asked about
        if !self.obstacles.contains(&obstacle) {
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

    /// Note that a link is gone, with all that hangs on it.
    fn gone(&mut self, link: &LinkRef) {
        self.now.retain(|l| l.link_at() != *link);
        self.lost.insert(link.clone());
    }

    /// Note that a link is down, for which the kernel takes its routes and its IPv6
    /// addresses.
    fn is_down(&mut self, link: &LinkRef) {
        self.lost.insert(link.clone());
        if let Some(now) = self.now_mut(link) {
            now.up = Some(false);
            now.addresses.retain(|address| address.value.ip().is_ipv4());
        }
    }

    /// Note that a link is there as the kernel makes it, or leaves it after a move.
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
        let want = self.want;
        if let Some(text) = &want.resolv_conf
            && self.have.resolv_conf.as_ref() != Some(text)
        {
            self.change(
                Step::WriteResolvConf(text.value.clone()),
                text.origin.clone(),
            );
        }
    }
}
