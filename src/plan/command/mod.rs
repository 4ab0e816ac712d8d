//! The equivalent command of a change. The plan, the reports, the errors and a test against the
//! real ip(8) use it.

mod netns;
mod programs;
mod wireguard;

use self::netns::{ip, name_of, set};
use super::{Change, Step};
use crate::definitions::links::Lower;
use crate::model::{Address, Kind, Link, LinkRef, Netns, Route, Table};
use crate::name::NetnsName;

impl Change {
    /// The equivalent command, for sh and iproute2, to be run on the host.
    pub fn command(&self, netns: &NetnsName) -> String {
        match &self.step {
            Step::AddNetns => format!("ip netns add {netns}"),
            Step::DelNetns => format!("ip netns delete {netns}"),
            Step::Attach(path) => programs::attach(netns, path),
            Step::Detach => format!("ip netns delete {netns}"),
            Step::AddOther(other) => format!("ip netns add {other}"),
            Step::DelOther(other) => format!("ip netns delete {other}"),
            Step::AddLink { link, peer } => add_link(netns, link, peer.as_deref()),
            Step::SetOptions(link, made) => format!("{} {made}", set(netns, link)),
            Step::SetPort(link, port) => format!("{} type bridge_slave{port}", set(netns, link)),
            Step::DelLink(link) => format!("{} link delete {}", ip(netns, &link.netns), &link.name),
            Step::MoveLink(link, to) => programs::move_link(netns, link, to),
            Step::MovePhy(phy, ways) => programs::move_phy(netns, phy, ways),
            Step::AddAltname(link, name) => programs::altname(netns, link, "add", name),
            Step::DelAltname(link, name) => programs::altname(netns, link, "del", name),
            Step::SetAttribute(link, said) => format!("{}{said}", set(netns, link)),
            Step::SetMaster(link, Some(master)) => {
                format!("{} master {}", set(netns, link), programs::quoted(master))
            }
            Step::SetMaster(link, None) => format!("{} nomaster", set(netns, link)),
            Step::AddVlans(link, row, own) => programs::vlans(netns, link, "add", row, *own),
            Step::DelVlans(link, row, own) => programs::vlans(netns, link, "del", row, *own),
            Step::SetUp(link, true) => format!("{} up", set(netns, link)),
            Step::SetUp(link, false) => format!("{} down", set(netns, link)),
            Step::AddAddress(link, address) => self::address(netns, link, "add", address),
            Step::DelAddress(link, address) => self::address(netns, link, "delete", address),
            Step::AddRoute(route) => self::route(netns, "add", route),
            Step::ReplaceRoute(route) | Step::TrimRoute(route) => {
                self::route(netns, "replace", route)
            }
            Step::RestoreVerbatim(kept) => format!("ip {}", kept.command),
            Step::DelRoute(route) => self::route(netns, "delete", route),
            Step::AddRule(rule) => programs::policy(netns, "add", rule),
            Step::DelRule(rule) => programs::policy(netns, "delete", rule),
            Step::SetSysctl(sysctl) => programs::set_sysctl(netns, sysctl),
            Step::SetWireguard(link, difference) => wireguard::set(netns, link, difference),
            Step::SetEndpoint(link, named) => wireguard::set_endpoint(netns, link, named),
            Step::LoadFirewall { new, old } => programs::load(netns, new, old.as_deref()),
            Step::UnloadFirewall(old) => programs::unload(netns, old),
            Step::LoadNatTable(table) => table.command(),
            Step::DropNatTable => format!("nft '{}'", Table::removal(netns)),
            Step::WriteResolvConf(text) => programs::write_resolv_conf(netns, text),
            Step::StartDhcp(client) => format!("ip netns exec {netns} {client}"),
            Step::StopDhcp(client) => {
                let signal = client.run.program.ends_by();
                format!("kill -{signal} \"$(cat {})\"", client.pid_file(netns))
            }
            Step::RemoveResolvConf => format!("rm /etc/netns/{netns}/resolv.conf"),
        }
    }
}

fn address(netns: &NetnsName, link: &LinkRef, verb: &str, address: &Address) -> String {
    format!(
        "{} address {verb} {address} dev {}",
        ip(netns, &link.netns),
        &link.name
    )
}

fn route(netns: &NetnsName, verb: &str, route: &Route) -> String {
    let family = if route.dst.addr().is_ipv6() {
        " -6"
    } else {
        ""
    };
    // Without a metric, the kernel deletes the first IPv6 route that is equal in everything else
    let unsaid = !family.is_empty() && route.metric == 1024 && route.ways().len() == 1;
    let metric = match unsaid && verb == "delete" {
        true => " metric 1024",
        false => "",
    };
    format!(
        "{}{family} route {verb} {route}{metric}",
        ip(netns, &route.netns)
    )
}

/// The command that creates a link. A veth is created in the namespace of its peer, so that one
/// request places both ends. A macvlan is created in the namespace of its parent link.
fn add_link(netns: &NetnsName, link: &Link, peer: Option<&Link>) -> String {
    let home = |at: &Netns, from: &Netns| match at == from {
        true => String::new(),
        false => format!(" netns {}", name_of(netns, at)),
    };
    match (&link.kind, peer) {
        (Kind::Veth { .. }, Some(peer)) => format!(
            "{} link add {} type veth peer {}{}",
            ip(netns, &peer.netns),
            described(peer),
            described(link),
            home(&link.netns, &peer.netns)
        ),
        (Kind::Virtual(spec), _) if spec.born != link.netns && spec.of.is_said_whole => format!(
            // If it were created in its final namespace, its packets would be sent from that
            // namespace
            "{} link add {} {spec} && {}",
            ip(netns, &spec.born),
            described(link),
            format_args!(
                "{} link set {} netns {}",
                ip(netns, &spec.born),
                &link.name,
                name_of(netns, &link.netns)
            )
        ),
        (Kind::Virtual(spec), _) if spec.of.is_opened => programs::add_tap(netns, link, spec),
        (Kind::Virtual(spec), _) => {
            let parent = match (&spec.parent, spec.of.below) {
                (Some(parent), Lower::Link) => format!(" link {parent}"),
                _ => String::new(),
            };
            format!(
                "{} link add {}{}{parent} {spec}",
                ip(netns, &spec.born),
                described(link),
                home(&link.netns, &spec.born),
            )
        }
        (kind, _) => {
            format!(
                "{} link add {} type {}",
                ip(netns, &link.netns),
                described(link),
                kind.word()
            )
        }
    }
}

/// The name of a link to create, with the attributes that are set at its creation.
fn described(link: &Link) -> String {
    format!("name {}{}", link.name, link.attributes)
}
