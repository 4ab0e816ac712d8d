//! Converts the keys that only wg-quick(8) reads into settings. The file of a VPN provider then has
//! the same effect as settings written for it. No I/O.

use std::sync::Arc;

use ipnet::IpNet;

use crate::name::LinkName;
use crate::source::{Position, Problem};

/// The keys of a file that wg-quick(8) reads, each with its line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quick {
    /// The path of the file, for problems.
    pub file: Arc<str>,
    /// The addresses of the link.
    pub addresses: Vec<(u32, IpNet)>,
    /// The addresses of name servers.
    pub servers: Vec<(u32, String)>,
    /// The search domains.
    pub domains: Vec<(u32, String)>,
    /// The MTU of the link in bytes.
    pub mtu: Option<(u32, u32)>,
    /// `off`, `auto`, or the routing table for the routes.
    pub table: Option<(u32, String)>,
    /// The networks of all peers, in the order of the file.
    pub allowed_ips: Vec<(u32, IpNet)>,
    /// The keys that contain a command.
    pub commands: Vec<(u32, &'static str)>,
    /// The line that requests to save the file.
    pub saves: Option<u32>,
    /// The line of the `ListenPort`, which wg(8) reads as well.
    pub listen_port: Option<u32>,
}

/// A setting that a key of wg-quick(8) is converted into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    /// The name of the setting, such as `netns_dns`. For a setting of a link only the key, such as
    /// `config`.
    pub setting: &'static str,
    /// The key in the file.
    pub key: &'static str,
    /// The lines of the value, each with its line in the file.
    pub lines: Vec<(u32, String)>,
}

impl Quick {
    /// An empty list of keys for this file.
    pub fn new(file: &str) -> Quick {
        Quick {
            file: file.into(),
            ..Quick::default()
        }
    }

    /// The settings for the keys of the file. A file without Address is meant for wg(8), and
    /// results in no routes.
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

    /// A route to each network of a peer, as wg-quick(8) creates them: the longest prefix first.
    /// With the table `auto`, a network that is part of a network of the link's addresses is
    /// omitted.
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

    /// The requests in the file that this program does not fulfil, with what to write instead.
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

    /// The problem that the name servers of this file are not used, because the file `other` has
    /// some as well.
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

/// The setting whose command runs when wg-quick(8) would run the one of this key.
fn hook(key: &str) -> &'static str {
    match key {
        "PreUp" => "netns_pre_up",
        "PostUp" => "netns_post_up",
        "PreDown" => "netns_pre_down",
        _ => "netns_post_down",
    }
}
