//! The journal as text (ini), for `/run/netns-services/NAME/journal`. A person can read
//! it, and can put things back by it. No files here, only the text.

mod rules;
mod told;

use ini::{EscapePolicy, Ini, ParseOption, Properties};

use crate::model::link_types::Type;
use crate::model::route::Names;
use crate::model::{Kind, Link, LinkAt, Made, Route, State, Sysctl, Table, TextError, Where};
use crate::place::At;
use crate::plan::Journal;
use crate::state::Birth;

/// What stands above the first section.
const HEADER: &str = "# What netns-setup made, and what was there before, to be put back by it\n";

/// A journal, and which namespace it speaks of: of another one of the same name, nothing
/// is ours.
pub fn write(journal: &Journal, netns: Option<Birth>) -> String {
    let mut ini = Ini::new();
    let made = if journal.made.netns { "yes" } else { "no" };
    ini.with_section(Some("namespace")).set("made", made);
    if journal.made.resolv_conf.is_some() {
        ini.with_section(Some("namespace"))
            .set("resolv_conf", "yes");
    }
    if let Some(from) = &journal.made.attached {
        ini.with_section(Some("namespace"))
            .set("attached", from.value.as_str());
    }
    if let Some(birth) = netns {
        ini.with_section(Some("namespace"))
            .set("identity", birth.to_string());
    }
    rules::write(&mut ini, journal);
    if let Some(table) = &journal.made.table {
        let mut section = Properties::new();
        let publish = &table.value.publish;
        let words = publish.iter().map(ToString::to_string);
        words.for_each(|word| section.append("publish", word));
        ini.entry(Some("table".into())).or_insert(section);
    }
    for (state, word) in [(&journal.made, "made"), (&journal.before, "before")] {
        for link in &state.links {
            let section = format!("{word} {} {}", link.name, where_text(&link.at));
            ini.entry(Some(section)).or_insert(link_section(link));
        }
        let mut routes = Properties::new();
        for route in &state.routes {
            routes.append(where_text(&route.value.at), route.value.to_string());
        }
        ini.entry(Some(format!("{word} routes"))).or_insert(routes);
        let mut policy = Properties::new();
        for rule in &state.policy {
            policy.append("inside", rule.value.to_string());
        }
        ini.entry(Some(format!("{word} policy"))).or_insert(policy);
        let mut sysctls = Properties::new();
        for sysctl in state.sysctls.iter().map(|sysctl| &sysctl.value) {
            let text = format!("{} {}", sysctl.key.path(), sysctl.value);
            sysctls.append(where_text(&sysctl.at), text);
        }
        ini.entry(Some(format!("{word} sysctls")))
            .or_insert(sysctls);
    }
    let mut text = HEADER.as_bytes().to_vec();
    // Writing to memory does not fail
    let _ = ini.write_to_policy(&mut text, EscapePolicy::Nothing);
    String::from_utf8_lossy(&text).into_owned()
}

/// The inverse of [`write()`], but for the namespace's birth, which stays text. A text that
/// is not a journal is an error in words.
pub fn read(text: &str) -> Result<(Journal, Option<String>), String> {
    let plain = ParseOption {
        enabled_escape: false,
        enabled_quote: false,
        ..Default::default()
    };
    let ini = Ini::load_from_str_opt(text, plain).map_err(|e| e.to_string())?;
    let mut journal = Journal::default();
    let mut netns = None;
    for (section, properties) in ini.iter() {
        let words: Vec<&str> = section.unwrap_or_default().split(' ').collect();
        let state = match words.first() {
            Some(&"rules") => {
                rules::read(&mut journal, &words, properties)?;
                continue;
            }
            Some(&"table") => {
                journal.made.table = Some(At::nobody(read_table(properties)?));
                continue;
            }
            Some(&"made") => &mut journal.made,
            Some(&"before") => &mut journal.before,
            _ => {
                netns = properties.get("identity").map(String::from);
                let from = properties.get("attached");
                journal.made.attached = from.map(|from| At::nobody(from.into()));
                journal.made.netns = properties.get("made") == Some("yes");
                let wrote = properties.get("resolv_conf") == Some("yes");
                journal.made.resolv_conf = wrote.then(|| At::nobody(String::new()));
                continue;
            }
        };
        match &words[1..] {
            ["routes"] => read_routes(state, properties)?,
            ["policy"] => read_policy(state, properties)?,
            ["sysctls"] => read_sysctls(state, properties)?,
            [name, at @ ..] => {
                let at = where_of(&at.join(" "))?;
                state.links.push(read_link(name, at, properties)?);
            }
            [] => {}
        }
    }
    Ok((journal, netns))
}

fn where_text(at: &Where) -> String {
    match at {
        Where::Inside => "inside".into(),
        Where::Host => "host".into(),
        Where::Netns(netns) => format!("netns {netns}"),
    }
}

fn where_of(text: &str) -> Result<Where, String> {
    match text.split_once(' ') {
        None if text == "inside" => Ok(Where::Inside),
        None if text == "host" => Ok(Where::Host),
        Some(("netns", netns)) => Ok(Where::Netns(netns.parse()?)),
        _ => Err(format!("{text:?} is neither inside, host nor netns NAME")),
    }
}

fn link_section(link: &Link) -> Properties {
    let mut section = Properties::new();
    section.append("type", link.kind.word());
    match &link.kind {
        Kind::Veth { peer: Some(other) } => section.append("peer", link_at_text(other)),
        Kind::Made(made) => {
            section.append("born", where_text(&made.born));
            if let Some(parent) = &made.parent {
                section.append("link", parent.as_str());
            }
            for (option, value) in &made.options {
                section.append(option.word, value.value.to_string());
            }
        }
        _ => {}
    }
    let up = link.up.map(|up| if up { "yes" } else { "no" });
    let optional = [
        ("mtu", link.mtu.as_ref().map(ToString::to_string)),
        ("mac", link.mac.as_ref().map(ToString::to_string)),
        ("master", link.master.as_ref().map(ToString::to_string)),
        ("inside", link.other.as_ref().map(ToString::to_string)),
        ("card", link.card.as_ref().map(ToString::to_string)),
        ("up", up.map(String::from)),
    ];
    for (key, value) in optional.into_iter().filter(|(_, value)| value.is_some()) {
        section.append(key, value.unwrap_or_default());
    }
    told::write(&mut section, link);
    for address in &link.addresses {
        section.append("address", address.to_string());
    }
    section
}

fn link_at_text(link: &LinkAt) -> String {
    format!("{} {}", link.name, where_text(&link.at))
}

fn link_at_of(text: &str) -> Result<LinkAt, String> {
    let (name, at) = text
        .split_once(' ')
        .ok_or_else(|| format!("{text:?} names no namespace"))?;
    Ok(LinkAt {
        at: where_of(at)?,
        name: name.parse()?,
    })
}

fn read_link(name: &str, at: Where, section: &Properties) -> Result<Link, String> {
    let mut link = Link::new(at, At::nobody(name.parse()?), read_kind(section)?);
    link.mtu = value(section, "mtu")?;
    link.mac = value(section, "mac")?;
    link.master = value(section, "master")?;
    link.up = section.get("up").map(|up| up == "yes");
    link.other = section.get("inside").map(str::parse).transpose()?;
    link.card = value(section, "card")?;
    link.wireguard = told::read(section)?.map(At::nobody);
    for address in section.get_all("address") {
        link.addresses.push(At::nobody(address.parse()?));
    }
    Ok(link)
}

fn read_kind(section: &Properties) -> Result<Kind, String> {
    Ok(match section.get("type").unwrap_or_default() {
        "physical" => Kind::Physical,
        "loopback" => Kind::Loopback,
        "veth" => Kind::Veth {
            peer: section.get("peer").map(link_at_of).transpose()?,
        },
        word => match Type::named(word) {
            Some(of) => Kind::Made(read_made(of, section)?),
            None => Kind::Other(word.into()),
        },
    })
}

fn read_made(of: &'static Type, section: &Properties) -> Result<Made, String> {
    let born = where_of(section.get("born").unwrap_or_default())?;
    let mut made = Made::new(of, born);
    made.parent = section.get("link").map(str::parse).transpose()?;
    for option in of.options {
        if let Some(text) = section.get(option.word) {
            let value = option.form.read(text, &Names::default())?;
            made.set(option, At::nobody(value));
        }
    }
    Ok(made)
}

fn value<T>(section: &Properties, key: &str) -> Result<Option<At<T>>, String>
where
    T: std::str::FromStr<Err: ToString>,
{
    let parse = |text: &str| {
        text.parse()
            .map_err(|e: T::Err| format!("{key}={text}: {}", e.to_string()))
    };
    Ok(section.get(key).map(parse).transpose()?.map(At::nobody))
}

fn read_routes(state: &mut State, section: &Properties) -> Result<(), String> {
    for (at, text) in section.iter() {
        let route: Route = text
            .parse()
            .map_err(|e: TextError| format!("route {text} {}", e.wrong))?;
        state.routes.push(At::nobody(Route {
            at: where_of(at)?,
            ..route
        }));
    }
    Ok(())
}

fn read_policy(state: &mut State, section: &Properties) -> Result<(), String> {
    for (_, text) in section.iter() {
        let rule = text.parse();
        let rule = rule.map_err(|e: TextError| format!("policy rule {text} {}", e.wrong))?;
        state.policy.push(At::nobody(rule));
    }
    Ok(())
}

fn read_sysctls(state: &mut State, section: &Properties) -> Result<(), String> {
    for (at, text) in section.iter() {
        let (key, value) = text.split_once(' ').unwrap_or((text, ""));
        let key = key.parse();
        let key = key.map_err(|e: TextError| format!("sysctl {text} {}", e.wrong))?;
        state
            .sysctls
            .push(At::nobody(Sysctl::new(where_of(at)?, key, value)));
    }
    Ok(())
}

/// All but what nft was given and listed, which have files of their own.
fn read_table(section: &Properties) -> Result<Table, String> {
    let publish = section.get_all("publish").map(str::parse);
    Ok(Table {
        text: String::new(),
        publish: publish.collect::<Result<_, _>>()?,
        listed: None,
    })
}
