//! Finds out what uses the port of a tunnel: the kernel reports only that the port is in use.

use nix::errno::Errno;
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};

use super::WireguardState;
use crate::kernel::netlink::query;
use crate::kernel::{Kernel, decode};
use crate::model::{LinkRef, Netns};
use crate::name::{LinkName, NetnsName};
use crate::os_error::OsError;
use crate::system::netns;

impl Kernel {
    /// Add the port to an EADDRINUSE error, and the WireGuard links that are open on this port in
    /// any namespace. The kernel does not report in which namespace the UDP socket of a tunnel is.
    pub(in crate::kernel) fn with_port(
        &mut self,
        link: &LinkRef,
        port: Option<u16>,
        no: OsError,
    ) -> OsError {
        if !no.is(Errno::EADDRINUSE) || no.message.is_some() {
            return no;
        }
        let port = port.or_else(|| self.wireguard(link).ok()?.wireguard.listen_port);
        let Some(port) = port else {
            return no;
        };
        let others = self.listening(link, port);
        let by = if others.is_empty() {
            "a program that is not a WireGuard link".to_string()
        } else {
            others.join(", ")
        };
        OsError {
            message: Some(format!("its ListenPort {port} is in use by {by}")),
            ..no
        }
    }

    /// The WireGuard links that are up and have this port, except `but`: `wg1 of the host`, `wg0 in
    /// other`.
    fn listening(&mut self, but: &LinkRef, port: u16) -> Vec<String> {
        let names = netns::names().filter_map(|name| name.parse::<NetnsName>().ok());
        let named = names.map(|name| {
            let place = format!("in {name}");
            if name == self.netns {
                (Netns::This, place)
            } else {
                (Netns::Named(name), place)
            }
        });
        let places = named.chain([(Netns::Host, "of the host".to_string())]);
        let mut found = Vec::new();
        for (at, place) in places.collect::<Vec<_>>() {
            let was_open = self.opened.contains_key(&at);
            let links = self.requests(&at).map_err(OsError::from);
            let links = links.and_then(query::all_links).unwrap_or_default();
            for name in links.iter().filter_map(open_tunnel) {
                let link = LinkRef {
                    netns: at.clone(),
                    name,
                };
                let has = |seen: WireguardState| seen.wireguard.listen_port == Some(port);
                if link != *but && self.wireguard(&link).is_ok_and(has) {
                    found.push(format!("{} {place}", link.name));
                }
            }
            // An open socket would keep a namespace of another program alive
            if !was_open {
                self.opened.remove(&at);
            }
        }
        found
    }
}

/// The name of the link if it is a WireGuard link that is up.
fn open_tunnel(message: &LinkMessage) -> Option<LinkName> {
    let is_one = message.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => infos.contains(&LinkInfo::Kind(InfoKind::Wireguard)),
        _ => false,
    });
    let (_, name) = decode::name(message)?;
    (is_one && message.header.flags.contains(LinkFlags::Up)).then_some(name)
}
