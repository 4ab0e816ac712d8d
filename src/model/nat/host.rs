//! Builds what the host has to do for masquerading and port forwarding: a table for its firewall,
//! and sysctls for the links involved. Nothing is enabled that would let packets of others through.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use super::{Nat, Table, Uplinks};
use crate::name::{LinkName, NetnsName};

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// The state of the host, as far as masquerading and port forwarding depend on it.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// The links of its default routes.
    pub default_links: Vec<(IpVersion, LinkName)>,
    /// Its addresses, each with its link.
    pub addresses: Vec<(IpAddr, LinkName)>,
    /// The links on the host that other namespaces have created as their connection to it.
    pub of_namespaces: BTreeSet<LinkName>,
    /// The kernel can forward IPv6 for a single link (`force_forwarding`, Linux 6.17).
    pub force_forwarding: bool,
    /// Where the administrator has enabled forwarding: on all links of a family (`None`) or on one
    /// link.
    pub forwards: BTreeSet<(IpVersion, Option<LinkName>)>,
    /// The links that accept router advertisements only while they do not forward IPv6.
    pub takes_advertisements: BTreeSet<LinkName>,
}

/// What the host has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnHost {
    /// The table for its firewall.
    pub table: Table,
    /// The sysctls as paths below `/proc/sys`, with their values, in the order in which they are
    /// set.
    pub sysctls: Vec<(String, String)>,
    /// The host has no link to the outside at the moment, although one is needed.
    pub no_uplink: bool,
}

/// The links involved, by purpose.
pub(super) struct Links {
    /// The links through which the namespace reaches the outside.
    pub up: BTreeSet<LinkName>,
    /// The other links that have an address with a forwarded port.
    pub reached: BTreeSet<LinkName>,
    /// The links of both groups that did not forward before, and forward for this program only.
    /// `None` means all links of the family.
    pub guarded: BTreeSet<(IpVersion, Option<LinkName>)>,
}

impl Nat {
    /// What a host in this state has to do.
    pub fn on(&self, netns: &NetnsName, host: &Host) -> OnHost {
        let links = self.links(host);
        OnHost {
            table: Table {
                text: self.ruleset(netns, &links),
                publish: self.publish.iter().map(|p| p.value.clone()).collect(),
                listed: None,
            },
            sysctls: self.sysctls(host, &links),
            no_uplink: links.up.is_empty() && links.reached.is_empty(),
        }
    }

    /// The links through which the namespace reaches the outside are those that the settings name,
    /// or those of the default routes. Links with an address of a forwarded port are added. Without
    /// an address in the setting, these are all links that could receive such packets.
    fn links(&self, host: &Host) -> Links {
        let mut up = BTreeSet::new();
        match self.uplinks.as_ref().map(|uplinks| &uplinks.value) {
            Some(Uplinks::Named(named)) => up.extend(named.iter().cloned()),
            _ => {
                let of_ours = |family: &IpVersion| self.families.contains(family);
                let links = host.default_links.iter().filter(|(f, _)| of_ours(f));
                up.extend(links.map(|(_, link)| link.clone()));
            }
        }
        let of_others = |link: &LinkName| link.as_str() != "lo" && !self.ends.contains(link);
        up.retain(of_others);
        let reached = |(ip, link): &&(IpAddr, LinkName)| {
            let mut all = self.publish.iter().map(|publish| &publish.value);
            all.any(|publish| match publish.host {
                Some(host) => host == *ip,
                None => publish.is_reached_at(*ip) && !host.of_namespaces.contains(link),
            })
        };
        let reached = host.addresses.iter().filter(reached);
        let mut reached: BTreeSet<_> = reached.map(|(_, link)| link.clone()).collect();
        reached.retain(|link| of_others(link) && !up.contains(link));
        let mut guarded = BTreeSet::new();
        for family in &self.families {
            let owners =
                |link: Option<&LinkName>| host.forwards.contains(&(*family, link.cloned()));
            if owners(None) {
                continue;
            }
            if *family == IpVersion::V6 && !host.force_forwarding {
                guarded.insert((*family, None));
                continue;
            }
            let ours = up.iter().chain(&reached);
            let ours = ours.filter(|link| !owners(Some(link)));
            guarded.extend(ours.map(|link| (*family, Some(link.clone()))));
        }
        Links {
            up,
            reached,
            guarded,
        }
    }

    fn sysctls(&self, host: &Host, links: &Links) -> Vec<(String, String)> {
        let mut all = Vec::new();
        let mut set = |key: String, value: &str| all.push((key, value.to_string()));
        for link in self.ends.iter().chain(&links.up).chain(&links.reached) {
            if self.families.contains(&IpVersion::V4) {
                set(format!("net/ipv4/conf/{link}/forwarding"), "1");
            }
            if self.families.contains(&IpVersion::V6) && host.force_forwarding {
                set(format!("net/ipv6/conf/{link}/force_forwarding"), "1");
            }
        }
        if self.families.contains(&IpVersion::V6) && !host.force_forwarding {
            // A link that forwards ignores router advertisements unless this is 2
            let listens = |link: &&LinkName| host.takes_advertisements.contains(*link);
            for link in links.up.iter().chain(&links.reached).filter(listens) {
                set(format!("net/ipv6/conf/{link}/accept_ra"), "2");
            }
            set("net/ipv6/conf/all/forwarding".into(), "1");
        }
        if !self.publish.is_empty() && self.families.contains(&IpVersion::V4) {
            for link in &self.ends {
                set(format!("net/ipv4/conf/{link}/route_localnet"), "1");
            }
        }
        all
    }
}

impl IpVersion {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => IpVersion::V4,
            IpAddr::V6(_) => IpVersion::V6,
        }
    }

    /// nft's word for the family.
    pub(super) fn word(self) -> &'static str {
        match self {
            IpVersion::V4 => "ip",
            IpVersion::V6 => "ip6",
        }
    }
}

impl fmt::Display for IpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IpVersion::V4 => "IPv4",
            IpVersion::V6 => "IPv6",
        })
    }
}
