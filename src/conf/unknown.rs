//! The problems of names that are not a setting or are set twice, with a suggestion: a setting of a
//! similar name, or the one that says what another tool's word says.

use super::listed::Listed;
use super::suggest::nearest;
use super::value::Setting;
use crate::definitions::settings::{self, Scope, Var};
use crate::printable::printable;
use crate::source::Problem;

/// The longest key of a link with which the name begins, and the suffix that follows it.
pub(super) fn key_of_any_link(name: &str) -> Option<(Var, &str)> {
    let keys = settings::all().filter(|var| var.of == Scope::Link);
    let found = keys.filter_map(|var| {
        let rest = name.strip_prefix(var.name)?.strip_prefix('_')?;
        (!rest.is_empty()).then_some((var, rest))
    });
    found.max_by_key(|(var, _)| var.name.len())
}

/// The words of ifupdown(-ng), netifrc, systemd.network(5), netplan and ip(8) for what a setting
/// says. Words that OpenRC has a meaning for are not among them.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "netns_links",
        "link interface interfaces iface ifaces devices nics auto",
    ),
    (
        "netns_dns",
        "dns_servers dns_nameserver dns_nameservers nameserver nameservers resolvers",
    ),
    ("netns_dns_search", "dns_domain dns_domains search"),
    ("netns_masquerade", "nat snat ip_masquerade"),
    (
        "netns_publish",
        "publish_ports port_forward forward_ports dnat",
    ),
    ("netns_nftables", "nft nft_rules firewall"),
    (
        "config",
        "address addresses addr ip ipaddr ip_address ipv4 ipv6 inet inet6 netmask",
    ),
    (
        "routes",
        "gateway gateways gateway4 gateway6 gw default_gateway via",
    ),
    (
        "mac",
        "hwaddr hwaddress macaddr macaddress mac_address lladdr",
    ),
    ("link", "parent raw_device vlan_raw_device dev device"),
    ("vlan_id", "id vid"),
    ("bridge", "bridge_ports ports"),
    ("slaves", "bond_slaves bond_members members"),
    ("peer_config", "peer_address peer_addresses peer_addr"),
];

/// The setting that says what this word says in another tool.
fn called_elsewhere(word: &str) -> Option<&'static str> {
    let found = ELSEWHERE
        .iter()
        .find(|(_, words)| words.split(' ').any(|one| one == word));
    found.map(|(name, _)| *name)
}

/// The setting as it is written for the link with this suffix.
fn written(name: &str, suffix: &str) -> String {
    match settings::of_namespace(name) {
        Some(_) => name.into(),
        None => format!("{name}_{suffix}"),
    }
}

fn remedy(meant: &[String]) -> String {
    match meant {
        [] => "remove the line; netns(5) lists all settings".into(),
        meant => format!(
            "did you mean {}? netns(5) lists them all",
            meant.join(" or ")
        ),
    }
}

/// The problem of an unknown name that begins like the settings of a namespace. `suffix` is that of
/// one of its links.
pub(super) fn unknown_of_namespace(setting: &Setting, suffix: &str) -> Problem {
    let name = setting.name.as_str();
    let word = name.strip_prefix("netns_").unwrap_or(name);
    let names = settings::all().filter(|var| var.of == Scope::Namespace);
    let of_link = || Some(settings::of_link(word)?.name);
    let meant = called_elsewhere(word)
        .or_else(of_link)
        .or_else(|| nearest(name, names.map(|var| var.name)));
    let meant = meant.map(|name| written(name, suffix));
    setting.problem("is not a setting", remedy(meant.as_slice()))
}

/// The problem of an unknown name that ends like the settings of a listed link.
pub(super) fn unknown_of_link(setting: &Setting, key: &str, link: &Listed) -> Problem {
    let suffix = link.name.value.suffix();
    let keys = settings::all().filter(|var| var.of == Scope::Link);
    let meant = called_elsewhere(key).or_else(|| nearest(key, keys.map(|var| var.name)));
    let meant = meant.map(|name| written(name, &suffix));
    let wrong = format!(
        "is not a setting, though it ends as those of {} do",
        link.name
    );
    setting.problem(wrong, remedy(meant.as_slice()))
}

/// The problem of a setting without `netns_` before it, or without a link behind it: `dns` or
/// `config`. `None` if the name is neither. `suffix` is that of one of the links.
pub(super) fn unknown_alone(setting: &Setting, suffix: &str) -> Option<Problem> {
    let name = setting.name.as_str();
    let of_namespace = settings::of_namespace(&format!("netns_{name}"));
    let known = [of_namespace, settings::of_link(name)];
    let mut meant: Vec<&str> = known.into_iter().flatten().map(|var| var.name).collect();
    if meant.is_empty() {
        meant.extend(called_elsewhere(name));
    }
    let meant: Vec<_> = meant.iter().map(|name| written(name, suffix)).collect();
    (!meant.is_empty()).then(|| setting.problem("is not a setting", remedy(&meant)))
}

/// The problem of the second of two assignments in one file.
pub(super) fn said_twice(first: &Setting, second: &Setting) -> Problem {
    let line = first.place.line;
    let to = first.whole();
    second.problem(
        format!(
            "is set a second time; line {line} set it to \"{}\"",
            printable(to.text)
        ),
        "expected each setting once in a file; keep one of the two lines",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_other_tools_lead_to_settings_and_are_none() {
        for (name, words) in ELSEWHERE {
            let known = settings::of_namespace(name).or(settings::of_link(name));
            assert!(known.is_some(), "{name}");
            for word in words.split(' ') {
                assert!(settings::of_namespace(&format!("netns_{word}")).is_none());
                assert_eq!(called_elsewhere(word), Some(*name), "{word}");
                // The setting of a link, or the links of a namespace: netns_link is a slip
                assert!(settings::of_link(word).is_none() || word == "link");
            }
        }
    }
}
