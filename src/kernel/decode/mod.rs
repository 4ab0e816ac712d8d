//! Decodes the kernel's messages into the links, addresses and routes of the model. What the model
//! cannot express becomes `None`: it belongs to another program. Pure.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol,
};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteMetric, RouteNextHop,
    RouteNextHopFlags, RoutePreference, RouteType, RouteVia,
};

use crate::model::address::{Label, Lifetime};
use crate::model::route::{Hop, Preference};
use crate::model::{Address, Netns, Route, RouteKind};
use crate::name::LinkName;
use crate::source::Sourced;

/// The names of links by interface index.
pub type LinkNames = BTreeMap<u32, LinkName>;

/// The addresses of links by interface index.
pub type Addresses = BTreeMap<u32, Vec<Sourced<Address>>>;

/// The queried namespaces, as seen from one of them: by the id (nsid) that each has there. The key
/// of that one itself is `None`.
pub type OtherNetns<'a> = BTreeMap<Option<i32>, (&'a Netns, &'a LinkNames)>;

/// The value of the first attribute that matches the pattern.
macro_rules! attribute {
    ($message:expr, $pattern:pat => $value:expr) => {
        $message
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                $pattern => Some($value),
                _ => None,
            })
    };
}

mod link;
pub mod link_data;

pub use link::{
    is_bridge, is_elsewhere, is_kind, is_named, is_up, is_without_arp, link, master, name,
    netns_of_lower, permanent_mac,
};

/// An address with everything that is restored together with it, such as its label and lifetime.
/// `link` is the name of its link, and `seen` the time of the query in seconds since boot. For
/// `lasting`, see `address`.
pub fn whole_address(
    message: &AddressMessage,
    lasting: bool,
    (link, seen): (Option<&LinkName>, u64),
) -> Option<Address> {
    let flags = flags(message);
    let other = |label: &Label| link.is_none_or(|link| label.as_str() != link.as_str());
    let label = attribute!(message, AddressAttribute::Label(label) => Label::new(label)?);
    Some(Address {
        label: label.filter(other),
        metric: attribute!(message, AddressAttribute::RoutePriority(metric) => *metric),
        lifetime: lifetime(message, seen),
        proto: attribute!(message, AddressAttribute::Protocol(proto) => u8::from(*proto)),
        home: flags.contains(AddressFlags::Homeaddress),
        mngtmpaddr: flags.contains(AddressFlags::Managetempaddr),
        ..address(message, lasting)?
    })
}

/// An address. With `lasting`, it is `None` if the kernel recreates the address by itself: if it is
/// an IPv6 link-local address or comes from a router advertisement.
pub fn address(message: &AddressMessage, lasting: bool) -> Option<Address> {
    let far = attribute!(message, AddressAttribute::Address(ip) => *ip);
    let ip = attribute!(message, AddressAttribute::Local(ip) => *ip).or(far)?;
    let flags = flags(message);
    let comes_back = |ip| matches!(ip, IpAddr::V6(ip) if is_of_link(message, ip) || is_of_router(message, flags));
    if lasting && comes_back(ip) {
        return None;
    }
    let scope = u8::from(message.header.scope);
    let mut address = Address {
        peer: far.filter(|far| *far != ip),
        broadcast: attribute!(message, AddressAttribute::Broadcast(ip) => *ip),
        scope: None,
        noprefixroute: flags.contains(AddressFlags::Noprefixroute),
        nodad: flags.contains(AddressFlags::Nodad),
        ..IpNet::new(ip, message.header.prefix_len).ok()?.into()
    };
    // IPv6 derives the scope from the address itself
    address.scope = Some(scope).filter(|scope| ip.is_ipv4() && *scope != address.unsaid_scope());
    Some(address)
}

/// Whether this is the link-local address that the kernel gives to each link. Kernels before Linux
/// 5.18 do not report that, so the result is false there.
fn is_of_link(message: &AddressMessage, ip: Ipv6Addr) -> bool {
    let proto = attribute!(message, AddressAttribute::Protocol(proto) => *proto);
    ip.is_unicast_link_local() && proto == Some(AddressProtocol::LinkLocal)
}

/// Whether the kernel made the address from a router advertisement, or derived it from such an
/// address.
fn is_of_router(message: &AddressMessage, flags: AddressFlags) -> bool {
    let proto = attribute!(message, AddressAttribute::Protocol(proto) => *proto);
    let made = AddressFlags::Managetempaddr | AddressFlags::Secondary;
    let permanent = flags.contains(AddressFlags::Permanent);
    !permanent && (proto == Some(AddressProtocol::RouterAnnouncement) || flags.intersects(made))
}

fn lifetime(message: &AddressMessage, seen: u64) -> Option<Lifetime> {
    let info = attribute!(message, AddressAttribute::CacheInfo(info) => info)?;
    let (valid, preferred) = (info.ifa_valid, info.ifa_preferred);
    let ends = [valid, preferred] != [Lifetime::FOREVER; 2];
    ends.then_some(Lifetime {
        seen,
        valid,
        preferred,
    })
}

/// The flags of an address. The header of the message has room only for the first eight.
pub fn flags(message: &AddressMessage) -> AddressFlags {
    let flags = attribute!(message, AddressAttribute::Flags(flags) => *flags);
    flags.unwrap_or(AddressFlags::from_bits_retain(
        message.header.flags.bits().into(),
    ))
}

/// A route. `None` if the model cannot express it, if its destination is this host itself, or if it
/// is only a cached route.
pub fn route(message: &RouteMessage, at: &Netns, names: &LinkNames) -> Option<Route> {
    const LOCAL: u32 = 255;
    let header = &message.header;
    let kind = match header.kind {
        RouteType::Unicast => RouteKind::Unicast,
        RouteType::BlackHole => RouteKind::Blackhole,
        RouteType::Unreachable => RouteKind::Unreachable,
        RouteType::Prohibit => RouteKind::Prohibit,
        _ => return None,
    };
    let table = attribute!(message, RouteAttribute::Table(table) => *table);
    let table = table.unwrap_or(header.table.into());
    let strange = message.attributes.iter().any(|attribute| {
        use RouteAttribute as A;
        matches!(attribute, A::Encap(_) | A::NhId(_))
    });
    let strange = strange || *at == Netns::Host && says_more(message);
    if table == LOCAL || strange || header.flags.contains(RouteFlags::Cloned) || header.tos != 0 {
        return None;
    }
    let any = match header.address_family {
        AddressFamily::Inet => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        _ => Ipv6Addr::UNSPECIFIED.into(),
    };
    let dst = attribute!(message, RouteAttribute::Destination(to) => ip(to)?).unwrap_or(any);
    let metrics = attribute!(message, RouteAttribute::Metrics(metrics) => metrics.as_slice());
    let metric = |pick: fn(&RouteMetric) -> Option<u32>| metrics?.iter().find_map(pick);
    let pref = attribute!(message, RouteAttribute::Preference(pref) => *pref);
    let several = attribute!(message, RouteAttribute::MultiPath(hops) => hops.as_slice());
    let mut ways = match several {
        None => vec![Hop {
            dev: attribute!(message, RouteAttribute::Oif(index) => names.get(index)?.clone()),
            via: via(&message.attributes)?,
            weight: 1,
            onlink: header.flags.contains(RouteFlags::Onlink),
        }],
        Some(hops) => {
            let way = |hop: &RouteNextHop| {
                Some(Hop {
                    dev: Some(names.get(&hop.interface_index)?.clone()),
                    via: via(&hop.attributes)?,
                    weight: u16::from(hop.hops) + 1,
                    onlink: hop.flags.contains(RouteNextHopFlags::Onlink),
                })
            };
            hops.iter().map(way).collect::<Option<Vec<Hop>>>()?
        }
    };
    let more = ways.split_off(1.min(ways.len()));
    let own = ways.pop()?;
    Some(Route {
        netns: at.clone(),
        kind,
        dst: IpNet::new(dst, header.destination_prefix_length).ok()?,
        // IPv6 reports lo for a route that rejects its packets
        dev: own.dev.filter(|_| kind == RouteKind::Unicast),
        via: own.via,
        src: attribute!(message, RouteAttribute::PrefSource(from) => ip(from)?),
        metric: attribute!(message, RouteAttribute::Priority(metric) => *metric).unwrap_or(0),
        table,
        scope: header.scope.into(),
        proto: header.protocol.into(),
        weight: own.weight,
        more,
        mtu: metric(|metric| match metric {
            RouteMetric::Mtu(mtu) => Some(*mtu),
            _ => None,
        }),
        advmss: metric(|metric| match metric {
            RouteMetric::Advmss(bytes) => Some(*bytes),
            _ => None,
        }),
        initcwnd: metric(|metric| match metric {
            RouteMetric::InitCwnd(segments) => Some(*segments),
            _ => None,
        }),
        initrwnd: metric(|metric| match metric {
            RouteMetric::InitRwnd(segments) => Some(*segments),
            _ => None,
        }),
        pref: match pref {
            Some(RoutePreference::Low) => Preference::Low,
            Some(RoutePreference::High) => Preference::High,
            _ => Preference::Medium,
        },
        onlink: own.onlink,
    })
}

/// Whether a route of the host has properties that would be lost if it were deleted and then
/// recreated from the model.
fn says_more(message: &RouteMessage) -> bool {
    let known = |metric: &RouteMetric| {
        use RouteMetric as M;
        let is = matches!(
            metric,
            M::Mtu(_) | M::Advmss(_) | M::InitCwnd(_) | M::InitRwnd(_)
        );
        is || matches!(metric, M::Lock(0))
    };
    let metrics = attribute!(message, RouteAttribute::Metrics(metrics) => metrics.as_slice());
    let realm = attribute!(message, RouteAttribute::Realm(_) => ());
    realm.is_some() || expires(message).is_some() || !metrics.unwrap_or_default().iter().all(known)
}

/// The remaining lifetime of a route in seconds. `None` if it does not expire.
pub fn expires(message: &RouteMessage) -> Option<u64> {
    // USER_HZ
    const TICKS: u64 = 100;
    let left = attribute!(message, RouteAttribute::CacheInfo(info) => info.expires)?;
    Some(u64::from(left) / TICKS).filter(|_| left != 0)
}

/// The gateway: `Some(None)` if there is none, and `None` if the model cannot express it.
fn via(attributes: &[RouteAttribute]) -> Option<Option<IpAddr>> {
    for attribute in attributes {
        match attribute {
            RouteAttribute::Gateway(to) => return Some(Some(ip(to)?)),
            RouteAttribute::Via(RouteVia::Inet6(to)) => return Some(Some(IpAddr::V6(*to))),
            _ => {}
        }
    }
    Some(None)
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}
