//! What wg-quick(8) reads of a file in, the settings it stands for out: a file of a
//! provider is as good as the settings that one would write for it. No I/O.

use std::sync::Arc;

use ipnet::IpNet;

use crate::name::LinkName;
use crate::source::{Position, Problem};

/// What wg-quick(8) reads of a file, each with its line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quick {
    /// The file, for problems.
    pub file: Arc<str>,
    /// The addresses of the link.
    pub addresses: Vec<(u32, IpNet)>,
    /// The addresses of name servers.
    pub servers: Vec<(u32, String)>,
    /// The domains in which short names are looked up.
    pub domains: Vec<(u32, String)>,
    /// The largest packet of the link, in bytes.
    pub mtu: Option<(u32, u32)>,
    /// `off`, `auto`, or the routing table in which the routes are made.
    pub table: Option<(u32, String)>,
    /// The networks of all peers, in the order of the file.
    pub allowed_ips: Vec<(u32, IpNet)>,
    /// The keys that hold a command.
    pub commands: Vec<(u32, &'static str)>,
    /// The line that asks for the file to be written.
    pub saves: Option<u32>,
    /// The line of the `ListenPort`, which is wg(8)'s as well.
    pub listen_port: Option<u32>,
}

/// A setting that a key of wg-quick(8) stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    /// The setting: `netns_dns`, or of a link the key alone, such as `config`.
    pub setting: &'static str,
    /// The key that stands in the file.
    pub key: &'static str,
    /// The lines of its value, each with the line of the file that says it.
    pub lines: Vec<(u32, String)>,
}

impl Quick {
    /// Nothing, of this file.
    pub fn new(file: &str) -> Quick {
        Quick {
            file: file.into(),
            ..Quick::default()
        }
    }

    /// The settings that the file stands for. A file with no Address is one of wg(8)'s: it
    /// makes no routes.
    pub fn settings(&self) -> Vec<Derived> {
        let derived = |setting, key, lines| Derived {
            setting,
            key,
            lines,
        };
        let addresses = self.addresses.iter();
        let addresses = addresses.map(|(line, address)| (*line, address.to_string()));
        let mtu = self.mtu.iter().map(|(line, mtu)| (*line, mtu.to_string()));
        let mut all = vec![
            derived("config", "Address", addresses.collect()),
            derived("mtu", "MTU", mtu.collect()),
            derived("routes", "AllowedIPs", self.routes()),
            derived("netns_dns", "DNS", self.servers.clone()),
            derived("netns_dns_search", "DNS", self.domains.clone()),
        ];
        all.retain(|derived| !derived.lines.is_empty());
        all
    }

    /// A route to each network of a peer's, as wg-quick(8) makes them: the longest prefix
    /// first, and none to a network to which the link's addresses lead already.
    fn routes(&self) -> Vec<(u32, String)> {
        let table = self.table.as_ref().map_or("auto", |(_, table)| table);
        if self.addresses.is_empty() || table == "off" {
            return Vec::new();
        }
        let leads = |net: &IpNet| {
            let mut nets = self.addresses.iter().map(|(_, address)| address.trunc());
            table == "auto" && nets.any(|own| own.contains(net))
        };
        let mut nets: Vec<_> = self.allowed_ips.iter().collect();
        nets.sort_by_key(|(line, net)| (std::cmp::Reverse(net.prefix_len()), *line));
        let nets = nets.into_iter().filter(|(_, net)| !leads(net));
        let route = |(line, net): &(u32, IpNet)| {
            let route = match table {
                "auto" => net.to_string(),
                table => format!("{net} table {table}"),
            };
            (*line, route)
        };
        nets.map(route).collect()
    }

    /// What the file asks for and nobody does, with what to write instead.
    pub fn not_done(&self, link: &LinkName) -> Vec<Problem> {
        let saves = self.saves.map(|line| {
            self.problem(
                line,
                "SaveConfig has no effect: netns-setup never writes to this file".into(),
                "remove the line".into(),
            )
        });
        let commands = self.commands.first().map(|(line, first)| {
            let mut keys: Vec<_> = self.commands.iter().map(|(_, key)| *key).collect();
            keys.dedup();
            let keys = keys.join(", ");
            self.problem(
                *line,
                format!("commands are not run ({keys}); a kill switch is not needed when {link} is the only way out"),
                format!("remove the lines; another command is written as {}=\"COMMAND\"", hook(first)),
            )
        });
        commands.into_iter().chain(saves).collect()
    }

    /// Its name servers are not taken, for those of another file are.
    pub fn dns_of_another(&self, other: &str) -> Option<Problem> {
        let (line, _) = self.servers.first()?;
        let servers: Vec<_> = self.servers.iter().map(|(_, s)| s.as_str()).collect();
        Some(self.problem(
            *line,
            format!("DNS has no effect: {other} sets name servers, too"),
            format!(
                "write the servers to use, such as netns_dns=\"{}\"",
                servers.join(" ")
            ),
        ))
    }

    fn problem(&self, line: u32, wrong: String, remedy: String) -> Problem {
        let place = Position {
            file: self.file.clone(),
            line,
            column: 1,
        };
        Problem {
            place: Some(place),
            wrong,
            remedy,
        }
    }
}

/// The setting that runs a command when wg-quick(8) would run the one of this key.
fn hook(key: &str) -> &'static str {
    match key {
        "PreUp" => "netns_pre_up",
        "PostUp" => "netns_post_up",
        "PreDown" => "netns_pre_down",
        _ => "netns_post_down",
    }
}
