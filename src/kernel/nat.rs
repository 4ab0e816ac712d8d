//! The host's part of a namespace's way out and in: its table, loaded and read by nft(8),
//! which links lead to the world, and whether a port is free.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};

use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use socket2::{Domain, Protocol, Socket, Type};

use super::carried::links_of;
use super::requests::Requests;
use super::rules::run;
use super::{Kernel, Refusal, proc, questions, read};
use crate::model::nat::{Family, Host, Legacy, Nat, Proto, Publish, Uplinks};
use crate::model::{Table, Where};
use crate::name::LinkName;

impl Kernel {
    /// Load the namespace's table on the host, in the place of the one before.
    pub(super) fn load_table(&mut self, table: &Table) -> Result<(), Refusal> {
        self.nft(&["-f", "-"], &table.text).map(drop)
    }

    /// Take it away; gone already is taken away.
    pub(super) fn drop_table(&mut self) -> Result<(), Refusal> {
        let text = Table::removal(&self.netns);
        self.nft(&["-f", "-"], &text).map(drop)
    }

    /// The namespace's table as nft lists it; nothing if it is not there, or if there is no
    /// nft to ask.
    pub fn listed_table(&mut self) -> Result<Option<String>, Refusal> {
        let name = Table::name(&self.netns);
        let words: Vec<&str> = ["-s", "list", "table"]
            .into_iter()
            .chain(name.split(' '))
            .collect();
        // nft fails alike where there is no such table and where it cannot tell
        match self.nft(&words, "") {
            Ok(listed) => Ok(Some(listed)),
            Err(no) if no.errno.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(no) => {
                let all = self.nft(&["list", "tables"], "")?;
                let line = format!("table {name}");
                match all.lines().any(|listed| listed == line) {
                    true => Err(no),
                    false => Ok(None),
                }
            }
        }
    }

    /// All tables of the host, as nft prints them for programs, without what is in sets.
    pub fn ruleset(&mut self) -> Result<String, Refusal> {
        self.nft(&["-j", "-t", "list", "ruleset"], "")
    }

    /// The tables of the old iptables, which nft does not list; those there are.
    pub fn legacy(&mut self) -> Result<Vec<Legacy>, Refusal> {
        let mut found = Vec::new();
        for (family, names, program) in [
            (Family::V4, "ip_tables_names", "iptables-legacy-save"),
            (Family::V6, "ip6_tables_names", "ip6tables-legacy-save"),
        ] {
            // No such file: the kernel has none of it
            let names = proc::text(&format!("/proc/net/{names}")).unwrap_or_default();
            if names.lines().any(|name| name == "filter") {
                let host = self.open(&Where::Host)?;
                let rules = run(&host, program, &["-t", "filter"], "", "").ok();
                found.push(Legacy { family, rules });
            }
        }
        Ok(found)
    }

    fn nft(&mut self, words: &[&str], text: &str) -> Result<String, Refusal> {
        let host = self.open(&Where::Host)?;
        let file = format!("table {}", Table::name(&self.netns));
        run(&host, "nft", words, &file, text)
    }

    /// How the host is, as far as its part depends on that.
    pub fn host(&mut self, nat: &Nat) -> Result<Host, Refusal> {
        let requests = self.requests(&Where::Host)?;
        let mut host = Host {
            force_forwarding: fs::exists("/proc/sys/net/ipv6/conf/all/force_forwarding")?,
            ..Host::default()
        };
        let named = match nat.uplinks.as_ref().map(|uplinks| &uplinks.value) {
            Some(Uplinks::Named(named)) => named.clone(),
            _ => {
                host.default_links = default_links(requests)?;
                Vec::new()
            }
        };
        if !nat.publish.is_empty() {
            host.addresses = addresses(requests)?;
        }
        let defaults = host.default_links.iter().map(|(_, link)| link);
        let links = defaults.chain(host.addresses.iter().map(|(_, link)| link));
        let links: BTreeSet<LinkName> = links.chain(&named).cloned().collect();
        let is = |key: &str, value: &str| {
            fs::read_to_string(format!("/proc/sys/net/{key}")).is_ok_and(|v| v.trim() == value)
        };
        for (family, key) in [
            (Family::V4, "ipv4/ip_forward"),
            (Family::V6, "ipv6/conf/all/forwarding"),
        ] {
            if is(key, "1") {
                host.forwards.insert((family, None));
            }
        }
        for link in links {
            for (family, key) in [
                (Family::V4, format!("ipv4/conf/{link}/forwarding")),
                (Family::V6, format!("ipv6/conf/{link}/force_forwarding")),
            ] {
                if is(&key, "1") {
                    host.forwards.insert((family, Some(link.clone())));
                }
            }
            if is(&format!("ipv6/conf/{link}/accept_ra"), "1") {
                host.takes_advertisements.insert(link);
            }
        }
        Ok(host)
    }

    /// The host has a link of this name.
    pub fn host_has(&mut self, name: &LinkName) -> Result<bool, Refusal> {
        let requests = self.requests(&Where::Host)?;
        Ok(questions::index_of(requests, name)?.is_some())
    }
}

/// The port of these that somebody on the host listens on already. It is tried, for there is
/// no other way to know; nothing is left of that.
pub fn taken(publish: &Publish, mut ports: impl Iterator<Item = u16>) -> Option<u16> {
    let taken = |address: &SocketAddr| {
        let bound = bind(*address, publish.proto);
        bound.is_err_and(|e| e.kind() == io::ErrorKind::AddrInUse)
    };
    ports.find(|port| publish.sockets(*port).iter().any(taken))
}

fn bind(address: SocketAddr, proto: Proto) -> io::Result<()> {
    let (kind, protocol) = match proto {
        Proto::Tcp => (Type::STREAM, Protocol::TCP),
        Proto::Udp => (Type::DGRAM, Protocol::UDP),
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // What is left of connections that have ended is in nobody's way
    socket.set_reuse_address(proto == Proto::Tcp)?;
    socket.bind(&address.into())
}

fn default_links(requests: &mut Requests) -> Result<Vec<(Family, LinkName)>, Refusal> {
    const MAIN: u32 = 254;
    let mut found = Vec::new();
    for (family, of) in [
        (AddressFamily::Inet, Family::V4),
        (AddressFamily::Inet6, Family::V6),
    ] {
        let mut request = RouteMessage::default();
        request.header.address_family = family;
        request.attributes.push(RouteAttribute::Table(MAIN));
        // Without a table of this family, the kernel says that there is none
        let routes = requests.dump(RouteNetlinkMessage::GetRoute(request));
        let mut links = BTreeSet::new();
        for message in routes.unwrap_or_default() {
            let RouteNetlinkMessage::NewRoute(route) = message else {
                continue;
            };
            if route.header.destination_prefix_length == 0 && route.header.address_family == family
            {
                links.extend(links_of(&route));
            }
        }
        for index in links {
            let link = questions::link_at(requests, index)?;
            let name = link.as_ref().and_then(read::name);
            found.extend(name.map(|(_, name)| (of, name)));
        }
    }
    Ok(found)
}

/// The addresses of a namespace, each with its link.
pub(super) fn addresses(requests: &mut Requests) -> Result<Vec<(IpAddr, LinkName)>, Refusal> {
    let mut found = Vec::new();
    let all = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    for message in requests.dump(all)? {
        let RouteNetlinkMessage::NewAddress(message) = message else {
            continue;
        };
        let local = message.attributes.iter().find_map(|a| match a {
            AddressAttribute::Local(ip) => Some(*ip),
            _ => None,
        });
        let address = message.attributes.iter().find_map(|a| match a {
            AddressAttribute::Address(ip) => Some(*ip),
            _ => None,
        });
        if let Some(ip) = local.or(address) {
            found.push((ip, message.header.index));
        }
    }
    let mut named = Vec::new();
    for (ip, index) in found {
        let link = questions::link_at(requests, index)?;
        let name = link.as_ref().and_then(read::name);
        named.extend(name.map(|(_, name)| (ip, name)));
    }
    Ok(named)
}
