//! Asking a WireGuard link what it knows, and telling it: generic netlink, spoken from
//! inside the namespace where the link is. What the bytes are is `message`'s.

pub(super) mod message;
mod port;

use std::net::SocketAddr;

use super::Kernel;
use crate::model::wireguard::{
    Difference, Endpoint, Fate, NamedEndpoint, PeerDifference, PublicKey,
};
use crate::model::{LinkRef, Netns, State};
use crate::os_error::OsError;
use crate::source::Sourced;
use crate::system::dns;

pub use nix::errno::Errno;

use self::message::WireguardState;

/// The family of generic netlink.
const FAMILY: &str = "wireguard";

impl Kernel {
    /// What a link knows, its secrets among it.
    pub fn wireguard(&mut self, link: &LinkRef) -> Result<WireguardState, OsError> {
        let asked = message::of_link(link.name.as_str());
        let answer = self
            .generic(&link.netns, FAMILY)?
            .dump(message::get(), &asked)?;
        Ok(message::decode(&answer))
    }

    /// What the WireGuard links inside, and those of the host that are asked about, know, into what is there.
    pub(super) fn wireguards(&mut self, state: &mut State) -> Result<(), OsError> {
        for link in &mut state.links {
            let spec = link.kind.spec();
            if matches!(link.netns, Netns::Named(_))
                || spec.is_none_or(|spec| spec.of.word != "wireguard")
            {
                continue;
            }
            match self.wireguard(&link.link_at()) {
                Ok(seen) => link.wireguard = Some(Sourced::without_origin(seen.wireguard)),
                // Gone in the meantime
                Err(no) if no.is(Errno::ENODEV) => {}
                Err(no) => return Err(no),
            }
        }
        Ok(())
    }

    /// Tell a link what differs.
    pub(super) fn set_wireguard(
        &mut self,
        link: &LinkRef,
        difference: &Difference,
    ) -> Result<(), OsError> {
        let mut family = self.generic(&link.netns, FAMILY)?;
        // More than one message holds goes into several, as wg(8) does it
        let parts = message::encode(link.name.as_str(), difference);
        let mut parts = parts.iter();
        parts.try_for_each(|part| family.tell(message::set(), part))
    }

    /// Look the name up where the link was born, and tell the link the address.
    pub(super) fn set_endpoint(
        &mut self,
        link: &LinkRef,
        named: &NamedEndpoint,
    ) -> Result<(), OsError> {
        let found = self.lookup(named)?;
        self.tell_endpoint(link, &named.peer, found)
    }

    /// Where the name leads now.
    pub fn lookup(&mut self, named: &NamedEndpoint) -> Result<SocketAddr, OsError> {
        match &named.endpoint {
            Endpoint::Address(address) => Ok(*address),
            Endpoint::Name(name, port) => {
                let netns = match &named.born {
                    Netns::Host => None,
                    Netns::This => Some(self.netns.as_str()),
                    Netns::Named(other) => Some(other.as_str()),
                };
                let inside = self.open(&named.born)?;
                let found = dns::address_of(&inside, netns, name, &mut self.patience)?;
                Ok(SocketAddr::new(found, *port))
            }
        }
    }

    /// Tell a link where a peer of it is found, and nothing else.
    pub fn tell_endpoint(
        &mut self,
        link: &LinkRef,
        peer: &PublicKey,
        endpoint: SocketAddr,
    ) -> Result<(), OsError> {
        let peer = PeerDifference {
            endpoint: Some(endpoint),
            ..PeerDifference::new(*peer, Fate::Changed)
        };
        let difference = Difference {
            peers: vec![peer],
            ..Difference::default()
        };
        self.set_wireguard(link, &difference)
    }
}
