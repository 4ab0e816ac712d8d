//! One change, as data. `command` returns the equivalent command. Nothing here applies the change.

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
    /// The step.
    pub step: Step,
    /// The setting. `None` if there is no single one: for the namespace itself, or in an undo.
    pub origin: Option<Arc<Origin>>,
}

impl Change {
    /// A change that a setting asks for, or none.
    pub fn new(step: Step, origin: Option<Arc<Origin>>) -> Self {
        Change { step, origin }
    }
}

/// One step of a plan: one request to the kernel, or one file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Equivalent to `ip netns add NAME`.
    AddNetns,
    /// Equivalent to `ip netns delete NAME`.
    DelNetns,
    /// Equivalent to `ip netns attach NAME PID`: give the name to the namespace of this file,
    /// `/proc/PID/ns/net`.
    Attach(String),
    /// Equivalent to `ip netns delete NAME`: only the name is removed.
    Detach,
    /// Equivalent to `ip netns add OTHER`: create another namespace. It is not ready until its own
    /// settings have been applied. It does not inherit the host's values of the sysctls that
    /// [`crate::model::Sysctl::closed`] lists.
    AddOther(NetnsName),
    /// Equivalent to `ip netns delete OTHER`, if nothing else uses that namespace.
    DelOther(NetnsName),
    /// Equivalent to `ip link add LINK … type KIND …`, in the link's namespace.
    AddLink {
        /// The link with its attributes. Everything else about it comes in separate changes.
        link: Box<Link>,
        /// The other end, for a veth.
        peer: Option<Box<Link>>,
    },
    /// Equivalent to `ip link set LINK type KIND OPTION VALUE …`: change these options of an
    /// existing link, and no others.
    SetOptions(LinkRef, Box<LinkSpec>),
    /// Equivalent to `ip link delete LINK`.
    DelLink(LinkRef),
    /// Equivalent to `ip link set LINK netns NAME name LINK`. The kernel takes the link down, and
    /// removes its addresses, routes and master.
    MoveLink(LinkRef, LinkRef),
    /// Equivalent to `iw phy PHY set netns name NAME`: move these links, which are all known links
    /// of the phy, in one request. The effect on each is as in [`Step::MoveLink`].
    MovePhy(String, Vec<(LinkRef, LinkRef)>),
    /// Equivalent to `ip link property add dev LINK altname NAME`.
    AddAltname(LinkRef, Altname),
    /// Equivalent to `ip link property del dev LINK altname NAME`.
    DelAltname(LinkRef, Altname),
    /// Equivalent to `ip link set LINK OPTION VALUE`: set an attribute that every link has, such as
    /// its MTU.
    SetAttribute(LinkRef, Box<Options>),
    /// Equivalent to `ip link set LINK master MASTER` or `ip link set LINK nomaster`.
    SetMaster(LinkRef, Option<LinkName>),
    /// Equivalent to `ip link set LINK type bridge_slave OPTION VALUE …`.
    SetPort(LinkRef, Box<Options>),
    /// Equivalent to `bridge vlan add dev LINK vid VLANS`, with `self` for a bridge.
    AddVlans(LinkRef, Vlans, bool),
    /// Equivalent to `bridge vlan del dev LINK vid VLANS`, with `self` for a bridge.
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
    /// Equivalent to `ip route replace ROUTE`: replace a route of the host by what remains of it
    /// without a link that is about to be moved in.
    TrimRoute(Route),
    /// Equivalent to `ip nexthop`, `ip route` or `ip neighbour`: restore an entry that a link had
    /// on the host.
    RestoreVerbatim(Box<Verbatim>),
    /// Equivalent to `ip route delete ROUTE`.
    DelRoute(Route),
    /// Equivalent to `ip rule add RULE`.
    AddRule(Rule),
    /// Equivalent to `ip rule delete RULE`.
    DelRule(Rule),
    /// Equivalent to `ip netns exec NAME sysctl -w KEY=VALUE`.
    SetSysctl(Sysctl),
    /// As `ip netns exec NAME wg syncconf LINK FILE`, but keeps what other programs have set and
    /// the endpoints that the link has learned.
    SetWireguard(LinkRef, Box<Difference>),
    /// As `ip netns exec NAME wg set LINK peer KEY endpoint NAME:PORT`, but the endpoint's name is
    /// looked up in the namespace of the tunnel's UDP socket.
    SetEndpoint(LinkRef, Box<NamedEndpoint>),
    /// Equivalent to `ip netns exec NAME nft -f FILE`, or to the restore command of ipset, iptables
    /// or ip6tables. Loads either all rules or none.
    LoadFirewall {
        /// The new rules.
        new: Box<Ruleset>,
        /// The rules of ours that they replace.
        old: Option<Box<Ruleset>>,
    },
    /// Remove the firewall rules that we loaded.
    UnloadFirewall(Box<Ruleset>),
    /// Equivalent to `nft TEXT` on the host, where TEXT creates the table `inet netns_NAME`.
    LoadNatTable(Box<Table>),
    /// Equivalent to `nft delete table inet netns_NAME` on the host.
    DropNatTable,
    /// Start a DHCP client in the namespace.
    StartDhcp(DhcpClient),
    /// Stop a DHCP client. It releases its lease.
    StopDhcp(DhcpClient),
    /// Write `/etc/netns/NAME/resolv.conf` in place.
    WriteResolvConf(String),
    /// Remove `/etc/netns/NAME/resolv.conf`.
    RemoveResolvConf,
}
