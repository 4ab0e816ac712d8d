//! Queries and configures WireGuard links by generic netlink, from inside the namespace of the
//! link. `message` encodes and decodes the attributes.

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

/// The name of the generic netlink family.
const FAMILY: &str = "wireguard";

impl Kernel {
    /// The configuration and the state of a link, including its secrets.
    pub fn wireguard(&mut self, link: &LinkRef) -> Result<WireguardState, OsError> {
        let asked = message::of_link(link.name.as_str());
        let answer = self
            .generic(&link.netns, FAMILY)?
            .dump(message::get(), &asked)?;
        Ok(message::decode(&answer))
    }

    /// Query the WireGuard links of the namespace if `inside`, and the requested ones of the host, and
    /// add their configuration to `state`.
    pub(super) fn wireguards(&mut self, state: &mut State, inside: bool) -> Result<(), OsError> {
        for link in &mut state.links {
            let spec = link.kind.spec();
            if matches!(link.netns, Netns::Named(_))
                || link.netns == Netns::This && !inside
                || spec.is_none_or(|spec| spec.of.word != "wireguard")
            {
                continue;
            }
            match self.wireguard(&link.link_at()) {
                Ok(seen) => link.wireguard = Some(Sourced::without_origin(seen.wireguard)),
                // It has disappeared in the meantime
                Err(no) if no.is(Errno::ENODEV) => {}
                Err(no) => return Err(no),
            }
        }
        Ok(())
    }

    /// Apply a difference to a link.
    pub(super) fn set_wireguard(
        &mut self,
        link: &LinkRef,
        difference: &Difference,
    ) -> Result<(), OsError> {
        let mut family = self.generic(&link.netns, FAMILY)?;
        // A difference that does not fit into one message is sent in several, as wg(8) does
        let parts = message::encode(link.name.as_str(), difference);
        let mut parts = parts.iter();
        parts.try_for_each(|part| family.tell(message::set(), part))
    }

    /// Resolve the name in the namespace of the tunnel's UDP socket, and set the endpoint of the
    /// peer.
    pub(super) fn set_endpoint(
        &mut self,
        link: &LinkRef,
        named: &NamedEndpoint,
    ) -> Result<(), OsError> {
        let found = self.lookup(named)?;
        self.tell_endpoint(link, &named.peer, found)
    }

    /// The endpoint with its name resolved, in the namespace of the tunnel's UDP socket. The time
    /// that this takes is limited for all lookups together.
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

    /// Set the endpoint of a peer of this link, and nothing else.
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
