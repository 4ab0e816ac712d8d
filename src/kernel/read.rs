//! The kernel's messages in, the model's links, addresses and routes out. What the model
//! has no words for is `None`: it is somebody else's. Pure.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use rtnetlink::packet_core::Nla;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteMetric, RouteNextHop,
    RouteNextHopFlags, RoutePreference, RouteType, RouteVia,
};

use super::{options, tap};
use crate::model::link_types::{Below, Type};
use crate::model::route::{Hop, Preference};
use crate::model::{Address, Kind, Link, LinkAt, Mac, Made, Route, RouteKind, Where};
use crate::name::LinkName;
use crate::place::At;

/// Links by their index.
pub type Names = BTreeMap<u32, LinkName>;

/// Addresses by the index of their link.
pub type Addresses = BTreeMap<u32, Vec<At<Address>>>;

/// The namespaces that were asked about, by their number in another; none is itself.
pub type Others<'a> = BTreeMap<Option<i32>, (&'a Where, &'a Names)>;

/// Find the first attribute of a kind.
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

/// A link's index and name.
pub fn name(message: &LinkMessage) -> Option<(u32, LinkName)> {
    let name = attribute!(message, LinkAttribute::IfName(name) => name)?;
    Some((message.header.index, name.parse().ok()?))
}

/// The index of a link's master.
pub fn master(message: &LinkMessage) -> Option<u32> {
    attribute!(message, LinkAttribute::Controller(index) => *index)
}

/// The address that its maker gave it.
pub fn permanent_mac(message: &LinkMessage) -> Option<Mac> {
    let bytes = attribute!(message, LinkAttribute::PermAddress(bytes) => bytes.clone())?;
    <[u8; 6]>::try_from(bytes).ok().map(Mac)
}

/// The link's peer or parent is in another namespace.
pub fn is_elsewhere(message: &LinkMessage) -> bool {
    attribute!(message, LinkAttribute::LinkNetNsId(_) => ()).is_some()
}

/// A link, without its addresses.
pub fn link(message: &LinkMessage, at: &Where, names: &Names, others: &Others) -> Option<Link> {
    let (_, name) = self::name(message)?;
    let mac = attribute!(message, LinkAttribute::Address(bytes) => bytes.clone());
    let mac = mac
        .and_then(|bytes| <[u8; 6]>::try_from(bytes).ok())
        .map(Mac);
    let master = master(message).and_then(|index| names.get(&index)).cloned();
    Some(Link {
        mtu: attribute!(message, LinkAttribute::Mtu(mtu) => At::nobody(*mtu)),
        mac: mac.map(At::nobody),
        master: master.map(At::nobody),
        up: Some(message.header.flags.contains(LinkFlags::Up)),
        ..Link::new(at.clone(), At::nobody(name), kind(message, others))
    })
}

fn kind(message: &LinkMessage, others: &Others) -> Kind {
    if message.header.flags.contains(LinkFlags::Loopback) {
        return Kind::Loopback;
    }
    let infos = attribute!(message, LinkAttribute::LinkInfo(infos) => infos.as_slice());
    let infos = infos.unwrap_or_default();
    let kind = infos.iter().find_map(|info| match info {
        LinkInfo::Kind(kind) => Some(kind),
        _ => None,
    });
    match kind {
        None => Kind::Physical,
        Some(InfoKind::Veth) => Kind::Veth {
            peer: below(message, others),
        },
        Some(kind) => {
            let word = tap::word(infos).map_or_else(|| kind.to_string(), String::from);
            let of = Type::named(&word);
            let made = of.and_then(|of| made(of, infos, message, others));
            made.map_or(Kind::Other(word), Kind::Made)
        }
    }
}

/// `None` where it was born is not known, or where its parent is not.
fn made(
    of: &'static Type,
    infos: &[LinkInfo],
    message: &LinkMessage,
    others: &Others,
) -> Option<Made> {
    let netns = attribute!(message, LinkAttribute::LinkNetNsId(id) => *id);
    let (born, names) = others.get(&netns)?;
    let mut made = Made::new(of, (*born).clone());
    let index = options::decode(&mut made, &data(infos));
    let link = || attribute!(message, LinkAttribute::Link(index) => *index);
    let parent = match of.below {
        Below::Nothing => None,
        Below::Parent => Some(link()?),
        Below::Birth => index,
    };
    if let Some(index) = parent {
        made.parent = Some(names.get(&index)?.clone());
    }
    Some(made)
}

/// What is special to a link's type, as the kernel wrote it.
pub fn data(infos: &[LinkInfo]) -> Vec<u8> {
    let data = infos.iter().find_map(|info| match info {
        LinkInfo::Data(data) => Some(data),
        _ => None,
    });
    let mut bytes = vec![0; data.map_or(0, Nla::value_len)];
    if let Some(data) = data {
        data.emit_value(&mut bytes);
    }
    bytes
}

fn below(message: &LinkMessage, others: &Others) -> Option<LinkAt> {
    let index = attribute!(message, LinkAttribute::Link(index) => *index)?;
    let netns = attribute!(message, LinkAttribute::LinkNetNsId(id) => *id);
    let (at, names) = others.get(&netns)?;
    Some(LinkAt {
        at: (*at).clone(),
        name: names.get(&index)?.clone(),
    })
}

/// An address. What comes back by itself, a link-local address or, where only
/// `lasting` is asked for, one that a router gave, is left out there.
pub fn address(message: &AddressMessage, lasting: bool) -> Option<Address> {
    let far = attribute!(message, AddressAttribute::Address(ip) => *ip);
    let ip = attribute!(message, AddressAttribute::Local(ip) => *ip).or(far)?;
    let flags = flags(message);
    if let (true, IpAddr::V6(ip)) = (lasting, ip)
        && (ip.is_unicast_link_local() || !flags.contains(AddressFlags::Permanent))
    {
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
    // IPv6 makes a scope of the address itself
    address.scope = Some(scope).filter(|scope| ip.is_ipv4() && *scope != address.unsaid_scope());
    Some(address)
}

/// An address's flags, of which the header has room for the first eight alone.
pub fn flags(message: &AddressMessage) -> AddressFlags {
    let flags = attribute!(message, AddressAttribute::Flags(flags) => *flags);
    flags.unwrap_or(AddressFlags::from_bits_retain(
        message.header.flags.bits().into(),
    ))
}

/// A route that packets of others can take: not one to this host itself, nor one that
/// the kernel only remembers.
pub fn route(message: &RouteMessage, at: &Where, names: &Names) -> Option<Route> {
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
        at: at.clone(),
        kind,
        dst: IpNet::new(dst, header.destination_prefix_length).ok()?,
        // IPv6 hangs what goes nowhere on lo
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

/// The gateway, if there is one; `None` for one of a kind that the model has no words for.
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
