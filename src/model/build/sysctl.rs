//! Parses `netns_sysctl`, and the word `auto` of `config_IF`, into sysctls, each with its own line.

use std::collections::btree_map::{BTreeMap, Entry};

use super::address::auto;
use super::where_said;
use crate::conf::{Piece, Settings};
use crate::model::{Netns, Sysctl, SysctlKey, TextError};
use crate::source::{Problem, Sourced};

pub(super) fn sysctls(settings: &Settings, problems: &mut Vec<Problem>) -> Vec<Sourced<Sysctl>> {
    let lines = settings.lines("netns_sysctl");
    let mut found = Vec::new();
    // The first sysctl of each key
    let mut said = BTreeMap::new();
    for piece in lines {
        match sysctl(&piece, settings) {
            Ok(sysctl) => {
                let sysctl = piece.at(sysctl);
                match said.entry(sysctl.value.key.clone()) {
                    Entry::Occupied(first) => problems.push(twice(&piece, first.get())),
                    Entry::Vacant(place) => drop(place.insert(sysctl.clone())),
                }
                found.push(sysctl);
            }
            Err(TextError { wrong, remedy }) => problems.push(piece.problem(wrong, remedy)),
        }
    }
    for listed in &settings.links {
        let Some(word) = auto(listed.get("config")) else {
            continue;
        };
        if listed.name.value.as_str() == "lo" {
            problems.push(word.problem("has no effect for lo", "remove auto"));
        }
        // With the value 2, router advertisements are also accepted if the namespace forwards
        for (key, value) in [("accept_ra", "2"), ("autoconf", "1")] {
            let key = format!("net/ipv6/conf/{}/{key}", listed.name).parse();
            let sysctl = key.map(|key| Sysctl::new(Netns::This, key, value));
            let sysctl = sysctl.ok().filter(|s| !said.contains_key(&s.key));
            found.extend(sysctl.map(|s| word.at(s)));
        }
    }
    found
}

fn sysctl(piece: &Piece<'_>, settings: &Settings) -> Result<Sysctl, TextError> {
    let wrong = |wrong: String, remedy: String| Err(TextError { wrong, remedy });
    let (key, value) = piece.text.split_once('=').unwrap_or((piece.text, ""));
    let (key, value) = (key.trim_ascii(), value.trim_ascii());
    let (optional, key) = match key.strip_prefix('-') {
        Some(key) => (true, key),
        None => (false, key),
    };
    let key: SysctlKey = key.parse()?;
    if key.is_of_the_host() {
        return wrong(
            "is a key of the host: a namespace can read it but not set it".into(),
            format!("set it on the host, for all namespaces: {key} in /etc/sysctl.conf"),
        );
    }
    if value.is_empty() {
        let remedy = format!("expected KEY=VALUE, such as {key}=1");
        return wrong("has no value".into(), remedy);
    }
    if value.contains(char::is_control) {
        return wrong("has a control character in it".into(), "remove it".into());
    }
    let must_be_listed = settings.complete && !optional;
    let unknown = key.link().filter(|link| settings.listed(link).is_none());
    if let Some(link) = unknown.filter(|_| must_be_listed) {
        return wrong(
            format!(": {link} is not in netns_links"),
            "expected a link of this namespace, all or default; write - before the key if another program makes the link"
                .into(),
        );
    }
    Ok(Sysctl {
        optional,
        ..Sysctl::new(Netns::This, key, value)
    })
}

fn twice(piece: &Piece<'_>, other: &Sourced<Sysctl>) -> Problem {
    piece.problem(
        format!("sets {} a second time", other.value.key),
        format!(
            "expected each key once; keep this or {}",
            where_said(other, Some(&piece.origin.place))
        ),
    )
}
