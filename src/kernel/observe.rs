//! Queries the current state: takes the kernel's dumps, and returns a [`State`]. The namespace is
//! queried completely. On the host and in other namespaces, only the requested links are queried,
//! because the complete tables of a router do not concern netns-setup.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::path::Path;

use rtnetlink::packet_route::link::LinkMessage;

use super::decode::{self, LinkNames};
use super::link::{bridge_port, wireless};
use super::netlink::query::{
    addresses_of, all_links, all_links_in, link_at, link_named, make_nsid, nsid,
};
use super::{Kernel, Query, device, sysctl};
use crate::model::link::bridge_port::Vlan;
use crate::model::{Kind, LinkRef, Netns, State, Sysctl};
use crate::name::LinkName;
use crate::os_error::OsError;
use crate::source::Sourced;
use crate::system::{netns, resolv_conf};

/// The requested links of one namespace.
pub(super) struct NetnsLinks {
    pub(super) at: Netns,
    links: Vec<LinkMessage>,
    /// The names of these links and of their masters.
    pub(super) names: LinkNames,
    /// The namespace of the socket: the ids of other namespaces (nsid) are those that it has for
    /// them.
    from: Netns,
}

impl Kernel {
    /// Query the current state: the namespace, and what is in `about`. If no link of the
    /// namespace is up, this includes the sysctls that it may have inherited from the host.
    pub fn look(&mut self, about: &Query) -> Result<State, OsError> {
        let netns = netns::there(self.netns.as_str())? == netns::NameEntry::Netns;
        let mut state = State {
            exists: netns,
            clock: seconds_since_boot(),
            ..State::default()
        };
        if let resolv_conf::ResolvConf::Ours(text) = resolv_conf::look(&self.netns)? {
            state.resolv_conf = Some(Sourced::without_origin(text));
        }
        self.indexes.clear();
        let views = self.views(about, state.exists || self.source.is_some())?;
        for view in &views {
            if let Netns::Named(other) = &view.at {
                state.others.insert(other.clone());
            }
            let others = self.others(view, &views)?;
            let only_links = view.at == Netns::This && (about.ends || self.new_ones.is_some());
            let (mut addresses, mut vlans) = match only_links {
                true => Default::default(),
                false => (self.addresses(view)?, self.vlans(view)?),
            };
            for message in &view.links {
                let Some(mut link) = decode::link(message, &view.at, &view.names, &others) else {
                    continue;
                };
                link.device = device::card(message, &view.at, &link.name.value);
                if view.at == Netns::Host && link.kind == Kind::Physical {
                    link.phy = wireless::phy(&link.name.value);
                    if link.phy.is_some() {
                        link.kind = Kind::Wireless;
                    }
                }
                link.addresses = addresses.remove(&message.header.index).unwrap_or_default();
                link.vlans = vlans.remove(&message.header.index).unwrap_or_default();
                state.links.push(link);
            }
            if !only_links {
                state.routes.extend(self.routes(view, &about.routed)?);
            }
            for moved in about.moved.iter().filter(|moved| moved.netns == view.at) {
                if let Some(link) = view.links.iter().find(|l| decode::is_named(l, &moved.name)) {
                    state
                        .verbatim
                        .extend(self.verbatim_of(moved, link.header.index)?);
                    let quiet = decode::is_without_arp(link);
                    state.sysctls.extend(sysctl::of_link(&moved.name, quiet)?);
                }
            }
        }
        let inside = netns && !about.ends;
        if inside && about.rules {
            state.rules = self.policy()?;
        }
        let mut sysctls = about.sysctls.clone();
        sysctls.retain(|(at, _)| inside || *at != Netns::This);
        if inside && state.is_bare() {
            // They were read when the namespace was created, and nothing has been changed since
            if let Some(new_ones) = self.new_ones.take() {
                state.sysctls.extend(new_ones);
                sysctls.retain(|(at, key)| state.sysctl(at, key).is_none());
            } else {
                sysctls.extend(Sysctl::of_a_new_one().map(|key| (Netns::This, key)));
            }
        }
        sysctls.retain(|(at, key)| state.sysctl(at, key).is_none());
        state.sysctls.extend(self.sysctls(&sysctls)?);
        self.wireguards(&mut state, inside)?;
        log::debug!("there is {state:?}");
        Ok(state)
    }

    fn views(&mut self, about: &Query, netns: bool) -> Result<Vec<NetnsLinks>, OsError> {
        let (asked, mut views) = (&about.links, Vec::new());
        if netns && about.ends {
            views.push(self.view_from_host()?);
        } else if netns {
            views.push(self.view(&Netns::This, None)?);
        }
        let places: BTreeSet<&Netns> = asked.iter().map(|link| &link.netns).collect();
        for at in places.into_iter().filter(|at| **at != Netns::This) {
            let names = asked
                .iter()
                .filter(|link| link.netns == *at)
                .map(|link| &link.name)
                .collect();
            if let Netns::Named(other) = at {
                if netns::there(other.as_str())? == netns::NameEntry::Stale {
                    continue;
                }
            }
            match self.view(at, Some(names)) {
                Ok(mut view) => {
                    if view.at == Netns::Host {
                        self.add_links_on_top(&mut view, &about.made)?;
                    }
                    views.push(view);
                }
                // There is no such namespace, and so no such link
                Err(no) if no.errno.kind() == ErrorKind::NotFound => {}
                Err(no) => return Err(no),
            }
        }
        Ok(views)
    }

    /// All links of a namespace, or those that have one of the requested names.
    fn view(&mut self, at: &Netns, asked: Option<Vec<&LinkName>>) -> Result<NetnsLinks, OsError> {
        let mut links = Vec::new();
        match asked {
            None => links = all_links(self.requests(at)?)?,
            Some(asked) => {
                for name in asked {
                    links.extend(link_named(self.requests(at)?, name)?);
                }
            }
        }
        let mut names = self.names(at, &links);
        // The masters are needed too: a link may have to be given back to its master
        let masters: Vec<u32> = links.iter().filter_map(decode::master).collect();
        for master in masters {
            if !names.contains_key(&master) {
                let link = link_at(self.requests(at)?, master)?;
                names.extend(link.as_ref().and_then(decode::name));
                links.extend(link);
            }
        }
        Ok(NetnsLinks {
            at: at.clone(),
            links,
            names,
            from: at.clone(),
        })
    }

    /// Add the links of the host that are on top of links that we made, and may be deleted with
    /// them.
    fn add_links_on_top(
        &mut self,
        host: &mut NetnsLinks,
        made: &BTreeSet<LinkRef>,
    ) -> Result<(), OsError> {
        let mut below: Vec<LinkName> = made.iter().map(|link| link.name.clone()).collect();
        while let Some(name) = below.pop() {
            let lower = host.links.iter().find(|link| decode::is_named(link, &name));
            let Some(master) = lower.map(decode::master) else {
                continue;
            };
            for upper in names_on_top(&name) {
                if host.links.iter().any(|link| decode::is_named(link, &upper)) {
                    continue;
                }
                let link = link_named(self.requests(&Netns::Host)?, &upper)?;
                let on_top = link.filter(|link| Some(link.header.index) != master);
                host.names
                    .extend(self.names(&Netns::Host, on_top.as_slice()));
                below.extend(on_top.is_some().then_some(upper));
                host.links.extend(on_top);
            }
        }
        Ok(())
    }

    /// All links of the namespace, by the host's socket.
    fn view_from_host(&mut self) -> Result<NetnsLinks, OsError> {
        let nsid = self.nsid_on_host()?;
        let links = all_links_in(self.requests(&Netns::Host)?, nsid)?;
        let names = self.names(&Netns::This, &links);
        Ok(NetnsLinks {
            at: Netns::This,
            links,
            names,
            from: Netns::Host,
        })
    }

    /// The id (nsid) that the namespace has on the host. It gets one if it has none.
    pub(super) fn nsid_on_host(&mut self) -> Result<i32, OsError> {
        let netns = self.open(&Netns::This)?;
        make_nsid(self.requests(&Netns::Host)?, netns.as_raw_fd())
    }

    /// The names of the links by interface index. The index of each is known from now on.
    fn names(&mut self, at: &Netns, links: &[LinkMessage]) -> LinkNames {
        let names: LinkNames = links.iter().filter_map(decode::name).collect();
        let indexes = names.iter().map(|(index, name)| (at.link(name), *index));
        self.indexes.extend(indexes);
        names
    }

    /// The other views, by the id (nsid) that their namespace has for the socket of this one. `None`
    /// is this namespace itself.
    fn others<'a>(
        &mut self,
        view: &NetnsLinks,
        views: &'a [NetnsLinks],
    ) -> Result<BTreeMap<Option<i32>, (&'a Netns, &'a LinkNames)>, OsError> {
        let mut others = BTreeMap::new();
        let this = views.iter().find(|other| other.at == view.at);
        others.extend(this.map(|this| (None, (&this.at, &this.names))));
        if !view.links.iter().any(decode::is_elsewhere) {
            return Ok(others);
        }
        for other in views.iter().filter(|other| other.at != view.at) {
            let fd = self.file(&other.at)?.as_raw_fd();
            let number = nsid(self.requests(&view.from)?, fd)?;
            others.extend(number.map(|n| (Some(n), (&other.at, &other.names))));
        }
        Ok(others)
    }

    /// The addresses by interface index, in the kernel's order.
    fn addresses(&mut self, view: &NetnsLinks) -> Result<decode::Addresses, OsError> {
        let inside = view.at == Netns::This;
        let requests = self.requests(&view.at)?;
        let mut found = decode::Addresses::new();
        let seen = seconds_since_boot();
        let links: Vec<u32> = view.links.iter().map(|link| link.header.index).collect();
        for index in if inside { vec![0] } else { links } {
            for message in addresses_of(requests, index)? {
                let index = message.header.index;
                let address =
                    decode::whole_address(&message, !inside, (view.names.get(&index), seen))
                        .map(Sourced::without_origin);
                found.entry(index).or_default().extend(address);
            }
        }
        Ok(found)
    }

    /// The VLANs of bridges and their ports by interface index. Empty for any namespace but the one
    /// that is set up.
    fn vlans(&mut self, view: &NetnsLinks) -> Result<BTreeMap<u32, Vec<Sourced<Vlan>>>, OsError> {
        if view.at != Netns::This || !view.links.iter().any(decode::is_bridge) {
            return Ok(BTreeMap::new());
        }
        bridge_port::all_vlans(self.requests(&view.at)?)
    }
}

/// The names of the links that are on top of this one, or have it as a port. Only /sys lists them
/// without all other links. Empty if it is not mounted.
fn names_on_top(below: &LinkName) -> Vec<LinkName> {
    let files = fs::read_dir(Path::new("/sys/class/net").join(below.as_str()));
    let names = files.into_iter().flatten().flatten().filter_map(|file| {
        let name = file.file_name().into_string().ok()?;
        LinkName::of_kernel(name.strip_prefix("upper_")?)
    });
    names.collect()
}

/// The seconds since boot, the time base for the lifetimes of addresses and routes.
pub fn seconds_since_boot() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    u64::try_from(time.tv_sec).unwrap_or_default()
}
