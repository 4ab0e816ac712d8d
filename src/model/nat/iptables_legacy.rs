//! Finds rules of legacy iptables that can drop the packets which a namespace's table accepts:
//! nft(8) does not list them. The output of `iptables-legacy-save` is turned into messages for the
//! administrator.

use super::{IpVersion, Nat};

/// The table `filter` of legacy iptables or ip6tables, if the host has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Legacy {
    /// The family whose packets it filters.
    pub family: IpVersion,
    /// Its chains and rules. `None` if no program is installed that prints them.
    pub rules: Option<String>,
}

impl Legacy {
    /// The problem and the hint, if the table may drop packets of the namespace.
    pub fn in_the_way(&self, nat: &Nat) -> Option<(String, String)> {
        let rules = self.rules.as_deref();
        let named = |rules: &str| {
            let mut words = rules.split_ascii_whitespace();
            words.any(|word| nat.ends.iter().any(|end| end.to_string() == word))
        };
        if !nat.families.contains(&self.family) || rules.is_some_and(|r| !drops(r) || named(r)) {
            return None;
        }
        let program = match self.family {
            IpVersion::V4 => "iptables-legacy",
            IpVersion::V6 => "ip6tables-legacy",
        };
        let wrong = match rules {
            Some(_) => "may drop forwarded packets",
            None => "may drop forwarded packets: its rules cannot be read",
        };
        let typed = nat.ends.iter().flat_map(|end| {
            ["-i", "-o"].map(|way| format!("{program} -I FORWARD {way} {end} -j ACCEPT"))
        });
        Some((
            format!("the host's table filter of {program} {wrong}, whatever our table accepts"),
            format!(
                "accept it there too, if it is not yet accepted: {}",
                typed.collect::<Vec<_>>().join("; ")
            ),
        ))
    }
}

/// Whether FORWARD may not accept a packet, itself or in a chain that it jumps to.
fn drops(rules: &str) -> bool {
    rules
        .lines()
        .any(|line| match line.strip_prefix("-A FORWARD ") {
            Some(rule) => !rule.ends_with("-j ACCEPT"),
            None => line.starts_with(":FORWARD DROP"),
        })
}

#[cfg(test)]
mod tests {
    use super::drops;

    #[test]
    fn what_accepts_all_that_is_forwarded_is_not_in_the_way() {
        let open = "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n-A INPUT -j DROP\n-A FORWARD -i a -j ACCEPT\nCOMMIT\n";
        assert!(!drops(open));
        assert!(drops(&open.replace("FORWARD ACCEPT", "FORWARD DROP")));
        assert!(drops(
            &open.replace("-i a -j ACCEPT", "-j ufw-before-forward")
        ));
    }
}
