//! One change. Nothing here makes it; `command` spells it as the command that would do the
//! same.

use std::sync::Arc;

use crate::model::link::bridge_port::Vlans;
use crate::model::link::options::Options;
use crate::model::wireguard::{Difference, NamedEndpoint};
use crate::model::{
    Address, DhcpClient, Link, LinkRef, LinkSpec, Route, Rule, Ruleset, Sysctl, Table, Verbatim,
};
use crate::name::{Altname, LinkName, NetnsName};
use crate::source::Origin;

/// A step, and the setting that asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is done.
    pub step: Step,
    /// `None` where no one setting did: the namespace itself, an undo.
    pub origin: Option<Arc<Origin>>,
}

impl Change {
    pub(super) fn new(step: Step, origin: Option<Arc<Origin>>) -> Self {
        Change { step, origin }
    }
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
        /// With its attributes; what else it has comes in changes of its own.
        link: Box<Link>,
        /// Of a veth, the other end.
        peer: Option<Box<Link>>,
    },
    /// Equivalent to `ip link set LINK type KIND OPTION VALUE …`: these options of a link
    /// that is there, and nothing else of it.
    SetOptions(LinkRef, Box<LinkSpec>),
    /// Equivalent to `ip link delete LINK`.
    DelLink(LinkRef),
    /// Equivalent to `ip link set LINK netns NAME name LINK`. The kernel takes it down, and its
    /// addresses, routes and master away.
    MoveLink(LinkRef, LinkRef),
    /// Equivalent to `iw phy PHY set netns name NAME`: these links, all that are known of
    /// the phy, are moved as by [`Step::MoveLink`], in one request.
    MovePhy(String, Vec<(LinkRef, LinkRef)>),
    /// Equivalent to `ip link property add dev LINK altname NAME`.
    AddAltname(LinkRef, Altname),
    /// Equivalent to `ip link property del dev LINK altname NAME`.
    DelAltname(LinkRef, Altname),
    /// Equivalent to `ip link set LINK OPTION VALUE`: what every link has, such as its MTU.
    SetAttribute(LinkRef, Box<Options>),
    /// Equivalent to `ip link set LINK master MASTER` or `ip link set LINK nomaster`.
    SetMaster(LinkRef, Option<LinkName>),
    /// Equivalent to `ip link set LINK type bridge_slave OPTION VALUE …`.
    SetPort(LinkRef, Box<Options>),
    /// Equivalent to `bridge vlan add dev LINK vid VLANS`, and `self` for a bridge.
    AddVlans(LinkRef, Vlans, bool),
    /// Equivalent to `bridge vlan del dev LINK vid VLANS`, and `self` for a bridge.
    DelVlans(LinkRef, Vlans, bool),
    /// Equivalent to `ip link set LINK up` or `ip link set LINK down`.
    SetUp(LinkRef, bool),
    /// Equivalent to `ip address add ADDRESS dev LINK`.
    AddAddress(LinkRef, Address),
    /// Equivalent to `ip address delete ADDRESS dev LINK`.
    DelAddress(LinkRef, Address),
    /// Equivalent to `ip route add ROUTE`.
    AddRoute(Route),
    /// Equivalent to `ip route replace ROUTE`.
    ReplaceRoute(Route),
    /// Equivalent to `ip route replace ROUTE`: of a route of the host's, what is left of it
    /// without a link that is about to be moved in.
    TrimRoute(Route),
    /// Equivalent to `ip nexthop`, `ip route` or `ip neighbour`: what a link had on the host.
    RestoreVerbatim(Box<Verbatim>),
    /// Equivalent to `ip route delete ROUTE`.
    DelRoute(Route),
    /// Equivalent to `ip rule add RULE`.
    AddRule(Rule),
    /// Equivalent to `ip rule delete RULE`.
    DelRule(Rule),
    /// Equivalent to `ip netns exec NAME sysctl -w KEY=VALUE`.
    SetSysctl(Sysctl),
    /// As `ip netns exec NAME wg syncconf LINK FILE`; what others told or it learnt stays.
    SetWireguard(LinkRef, Box<Difference>),
    /// As `… wg set LINK peer KEY endpoint NAME:PORT`, but for where that is looked up.
    SetEndpoint(LinkRef, Box<NamedEndpoint>),
    /// Equivalent to `ip netns exec NAME nft -f FILE`, or to what ipset, iptables-restore
    /// or ip6tables-restore do; all or nothing.
    LoadFirewall {
        /// The new rules.
        new: Box<Ruleset>,
        /// Those of ours that they replace.
        old: Option<Box<Ruleset>>,
    },
    /// Takes the rules away that we loaded.
    UnloadFirewall(Box<Ruleset>),
    /// Equivalent to `nft TEXT` on the host, where TEXT makes the table `inet netns_NAME`.
    LoadNatTable(Box<Table>),
    /// Equivalent to `nft delete table inet netns_NAME` on the host.
    DropNatTable,
    /// Runs a DHCP client in the namespace.
    StartDhcp(DhcpClient),
    /// Ends it; it gives its lease back.
    StopDhcp(DhcpClient),
    /// Writes `/etc/netns/NAME/resolv.conf` in place.
    WriteResolvConf(String),
    /// Removes it.
    RemoveResolvConf,
}
