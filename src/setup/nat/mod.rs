//! Masquerading and port forwarding on the host: builds the wanted state of the host from the
//! settings and its present state. Also separates what other namespaces have changed on the host.

mod others;

use std::io;

use ipnet::IpNet;

use super::failure::{Failure, Why};
use super::store;
use crate::kernel::{Kernel, Query};
use crate::model::build::Want;
use crate::model::nat::{Host, IpVersion, Nat, OnHost, Publish, Uplinks, in_the_way};
use crate::model::{Link, Netns, Route, State, Sysctl, Table};
use crate::name::{LinkName, NetnsName};
use crate::os_error::OsError;
use crate::plan::{Journal, MissingDevice, Obstacle};
use crate::source::{Problem, Sourced};
use crate::system::sockets::taken_port;

pub use others::HeldSysctls;

/// The wanted state with its part on the host, and warnings.
pub struct WithHost {
    /// The wanted state.
    pub state: State,
    /// What can keep it from working, each with a hint.
    pub warnings: Vec<Obstacle>,
}

/// Add the part on the host to the wanted state. Nothing is changed.
pub fn with_host(want: &Want, journal: &Journal, kernel: &mut Kernel) -> Result<WithHost, Failure> {
    let mut state = journal.with_returns(want.state.clone());
    let Some(nat) = &want.nat else {
        let warnings = Vec::new();
        return Ok(WithHost { state, warnings });
    };
    let unread = |e| Why::Broken("cannot read the journals", e);
    // Read the journals before the values: a value is restored before its journal is removed
    let others = HeldSysctls::of(&want.name).map_err(unread)?;
    let ruleset = kernel.host_ruleset().map_err(|e| nft_error(nat, e))?;
    let moves = |host: &mut Host| with_moves(host, &state);
    let mut host = kernel.host(nat, moves).map_err(query_error)?;
    let obstacles = obstacles(nat, &state, journal, kernel)?;
    if !obstacles.is_empty() {
        return Err(Why::Obstacles(obstacles).into());
    }
    let ours = journal.before.sysctls.iter().map(|before| &before.value);
    for before in others.before().chain(ours) {
        without_us(&mut host, before);
    }
    host.of_namespaces = others.links().cloned().collect();
    let wanted = nat.on(&want.name, &host);
    let mut in_the_way = in_the_way(&ruleset, &want.name, nat);
    let legacy = kernel.host_iptables_legacy().map_err(query_error)?;
    in_the_way.extend(legacy.iter().filter_map(|legacy| legacy.in_the_way(nat)));
    let warnings = warnings(nat, &wanted, in_the_way);
    for (key, value) in wanted.sysctls {
        if let Ok(key) = key.parse() {
            let sysctl = Sysctl::new(Netns::Host, key, &value);
            // What a NIC that goes back had before the namespace took it
            state.sysctls.retain(|earlier| {
                (&earlier.value.netns, &earlier.value.key) != (&sysctl.netns, &sysctl.key)
            });
            state.sysctls.push(Sourced {
                value: sysctl,
                origin: nat.origin(),
            });
        }
    }
    state.table = Some(Sourced {
        value: wanted.table,
        origin: nat.origin(),
    });
    Ok(WithHost { state, warnings })
}

/// The host as it is after the moves of NICs. One that moves into the namespace is no uplink of the
/// host, also while it is still there; one that goes back is.
fn with_moves(host: &mut Host, want: &State) {
    host.default_links.retain(|(_, link)| !moves_in(link, want));
    host.addresses.retain(|(_, link)| !moves_in(link, want));
    for link in want.links.iter().filter(|link| goes_back(link)) {
        let name = &link.name.value;
        let addresses = link.addresses.iter().map(|address| address.value.ip());
        host.addresses
            .extend(addresses.map(|ip| (ip, name.clone())));
        let routes = want.routes.iter().map(|route| &route.value);
        let defaults = routes.filter(|route| {
            route.netns == Netns::Host && route.table == Route::MAIN && route.dst.prefix_len() == 0
        });
        let over = defaults.filter(|route| route.links().any(|over| over == name));
        host.default_links.extend(over.map(|route| {
            let family = match route.dst {
                IpNet::V4(_) => IpVersion::V4,
                IpNet::V6(_) => IpVersion::V6,
            };
            (family, name.clone())
        }));
    }
}

fn moves_in(name: &LinkName, want: &State) -> bool {
    let mut links = want.links.iter();
    links.any(|link| link.netns == Netns::This && link.kind.is_moved() && link.other_name() == name)
}

/// Whether the wanted link is a NIC that is to be on the host.
fn goes_back(link: &Link) -> bool {
    link.netns == Netns::Host && link.kind.is_moved()
}

/// As [`with_host`], for a watched namespace: if the wanted part on the host is not possible, it
/// stays as it is, and the obstacles are returned.
pub fn with_host_or_obstacle(
    want: &Want,
    journal: &Journal,
    kernel: &mut Kernel,
) -> Result<(State, Vec<Obstacle>), Why> {
    match with_host(want, journal, kernel) {
        Ok(with_host) => Ok((with_host.state, Vec::new())),
        Err(Failure {
            why: Why::Obstacles(obstacles),
            ..
        }) => {
            let mut state = journal.with_returns(want.state.clone());
            state.table = journal.ours.table.clone();
            let host = |sysctl: &&Sourced<Sysctl>| sysctl.value.netns == Netns::Host;
            let ours = journal.ours.sysctls.iter().filter(host).cloned();
            // A sysctl of a link that does not exist now is gone with the link
            state.sysctls.extend(ours.map(|mut sysctl| {
                sysctl.value.optional = true;
                sysctl
            }));
            Ok((state, obstacles))
        }
        Err(failure) => Err(failure.why),
    }
}

/// Our table on the host, if it exists. Its text is empty if it is not as we loaded it.
pub fn table(kernel: &mut Kernel, journal: &Journal) -> Result<Option<Sourced<Table>>, OsError> {
    let Some(mut table) = journal.ours.table.clone() else {
        return Ok(None);
    };
    let Some(listed) = kernel.nat_table()? else {
        return Ok(None);
    };
    if table.value.listed.as_ref() != Some(&listed) {
        table.value.text.clear();
    }
    Ok(Some(table))
}

/// Delete the conntrack entries of published UDP ports, so that clients follow the new rules. An
/// error is only logged: the entries expire after some minutes.
pub fn forget_flows(kernel: &mut Kernel, journals: [&Journal; 2]) {
    let tables = journals
        .iter()
        .filter_map(|journal| journal.ours.table.as_ref());
    let ports: Vec<&Publish> = tables.flat_map(|table| &table.value.publish).collect();
    if let Err(e) = kernel.forget_flows(&ports) {
        log::debug!("cannot delete the tracked UDP flows: {e}");
    }
}

/// Remove what other namespaces have changed on the host from the present state and from the
/// journal. For verbs that change nothing.
pub fn without_others(
    name: &NetnsName,
    want: &State,
    query: &Query,
    (journal, have): (&mut Journal, &mut State),
) -> Result<(), Failure> {
    let unread = |e| Why::Broken("cannot read the journals", e);
    let others = HeldSysctls::to(name, query).map_err(unread)?;
    others.as_before(have, journal);
    others.leave_to(journal, want);
    Ok(())
}

/// The ports that another namespace publishes already.
pub fn published_twice(want: &Want) -> io::Result<Vec<Problem>> {
    let Some(nat) = want.nat.as_ref().filter(|nat| !nat.publish.is_empty()) else {
        return Ok(Vec::new());
    };
    let mut problems = Vec::new();
    for (other, journal) in store::others(&want.name)? {
        let table = journal.ours.table;
        let theirs: Vec<Publish> = table.map(|table| table.value.publish).unwrap_or_default();
        for ours in &nat.publish {
            if let Some(theirs) = theirs.iter().find(|theirs| theirs.meets(&ours.value)) {
                problems.push(Problem {
                    place: ours.origin.as_ref().map(|origin| origin.place.clone()),
                    wrong: format!("netns_publish: \"{ours}\" is already published by the namespace {other} ({theirs})"),
                    remedy: format!("use another port or address of the host, or run netns-setup down {other} first"),
                });
            }
        }
    }
    Ok(problems)
}

/// Remove from `host` what we have changed, so that it has the settings of its owner.
fn without_us(host: &mut Host, before: &Sysctl) {
    let parts: Vec<&str> = before.key.path().split('/').collect();
    let (family, link) = match parts[..] {
        ["net", "ipv6", "conf", "all", "forwarding"] => (IpVersion::V6, None),
        ["net", "ipv4", "conf", link, "forwarding"] => (IpVersion::V4, link.parse().ok()),
        ["net", "ipv6", "conf", link, "force_forwarding"] => (IpVersion::V6, link.parse().ok()),
        ["net", "ipv6", "conf", link, "accept_ra"] => {
            if before.value == "1" {
                host.takes_advertisements.extend(link.parse().ok());
            }
            return;
        }
        _ => return,
    };
    if before.netns == Netns::Host && before.value == "0" {
        host.forwards.remove(&(family, link));
    }
}

/// What prevents the changes.
fn obstacles(
    nat: &Nat,
    want: &State,
    journal: &Journal,
    kernel: &mut Kernel,
) -> Result<Vec<Obstacle>, Failure> {
    let back = |name: &LinkName| {
        let mut links = want.links.iter().filter(|link| goes_back(link));
        links.any(|link| link.name.value == *name)
    };
    let mut found = Vec::new();
    if let Some(Sourced {
        value: Uplinks::Named(named),
        origin,
    }) = &nat.uplinks
    {
        for link in named {
            if !back(link) && !kernel.host_has(link).map_err(query_error)? {
                found.push(Obstacle {
                    origin: origin.clone(),
                    wrong: format!("the host has no link {link}"),
                    remedy:
                        "start the service that creates it first, or correct the name; ip link lists the links"
                            .into(),
                    missing: Some(MissingDevice::Named(link.clone())),
                });
            }
        }
    }
    let table = journal.ours.table.as_ref();
    let published = table
        .map(|table| table.value.publish.as_slice())
        .unwrap_or_default();
    for publish in &nat.publish {
        let is_new = |port: &u16| {
            let mut published = published
                .iter()
                .filter(|published| published.meets(&publish.value));
            !published.any(|published| published.ports().contains(port))
        };
        if let Some(port) = taken_port(&publish.value, publish.value.ports().filter(is_new)) {
            let proto = publish.value.proto;
            let letter = &proto.to_string()[..1];
            found.push(Obstacle {
                origin: publish.origin.clone(),
                wrong: format!("{publish}: a program on the host already uses {proto} port {port}"),
                remedy: format!("use another port, or stop that program; ss -{letter}lnp sport = :{port} shows which it is"),
missing: None,
});
        }
    }
    Ok(found)
}

fn warnings(nat: &Nat, wanted: &OnHost, in_the_way: Vec<(String, String)>) -> Vec<Obstacle> {
    let mut all = in_the_way;
    if wanted.no_uplink {
        all.push((
            "the host has no default route: nothing is forwarded between its links and the namespace".into(),
            "list the uplinks in netns_masquerade, or run netns-setup reload once there is a default route".into(),
        ));
    }
    let obstacles = all.into_iter().map(|(wrong, remedy)| Obstacle {
        origin: nat.origin(),
        wrong,
        remedy,
        missing: None,
    });
    obstacles.collect()
}

fn nft_error(nat: &Nat, e: OsError) -> Failure {
    let missing = e.errno.kind() == io::ErrorKind::NotFound;
    let remedy = if missing {
        "install the package nftables; iptables alone is not enough"
    } else {
        "nft -j list ruleset must work on the host; root and a kernel with nf_tables are required"
    };
    let wrong = if missing {
        "there is no program nft on the host".to_string()
    } else {
        e.to_string()
    };
    Why::Obstacles(vec![Obstacle {
        origin: nat.origin(),
        wrong,
        remedy: remedy.into(),
        missing: None,
    }])
    .into()
}

fn query_error(e: OsError) -> Failure {
    let error = io::Error::other(e.to_string());
    Why::Broken("cannot read the state of the host", error).into()
}
