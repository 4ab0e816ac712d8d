//! A route, as ip-route(8) writes it. Its text form is the one of the settings, of the
//! commands and of the journal: `text.parse()` and `to_string()` are each other's
//! inverse. No I/O.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Where;
use crate::name::LinkName;

/// A route, as the kernel holds it: nothing is left open. What a text does not say is
/// what ip-route(8) and the kernel make of that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// The namespace it is in.
    pub at: Where,
    /// What becomes of a packet.
    pub kind: RouteKind,
    /// Where to; `0.0.0.0/0` and `::/0` are `default`. No bits stand behind the prefix.
    pub dst: IpNet,
    /// The link; none for what goes nowhere.
    pub dev: Option<LinkName>,
    /// The gateway, which may be an IPv6 address for an IPv4 route (`via inet6`).
    pub via: Option<IpAddr>,
    /// The address that own packets take.
    pub src: Option<IpAddr>,
    /// The lower, the better. Unsaid: 0 for IPv4, 1024 for IPv6.
    pub metric: u32,
    /// Unsaid: 254, `main`.
    pub table: u32,
    /// The kernel's RT_SCOPE_*. Unsaid: for IPv4 `link` (253) where there is no
    /// gateway and the kind is unicast, else `global` (0); for IPv6 always `global`.
    pub scope: u8,
    /// Who made it, RTPROT_*. Unsaid: 3, `boot`, as ip-route(8) has it.
    pub proto: u8,
    /// In bytes; of this route alone.
    pub mtu: Option<u32>,
    /// The gateway need not be in a network of the link.
    pub onlink: bool,
}

/// What becomes of a packet that takes a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {
    /// It is sent on.
    #[default]
    Unicast,
    /// It is dropped without a word.
    Blackhole,
    /// It is dropped; the sender is told "host unreachable".
    Unreachable,
    /// It is dropped; the sender is told "administratively prohibited".
    Prohibit,
}
