//! The journal as text (INI), for `/run/netns-services/NAME/journal`. A person can read it and
//! restore things by hand with it. This module handles only the text, no files.

mod firewall;
mod links;
mod section_writer;
mod wireguard;

use crate::ini::{Properties, sections};
use crate::model::dhcp::DhcpClient;
use crate::model::{Route, State, Sysctl, Table, TextError};
use crate::plan::Journal;
use crate::source::Sourced;
use crate::state_dir::NetnsId;
use links::{read_link, where_of, where_text, write_link};
use section_writer::SectionWriter;

/// The text above the first section.
const HEADER: &str = "# What netns-setup made, and what was there before, to be put back by it\n";

/// The text of a journal. `netns` identifies its namespace: if another namespace has the same name,
/// nothing in that is ours.
pub fn write(journal: &Journal, netns: Option<NetnsId>) -> String {
    let mut text = SectionWriter::below(HEADER);
    text.section("namespace");
    text.append("made", if journal.ours.exists { "yes" } else { "no" });
    if journal.ours.resolv_conf.is_some() {
        text.append("resolv_conf", "yes");
    }
    if let Some(from) = &journal.ours.attached {
        text.append("attached", &from.value);
    }
    if journal.ours.bare == Some(true) {
        text.append("give_back", "bare");
    }
    if let Some(birth) = netns {
        text.append("identity", birth);
    }
    firewall::write(&mut text, journal);
    if let Some(table) = &journal.ours.table {
        text.section("table");
        // So that the section exists even without a published port
        text.append("made", "yes");
        let publish = table.value.publish.iter();
        publish.for_each(|publish| text.append("publish", publish));
    }
    text.section("clients");
    for client in &journal.ours.clients {
        text.append(client.value.link.as_str(), &client.value.run);
    }
    for (state, word) in [(&journal.ours, "made"), (&journal.before, "before")] {
        for link in &state.links {
            text.section(format_args!(
                "{word} {} {}",
                link.name,
                where_text(&link.netns)
            ));
            write_link(&mut text, link);
        }
        text.section(format_args!("{word} routes"));
        for route in &state.routes {
            text.append(where_text(&route.value.netns), route);
        }
        text.section(format_args!("{word} policy"));
        for rule in &state.rules {
            text.append("inside", rule);
        }
        text.section(format_args!("{word} sysctls"));
        for sysctl in state.sysctls.iter().map(|sysctl| &sysctl.value) {
            let (at, path) = (where_text(&sysctl.netns), sysctl.key.path());
            text.append(at, format_args!("{path} {}", sysctl.value));
        }
        text.section(format_args!("{word} kept"));
        for kept in &state.verbatim {
            text.append("host", kept);
        }
    }
    text.end()
}

/// Read a journal. The inverse of [`write()`], except that the identity of the namespace stays
/// text. Returns an error message if the text is not a journal.
pub fn read(text: &str) -> Result<(Journal, Option<String>), String> {
    let mut journal = Journal::default();
    let mut netns = None;
    for section in &sections(text)? {
        let properties = &section.properties;
        let name = section.name.as_deref().unwrap_or_default();
        let words: Vec<&str> = name.split(' ').collect();
        let state = match words.first() {
            Some(&"rules") => {
                firewall::read(&mut journal, &words, properties)?;
                continue;
            }
            Some(&"table") => {
                journal.ours.table = Some(Sourced::without_origin(read_table(properties)?));
                continue;
            }
            Some(&"clients") => {
                journal.ours.clients = read_clients(properties)?;
                continue;
            }
            Some(&"made") => &mut journal.ours,
            Some(&"before") => &mut journal.before,
            _ => {
                netns = properties.get("identity").map(String::from);
                let from = properties.get("attached");
                journal.ours.attached = from.map(|from| Sourced::without_origin(from.into()));
                journal.ours.exists = properties.get("made") == Some("yes");
                let bare = properties.get("give_back") == Some("bare");
                journal.ours.bare = bare.then_some(true);
                let wrote = properties.get("resolv_conf") == Some("yes");
                journal.ours.resolv_conf = wrote.then(|| Sourced::without_origin(String::new()));
                continue;
            }
        };
        match &words[1..] {
            ["routes"] => read_routes(state, properties)?,
            ["policy"] => read_policy(state, properties)?,
            ["sysctls"] => read_sysctls(state, properties)?,
            ["kept"] => {
                let all = properties.get_all("host").map(str::parse);
                state.verbatim = all.collect::<Result<_, _>>()?;
            }
            [name, at @ ..] => {
                let at = where_of(&at.join(" "))?;
                state.links.push(read_link(name, at, properties)?);
            }
            [] => {}
        }
    }
    Ok((journal, netns))
}

fn read_clients(section: &Properties) -> Result<Vec<Sourced<DhcpClient>>, String> {
    let client = |(link, run): (&str, &str)| {
        let (link, run) = (link.parse()?, run.parse()?);
        Ok(Sourced::without_origin(DhcpClient { link, run }))
    };
    section.iter().map(client).collect()
}

fn read_routes(state: &mut State, section: &Properties) -> Result<(), String> {
    for (at, text) in section.iter() {
        let route = Route::parse_from_kernel(text)
            .map_err(|e: TextError| format!("route {text} {}", e.wrong))?;
        state.routes.push(Sourced::without_origin(Route {
            netns: where_of(at)?,
            ..route
        }));
    }
    Ok(())
}

fn read_policy(state: &mut State, section: &Properties) -> Result<(), String> {
    for (_, text) in section.iter() {
        let rule = text.parse();
        let rule = rule.map_err(|e: TextError| format!("policy rule {text} {}", e.wrong))?;
        state.rules.push(Sourced::without_origin(rule));
    }
    Ok(())
}

fn read_sysctls(state: &mut State, section: &Properties) -> Result<(), String> {
    for (at, text) in section.iter() {
        let (key, value) = text.split_once(' ').unwrap_or((text, ""));
        let key = key.parse();
        let key = key.map_err(|e: TextError| format!("sysctl {text} {}", e.wrong))?;
        state.sysctls.push(Sourced::without_origin(Sysctl::new(
            where_of(at)?,
            key,
            value,
        )));
    }
    Ok(())
}

/// The table without the text for nft and its listing, which are in separate files.
fn read_table(section: &Properties) -> Result<Table, String> {
    let publish = section.get_all("publish").map(str::parse);
    Ok(Table {
        text: String::new(),
        publish: publish.collect::<Result<_, _>>()?,
        listed: None,
    })
}
