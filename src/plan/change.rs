//! One change, and its spelling as the command that would do the same. That spelling
//! serves the plan, the report, the refusals and a test against the real ip(8). Pure:
//! nothing here makes a change.

use std::sync::Arc;

use super::{command, wireguard};
use crate::model::link::bridge_port::Vlans;
use crate::model::link::type_table::Below;
use crate::model::wireguard::{Difference, NamedEndpoint};
use crate::model::{
    Address, Client, Kept, Kind, Link, LinkAt, Mac, Made, PolicyRule, Route, Rules, Sysctl, Table,
    Where,
};
use crate::name::{Altname, LinkName, NetnsName};
use crate::source::Asked;

/// A step, and the setting that asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is done.
    pub step: Step,
    /// `None` where no one setting did: the namespace itself, an undo.
    pub asked: Option<Arc<Asked>>,
}

/// What is done. Each is one request to the kernel, or one file written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Equivalent to `ip netns add NAME`.
    AddNetns,
    /// Equivalent to `ip netns delete NAME`.
    DelNetns,
    /// Equivalent to `ip netns attach NAME PID`: the namespace that this file stands for,
    /// `/proc/PID/ns/net`, is given the name.
    Attach(String),
    /// Equivalent to `ip netns delete NAME`: only the name goes.
    Detach,
    /// Equivalent to `ip netns add OTHER`: another namespace, which nobody may use until
    /// its own settings have been met. It does not take over from the host what would
    /// open it ([`crate::model::Sysctl::closed`]).
    AddOther(NetnsName),
    /// Equivalent to `ip netns delete OTHER`, of one that nobody else has use for.
    DelOther(NetnsName),
    /// Equivalent to `ip link add LINK … type KIND …`, in the namespace where it is to be.
    AddLink {
        /// With its mtu and mac; what else it has comes in changes of its own.
        link: Box<Link>,
        /// Of a veth, the other end.
        peer: Option<Box<Link>>,
    },
    /// Equivalent to `ip link set LINK type KIND OPTION VALUE …`: these options of a link
    /// that is there, and nothing else of it.
    SetOptions(LinkAt, Box<Made>),
    /// Equivalent to `ip link delete LINK`.
    DelLink(LinkAt),
    /// Equivalent to `ip link set LINK netns NAME name LINK`. The kernel takes it down, and its
    /// addresses, routes and master away.
    MoveLink(LinkAt, LinkAt),
    /// Equivalent to `iw phy PHY set netns name NAME`: these links, all that are known of
    /// the phy, are moved as by [`Step::MoveLink`], in one request.
    MovePhy(String, Vec<(LinkAt, LinkAt)>),
    /// Equivalent to `ip link property add dev LINK altname NAME`.
    AddAltname(LinkAt, Altname),
    /// Equivalent to `ip link property del dev LINK altname NAME`.
    DelAltname(LinkAt, Altname),
    /// Equivalent to `ip link set LINK mtu MTU`.
    SetMtu(LinkAt, u32),
    /// Equivalent to `ip link set LINK address MAC`.
    SetMac(LinkAt, Mac),
    /// Equivalent to `ip link set LINK master MASTER` or `ip link set LINK nomaster`.
    SetMaster(LinkAt, Option<LinkName>),
    /// Equivalent to `ip link set LINK type bridge_slave OPTION VALUE …`.
    SetPort(LinkAt, Box<Made>),
    /// Equivalent to `bridge vlan add dev LINK vid VLANS`, and `self` for a bridge.
    AddVlans(LinkAt, Vlans, bool),
    /// Equivalent to `bridge vlan del dev LINK vid VLANS`, and `self` for a bridge.
    DelVlans(LinkAt, Vlans, bool),
    /// Equivalent to `ip link set LINK up` or `ip link set LINK down`.
    SetUp(LinkAt, bool),
    /// Equivalent to `ip address add ADDRESS dev LINK`.
    AddAddress(LinkAt, Address),
    /// Equivalent to `ip address delete ADDRESS dev LINK`.
    DelAddress(LinkAt, Address),
    /// Equivalent to `ip route add ROUTE`.
    AddRoute(Route),
    /// Equivalent to `ip route replace ROUTE`.
    ReplaceRoute(Route),
    /// Equivalent to `ip route replace ROUTE`: of a route of the host's, what is left of it
    /// without a link that is about to be moved in.
    KeepRoute(Route),
    /// Equivalent to `ip nexthop`, `ip route` or `ip neighbour`: what a link had on the host.
    PutBack(Box<Kept>),
    /// Equivalent to `ip route delete ROUTE`.
    DelRoute(Route),
    /// Equivalent to `ip rule add RULE`.
    AddPolicy(PolicyRule),
    /// Equivalent to `ip rule delete RULE`.
    DelPolicy(PolicyRule),
    /// Equivalent to `ip netns exec NAME sysctl -w KEY=VALUE`.
    SetSysctl(Sysctl),
    /// As `ip netns exec NAME wg syncconf LINK FILE`; what others told or it learnt stays.
    SetWireguard(LinkAt, Box<Difference>),
    /// As `… wg set LINK peer KEY endpoint NAME:PORT`, but for where that is looked up.
    SetEndpoint(LinkAt, Box<NamedEndpoint>),
    /// Equivalent to `ip netns exec NAME nft -f FILE`, or to what ipset, iptables-restore
    /// or ip6tables-restore do; all or nothing.
    LoadRules {
        /// The new rules.
        new: Box<Rules>,
        /// Those of ours that they replace.
        old: Option<Box<Rules>>,
    },
    /// Takes the rules away that we loaded.
    UnloadRules(Box<Rules>),
    /// Equivalent to `nft TEXT` on the host, where TEXT makes the table `inet netns_NAME`.
    LoadTable(Box<Table>),
    /// Equivalent to `nft delete table inet netns_NAME` on the host.
    DropTable,
    /// Runs a DHCP client in the namespace.
    StartClient(Client),
    /// Ends it; it gives its lease back.
    StopClient(Client),
    /// Writes `/etc/netns/NAME/resolv.conf` in place.
    WriteResolvConf(String),
    /// Removes it.
    RemoveResolvConf,
}

impl Change {
    /// The command that does the same, for sh and iproute2, run on the host.
    pub fn command(&self, netns: &NetnsName) -> String {
        match &self.step {
            Step::AddNetns => format!("ip netns add {netns}"),
            Step::DelNetns => format!("ip netns delete {netns}"),
            Step::Attach(path) => command::attach(netns, path),
            Step::Detach => format!("ip netns delete {netns}"),
            Step::AddOther(other) => format!("ip netns add {other}"),
            Step::DelOther(other) => format!("ip netns delete {other}"),
            Step::AddLink { link, peer } => add_link(netns, link, peer.as_deref()),
            Step::SetOptions(link, made) | Step::SetPort(link, made) => {
                format!("{} {made}", set(netns, link))
            }
            Step::DelLink(link) => format!("{} link delete {}", ip(netns, &link.at), &link.name),
            Step::MoveLink(link, to) => command::move_link(netns, link, to),
            Step::MovePhy(phy, ways) => command::move_phy(netns, phy, ways),
            Step::AddAltname(link, name) => command::altname(netns, link, "add", name),
            Step::DelAltname(link, name) => command::altname(netns, link, "del", name),
            Step::SetMtu(link, mtu) => format!("{} mtu {mtu}", set(netns, link)),
            Step::SetMac(link, mac) => format!("{} address {mac}", set(netns, link)),
            Step::SetMaster(link, Some(master)) => {
                format!("{} master {}", set(netns, link), command::quoted(master))
            }
            Step::SetMaster(link, None) => format!("{} nomaster", set(netns, link)),
            Step::AddVlans(link, row, own) => command::vlans(netns, link, "add", row, *own),
            Step::DelVlans(link, row, own) => command::vlans(netns, link, "del", row, *own),
            Step::SetUp(link, true) => format!("{} up", set(netns, link)),
            Step::SetUp(link, false) => format!("{} down", set(netns, link)),
            Step::AddAddress(link, address) => self::address(netns, link, "add", address),
            Step::DelAddress(link, address) => self::address(netns, link, "delete", address),
            Step::AddRoute(route) => self::route(netns, "add", route),
            Step::ReplaceRoute(route) | Step::KeepRoute(route) => {
                self::route(netns, "replace", route)
            }
            Step::PutBack(kept) => format!("ip {}", kept.command),
            Step::DelRoute(route) => self::route(netns, "delete", route),
            Step::AddPolicy(rule) => command::policy(netns, "add", rule),
            Step::DelPolicy(rule) => command::policy(netns, "delete", rule),
            Step::SetSysctl(sysctl) => command::set_sysctl(netns, sysctl),
            Step::SetWireguard(link, difference) => wireguard::set(netns, link, difference),
            Step::SetEndpoint(link, named) => wireguard::set_endpoint(netns, link, named),
            Step::LoadRules { new, .. } => command::load(netns, new),
            Step::UnloadRules(old) => command::unload(netns, old),
            Step::LoadTable(table) => table.command(),
            Step::DropTable => format!("nft '{}'", Table::removal(netns)),
            Step::WriteResolvConf(text) => command::write_resolv_conf(netns, text),
            Step::StartClient(client) => format!("ip netns exec {netns} {client}"),
            Step::StopClient(client) => {
                format!(
                    "ip netns exec {netns} pkill -x {}",
                    client.run.program.word()
                )
            }
            Step::RemoveResolvConf => format!("rm /etc/netns/{netns}/resolv.conf"),
        }
    }
}

/// `ip`, made to act on a namespace.
pub(super) fn ip(netns: &NetnsName, at: &Where) -> String {
    match at {
        Where::Inside => format!("ip -n {netns}"),
        Where::Host => "ip".into(),
        Where::Netns(other) => format!("ip -n {other}"),
    }
}

/// What stands behind `netns`. The host's namespace has no name; it is the one of the
/// first process.
pub(super) fn name_of(netns: &NetnsName, at: &Where) -> String {
    match at {
        Where::Inside => netns.to_string(),
        Where::Host => "1".into(),
        Where::Netns(other) => other.to_string(),
    }
}

pub(super) fn set(netns: &NetnsName, link: &LinkAt) -> String {
    format!("{} link set {}", ip(netns, &link.at), &link.name)
}

fn address(netns: &NetnsName, link: &LinkAt, verb: &str, address: &Address) -> String {
    format!(
        "{} address {verb} {address} dev {}",
        ip(netns, &link.at),
        &link.name
    )
}

fn route(netns: &NetnsName, verb: &str, route: &Route) -> String {
    let family = if route.dst.addr().is_ipv6() {
        " -6"
    } else {
        ""
    };
    // Without a metric, the kernel deletes the first route of IPv6 that fits otherwise
    let unsaid = !family.is_empty() && route.metric == 1024 && route.ways().len() == 1;
    let metric = match unsaid && verb == "delete" {
        true => " metric 1024",
        false => "",
    };
    format!(
        "{}{family} route {verb} {route}{metric}",
        ip(netns, &route.at)
    )
}

/// A veth is made where its peer is to be, so that both ends are placed by one message;
/// a macvlan where its parent is.
fn add_link(netns: &NetnsName, link: &Link, peer: Option<&Link>) -> String {
    let home = |at: &Where, from: &Where| match at == from {
        true => String::new(),
        false => format!(" netns {}", name_of(netns, at)),
    };
    match (&link.kind, peer) {
        (Kind::Veth { .. }, Some(peer)) => format!(
            "{} link add {} type veth peer {}{}",
            ip(netns, &peer.at),
            described(peer),
            described(link),
            home(&link.at, &peer.at)
        ),
        (Kind::Made(made), _) if made.born != link.at && made.is_said_whole() => format!(
            // Made where it is to be, it would be born there
            "{} link add {} {made} && {}",
            ip(netns, &made.born),
            described(link),
            format_args!(
                "{} link set {} netns {}",
                ip(netns, &made.born),
                &link.name,
                name_of(netns, &link.at)
            )
        ),
        (Kind::Made(made), _) if made.of.is_opened() => command::add_tap(netns, link, made),
        (Kind::Made(made), _) => {
            let parent = match (&made.parent, made.of.below) {
                (Some(parent), Below::Parent) => format!(" link {parent}"),
                _ => String::new(),
            };
            format!(
                "{} link add {}{}{parent} {made}",
                ip(netns, &made.born),
                described(link),
                home(&link.at, &made.born),
            )
        }
        (kind, _) => {
            format!(
                "{} link add {} type {}",
                ip(netns, &link.at),
                described(link),
                kind.word()
            )
        }
    }
}

/// The name of a link that is made, with what is given at once.
fn described(link: &Link) -> String {
    let mut text = format!("name {}", &link.name.value);
    if let Some(mtu) = &link.mtu {
        text += &format!(" mtu {mtu}");
    }
    if let Some(mac) = &link.mac {
        text += &format!(" address {mac}");
    }
    text
}
