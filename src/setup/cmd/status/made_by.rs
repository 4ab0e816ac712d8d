//! The origin of an object: netns-setup, the kernel, a DHCP server or others.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;

use crate::model::{Address, DhcpClient, Netns, Route, State};
use crate::name::{LinkName, NetnsName};
use crate::plan::Journal;
use crate::system::dhcp;

/// What made an object, or moved it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum MadeBy {
    Us,
    Kernel,
    /// The DHCP client that netns-setup runs, as the server said.
    Dhcp,
    Others,
}

impl MadeBy {
    pub(super) fn of(ours: bool, kernels: bool) -> Self {
        match (ours, kernels) {
            (true, _) => MadeBy::Us,
            (_, true) => MadeBy::Kernel,
            _ => MadeBy::Others,
        }
    }

    /// What made an address of this link. `ours`: a setting has it.
    pub(super) fn of_address(
        ours: bool,
        name: &NetnsName,
        (link, address): (&LinkName, &Address),
        want: Option<&State>,
    ) -> Self {
        let is_leased = || dhcp::leased(name, link) == Some(address.net);
        let is_advertised = || address.lifetime.is_some() && is_autoconfigured(link, want);
        match address.ip() {
            _ if ours => MadeBy::Us,
            _ if address.is_kernels() => MadeBy::Kernel,
            IpAddr::V4(_) if is_leased() => MadeBy::Dhcp,
            IpAddr::V6(_) if is_advertised() => MadeBy::Kernel,
            _ => MadeBy::Others,
        }
    }

    /// What made a route. `ours`: a setting has it. Those of a DHCP client have its metric.
    pub(super) fn of_route(ours: bool, route: &Route, journal: &Journal) -> Self {
        let mut clients = journal.ours.clients.iter().map(|client| &client.value);
        let is_leased = |client: &DhcpClient| {
            route.dev.as_ref() == Some(&client.link) && route.metric == client.run.metric
        };
        match route.dst {
            _ if ours => MadeBy::Us,
            _ if route.is_kernels() => MadeBy::Kernel,
            IpNet::V4(_) if clients.any(is_leased) => MadeBy::Dhcp,
            _ => MadeBy::Others,
        }
    }
}

/// Whether the settings ask for the addresses that routers advertise.
fn is_autoconfigured(link: &LinkName, want: Option<&State>) -> bool {
    let key = format!("net/ipv6/conf/{link}/autoconf");
    let mut sysctls = want.into_iter().flat_map(|want| &want.sysctls);
    sysctls.any(|sysctl| sysctl.value.netns == Netns::This && sysctl.value.key.path() == key)
}
