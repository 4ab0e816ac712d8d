//! Checks IPv6 addresses against the sysctls that disable IPv6.

use std::collections::BTreeMap;

use super::{place, problem, where_said};
use crate::model::{Link, Netns, Sysctl};
use crate::source::{Problem, Sourced};

/// Report IPv6 addresses on a link for which a sysctl disables IPv6: the kernel accepts none there.
pub(super) fn check(links: &[Link], sysctls: &[Sourced<Sysctl>], problems: &mut Vec<Problem>) {
    let mut by_path = BTreeMap::new();
    for sysctl in sysctls {
        by_path.entry(sysctl.value.key.path()).or_insert(sysctl);
    }
    let said = |of: &str| {
        let path = format!("net/ipv6/conf/{of}/disable_ipv6");
        by_path.get(path.as_str()).copied()
    };
    for link in links.iter().filter(|link| link.netns == Netns::This) {
        let own = said(link.name.value.as_str());
        let Some(off) = own.or_else(|| said("all")).or_else(|| said("default")) else {
            continue;
        };
        let mut v6 = link.addresses.iter().filter(|a| a.value.ip().is_ipv6());
        if let Some(address) = v6
            .find(|a| a.origin.is_some())
            .filter(|_| off.value.value != "0")
        {
            let key = match link.name.value.as_str() {
                name if name.contains('.') => format!("net/ipv6/conf/{name}/disable_ipv6"),
                name => format!("net.ipv6.conf.{name}.disable_ipv6"),
            };
            problems.push(problem(
                address,
                format!(
                    "is for IPv6, which {} disables",
                    where_said(off, place(address))
                ),
                format!("remove one of the two, or add {key}=0 to netns_sysctl"),
            ));
        }
    }
}
