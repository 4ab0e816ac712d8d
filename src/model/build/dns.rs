//! Builds the text of the namespace's resolv.conf from `netns_dns`, `netns_dns_search` and
//! `netns_dns_options`.

use std::net::{IpAddr, Ipv6Addr};

use crate::conf::{Setting, Settings};
use crate::source::{Problem, Sourced};

/// The beginning of the first line of every resolv.conf that this program writes. A file that
/// begins differently belongs to the administrator.
pub const RESOLV_CONF_MARK: &str = "# written by netns-setup";

pub(super) fn resolv_conf(
    settings: &Settings,
    problems: &mut Vec<Problem>,
) -> Option<Sourced<String>> {
    let (search, options) = (
        settings.get("netns_dns_search"),
        settings.get("netns_dns_options"),
    );
    let Some(dns) = settings.get("netns_dns") else {
        let alone = [(search, "search domains"), (options, "options")];
        for (setting, what) in alone.into_iter().filter(|_| settings.complete) {
            problems.extend(setting.map(|setting| {
                setting.whole().problem(
                    format!("sets {what}, but netns_dns sets no name server"),
                    "write netns_dns=\"ADDRESS\" as well, or remove the line",
                )
            }));
        }
        return None;
    };
    let asked = dns.whole().origin;
    let mut text = format!("{RESOLV_CONF_MARK}, asked for by {asked}\n");
    for server in servers(dns, settings, problems) {
        text.push_str(&format!("nameserver {server}\n"));
    }
    let rows = [
        search.map(|search| ("search", domains(search, problems))),
        options.map(|said| ("options", self::options(said, problems))),
    ];
    for (word, words) in rows.into_iter().flatten() {
        text.push_str(&format!("{word} {}\n", words.join(" ")));
    }
    Some(Sourced::from_setting(text, asked))
}

fn servers<'a>(dns: &'a Setting, settings: &Settings, problems: &mut Vec<Problem>) -> Vec<&'a str> {
    let words = dns.words();
    if let Some(fourth) = words.get(3) {
        problems.push(fourth.problem(
            "is the fourth name server",
            "expected three at most: C libraries use no more (resolv.conf(5))",
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
                        "expected a link of this namespace after the %",
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

/// The options in resolv.conf(5) of glibc and musl. A C library ignores those that it does not
/// know.
const OPTIONS: [&str; 13] = [
    "ndots:",
    "timeout:",
    "attempts:",
    "rotate",
    "edns0",
    "trust-ad",
    "use-vc",
    "no-aaaa",
    "single-request",
    "single-request-reopen",
    "no-tld-query",
    "no-reload",
    "debug",
];

fn options<'a>(options: &'a Setting, problems: &mut Vec<Problem>) -> Vec<&'a str> {
    let words = options.words();
    for word in &words {
        let is_one = |known: &&str| match word.text.strip_prefix(*known) {
            Some(rest) if known.ends_with(':') => rest.parse::<u8>().is_ok(),
            rest => rest == Some(""),
        };
        if !OPTIONS.iter().any(is_one) {
            let known = OPTIONS.map(|known| known.replace(':', ":NUMBER"));
            let expected = format!("expected {}", known.join(", "));
            problems.push(word.problem("is not an option of resolv.conf(5)", expected));
        }
    }
    words.iter().map(|word| word.text).collect()
}
