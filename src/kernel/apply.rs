//! Applies a change: each step of a plan becomes a request to the kernel, or a call of a program.

use std::net::IpAddr;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, CacheInfo};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteMetric, RouteNextHop,
    RouteNextHopFlags, RoutePreference, RouteType, RouteVia,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::Kernel;
use super::link::{Message, options};
use super::netlink::query::link_named;
use super::netlink::socket::RequestKind;
use crate::model::route::Preference;
use crate::model::{Address, LinkRef, Netns, Route, RouteKind};
use crate::name::LinkName;
use crate::os_error::OsError;
use crate::plan::Step;
use crate::system::{dhcp, firewall, nat_table, netns, resolv_conf};

impl Kernel {
    /// Apply one step. Forgets the cached interface indexes if the step deletes or moves links or
    /// namespaces.
    pub fn make(&mut self, step: &Step) -> Result<(), OsError> {
        log::debug!("make {step:?}");
        self.new_ones = None;
        let done = self.make_it(step);
        if let Step::DelNetns
        | Step::DelOther(_)
        | Step::DelLink(_)
        | Step::MoveLink(..)
        | Step::MovePhy(..) = step
        {
            self.indexes.clear();
        }
        done
    }

    fn make_it(&mut self, step: &Step) -> Result<(), OsError> {
        match step {
            Step::AddNetns => self.add_netns(|_| Ok(())),
            Step::DelNetns => {
                self.opened.remove(&Netns::This);
                Ok(netns::delete(self.netns.as_str())?)
            }
            Step::Attach(_) => self.give_name(|_| Ok(())),
            Step::Detach => {
                self.opened.remove(&Netns::This);
                Ok(netns::delete(self.netns.as_str())?)
            }
            Step::AddOther(other) => self.add_other(other, |_| Ok(())),
            Step::DelOther(other) => self.del_other(other),
            Step::AddLink { link, peer } => self.add_link(link, peer.as_deref()),
            Step::SetOptions(link, made) => self.set_options(link, made),
            Step::DelLink(link) => self.del_link(link),
            Step::MoveLink(link, to) => {
                let netns = self.file(&to.netns)?.as_raw_fd();
                self.set(link, |message| {
                    if to.name == link.name {
                        message.setns_by_fd(netns)
                    } else {
                        message.setns_by_fd(netns).name(to.name.to_string())
                    }
                })
            }
            Step::MovePhy(_, ways) => self.move_phy(ways),
            Step::AddAltname(link, name) => self.add_altname(link, name),
            Step::DelAltname(link, name) => self.del_altname(link, name),
            Step::SetAttribute(link, said) => self.set(link, |message| {
                options::attributes(said).fold(message, Message::append_extra_attribute)
            }),
            Step::SetMaster(link, Some(master)) => {
                let master = link.netns.link(master);
                let master = self.index(&master)?;
                self.set(link, |message| message.controller(master))
            }
            Step::SetMaster(link, None) => self.set(link, |message| message.nocontroller()),
            Step::SetPort(link, port) => self.set_port(link, port),
            Step::AddVlans(link, row, own) => self.add_vlans(link, row, *own),
            Step::DelVlans(link, row, own) => self.del_vlans(link, row, *own),
            Step::SetUp(link, true) => {
                let done = self.set(link, |message| message.up());
                done.map_err(|no| self.with_port(link, None, no))
            }
            Step::SetUp(link, false) => self.set(link, |message| message.down()),
            Step::AddAddress(link, address) => self.add_address(link, address),
            Step::DelAddress(link, address) => self.del_address(link, address),
            Step::AddRoute(route) => self.add_route(route, false),
            Step::ReplaceRoute(route) | Step::TrimRoute(route) => self.add_route(route, true),
            Step::RestoreVerbatim(kept) => self.put_back(kept),
            Step::DelRoute(route) => self.del_route(route),
            Step::AddRule(rule) => self.add_policy(rule),
            Step::DelRule(rule) => self.del_policy(rule),
            Step::SetSysctl(sysctl) => self.set_sysctl(sysctl).map(drop),
            Step::SetWireguard(link, difference) => {
                let done = self.set_wireguard(link, difference);
                done.map_err(|no| self.with_port(link, difference.listen_port, no))
            }
            Step::SetEndpoint(link, named) => self.set_endpoint(link, named),
            Step::LoadFirewall { new, old } => {
                firewall::load(&self.open(&Netns::This)?, new, old.as_deref())
            }
            Step::UnloadFirewall(old) => firewall::unload(&self.open(&Netns::This)?, old),
            Step::LoadNatTable(table) => {
                nat_table::load(&self.open(&Netns::Host)?, &self.netns, table)
            }
            Step::DropNatTable => nat_table::remove(&self.open(&Netns::Host)?, &self.netns),
            Step::StartDhcp(client) => dhcp::start(&self.open(&Netns::This)?, &self.netns, client),
            Step::StopDhcp(client) => dhcp::stop(&self.netns, client),
            Step::WriteResolvConf(text) => Ok(resolv_conf::write(&self.netns, text)?),
            Step::RemoveResolvConf => Ok(resolv_conf::remove(&self.netns)?),
        }
    }

    /// The links of the namespace with their interface indexes, as of the last query.
    pub fn indexes_inside(&self) -> Vec<(LinkName, u32)> {
        let inside = self
            .indexes
            .iter()
            .filter(|(link, _)| link.netns == Netns::This);
        inside
            .map(|(link, index)| (link.name.clone(), *index))
            .collect()
    }

    /// Those of `words` that name links of the namespace, with their interface indexes.
    pub fn links_of<'a>(
        &mut self,
        words: impl IntoIterator<Item = &'a str>,
    ) -> Vec<(LinkName, u32)> {
        let names = words.into_iter().filter_map(|word| word.parse().ok());
        let with_index = names.filter_map(|name: LinkName| {
            let (at, name) = (Netns::This, name);
            let link = LinkRef { netns: at, name };
            Some((link.name.clone(), self.index(&link).ok()?))
        });
        with_index.collect()
    }

    pub(super) fn index(&mut self, link: &LinkRef) -> Result<u32, OsError> {
        if let Some(index) = self.indexes.get(link) {
            return Ok(*index);
        }
        let found = link_named(self.requests(&link.netns)?, &link.name)?;
        let found = found.ok_or_else(|| std::io::Error::from(Errno::ENODEV))?;
        let index = found.header.index;
        self.indexes.insert(link.clone(), index);
        Ok(index)
    }

    fn add_address(&mut self, link: &LinkRef, address: &Address) -> Result<(), OsError> {
        let index = self.index(link)?;
        let message = RouteNetlinkMessage::NewAddress(address_message(index, address));
        match self.requests(&link.netns)?.tell(message, RequestKind::Add) {
            // The kernel has added the address itself in the meantime
            Err(no) if no.is(Errno::EEXIST) => Ok(()),
            answer => answer,
        }
    }

    /// Delete an address. One that is gone already is no error: another program may have deleted
    /// it.
    fn del_address(&mut self, link: &LinkRef, address: &Address) -> Result<(), OsError> {
        let index = self.index(link)?;
        let message = RouteNetlinkMessage::DelAddress(address_message(index, address));
        match self
            .requests(&link.netns)?
            .tell(message, RequestKind::Change)
        {
            Err(no) if no.is(Errno::EADDRNOTAVAIL) => Ok(()),
            answer => answer,
        }
    }

    fn add_route(&mut self, route: &Route, replace: bool) -> Result<(), OsError> {
        let message = RouteNetlinkMessage::NewRoute(self.route_message(route)?);
        let how = if replace {
            RequestKind::Replace
        } else {
            RequestKind::Add
        };
        self.requests(&route.netns)?.tell(message, how)
    }

    /// Delete a route. One that is gone already is no error: the kernel deletes the routes of an
    /// address or a link together with it.
    fn del_route(&mut self, route: &Route) -> Result<(), OsError> {
        let message = RouteNetlinkMessage::DelRoute(self.route_message(route)?);
        match self
            .requests(&route.netns)?
            .tell(message, RequestKind::Change)
        {
            Err(no) if no.is(Errno::ESRCH) => Ok(()),
            answer => answer,
        }
    }

    fn route_message(&mut self, route: &Route) -> Result<RouteMessage, OsError> {
        let mut message = RouteMessage::default();
        let header = &mut message.header;
        header.address_family = match route.dst.addr() {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        header.destination_prefix_length = route.dst.prefix_len();
        header.scope = route.scope.into();
        header.protocol = route.proto.into();
        header.kind = match route.kind {
            RouteKind::Unicast => RouteType::Unicast,
            RouteKind::Blackhole => RouteType::BlackHole,
            RouteKind::Unreachable => RouteType::Unreachable,
            RouteKind::Prohibit => RouteType::Prohibit,
        };
        let attributes = &mut message.attributes;
        attributes.push(RouteAttribute::Table(route.table));
        if route.dst.prefix_len() > 0 {
            attributes.push(RouteAttribute::Destination(RouteAddress::from(
                route.dst.addr(),
            )));
        }
        attributes.extend(route.src.map(|src| RouteAttribute::PrefSource(src.into())));
        attributes.push(RouteAttribute::Priority(route.metric));
        let metrics = metrics(route);
        if !metrics.is_empty() {
            attributes.push(RouteAttribute::Metrics(metrics));
        }
        match route.pref {
            Preference::Medium => {}
            Preference::Low => attributes.push(RouteAttribute::Preference(RoutePreference::Low)),
            Preference::High => attributes.push(RouteAttribute::Preference(RoutePreference::High)),
        }
        let mut hops = Vec::new();
        for way in route.ways() {
            let mut hop = RouteNextHop::default();
            hop.flags.set(RouteNextHopFlags::Onlink, way.onlink);
            hop.hops = (way.weight - 1) as u8;
            hop.attributes = way.via.map(|via| gateway(route, via)).into_iter().collect();
            if let Some(name) = way.dev {
                let at = route.netns.clone();
                hop.interface_index = self.index(&LinkRef { netns: at, name })?;
            }
            hops.push(hop);
        }
        match <[RouteNextHop; 1]>::try_from(hops) {
            Ok([hop]) => {
                message.header.flags.set(RouteFlags::Onlink, route.onlink);
                message.attributes.extend(hop.attributes);
                if hop.interface_index != 0 {
                    let oif = RouteAttribute::Oif(hop.interface_index);
                    message.attributes.push(oif);
                }
            }
            Err(hops) => message.attributes.push(RouteAttribute::MultiPath(hops)),
        }
        Ok(message)
    }
}

fn metrics(route: &Route) -> Vec<RouteMetric> {
    let all = [
        route.mtu.map(RouteMetric::Mtu),
        route.advmss.map(RouteMetric::Advmss),
        route.initcwnd.map(RouteMetric::InitCwnd),
        route.initrwnd.map(RouteMetric::InitRwnd),
    ];
    all.into_iter().flatten().collect()
}

/// The message for an address. It has no broadcast address unless the settings give one, as in
/// ip-address(8).
fn address_message(index: u32, address: &Address) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = match address.ip() {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.header.prefix_len = address.net.prefix_len();
    message.header.index = index;
    message.header.scope = address.scope().into();
    let attributes = &mut message.attributes;
    attributes.push(AddressAttribute::Local(address.ip()));
    attributes.push(AddressAttribute::Address(
        address.peer.unwrap_or(address.ip()),
    ));
    attributes.extend(address.broadcast.map(AddressAttribute::Broadcast));
    let label = address.label.map(|label| label.as_str().into());
    attributes.extend(label.map(AddressAttribute::Label));
    attributes.extend(address.metric.map(AddressAttribute::RoutePriority));
    let proto = address.proto.map(Into::into);
    attributes.extend(proto.map(AddressAttribute::Protocol));
    attributes.extend(address.lifetime.map(|lifetime| {
        let mut info = CacheInfo::default();
        info.ifa_preferred = lifetime.preferred;
        info.ifa_valid = lifetime.valid;
        AddressAttribute::CacheInfo(info)
    }));
    let mut flags = AddressFlags::empty();
    flags.set(AddressFlags::Noprefixroute, address.noprefixroute);
    flags.set(AddressFlags::Nodad, address.nodad);
    flags.set(AddressFlags::Homeaddress, address.home);
    flags.set(AddressFlags::Managetempaddr, address.mngtmpaddr);
    if !flags.is_empty() {
        attributes.push(AddressAttribute::Flags(flags));
    }
    message
}

fn gateway(route: &Route, via: IpAddr) -> RouteAttribute {
    match (route.dst.addr(), via) {
        (IpAddr::V4(_), IpAddr::V6(via)) => RouteAttribute::Via(RouteVia::Inet6(via)),
        _ => RouteAttribute::Gateway(via.into()),
    }
}
