//! What is there: the kernel's dumps in, a [`State`] out. Of the namespace all of it; of
//! the host, and of other namespaces, only the links that are asked about, since a
//! router's tables are not ours to read through.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;

use futures_util::{StreamExt, TryStreamExt};
use rtnetlink::Handle;
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::packet_route::nsid::{NsidAttribute, NsidMessage};
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::read::{self, Names};
use super::{About, Kernel, Refusal, cards, files, netns};
use crate::model::{LinkAt, State, Sysctl, Where};
use crate::name::LinkName;
use crate::place::At;

/// The links that were asked about in one namespace.
struct View {
    at: Where,
    links: Vec<LinkMessage>,
    /// Of those, and of their masters.
    names: Names,
}

impl Kernel {
    /// What is there: the namespace, and what else is asked about. A namespace without a
    /// link that is up is asked for what it may have taken over from the host, too.
    pub fn look(&mut self, about: &About) -> Result<State, Refusal> {
        let seen = self.look_at(about);
        self.unless_broken(seen)
    }

    fn look_at(&mut self, about: &About) -> Result<State, Refusal> {
        let netns = netns::there(self.netns.as_str())? == netns::There::Netns;
        let mut state = State {
            netns,
            ..State::default()
        };
        if let files::ResolvConf::Ours(text) = files::look(&self.netns)? {
            state.resolv_conf = Some(At::nobody(text));
        }
        self.indexes.clear();
        let views = self.views(&about.links, state.netns || self.source.is_some())?;
        for view in &views {
            if let Where::Netns(other) = &view.at {
                state.others.insert(other.clone());
            }
            let others = self.others(view, &views)?;
            let mut addresses = self.addresses(view)?;
            for message in &view.links {
                let Some(mut link) = read::link(message, &view.at, &view.names, &others) else {
                    continue;
                };
                link.card = cards::card(message, &view.at, &link.name.value);
                link.addresses = addresses.remove(&message.header.index).unwrap_or_default();
                state.links.push(link);
            }
            state.routes.extend(self.routes(view, &about.routed)?);
        }
        if netns {
            state.policy = self.policy()?;
        }
        let mut sysctls = about.sysctls.clone();
        sysctls.retain(|(at, _)| netns || *at != Where::Inside);
        if netns && state.is_bare() {
            sysctls.extend(Sysctl::of_a_new_one().map(|key| (Where::Inside, key)));
        }
        state.sysctls = self.sysctls(&sysctls)?;
        self.wireguards(&mut state)?;
        log::debug!("there is {state:?}");
        Ok(state)
    }

    fn views(&mut self, asked: &BTreeSet<LinkAt>, netns: bool) -> Result<Vec<View>, Refusal> {
        let mut views = Vec::new();
        if netns {
            views.push(self.view(&Where::Inside, None)?);
        }
        let places: BTreeSet<&Where> = asked.iter().map(|link| &link.at).collect();
        for at in places.into_iter().filter(|at| **at != Where::Inside) {
            let names = asked
                .iter()
                .filter(|link| link.at == *at)
                .map(|link| &link.name)
                .collect();
            if let Where::Netns(other) = at
                && netns::there(other.as_str())? == netns::There::Stale
            {
                continue;
            }
            match self.view(at, Some(names)) {
                Ok(view) => views.push(view),
                // There is no such namespace, and so no such link
                Err(no) if no.errno.kind() == ErrorKind::NotFound => {}
                Err(no) => return Err(no),
            }
        }
        Ok(views)
    }

    /// All links of a namespace, or those of these names that are there.
    fn view(&mut self, at: &Where, asked: Option<Vec<&LinkName>>) -> Result<View, Refusal> {
        let handle = self.socket(at)?.handle.clone();
        let mut links = self.runtime.block_on(async {
            let Some(asked) = asked else {
                return all_links(&handle).await;
            };
            let mut links = Vec::new();
            for name in asked {
                links.extend(link_named(&handle, name).await?);
            }
            Ok(links)
        })?;
        let mut names: Names = links.iter().filter_map(read::name).collect();
        let indexes = names.iter().map(|(index, name)| {
            let (at, name) = (at.clone(), name.clone());
            (LinkAt { at, name }, *index)
        });
        self.indexes.extend(indexes);
        // What a link belongs to has to do with it too: it may have to go back there
        let masters: Vec<u32> = links.iter().filter_map(read::master).collect();
        for master in masters {
            if !names.contains_key(&master) {
                let link = self.runtime.block_on(link_at(&handle, master))?;
                names.extend(link.as_ref().and_then(read::name));
                links.extend(link);
            }
        }
        Ok(View {
            at: at.clone(),
            links,
            names,
        })
    }

    /// The other views, by the number that the kernel gives their namespaces in this one.
    fn others<'a>(
        &mut self,
        view: &View,
        views: &'a [View],
    ) -> Result<BTreeMap<Option<i32>, (&'a Where, &'a Names)>, Refusal> {
        let mut others = BTreeMap::new();
        let this = views.iter().find(|other| other.at == view.at);
        others.extend(this.map(|this| (None, (&this.at, &this.names))));
        if !view.links.iter().any(read::is_elsewhere) {
            return Ok(others);
        }
        for other in views.iter().filter(|other| other.at != view.at) {
            let fd = self.socket(&other.at)?.netns.as_raw_fd();
            let handle = self.socket(&view.at)?.handle.clone();
            let number = self.runtime.block_on(nsid(handle, fd))?;
            others.extend(number.map(|n| (Some(n), (&other.at, &other.names))));
        }
        Ok(others)
    }

    /// By the index of their link, in the kernel's order.
    fn addresses(&mut self, view: &View) -> Result<read::Addresses, Refusal> {
        let handle = self.socket(&view.at)?.handle.clone();
        let inside = view.at == Where::Inside;
        self.runtime.block_on(async {
            let mut found = read::Addresses::new();
            let links: Vec<u32> = view.links.iter().map(|link| link.header.index).collect();
            for index in if inside { vec![0] } else { links } {
                let mut request = handle.address().get();
                request.message_mut().header.index = index;
                let mut reply = request.execute().boxed_local();
                while let Some(message) = reply.try_next().await? {
                    let index = message.header.index;
                    let address = read::address(&message, !inside).map(At::nobody);
                    found.entry(index).or_default().extend(address);
                }
            }
            Ok(found)
        })
    }

    /// All of the namespace, elsewhere those of these links.
    fn routes(
        &mut self,
        view: &View,
        routed: &BTreeSet<LinkAt>,
    ) -> Result<Vec<At<crate::model::Route>>, Refusal> {
        let handle = self.socket(&view.at)?.handle.clone();
        let inside = view.at == Where::Inside;
        let is_routed = |name: &LinkName| {
            let mut there = routed.iter().filter(|link| link.at == view.at);
            there.any(|link| link.name == *name)
        };
        let links = view.names.iter().filter(|(_, name)| is_routed(name));
        let links: Vec<u32> = links.map(|(index, _)| *index).collect();
        self.runtime.block_on(async {
            let mut found = Vec::new();
            for family in [AddressFamily::Inet, AddressFamily::Inet6] {
                for index in if inside { vec![0] } else { links.clone() } {
                    let mut request = RouteMessage::default();
                    request.header.address_family = family;
                    if index != 0 {
                        request.attributes.push(RouteAttribute::Oif(index));
                    }
                    let mut reply = handle.route().get(request).execute().boxed_local();
                    while let Some(message) = reply.try_next().await? {
                        // Without IPv6 in the kernel, all families answer for it
                        if message.header.address_family == family {
                            let route = read::route(&message, &view.at, &view.names);
                            found.extend(route.map(At::nobody));
                        }
                    }
                }
            }
            Ok(found)
        })
    }
}

pub(super) async fn all_links(handle: &Handle) -> Result<Vec<LinkMessage>, Refusal> {
    Ok(handle.link().get().execute().try_collect().await?)
}

/// A link by its name, if there is one.
pub(super) async fn link_named(
    handle: &Handle,
    name: &LinkName,
) -> Result<Option<LinkMessage>, Refusal> {
    first(handle.link().get().match_name(name.as_str()).execute()).await
}

/// A link by its index, if there is one.
pub(super) async fn link_at(handle: &Handle, index: u32) -> Result<Option<LinkMessage>, Refusal> {
    first(handle.link().get().match_index(index).execute()).await
}

async fn first(
    reply: impl futures_util::Stream<Item = Result<LinkMessage, rtnetlink::Error>>,
) -> Result<Option<LinkMessage>, Refusal> {
    match reply.boxed_local().try_next().await.map_err(Refusal::from) {
        Err(no) if no.errno.raw_os_error() == Some(nix::errno::Errno::ENODEV as i32) => Ok(None),
        answer => answer,
    }
}

/// The number that a namespace has in another, which is given one if it has none there
/// (RTM_NEWNSID).
pub(super) async fn nsid_made(mut handle: Handle, netns: i32) -> Result<i32, Refusal> {
    if let Some(number) = nsid(handle.clone(), netns).await? {
        return Ok(number);
    }
    let mut message = NsidMessage::default();
    // -1: whatever is free
    message.attributes = vec![
        NsidAttribute::Fd(netns.cast_unsigned()),
        NsidAttribute::Id(-1),
    ];
    let mut request = NetlinkMessage::from(RouteNetlinkMessage::NewNsId(message));
    request.header.flags = NLM_F_REQUEST | NLM_F_ACK;
    let mut reply = handle.request(request)?;
    while let Some(answer) = reply.next().await {
        if let NetlinkPayload::Error(no) = answer.payload
            && no.code.is_some()
        {
            return Err(rtnetlink::Error::NetlinkError(no).into());
        }
    }
    let number = nsid(handle, netns).await?;
    number.ok_or_else(|| std::io::Error::from(ErrorKind::NotFound).into())
}

/// The number that a namespace has in another (RTM_GETNSID), if it has one there.
async fn nsid(mut handle: Handle, netns: i32) -> Result<Option<i32>, Refusal> {
    let mut message = NsidMessage::default();
    message.attributes = vec![NsidAttribute::Fd(netns.cast_unsigned())];
    let mut request = NetlinkMessage::from(RouteNetlinkMessage::GetNsId(message));
    request.header.flags = NLM_F_REQUEST;
    let mut reply = handle.request(request)?;
    while let Some(answer) = reply.next().await {
        match answer.payload {
            NetlinkPayload::Error(no) => return Err(rtnetlink::Error::NetlinkError(no).into()),
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewNsId(message)) => {
                return Ok(message
                    .attributes
                    .iter()
                    .find_map(|attribute| match attribute {
                        NsidAttribute::Id(id) if *id >= 0 => Some(*id),
                        _ => None,
                    }));
            }
            _ => {}
        }
    }
    Ok(None)
}
