//! The routes and policy rules of a status: the text that ip(8) takes, and the same by key, as `ip
//! -j` has it.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;

use super::Status;
use super::made_by::MadeBy;
use crate::model::rule::Action;
use crate::model::{Route, Rule};

#[derive(Debug, Serialize)]
pub(super) struct RouteStatus {
    /// The text that ip(8) takes.
    pub route: String,
    pub by: MadeBy,
    r#type: &'static str,
    family: &'static str,
    dst: String,
    gateway: Option<String>,
    dev: Option<String>,
    protocol: String,
    scope: String,
    prefsrc: Option<String>,
    metric: u32,
    table: String,
    /// All ways of a multipath route. Empty if there is only one.
    nexthops: Vec<Nexthop>,
}

#[derive(Debug, Serialize)]
struct Nexthop {
    gateway: Option<String>,
    dev: Option<String>,
    weight: u16,
}

#[derive(Debug, Serialize)]
pub(super) struct RuleStatus {
    /// The text that ip(8) takes.
    pub rule: String,
    pub by: MadeBy,
    family: &'static str,
    priority: Option<u32>,
    /// `all`, or the source network without its prefix length.
    src: String,
    srclen: Option<u8>,
    dst: Option<String>,
    dstlen: Option<u8>,
    fwmark: Option<String>,
    fwmask: Option<String>,
    iif: Option<String>,
    oif: Option<String>,
    /// The table in which the route is looked up.
    table: Option<String>,
}

impl Status {
    /// Whether an address is one of the namespace's own.
    pub fn has_address(&self, ip: IpAddr) -> bool {
        let ip = ip.to_string();
        let mut addresses = self.links.iter().flat_map(|link| &link.addresses);
        addresses.any(|own| own.local == ip)
    }

    /// Whether a route of any table leads to an address. Policy rules are not considered: each
    /// process may have other ones.
    pub fn has_route_to(&self, ip: IpAddr) -> bool {
        let mut routes = self.routes.iter().filter(|route| route.r#type == "unicast");
        routes.any(|route| match route.dst.parse::<IpNet>() {
            Ok(net) => net.contains(&ip),
            // A host, or "default"
            Err(_) => route.dst == ip.to_string() || is_default(route, ip),
        })
    }
}

fn is_default(route: &RouteStatus, ip: IpAddr) -> bool {
    route.dst == "default" && route.family == family(ip)
}

impl RouteStatus {
    pub(super) fn of(route: &Route, by: MadeBy) -> Self {
        let ways = route.ways();
        let only = match &ways[..] {
            [only] => Some(only),
            _ => None,
        };
        let nexthops = ways.iter().filter(|_| only.is_none());
        let nexthops = nexthops.map(|way| Nexthop {
            gateway: way.via.map(|via| via.to_string()),
            dev: way.dev.as_ref().map(ToString::to_string),
            weight: way.weight,
        });
        RouteStatus {
            route: route.to_string(),
            by,
            r#type: route.kind.word(),
            family: family(route.dst.addr()),
            dst: match route.dst.prefix_len() {
                0 => "default".into(),
                _ => route.dst.to_string(),
            },
            gateway: only.and_then(|way| Some(way.via?.to_string())),
            dev: only.and_then(|way| Some(way.dev.as_ref()?.to_string())),
            protocol: route.protocol(),
            scope: route.scope_word(),
            prefsrc: route.src.map(|src| src.to_string()),
            metric: route.metric,
            table: table(route.table),
            nexthops: nexthops.collect(),
        }
    }
}

impl RuleStatus {
    pub(super) fn of(rule: &Rule, by: MadeBy) -> Self {
        let packets = &rule.packets;
        let address = |net: Option<IpNet>| net.map(|net| net.addr().to_string());
        let length = |net: Option<IpNet>| net.map(|net| net.prefix_len());
        RuleStatus {
            rule: rule.to_string(),
            by,
            family: if rule.v6 { "inet6" } else { "inet" },
            priority: rule.priority,
            src: address(packets.from).unwrap_or_else(|| "all".into()),
            srclen: length(packets.from),
            dst: address(packets.to),
            dstlen: length(packets.to),
            fwmark: packets.mark.map(|(mark, _)| format!("{mark:#x}")),
            fwmask: packets.mark.map(|(_, mask)| format!("{mask:#x}")),
            iif: packets.iif.as_ref().map(ToString::to_string),
            oif: packets.oif.as_ref().map(ToString::to_string),
            table: match rule.action {
                Action::Table(number) => Some(table(number)),
                _ => None,
            },
        }
    }
}

/// The address family, as `ip -j` calls it.
pub(super) fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "inet" } else { "inet6" }
}

/// The table by the name that it has everywhere, or its number.
fn table(number: u32) -> String {
    match number {
        253 => "default".into(),
        254 => "main".into(),
        255 => "local".into(),
        number => number.to_string(),
    }
}
