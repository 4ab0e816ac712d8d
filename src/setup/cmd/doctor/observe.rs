//! Observing a namespace for `doctor`: the result of `status`, the firewall, the sysctls and the
//! files. `leaks` observes the processes.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::faults::{NameServers, Observed};
use super::firewall::Filters;
use super::{host, host_config, leaks, links};
use crate::conf::files::read_regular;
use crate::kernel::Kernel;
use crate::model::nat::Proto;
use crate::model::{Netns, State};
use crate::name::NetnsName;
use crate::plan::Journal;
use crate::setup::cmd::status::{self, Status};
use crate::setup::error::Outcome;
use crate::setup::failure::{Failure, Why};
use crate::setup::load::{context, settings};
use crate::setup::lock::without_lock;
use crate::setup::report::run_log;
use crate::setup::{Call, store};
use crate::system::{netns, resolv_conf};
use crate::{exec, state_dir};

/// Observe everything. The outcome is [`Outcome::Wrong`] if the settings are wrong.
pub fn observe(call: &Call, name: &NetnsName) -> Result<(Observed, Outcome), Failure> {
    let observed = status::observe(call, name)?;
    if let Some(wrong) = &observed.wrong {
        call.events.failed(Some(name), wrong);
    }
    let (status, outcome) = (observed.status, observed.outcome);
    let (journal, mut kernel) = without_lock(name)?;
    let mut seen = Observed {
        exists: status.exists,
        ready: status.ready,
        unseen: unseen(name),
        servers: servers(name, &status),
        attached: journal.ours.attached.is_some(),
        why_failed: run_log::why_failed(name),
        ..Observed::default()
    };
    let broken = |e| Why::Broken("cannot look for its processes", e);
    let identity = netns::identity(name.as_str()).map_err(broken)?;
    leaks::observe(call, name, identity, &mut seen).map_err(broken)?;
    let want = settings(call, name, &context()).ok();
    if let Some(want) = &want {
        seen.accepted = want.accepted_findings.clone();
        seen.set_up_on_host = host_config::set_up(Path::new("/etc"), &want.state);
    }
    if status.exists {
        if let Some(want) = &want {
            seen.silent_ports = host::silent_ports(want, &mut kernel);
            seen.is_behind_host = links::is_behind_host(&want.state);
            seen.without_carrier = links::without_carrier(&status.links, &want.state);
        }
        let want = want.map_or_else(State::default, |want| want.state);
        if journal.ours.exists {
            seen.foreign = status.foreign();
            seen.forwarding = forwarding(&mut kernel, &want);
        }
        seen.filters = filters(&mut kernel, &journal);
        let anywhere: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        seen.has_default_route = anywhere.iter().any(|ip| status.has_route_to(*ip));
        seen.servers_of_host = servers_in("/etc/resolv.conf".into(), &status);
        seen.silent_peers = links::silent_peers(&status.links);
        seen.listening = of_dns(host::listening(&mut kernel, Proto::Udp));
        seen.listening_on_host = of_dns(host::listening_on_host(Proto::Udp));
    }
    seen.differences = status.differences.unwrap_or_default();
    seen.obstacles = status.obstacles;
    seen.warnings = status.warnings;
    let outcome = match outcome {
        Outcome::Wrong => Outcome::Wrong,
        _ => Outcome::Done,
    };
    Ok((seen, outcome))
}

/// The forwarding sysctls that are on and that no setting asks for.
fn forwarding(kernel: &mut Kernel, want: &State) -> Vec<String> {
    let is_asked_for = |family: &str| {
        let mut inside = want.sysctls.iter().map(|sysctl| &sysctl.value);
        inside.any(|sysctl| {
            let path = sysctl.key.path();
            let forwards = path.ends_with("/ip_forward") || path.ends_with("/forwarding");
            sysctl.netns == Netns::This
                && path.starts_with(family)
                && forwards
                && sysctl.value != "0"
        })
    };
    let keys = [
        ("net/ipv4/", "net.ipv4.ip_forward"),
        ("net/ipv6/", "net.ipv6.conf.all.forwarding"),
    ];
    let on = |key: &str| {
        let file = format!("/proc/sys/{}", key.replace('.', "/"));
        !matches!(
            kernel.read_inside(&file).as_deref().map(str::trim),
            Ok("0") | Err(_)
        )
    };
    let found = keys
        .into_iter()
        .filter(|(family, key)| !is_asked_for(family) && on(key));
    found.map(|(_, key)| key.to_string()).collect()
}

fn filters(kernel: &mut Kernel, journal: &Journal) -> Filters {
    let off = kernel.read_inside("/proc/sys/net/ipv6/conf/all/disable_ipv6");
    let mut filters = Filters {
        has_ipv6: off.is_ok_and(|off| off.trim() == "0"),
        ..Filters::default()
    };
    filters.listed(&kernel.nft_ruleset().unwrap_or_default());
    for rules in &journal.ours.firewall {
        filters.loaded(&rules.value);
    }
    filters
}

/// The addresses of those that are on the port of DNS.
fn of_dns(all: Vec<SocketAddr>) -> Vec<IpAddr> {
    let dns = all.into_iter().filter(|at| at.port() == 53);
    dns.map(|at| at.ip()).collect()
}

/// The name servers of the processes inside: those that a client inside has set, or those of the
/// namespace's own file.
fn servers(name: &NetnsName, status: &Status) -> Option<NameServers> {
    let by_client = store::dir(name).join(state_dir::SERVERS);
    let mut files = [by_client, resolv_conf::path(name)].into_iter();
    files.find_map(|file| servers_in(file, status))
}

fn servers_in(file: PathBuf, status: &Status) -> Option<NameServers> {
    let text = String::from_utf8(read_regular(&file).ok()?).ok()?;
    let named = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        words.next().filter(|word| *word == "nameserver")?;
        words.next()
    });
    let named: Vec<&str> = named.collect();
    let all: Vec<IpAddr> = match named.is_empty() {
        // The resolver uses the loopback address (resolv.conf(5))
        true => vec![Ipv4Addr::LOCALHOST.into()],
        false => named
            .iter()
            .filter_map(|named| named.parse().ok())
            .collect(),
    };
    let such = |is_such: &dyn Fn(IpAddr) -> bool| {
        let such = all.iter().copied().filter(|server| is_such(*server));
        such.collect()
    };
    Some(NameServers {
        file: file.display().to_string(),
        is_named: !named.is_empty(),
        own: such(&|server| status.has_address(server)),
        unreachable: such(&|server| !status.has_route_to(server)),
        all,
    })
}

/// The entries that netns-exec skips because /etc has no file to bind them over.
fn unseen(name: &NetnsName) -> Vec<String> {
    let mode = fs::read_to_string(store::dir(name).join(state_dir::ETC_MODE));
    if mode.is_ok_and(|mode| mode.starts_with(state_dir::ETC_OVERLAY)) {
        return Vec::new();
    }
    let entries = fs::read_dir(Path::new(state_dir::ETC).join(name.as_str()));
    let names = entries.into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let mut unseen: Vec<String> = names.filter(|entry| exec::is_passed_over(entry)).collect();
    unseen.sort();
    unseen
}
