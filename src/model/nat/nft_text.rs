//! The text of a namespace's table on the host, for nft(8). Every line ends a statement, so that
//! the text can also be written as one line.

use super::host::{IpVersion, Links};
use super::link_set::set;
use super::replies::MARK;
use super::{Nat, Publish, Table};
use crate::name::{LinkName, NetnsName};

impl Table {
    /// The links of the host for which its text masquerades what comes from the namespace.
    pub fn uplinks(&self) -> Vec<String> {
        let rules = self
            .text
            .lines()
            .map(|line| line.trim().trim_end_matches(';'));
        let links = rules.filter_map(|rule| {
            let rule = rule.strip_prefix("iifname ")?.strip_suffix(" masquerade")?;
            let (_, links) = rule.split_once(" oifname ")?;
            (!links.contains(" ct ")).then_some(links)
        });
        let names = links.flat_map(|links| links.split('"').skip(1).step_by(2));
        names.map(String::from).collect()
    }
}

impl Nat {
    pub(super) fn ruleset(&self, netns: &NetnsName, links: &Links) -> String {
        let mut text = Table::removal(netns) + "\n";
        text += &format!("table {} {{\n", Table::name(netns));
        for (name, kind, rules) in [
            // Before connection tracking, which translates replies of ours to such addresses
            (
                "loopback",
                "filter hook prerouting priority -300",
                self.loopback(),
            ),
            (
                "prerouting",
                "nat hook prerouting priority -100",
                self.arriving(),
            ),
            ("output", "nat hook output priority -100", self.leading_in()),
            (
                "before_guards",
                "filter hook forward priority -1",
                self.before_guards(),
            ),
            (
                "forward",
                "filter hook forward priority 0",
                self.forward(links),
            ),
            (
                "postrouting",
                "nat hook postrouting priority 100",
                self.leaving(links),
            ),
            (
                "after_guards",
                "filter hook forward priority 1",
                self.after_guards(),
            ),
        ] {
            if rules.is_empty() {
                continue;
            }
            text += &format!("\tchain {name} {{\n\t\ttype {kind};\n");
            for rule in rules {
                text += &format!("\t\t{rule};\n");
            }
            text += "\t};\n";
        }
        text + "}\n"
    }

    /// Drop 127.0.0.0/8 from and to our ends. The kernel routes it there for the host only.
    fn loopback(&self) -> Vec<String> {
        let ends = set(&self.ends);
        let drop = |side: &str| format!("iifname {ends} ip {side} 127.0.0.0/8 drop");
        vec![drop("saddr"), drop("daddr")]
    }

    /// The rules for packets from outside.
    fn arriving(&self) -> Vec<String> {
        let outside = |publish: &&Publish| !publish.host.is_some_and(|host| host.is_loopback());
        let publish = self.publish.iter().map(|publish| &publish.value);
        publish.filter(outside).flat_map(leading).collect()
    }

    /// The rules for packets from the host itself.
    fn leading_in(&self) -> Vec<String> {
        let publish = self.publish.iter().map(|publish| &publish.value);
        publish.flat_map(leading).collect()
    }

    /// Mark the packets from our ends while they are forwarded. The guards in the tables of other
    /// namespaces see them before the translation, and must let them pass. `after_guards` removes
    /// the mark.
    fn before_guards(&self) -> Vec<String> {
        let ends = set(&self.ends);
        vec![format!(
            "iifname {ends} meta mark set meta mark or {MARK:#x}"
        )]
    }

    fn after_guards(&self) -> Vec<String> {
        let (ends, others) = (set(&self.ends), !MARK);
        vec![format!(
            "iifname {ends} meta mark set meta mark and {others:#x}"
        )]
    }

    /// Accept packets between our ends and the outside only. Through links that forward only for
    /// us, accept only translated packets: ours, or those of other namespaces of this program.
    fn forward(&self, links: &Links) -> Vec<String> {
        let ends = set(&self.ends);
        let mut rules = vec![
            format!("iifname {ends} ct state established,related accept"),
            format!("oifname {ends} ct state established,related accept"),
        ];
        if !self.publish.is_empty() {
            rules.push(format!("oifname {ends} ct status dnat accept"));
        }
        if self.uplinks.is_some() {
            if !links.up.is_empty() {
                rules.push(format!("iifname {ends} oifname {} accept", set(&links.up)));
            }
            rules.push(format!("iifname {ends} ct status dnat accept"));
        }
        rules.push(format!("iifname {ends} drop"));
        rules.push(format!("oifname {ends} drop"));
        for family in [IpVersion::V4, IpVersion::V6] {
            let proto = format!("meta nfproto {}", nfproto(family));
            let untouched =
                format!("meta mark and {MARK:#x} == 0 ct status & (snat|dnat) == 0 drop");
            let of = |guarded: &&(IpVersion, Option<LinkName>)| guarded.0 == family;
            let guarded: Vec<_> = links.guarded.iter().filter(of).collect();
            let named: Vec<_> = guarded
                .iter()
                .filter_map(|(_, link)| link.clone())
                .collect();
            if guarded.iter().any(|(_, link)| link.is_none()) {
                rules.push(format!("{proto} {untouched}"));
            } else if !named.is_empty() {
                rules.push(format!("{proto} iifname {} {untouched}", set(&named)));
            }
        }
        rules
    }

    /// Masquerade. Forwarded packets from the host itself get a source address that the namespace
    /// can reach.
    fn leaving(&self, links: &Links) -> Vec<String> {
        let ends = set(&self.ends);
        let mut rules = Vec::new();
        if self.uplinks.is_some() && !links.up.is_empty() {
            let uplinks = set(&links.up);
            rules.push(format!("iifname {ends} oifname {uplinks} masquerade"));
        }
        if !self.publish.is_empty() {
            rules.push(format!(
                "oifname {ends} ct status dnat fib saddr type local masquerade"
            ));
            rules.push(format!(
                "iifname {ends} oifname {ends} ct status dnat masquerade"
            ));
        }
        rules
    }
}

/// The rules of a forwarded port, one for each family.
fn leading(publish: &Publish) -> Vec<String> {
    let rule = |to: &std::net::IpAddr| {
        let family = IpVersion::of(*to);
        let word = family.word();
        let host = match publish.host {
            Some(host) => format!("{word} daddr {host}"),
            // Packets to ::1 only reach lo, and packets to a link-local address are not forwarded
            // to another link
            None if family == IpVersion::V6 => {
                "ip6 daddr != { ::1, fe80::/10 } fib daddr type local".into()
            }
            None => "meta nfproto ipv4 fib daddr type local".into(),
        };
        let from = publish.from.map(|from| format!("{word} saddr {from} "));
        let from = from.unwrap_or_default();
        let (proto, port, last) = (publish.proto, publish.port, publish.last);
        match last > port {
            // Each packet keeps its destination port
            true => format!("{host} {from}{proto} dport {port}-{last} dnat {word} to {to}"),
            false => {
                let to = std::net::SocketAddr::new(*to, publish.inside);
                format!("{host} {from}{proto} dport {port} dnat {word} to {to}")
            }
        }
    };
    publish.to.iter().map(rule).collect()
}

fn nfproto(family: IpVersion) -> &'static str {
    match family {
        IpVersion::V4 => "ipv4",
        IpVersion::V6 => "ipv6",
    }
}
