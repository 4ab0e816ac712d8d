//! The second look at the caller's connections, after the changes: whether the kernel still routes
//! them as before. Policy rules, routes, sysctls, masters and addresses act together. So the kernel
//! is asked, and nothing is computed from the settings.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::answers::{CARRIER, is_answered, unanswered};
use super::message::{allow, whose};
use crate::kernel::{Hop, Kernel};
use crate::model::build::Want;
use crate::model::{LinkRef, Netns};
use crate::name::NetnsName;
use crate::setup::Call;
use crate::system::login::Callers;
use crate::system::sockets::Connection;

/// How long to wait until the connection is routed as before. The kernel adds routes of IPv6 in the
/// background.
const SETTLE: Duration = Duration::from_secs(3);

/// Interval at which the routes are compared.
const INTERVAL: Duration = Duration::from_millis(50);

/// How the caller's connections are routed, and which of them are answered. Empty if the guard does
/// not protect them.
#[derive(Default)]
pub struct Ways {
    connections: Vec<(Connection, Vec<Hop>)>,
    answered: Vec<Connection>,
    /// The links with a carrier that the connections use.
    with_carrier: BTreeSet<LinkRef>,
    is_others: bool,
}

impl Ways {
    /// How the connections are routed now, and which are answered.
    pub(super) fn of(callers: &Callers, name: &NetnsName) -> Self {
        let mut kernel = Kernel::new(name.clone());
        let mut links = BTreeSet::new();
        let connections = callers.connections.iter();
        let connections = connections.filter_map(|connection| {
            let path = kernel.path(connection).ok()?;
            links.extend(path.links);
            Some((*connection, path.hops))
        });
        let connections = connections.collect();
        // What this call prints does not reach everybody who is logged in
        let mine = callers.connections.iter().filter(|_| !callers.anybody);
        let answered = mine.copied().filter(is_answered);
        links.retain(|link| matches!(kernel.carrier(link), Ok(Some(true))));
        Ways {
            connections,
            answered: answered.collect(),
            with_carrier: links,
            is_others: callers.anybody,
        }
    }

    /// Check that they are routed as before, and still answered. The lines of the error are the
    /// message.
    pub fn check(&self, call: &Call, want: &Want) -> Result<(), Vec<String>> {
        let had_carrier = self.check_routes(call, want)?;
        let lacks_carrier = || self.lacks_carrier(&want.name);
        match unanswered(&self.answered, had_carrier, lacks_carrier) {
            None => Ok(()),
            Some(connection) => {
                let what = "the other end has acknowledged nothing since then";
                Err(self.lines(call, &want.name, connection, what))
            }
        }
    }

    /// Whether a link has lost its carrier, as a NIC does while its driver restarts it.
    fn lacks_carrier(&self, name: &NetnsName) -> bool {
        let mut kernel = Kernel::new(name.clone());
        let mut links = self.with_carrier.iter();
        links.any(|link| matches!(kernel.carrier(link), Ok(Some(false))))
    }

    /// Check that they are routed as before. Returns false if a link had no carrier for a while: with
    /// the sysctl `ignore_routes_with_linkdown`, its routes do not count then.
    fn check_routes(&self, call: &Call, want: &Want) -> Result<bool, Vec<String>> {
        let begun = Instant::now();
        let mut had_carrier = true;
        loop {
            let Some((connection, before, now)) = self.changed(want) else {
                return Ok(had_carrier);
            };
            let waits = begun.elapsed() < CARRIER && self.lacks_carrier(&want.name);
            had_carrier &= !waits;
            if begun.elapsed() >= SETTLE && !waits {
                let what = other_route(&want.name, connection.peer, before, now.as_ref());
                return Err(self.lines(call, &want.name, connection, &what));
            }
            sleep(INTERVAL);
        }
    }

    /// The first connection that is routed otherwise, the hop that was, and the one that is.
    fn changed(&self, want: &Want) -> Option<(&Connection, &Hop, Option<Hop>)> {
        // A new one: the changes may have replaced the namespace
        let mut kernel = Kernel::new(want.name.clone());
        self.connections.iter().find_map(|(connection, before)| {
            let now = kernel.path(connection).unwrap_or_default().hops;
            let there = |hop: &Hop| now.iter().find(|now| now.netns == hop.netns).cloned();
            let mut both = before.iter().map(|hop| (hop, there(hop))).enumerate();
            // A bridge may have forgotten which port leads to the next namespace
            let lost = both.find(|(at, (hop, now))| match now {
                Some(now) => now != *hop,
                None => *at == 0,
            });
            let (_, (hop, now)) = lost?;
            Some((connection, hop, now))
        })
    }

    fn lines(
        &self,
        call: &Call,
        name: &NetnsName,
        connection: &Connection,
        what: &str,
    ) -> Vec<String> {
        let whose = whose(self.is_others);
        vec![
            format!("{name}: it cut {whose} {connection}: {what}"),
            format!(
                "type netns-setup try {name} --within 60, which undoes it unless you confirm it; or {}",
                allow(call, name, self.is_others)
            ),
        ]
    }
}

/// Where and how a connection is routed otherwise.
fn other_route(name: &NetnsName, peer: IpAddr, before: &Hop, now: Option<&Hop>) -> String {
    let at = match &before.netns {
        Netns::This => format!("in {name}"),
        Netns::Host => "on the host".into(),
        Netns::Named(other) => format!("in {other}"),
    };
    let (packets, was, is) = match now {
        None => return format!("{at}, its address is gone"),
        Some(now) if now.outward != before.outward => ("to", &before.outward, &now.outward),
        Some(now) => ("from", &before.inward, &now.inward),
    };
    format!(
        "{at}, packets {packets} {peer} had the route {:?}, and now {:?}",
        was.to_string(),
        is.to_string()
    )
}
