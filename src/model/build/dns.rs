//! `netns_dns` and `netns_dns_search` in, the text of the namespace's resolv.conf out.

use std::net::{IpAddr, Ipv6Addr};

use crate::conf::{Setting, Settings};
use crate::source::{Problem, Sourced};

/// What the first line of every resolv.conf of ours begins with. A file that begins
/// otherwise is its owner's.
pub const RESOLV_CONF_MARK: &str = "# written by netns-setup";

pub(super) fn resolv_conf(
    settings: &Settings,
    problems: &mut Vec<Problem>,
) -> Option<Sourced<String>> {
    let search = settings.get("netns_dns_search");
    let Some(dns) = settings.get("netns_dns") else {
        if let Some(search) = search.filter(|_| settings.complete) {
            problems.push(search.whole().problem(
                "says where to look, but netns_dns says no server to ask",
                "write netns_dns=\"ADDRESS\" as well, or take the line away",
            ));
        }
        return None;
    };
    let asked = dns.whole().asked;
    let mut text = format!("{RESOLV_CONF_MARK}, asked for by {asked}\n");
    for server in servers(dns, settings, problems) {
        text.push_str(&format!("nameserver {server}\n"));
    }
    let domains = search
        .map(|search| domains(search, problems))
        .unwrap_or_default();
    if !domains.is_empty() {
        text.push_str(&format!("search {}\n", domains.join(" ")));
    }
    Some(Sourced::from_setting(text, asked))
}

fn servers<'a>(dns: &'a Setting, settings: &Settings, problems: &mut Vec<Problem>) -> Vec<&'a str> {
    let words = dns.words();
    if let Some(fourth) = words.get(3) {
        problems.push(fourth.problem(
            "is the fourth name server",
            "expected three at most: no C library asks more (resolv.conf(5))",
        ));
    }
    for word in &words {
        let zone = word.text.split_once('%');
        let zone = zone.map(|(address, link)| (address.parse::<Ipv6Addr>(), link));
        match (word.text.parse::<IpAddr>(), zone) {
            (Ok(_), _) => {}
            (_, Some((Ok(address), link))) if address.is_unicast_link_local() => {
                let known = settings.listed(link).is_some();
                if settings.complete && !known {
                    problems.push(word.problem(
                        format!("names {link}, which netns_links does not list"),
                        "expected a link of this namespace behind the %",
                    ));
                }
            }
            _ => problems.push(word.problem(
                "is not the address of a name server",
                "expected addresses with blanks between them, such as 192.0.2.53",
            )),
        }
    }
    words.iter().map(|word| word.text).collect()
}

fn domains<'a>(search: &'a Setting, problems: &mut Vec<Problem>) -> Vec<&'a str> {
    let words = search.words();
    for word in &words {
        let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !word.text.chars().all(valid) {
            problems.push(word.problem(
                "is not a domain",
                "expected domains with blanks between them, such as example.org",
            ));
        }
    }
    words.iter().map(|word| word.text).collect()
}
