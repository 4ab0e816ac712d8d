//! The second look at the caller's connections, after the changes: whether the kernel still routes
//! them as before. Policy rules, routes, sysctls, masters and addresses act together. So the kernel
//! is asked, and nothing is computed from the settings.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::message::{allow, whose};
use crate::kernel::{Hop, Kernel};
use crate::model::Netns;
use crate::model::build::Want;
use crate::name::NetnsName;
use crate::setup::Call;
use crate::system::login::Callers;
use crate::system::sockets::Connection;

/// How long to wait until the connection is routed as before. The kernel adds routes of IPv6 in the
/// background, and a NIC can lose its carrier for a moment.
const SETTLE: Duration = Duration::from_secs(3);

/// Interval at which the routes are compared.
const INTERVAL: Duration = Duration::from_millis(50);

/// How the caller's connections are routed. Empty if the guard does not protect them.
#[derive(Default)]
pub struct Ways {
    connections: Vec<(Connection, Vec<Hop>)>,
    is_others: bool,
}

impl Ways {
    /// How the connections are routed now.
    pub(super) fn of(callers: &Callers, name: &NetnsName) -> Self {
        let mut kernel = Kernel::new(name.clone());
        let connections = callers.connections.iter();
        let connections = connections.filter_map(|connection| {
            let path = kernel.path(connection).ok()?;
            Some((*connection, path.hops))
        });
        Ways {
            connections: connections.collect(),
            is_others: callers.anybody,
        }
    }

    /// Check that they are routed as before. The lines of the error are the message.
    pub fn check(&self, call: &Call, want: &Want) -> Result<(), Vec<String>> {
        let until = Instant::now() + SETTLE;
        loop {
            let Some((connection, before, now)) = self.changed(want) else {
                return Ok(());
            };
            if Instant::now() >= until {
                return Err(self.lines(call, want, connection, (before, now.as_ref())));
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
        want: &Want,
        Connection {
            local, peer, port, ..
        }: &Connection,
        (before, now): (&Hop, Option<&Hop>),
    ) -> Vec<String> {
        let name = &want.name;
        let at = match &before.netns {
            Netns::This => format!("in {name}"),
            Netns::Host => "on the host".into(),
            Netns::Named(other) => format!("in {other}"),
        };
        let what = match now {
            None => "its address is gone".into(),
            Some(now) if now.outward != before.outward => format!(
                "packets to {peer} had the route {:?}, and now {:?}",
                before.outward.to_string(),
                now.outward.to_string()
            ),
            Some(now) => format!(
                "packets from {peer} had the route {:?}, and now {:?}",
                before.inward.to_string(),
                now.inward.to_string()
            ),
        };
        let whose = whose(self.is_others);
        vec![
            format!("{name}: it cut {whose} from {peer} port {port} to {local}: {at}, {what}"),
            format!(
                "type netns-setup try {name} --within 60, which undoes it unless you confirm it; or {}",
                allow(call, name, self.is_others)
            ),
        ]
    }
}
