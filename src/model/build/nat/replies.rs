//! Adds what the namespace needs to answer requests through a port of `netns_publish`: routes,
//! policy rules, sysctls and an nftables table. With them, an answer leaves through the veth
//! through which the request came in.

use std::net::IpAddr;

use super::{Way, ways};
use crate::model::names::Names;
use crate::model::nat::replies::{MARK, PRIORITY, ROUTES, ruleset};
use crate::model::nat::{IpVersion, Nat};
use crate::model::rule::{Action, Packets};
use crate::model::{Address, Link, Netns, Route, Rule, Ruleset, State, Sysctl, Tool};
use crate::source::Sourced;

/// The return path for a published address.
struct Back<'a> {
    way: Way<'a>,
    family: IpVersion,
    /// The host's address at the other end.
    via: IpAddr,
}

/// Add what makes answers leave through the veth through which the request came in.
pub(crate) fn bring_back(state: &mut State, nat: &Nat) {
    let backs = backs(&state.links, nat);
    let Some(asked) = nat.publish.first().filter(|_| !backs.is_empty()) else {
        return;
    };
    let routes = backs.iter().flat_map(routes);
    let policy = backs.iter().map(|back| rule(back.family));
    // A sysctl of the settings takes precedence
    let mut sysctls = sysctls(&backs);
    sysctls.retain(|sysctl| state.sysctl(&sysctl.netns, &sysctl.key).is_none());
    let rules = rules(&backs);
    state.routes.extend(routes.map(|route| asked.with(route)));
    state.rules.extend(policy.map(|rule| asked.with(rule)));
    let sysctls = sysctls.into_iter().map(|sysctl| asked.with(sysctl));
    state.sysctls.extend(sysctls);
    state.firewall.push(asked.with(rules));
}

/// The return paths, one for each family. Links in a VRF are skipped: their answers use the VRF's
/// own routes, and no route outside of it diverts them.
fn backs<'a>(links: &'a [Link], nat: &Nat) -> Vec<Back<'a>> {
    let mut ways = ways(links);
    ways.retain(|way| way.holder.master.is_none());
    let to = nat.publish.iter().flat_map(|publish| &publish.value.to);
    let mut backs: Vec<Back<'a>> = Vec::new();
    for to in to {
        let family = IpVersion::of(*to);
        if backs.iter().any(|back| back.family == family) {
            continue;
        }
        let is_it = |way: &&Way<'_>| way.addresses().any(|a| a.value.ip() == *to);
        let Some(way) = ways.iter().find(is_it).copied() else {
            continue;
        };
        let ends = way.end.addresses.iter().map(|end| &end.value);
        let mut ends = ends.filter(|end| IpVersion::of(end.ip()) == family && !end.is_kernels());
        let near = ends.clone().find(|end| end.network().contains(to));
        if let Some(end) = near.or_else(|| ends.next()) {
            let via = end.ip();
            backs.push(Back { way, family, via });
        }
    }
    backs
}

/// A default route, and an unreachable route for when the veth is down: marked packets never take
/// another path.
fn routes(back: &Back<'_>) -> Vec<Route> {
    let Back { way, via, family } = back;
    let is_near = |a: &Sourced<Address>| a.value.network().contains(via);
    let onlink = match way.holder.addresses.iter().any(is_near) {
        true => "",
        false => " onlink",
    };
    let (dev, everywhere) = (
        &way.holder.name,
        match family {
            IpVersion::V4 => "0.0.0.0/0",
            IpVersion::V6 => "::/0",
        },
    );
    let texts = [
        format!("{everywhere} via {via} dev {dev} table {ROUTES}{onlink}"),
        format!("unreachable {everywhere} metric 4294967295 table {ROUTES}"),
    ];
    let read = |text: &String| Route::parse(text, &Names::default()).ok();
    texts.iter().filter_map(read).collect()
}

fn rule(family: IpVersion) -> Rule {
    Rule {
        priority: Some(PRIORITY),
        v6: family == IpVersion::V6,
        packets: Packets {
            mark: Some((MARK, MARK)),
            ..Packets::default()
        },
        not: false,
        action: Action::Table(ROUTES),
        suppress_prefixlength: None,
    }
}

fn sysctls(backs: &[Back<'_>]) -> Vec<Sysctl> {
    let of_link = |back: &Back<'_>| {
        let link = &back.way.holder.name;
        (back.family == IpVersion::V4).then(|| format!("net/ipv4/conf/{link}/src_valid_mark"))
    };
    let keys = ["net/ipv4/tcp_fwmark_accept".to_string()].into_iter();
    let keys = keys.chain(backs.iter().filter_map(of_link));
    let set = |key: String| Some(Sysctl::new(Netns::This, key.parse().ok()?, "1"));
    keys.filter_map(set).collect()
}

fn rules(backs: &[Back<'_>]) -> Ruleset {
    let mut links: Vec<_> = backs
        .iter()
        .map(|back| &back.way.holder.name.value)
        .collect();
    links.dedup();
    Ruleset {
        tool: Tool::Replies,
        file: "netns_publish".into(),
        text: ruleset(&links),
        tables: Vec::new(),
        links_by_index: Vec::new(),
        outlived: false,
    }
}
