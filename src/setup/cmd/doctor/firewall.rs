//! Which IP versions a firewall filters, according to the output of nft(8) and the loaded rules.
//! It works on text alone, without the kernel.

use crate::model::{Ruleset, Tool};

/// The IP versions that are filtered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Some rule drops or rejects IPv4 packets.
    pub ipv4: bool,
    /// Some rule drops or rejects IPv6 packets.
    pub ipv6: bool,
    /// IPv6 is enabled in the namespace.
    pub has_ipv6: bool,
}

/// Returns true if IPv4 is filtered, and IPv6 is enabled but not filtered.
pub fn is_open_to_ipv6(filters: &Filters) -> bool {
    filters.ipv4 && filters.has_ipv6 && !filters.ipv6
}

impl Filters {
    /// Add what `nft list ruleset` prints.
    pub fn listed(&mut self, ruleset: &str) {
        let mut family = "";
        for line in ruleset.lines() {
            if let Some(table) = line.strip_prefix("table ") {
                family = table.split(' ').next().unwrap_or_default();
            } else if drops(line) {
                self.ipv4 |= ["ip", "inet"].contains(&family);
                self.ipv6 |= ["ip6", "inet"].contains(&family);
            }
        }
    }

    /// Add rules of iptables and ip6tables: nft(8) does not list those of iptables-legacy.
    pub fn loaded(&mut self, rules: &Ruleset) {
        let drops = rules.text.lines().any(drops);
        match rules.tool {
            Tool::Iptables => self.ipv4 |= drops,
            Tool::Ip6tables => self.ipv6 |= drops,
            Tool::Ipset | Tool::Nftables | Tool::Replies => {}
        }
    }
}

/// Returns true for a line that drops packets: a rule, or the policy of a chain.
fn drops(line: &str) -> bool {
    let line = line.trim_start();
    let mut words = line.split(|c: char| !c.is_ascii_alphanumeric());
    !line.starts_with('#') && words.any(|word| ["drop", "reject", "DROP", "REJECT"].contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ruleset: &str) -> Filters {
        let mut filters = Filters {
            has_ipv6: true,
            ..Filters::default()
        };
        filters.listed(ruleset);
        filters
    }

    #[test]
    fn a_table_of_ip_alone_leaves_ipv6_open() {
        let ip = "table ip a {\n\tchain i {\n\t\ttype filter hook input priority 0; policy drop;\n\t}\n}\n";
        assert!(is_open_to_ipv6(&of(ip)));
        assert!(!is_open_to_ipv6(&of(
            &ip.replace("table ip ", "table inet ")
        )));
        assert!(!is_open_to_ipv6(&of(&format!(
            "{ip}{}",
            ip.replace(" ip ", " ip6 ")
        ))));
        assert!(!is_open_to_ipv6(&of(&ip.replace("drop", "accept"))));
    }

    #[test]
    fn where_there_is_no_ipv6_nothing_is_open() {
        let filters = Filters {
            ipv4: true,
            ..Filters::default()
        };
        assert!(!is_open_to_ipv6(&filters));
    }
}
