//! A route, as ip-route(8) writes it. Its text form is the one of the settings, of the
//! commands and of the journal: `text.parse()` and `to_string()` are each other's
//! inverse, for a route of the namespace itself (`at` is not in the text). No I/O.

mod multipath;
mod parse;
mod print;
mod words;

use std::net::IpAddr;

use ipnet::IpNet;

use super::names::Names;
use super::{Address, Link, Netns, TextError};
use crate::name::LinkName;

/// A route, as the kernel holds it: nothing is left open. What a text does not say is
/// what ip-route(8) and the kernel make of that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// The namespace it is in.
    pub netns: Netns,
    /// What becomes of a packet.
    pub kind: RouteKind,
    /// Where to; `0.0.0.0/0` and `::/0` are `default`. No bits stand behind the prefix.
    pub dst: IpNet,
    /// The link; none for what goes nowhere, although the kernel's dump of an IPv6 route
    /// of that kind says `lo`.
    pub dev: Option<LinkName>,
    /// The gateway, which may be an IPv6 address for an IPv4 route (`via inet6`).
    pub via: Option<IpAddr>,
    /// The address that own packets take.
    pub src: Option<IpAddr>,
    /// The lower, the better. Unsaid: 0 for IPv4, 1024 for IPv6, where 0 is unsaid too.
    pub metric: u32,
    /// Unsaid: 254, `main`. Never 0, which the kernel takes for `main`.
    pub table: u32,
    /// The kernel's RT_SCOPE_*. Unsaid: for IPv4 `link` (253) where there is no
    /// gateway and the kind is unicast, else `global` (0); for IPv6 always `global`.
    pub scope: u8,
    /// Who made it, RTPROT_*. Unsaid: 3, `boot`, as ip-route(8) has it.
    pub proto: u8,
    /// With [`Route::more`], how much of the packets this way gets. From 1 to 256.
    pub weight: u16,
    /// The other ways that packets take, each as far as it has weight.
    pub more: Vec<Hop>,
    /// The largest segment that is announced to the other side, in bytes.
    pub advmss: Option<u32>,
    /// How many segments are sent before the first answer, and
    pub initcwnd: Option<u32>,
    /// how many are taken.
    pub initrwnd: Option<u32>,
    /// Which of two announced routers is better (IPv6). Unsaid: medium.
    pub pref: Preference,
    /// In bytes; of this route alone. At most 65520: the kernel cuts off what is more.
    pub mtu: Option<u32>,
    /// The gateway need not be in a network of the link. Never without a gateway.
    pub onlink: bool,
}

/// One more way that packets take.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// The link.
    pub dev: Option<LinkName>,
    /// The gateway.
    pub via: Option<IpAddr>,
    /// From 1 to 256.
    pub weight: u16,
    /// As of the route.
    pub onlink: bool,
}

/// How good a router is, RFC 4191.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Preference {
    /// 3
    Low,
    /// 0
    #[default]
    Medium,
    /// 1
    High,
}

impl Preference {
    /// ip-route(8)'s words.
    pub const WORDS: [(&'static str, Preference); 3] = [
        ("low", Preference::Low),
        ("medium", Preference::Medium),
        ("high", Preference::High),
    ];
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

impl Route {
    /// `main`, where routes go if nothing is said.
    pub const MAIN: u32 = 254;
    /// RT_SCOPE_LINK: a destination that is on the link itself.
    pub const LINK: u8 = 253;
    /// RTPROT_KERNEL.
    pub const KERNEL: u8 = 2;
    /// RTPROT_RA.
    pub const RA: u8 = 9;
    /// RTPROT_BOOT, which ip-route(8) puts on what it makes.
    pub const BOOT: u8 = 3;

    /// A route to `dst` of which nothing else is said: as ip-route(8) and the kernel
    /// fill it in.
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

    /// The kernel makes it again when its address or its router is back
    /// (RTPROT_KERNEL, RTPROT_RA).
    pub fn is_kernels(&self) -> bool {
        [Route::KERNEL, Route::RA].contains(&self.proto)
    }

    /// The kernel makes it by itself when this link has its addresses again. Other programs write proto kernel too, of a network whose address has noprefixroute.
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

    /// All ways, its own first.
    pub fn ways(&self) -> Vec<Hop> {
        let own = Hop {
            dev: self.dev.clone(),
            via: self.via,
            weight: self.weight,
            onlink: self.onlink,
        };
        [own].into_iter().chain(self.more.iter().cloned()).collect()
    }

    /// The links it leads over.
    pub fn links(&self) -> impl Iterator<Item = &LinkName> {
        let more = self.more.iter().filter_map(|hop| hop.dev.as_ref());
        self.dev.iter().chain(more)
    }

    /// What the kernel tells routes apart by: of two with one key, the second replaces
    /// the first.
    pub fn key(&self) -> (&Netns, IpNet, u32, u32) {
        (&self.netns, self.dst, self.metric, self.table)
    }

    /// Reads a route as ip-route(8) takes it after `ip route add`, with the names of
    /// this machine beside those that are the same everywhere.
    pub fn parse(text: &str, names: &Names) -> Result<Route, TextError> {
        parse::parse(text, names)
    }

    /// Reads a route of the host's as it was written down.
    pub fn parse_from_kernel(text: &str) -> Result<Route, TextError> {
        let names = Names {
            as_kept: true,
            ..Names::default()
        };
        parse::parse(text, &names)
    }
}

impl RouteKind {
    /// All of them, in ip-route(8)'s words.
    pub const WORDS: [(&'static str, RouteKind); 4] = [
        ("unicast", RouteKind::Unicast),
        ("blackhole", RouteKind::Blackhole),
        ("unreachable", RouteKind::Unreachable),
        ("prohibit", RouteKind::Prohibit),
    ];

    /// ip-route(8)'s word for it.
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
