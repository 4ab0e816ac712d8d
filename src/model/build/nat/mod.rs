//! Parses `netns_masquerade` and `netns_publish` into what the host has to do, and checks both
//! against the links.

pub mod publish;
pub mod replies;
pub mod return_routes;

use super::nat::publish::publish;
use super::where_said;
use crate::conf::Settings;
use crate::model::nat::{IpVersion, Nat, Publish, Uplinks};
use crate::model::{Address, Kind, Link, Netns};
use crate::name::LinkName;
use crate::source::{Problem, Sourced};

/// The masquerading and port forwarding of the two settings. `unread` are the links whose addresses
/// are not known.
pub(super) fn nat(
    settings: &Settings,
    links: &[Link],
    unread: &[LinkName],
    problems: &mut Vec<Problem>,
) -> Option<Nat> {
    let before = problems.len();
    let uplinks = uplinks(settings, problems);
    let mut publish = publish(settings, problems);
    let asked = uplinks.as_ref().map(|uplinks| uplinks.origin.clone());
    let asked = asked.or_else(|| publish.first().map(|p| p.origin.clone()))?;
    if problems.len() > before || !settings.complete {
        return None;
    }
    let ways = ways(links);
    if ways.is_empty() {
        problems.push(no_way(
            links,
            &Sourced {
                value: (),
                origin: asked,
            },
        ));
        return None;
    }
    if ways
        .iter()
        .any(|way| unread.contains(&way.holder.name.value))
    {
        return None;
    }
    let addresses: Vec<&Sourced<Address>> = ways.iter().flat_map(|way| way.addresses()).collect();
    for publish in &mut publish {
        lead(publish, &ways, &addresses, problems);
    }
    twice(&publish, problems);
    let behind = ways.iter().flat_map(|way| way.behind());
    let of_all = addresses.iter().copied().chain(behind);
    let mut families: Vec<_> = of_all.map(|a| IpVersion::of(a.value.ip())).collect();
    families.sort();
    families.dedup();
    if let (Some(uplinks), true) = (&uplinks, families.is_empty()) {
        problems.push(no_address(uplinks, &ways));
    }
    Some(Nat {
        ends: ways.iter().map(|way| way.end.name.value.clone()).collect(),
        families,
        uplinks,
        publish,
    })
}

/// A veth pair between the namespace and the host.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    /// The link that has the addresses inside: the end of the pair, or the bridge or bond of which
    /// this end is a port.
    pub holder: &'a Link,
    /// The end on the host.
    pub end: &'a Link,
}

impl<'a> Way<'a> {
    /// The addresses inside, without those that only the other end can reach.
    pub fn addresses(&self) -> impl Iterator<Item = &'a Sourced<Address>> + use<'a> {
        let all = self.holder.addresses.iter();
        all.filter(|a| !a.value.is_kernels())
    }

    /// The addresses of the other end, if the link inside is a bridge. Machines behind the bridge,
    /// such as virtual machines, have addresses in these networks.
    fn behind(&self) -> impl Iterator<Item = &'a Sourced<Address>> + use<'a> {
        let bridged = self.holder.kind.word() == "bridge";
        let all = self.end.addresses.iter().filter(move |_| bridged);
        all.filter(|a| !a.value.is_kernels())
    }
}

/// The veth pairs to the host whose end there has no master. If that end is a port of a bridge,
/// packets to the outside are left to that bridge.
pub(super) fn ways(links: &[Link]) -> Vec<Way<'_>> {
    let way = |end: &'_ Link| -> bool { end.netns == Netns::Host && end.master.is_none() };
    let places = super::link::master::places(links);
    let inside = links.iter().filter(|link| link.netns == Netns::This);
    let ways = inside.filter_map(|inside| match &inside.kind {
        Kind::Veth { peer: Some(peer) } => {
            let end = *places.get(peer)?;
            let holder = super::link::master::holder(inside, &places);
            way(end).then_some(Way { holder, end })
        }
        _ => None,
    });
    ways.collect()
}

fn uplinks(settings: &Settings, problems: &mut Vec<Problem>) -> Option<Sourced<Uplinks>> {
    let setting = settings.get("netns_masquerade")?;
    let words = setting.words();
    let whole = setting.whole();
    match words.iter().map(|word| word.text).collect::<Vec<_>>()[..] {
        ["no"] => return None,
        ["yes"] => return Some(whole.at(Uplinks::Any)),
        _ => {}
    }
    let expected = "expected yes, no, or the names of links of the host";
    let mut named: Vec<LinkName> = Vec::new();
    for word in &words {
        match word.text.parse() {
            Ok(_) if matches!(word.text, "yes" | "no") => {
                problems.push(word.problem("is combined with something else", expected));
            }
            Ok(name) if named.contains(&name) => {
                problems.push(word.problem("is given twice", "expected each link once"));
            }
            Ok(_) if word.text == "lo" => {
                problems.push(word.problem("reaches only the host itself", expected));
            }
            Ok(name) => named.push(name),
            Err(wrong) => {
                let wrong = format!("is not a name for a link: {wrong}");
                problems.push(word.problem(wrong, expected));
            }
        }
    }
    Some(whole.at(Uplinks::Named(named)))
}

/// Set the destination of a forwarded port: the only address of each family inside.
fn lead(
    publish: &mut Sourced<Publish>,
    ways: &[Way<'_>],
    addresses: &[&Sourced<Address>],
    problems: &mut Vec<Problem>,
) {
    let inside = &ways[0].holder.name;
    let mut faults = Vec::new();
    for family in [IpVersion::V4, IpVersion::V6] {
        if publish.value.family().is_some_and(|said| said != family) {
            continue;
        }
        let of_family = addresses
            .iter()
            .filter(|a| IpVersion::of(a.value.ip()) == family);
        match of_family.collect::<Vec<_>>()[..] {
            [] => {}
            [one] => publish.value.to.push(one.value.ip()),
            [one, other, ..] => faults.push((
                format!("could be forwarded to {} and to {}", one.value.ip(), other.value.ip()),
                format!(
                    "expected one {family} address inside on the veths to the host; remove one ({}), or say which family with an address before the port",
                    where_said(other, super::place(&*publish))
                ),
            )),
        }
    }
    if faults.is_empty() && publish.value.to.is_empty() {
        let family = publish.value.family().map(|said| format!("{said} "));
        faults.push((
            format!(
                "cannot be forwarded: {inside} has no {}address",
                family.unwrap_or_default()
            ),
            format!(
                "write an address of the network of its other end in config_{}",
                inside.value.suffix()
            ),
        ));
    }
    for (wrong, remedy) in faults {
        problems.push(super::problem(publish, wrong, remedy));
    }
}

fn twice(publish: &[Sourced<Publish>], problems: &mut Vec<Problem>) {
    for (n, one) in publish.iter().enumerate() {
        if let Some(first) = publish[..n].iter().find(|p| p.value.meets(&one.value)) {
            problems.push(super::problem(
                one,
                format!("takes the same packets as {first}"),
                "expected each port of an address once".into(),
            ));
        }
    }
}

fn no_way(links: &[Link], asked: &Sourced<()>) -> Problem {
    let setting = asked.origin.as_ref().map_or("", |asked| &asked.setting);
    let port = links
        .iter()
        .find(|link| link.netns == Netns::Host && link.master.is_some());
    let (wrong, remedy) = match port.and_then(|port| port.master.as_ref().map(|m| (port, m))) {
        Some((port, bridge)) => (
            format!("{setting}: {} is a port of the bridge {bridge}, which forwards its packets itself", port.name),
            format!("expected a veth with an end on the host that is no port; remove peer_master_… or {setting}"),
        ),
        None => (
            format!("{setting}: no veth pair connects the namespace to the host"),
            "expected a veth with its other end on the host; write netns_links=\"… ve0\", type_ve0=\"veth\", config_ve0=\"10.0.0.2/30\", peer_config_ve0=\"10.0.0.1/30\", routes_ve0=\"default via 10.0.0.1\"".into(),
        ),
    };
    Problem {
        place: super::place(asked).cloned(),
        wrong,
        remedy,
    }
}

fn no_address(uplinks: &Sourced<Uplinks>, ways: &[Way<'_>]) -> Problem {
    let setting = uplinks.origin.as_ref().map_or("", |asked| &asked.setting);
    let Way { holder, end } = &ways[0];
    let suffix = holder.name.value.suffix();
    Problem {
        place: super::place(uplinks).cloned(),
        wrong: format!(
            "{setting}: {} has no address that could be translated",
            holder.name
        ),
        remedy: match holder.kind.word() {
            "bridge" => format!(
                "write an address in config_{suffix}; or, if {} is the router of the machines on the bridge, in peer_config_… of that veth",
                end.name
            ),
            _ => format!("write an address of the network of its other end in config_{suffix}"),
        },
    }
}
