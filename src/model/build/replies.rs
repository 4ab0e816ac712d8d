//! The way out and in, what is wanted inside for the answers of published ports.

use std::net::IpAddr;

use super::nat::{Way, ways};
use crate::model::nat::replies::{MARK, PRIORITY, ROUTES, ruleset};
use crate::model::nat::{Family, Nat};
use crate::model::policy::{Action, Packets};
use crate::model::route::Names;
use crate::model::{Address, PolicyRule, Route, Rules, State, Sysctl, Tool, Where};
use crate::place::At;

/// The way back of a published address.
struct Back<'a> {
    way: Way<'a>,
    family: Family,
    /// The host's address at the other end.
    via: IpAddr,
}

/// Have the answers leave by the veth that the question came in by.
pub(super) fn bring_back(state: &mut State, nat: &Nat) {
    let backs = backs(state, nat);
    let Some(asked) = nat.publish.first().map(|publish| publish.asked.clone()) else {
        return;
    };
    if backs.is_empty() {
        return;
    }
    let routes: Vec<Route> = backs.iter().flat_map(routes).collect();
    let policy: Vec<PolicyRule> = backs.iter().map(|back| rule(back.family)).collect();
    let sysctls = sysctls(&backs);
    let rules = rules(&backs);
    fn of<T>(value: T, asked: &Option<std::sync::Arc<crate::place::Asked>>) -> At<T> {
        At {
            value,
            asked: asked.clone(),
        }
    }
    state
        .routes
        .extend(routes.into_iter().map(|r| of(r, &asked)));
    state
        .policy
        .extend(policy.into_iter().map(|p| of(p, &asked)));
    state.rules.push(of(rules, &asked));
    for sysctl in sysctls {
        // What the owner says of it holds
        if state.sysctl(&sysctl.at, &sysctl.key).is_none() {
            state.sysctls.push(of(sysctl, &asked));
        }
    }
}

/// One a family. In a vrf the routes are the vrf's own, and those of others lead nothing away.
fn backs<'a>(state: &'a State, nat: &Nat) -> Vec<Back<'a>> {
    let to = nat.publish.iter().flat_map(|publish| &publish.value.to);
    let mut backs: Vec<Back<'a>> = Vec::new();
    for to in to {
        let family = Family::of(*to);
        if backs.iter().any(|back| back.family == family) {
            continue;
        }
        let is_it = |way: &Way<'_>| way.addresses().any(|a| a.value.ip() == *to);
        let Some(way) = ways(&state.links).into_iter().find(is_it) else {
            continue;
        };
        if way.holder.master.is_some() {
            continue;
        }
        let ends = way.end.addresses.iter().map(|end| &end.value);
        let mut ends = ends.filter(|end| Family::of(end.ip()) == family && !end.is_kernels());
        let near = ends.clone().find(|end| end.network().contains(to));
        if let Some(end) = near.or_else(|| ends.next()) {
            let via = end.ip();
            backs.push(Back { way, family, via });
        }
    }
    backs
}

/// To everywhere; and to nowhere, where the veth is down: what is marked never takes another way.
fn routes(back: &Back<'_>) -> Vec<Route> {
    let Back { way, via, family } = back;
    let is_near = |a: &At<Address>| a.value.network().contains(via);
    let onlink = match way.holder.addresses.iter().any(is_near) {
        true => "",
        false => " onlink",
    };
    let (dev, everywhere) = (
        &way.holder.name,
        match family {
            Family::V4 => "0.0.0.0/0",
            Family::V6 => "::/0",
        },
    );
    let texts = [
        format!("{everywhere} via {via} dev {dev} table {ROUTES}{onlink}"),
        format!("unreachable {everywhere} metric 4294967295 table {ROUTES}"),
    ];
    let read = |text: &String| Route::parse(text, &Names::default()).ok();
    texts.iter().filter_map(read).collect()
}

fn rule(family: Family) -> PolicyRule {
    PolicyRule {
        priority: Some(PRIORITY),
        v6: family == Family::V6,
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
        (back.family == Family::V4).then(|| format!("net/ipv4/conf/{link}/src_valid_mark"))
    };
    let keys = ["net/ipv4/tcp_fwmark_accept".to_string()].into_iter();
    let keys = keys.chain(backs.iter().filter_map(of_link));
    let set = |key: String| Some(Sysctl::new(Where::Inside, key.parse().ok()?, "1"));
    keys.filter_map(set).collect()
}

fn rules(backs: &[Back<'_>]) -> Rules {
    let mut links: Vec<_> = backs
        .iter()
        .map(|back| &back.way.holder.name.value)
        .collect();
    links.dedup();
    Rules {
        tool: Tool::Replies,
        file: "netns_publish".into(),
        text: ruleset(&links),
        tables: Vec::new(),
        held: Vec::new(),
        outlived: false,
    }
}
