//! Finds chains of the host's own firewall that can drop the packets which a namespace's table
//! accepts: one table cannot overrule a drop in another. The output of `nft -j -t list ruleset` is
//! turned into messages for the administrator.

use serde_json::Value;

use super::{IpVersion, Nat, Table};
use crate::name::NetnsName;

/// For each table that may drop the packets, the problem and the hint.
pub fn in_the_way(ruleset: &str, netns: &NetnsName, nat: &Nat) -> Vec<(String, String)> {
    let json: Value = serde_json::from_str(ruleset).unwrap_or_default();
    let objects = json["nftables"].as_array().cloned().unwrap_or_default();
    let chains: Vec<Chain> = objects.iter().filter_map(Chain::of).collect();
    let ours = Table::name(netns);
    let ends: Vec<_> = nat.ends.iter().map(ToString::to_string).collect();
    let has = |table: &str, name: &str| chains.iter().any(|c| c.table == table && c.name == name);
    // The administrator has already adapted a table that names our links
    let named = |table: &str| {
        let rules = objects.iter().filter_map(|object| object.get("rule"));
        let text = |rule: &Value| rule["expr"].to_string();
        let mut rules = rules.filter(|rule| table_of(rule) == table);
        rules.any(|rule| {
            ends.iter()
                .any(|end| text(rule).contains(&format!("\"{end}\"")))
        })
    };
    let mut told = Vec::new();
    for chain in &chains {
        let concerns = match chain.table.split_once(' ') {
            Some(("inet", _)) => true,
            Some(("ip", _)) => nat.families.contains(&IpVersion::V4),
            Some(("ip6", _)) => nat.families.contains(&IpVersion::V6),
            _ => false,
        };
        if !concerns || chain.table == ours || chain.hook != "forward" || named(&chain.table) {
            continue;
        }
        let typed = if has(&chain.table, "DOCKER-USER") {
            let program = if chain.table.starts_with("ip6 ") {
                "ip6tables"
            } else {
                "iptables"
            };
            each(&ends, |end| {
                format!(
                    "{program} -I DOCKER-USER -i {end} -j ACCEPT; {program} -I DOCKER-USER -o {end} -j ACCEPT"
                )
            })
        } else if has(&chain.table, "ufw-user-forward") || has(&chain.table, "ufw6-user-forward") {
            each(&ends, |end| {
                format!("ufw route allow in on {end}; ufw route allow out on {end}")
            })
        } else if chain.table == "inet firewalld" {
            each(&ends, |end| {
                format!("firewall-cmd --permanent --zone=trusted --add-interface={end}")
            }) + &policy("netns-out", "trusted", "ANY")
                + &policy("netns-in", "ANY", "trusted")
                + "; firewall-cmd --reload"
        } else if chain.policy == "drop" {
            let (table, name) = (&chain.table, &chain.name);
            each(&ends, |end| {
                format!(
                    "nft insert rule {table} {name} iifname {end} accept; nft insert rule {table} {name} oifname {end} accept"
                )
            })
        } else {
            continue;
        };
        let how = match chain.policy.as_str() {
            "drop" => "drops what its rules do not accept",
            _ => "rejects what its rules do not accept",
        };
        told.push((
            format!(
                "the host's table {}, chain {}, {how}, whatever our table accepts",
                chain.table, chain.name
            ),
            format!("accept it there too, if it is not yet accepted: {typed}"),
        ));
    }
    told
}

/// The commands with which firewalld accepts packets from one zone to another.
fn policy(name: &str, from: &str, to: &str) -> String {
    let set = format!("firewall-cmd --permanent --policy={name}");
    format!(
        "; firewall-cmd --permanent --new-policy={name}; {set} --add-ingress-zone={from}; \
         {set} --add-egress-zone={to}; {set} --set-target=ACCEPT"
    )
}

fn each(ends: &[String], command: impl Fn(&String) -> String) -> String {
    let all: Vec<String> = ends.iter().map(command).collect();
    all.join("; ")
}

/// The table of a chain or rule, as `FAMILY NAME`.
fn table_of(object: &Value) -> String {
    let word = |key: &str| object[key].as_str().unwrap_or_default();
    format!("{} {}", word("family"), word("table"))
}

struct Chain {
    /// The table, as `FAMILY NAME`.
    table: String,
    name: String,
    /// The hook. Empty if it is not a base chain.
    hook: String,
    policy: String,
}

impl Chain {
    fn of(object: &Value) -> Option<Self> {
        let chain = object.get("chain")?;
        let word = |key: &str| chain[key].as_str().unwrap_or_default().to_string();
        Some(Chain {
            table: table_of(chain),
            name: word("name"),
            hook: word("hook"),
            policy: word("policy"),
        })
    }
}
