//! A route, in the syntax of ip-route(8). Settings, commands and the journal use the same text
//! form: `text.parse()` and `to_string()` are inverse to each other for a route of the namespace
//! itself (`netns` is not in the text). No I/O.

mod multipath;
mod parse;
mod print;
mod words;

use std::net::IpAddr;

use ipnet::IpNet;

use super::names::Names;
use super::{Address, Link, Netns, TextError};
use crate::name::LinkName;

/// A route as the kernel has it. Every property has a value: what a text omits gets the default of
/// ip-route(8) and the kernel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// The namespace that it is in.
    pub netns: Netns,
    /// What happens to a packet.
    pub kind: RouteKind,
    /// The destination, without host bits. `0.0.0.0/0` and `::/0` are `default`.
    pub dst: IpNet,
    /// The link. `None` for a route that discards packets, although the kernel's dump of such an
    /// IPv6 route has `lo`.
    pub dev: Option<LinkName>,
    /// The gateway. It may be an IPv6 address for an IPv4 route (`via inet6`).
    pub via: Option<IpAddr>,
    /// The source address for packets of the namespace itself.
    pub src: Option<IpAddr>,
    /// The metric. Lower is better. Default: 0 for IPv4, 1024 for IPv6, where 0 also means the
    /// default.
    pub metric: u32,
    /// The table. Default: 254, `main`. Never 0, which means `main` to the kernel.
    pub table: u32,
    /// The scope, RT_SCOPE_*. Default: for a unicast IPv4 route without a gateway `link` (253),
    /// otherwise `global` (0). IPv6 routes always have `global`.
    pub scope: u8,
    /// The protocol, RTPROT_*: the program that created the route. Default: 3, `boot`, as in
    /// ip-route(8).
    pub proto: u8,
    /// The weight of this path compared to those in [`Route::more`], from 1 to 256.
    pub weight: u16,
    /// The other paths of a multipath route.
    pub more: Vec<Hop>,
    /// The maximum segment size that is announced to the peer, in bytes.
    pub advmss: Option<u32>,
    /// The initial congestion window, in segments.
    pub initcwnd: Option<u32>,
    /// The initial receive window, in segments.
    pub initrwnd: Option<u32>,
    /// The preference among routers (IPv6). Default: medium.
    pub pref: Preference,
    /// The MTU of this route in bytes. At most 65520: the kernel truncates larger values.
    pub mtu: Option<u32>,
    /// The gateway need not be in a network of the link. Always false without a gateway.
    pub onlink: bool,
}

/// A further path of a multipath route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// The link.
    pub dev: Option<LinkName>,
    /// The gateway.
    pub via: Option<IpAddr>,
    /// The weight, from 1 to 256.
    pub weight: u16,
    /// The gateway need not be in a network of the link.
    pub onlink: bool,
}

/// The preference of a router, RFC 4191.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Preference {
    /// 3 in netlink.
    Low,
    /// 0 in netlink.
    #[default]
    Medium,
    /// 1 in netlink.
    High,
}

impl Preference {
    /// The words of ip-route(8).
    pub const WORDS: [(&'static str, Preference); 3] = [
        ("low", Preference::Low),
        ("medium", Preference::Medium),
        ("high", Preference::High),
    ];
}

/// What happens to a packet that uses a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {
    /// It is forwarded.
    #[default]
    Unicast,
    /// It is discarded silently.
    Blackhole,
    /// It is discarded, and the sender gets "host unreachable".
    Unreachable,
    /// It is discarded, and the sender gets "administratively prohibited".
    Prohibit,
}

impl Route {
    /// `main`, the default table of routes.
    pub const MAIN: u32 = 254;
    /// RT_SCOPE_LINK: a destination on the link itself.
    pub const LINK: u8 = 253;
    /// RTPROT_KERNEL.
    pub const KERNEL: u8 = 2;
    /// RTPROT_RA.
    pub const RA: u8 = 9;
    /// RTPROT_BOOT, which ip-route(8) sets by default.
    pub const BOOT: u8 = 3;

    /// A route to `dst` with the defaults of ip-route(8) and the kernel.
    pub fn to(dst: IpNet, kind: RouteKind) -> Route {
        Route {
            netns: Netns::This,
            kind,
            dst,
            dev: None,
            via: None,
            src: None,
            metric: if is_v4(&dst) { 0 } else { 1024 },
            table: Route::MAIN,
            scope: if is_v4(&dst) && kind == RouteKind::Unicast {
                Route::LINK
            } else {
                0
            },
            proto: Route::BOOT,
            weight: 1,
            more: Vec::new(),
            advmss: None,
            initcwnd: None,
            initrwnd: None,
            pref: Preference::Medium,
            mtu: None,
            onlink: false,
        }
    }

    /// Whether the kernel recreates the route when its address or router is back (RTPROT_KERNEL,
    /// RTPROT_RA).
    pub fn is_kernels(&self) -> bool {
        [Route::KERNEL, Route::RA].contains(&self.proto)
    }

    /// Whether the kernel creates the route itself when the link has its addresses again. Other
    /// programs also write proto kernel, for the network of an address with noprefixroute.
    pub fn comes_with(&self, link: &Link) -> bool {
        let makes = |address: &Address| {
            let metric = address.metric.unwrap_or(match self.dst {
                IpNet::V4(_) => 0,
                IpNet::V6(_) => 256,
            });
            let net = address.network() == self.dst && metric == self.metric;
            net && !address.noprefixroute && (self.src.is_none() || self.src == Some(address.ip()))
        };
        let mut addresses = link.addresses.iter();
        let of_links = |ip: IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        match self.proto {
            Route::KERNEL => {
                self.via.is_none()
                    && (of_links(self.dst.addr()) && self.metric == 256
                        || addresses.any(|a| makes(&a.value)))
            }
            _ => false,
        }
    }

    /// All paths, beginning with the route's own.
    pub fn ways(&self) -> Vec<Hop> {
        let own = Hop {
            dev: self.dev.clone(),
            via: self.via,
            weight: self.weight,
            onlink: self.onlink,
        };
        [own].into_iter().chain(self.more.iter().cloned()).collect()
    }

    /// The links of all paths.
    pub fn links(&self) -> impl Iterator<Item = &LinkName> {
        let more = self.more.iter().filter_map(|hop| hop.dev.as_ref());
        self.dev.iter().chain(more)
    }

    /// The properties that distinguish routes for the kernel. A route replaces another one with the
    /// same key.
    pub fn key(&self) -> (&Netns, IpNet, u32, u32) {
        (&self.netns, self.dst, self.metric, self.table)
    }

    /// Parse a route in the syntax of `ip route add`, with the names of the host in addition to
    /// those that are the same everywhere.
    pub fn parse(text: &str, names: &Names) -> Result<Route, TextError> {
        parse::parse(text, names)
    }

    /// Parse a route of the host from its stored text.
    pub fn parse_from_kernel(text: &str) -> Result<Route, TextError> {
        let names = Names {
            as_kept: true,
            ..Names::default()
        };
        parse::parse(text, &names)
    }
}

impl RouteKind {
    /// All kinds, with the words of ip-route(8).
    pub const WORDS: [(&'static str, RouteKind); 4] = [
        ("unicast", RouteKind::Unicast),
        ("blackhole", RouteKind::Blackhole),
        ("unreachable", RouteKind::Unreachable),
        ("prohibit", RouteKind::Prohibit),
    ];

    /// The word of ip-route(8).
    pub fn word(self) -> &'static str {
        match self {
            RouteKind::Unicast => "unicast",
            RouteKind::Blackhole => "blackhole",
            RouteKind::Unreachable => "unreachable",
            RouteKind::Prohibit => "prohibit",
        }
    }
}

fn is_v4(dst: &IpNet) -> bool {
    matches!(dst, IpNet::V4(_))
}
