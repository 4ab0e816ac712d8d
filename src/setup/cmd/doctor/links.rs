//! Observing, for `doctor`, the links that carry nothing: NICs without carrier, and WireGuard peers
//! that do not answer.

use std::time::Duration;

use crate::definitions::links::Lower;
use crate::model::{Kind, Netns, State};
use crate::setup::cmd::status::link::{LinkState, LinkStatus, PeerStatus};
use crate::setup::report;

/// The size of a handshake initiation, without the headers of UDP (WireGuard's whitepaper, 5.4.2).
/// The next one follows after 5 seconds without an answer.
const INITIATION: u64 = 148;

/// A session is not used for longer (WireGuard's whitepaper, 6.1).
const REJECT_AFTER: Duration = Duration::from_secs(180);

/// The time for a handshake after that.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The NICs that have no carrier. A port of a bridge or bond is no fault while another NIC of the
/// same master has a carrier.
pub fn without_carrier(links: &[LinkStatus], want: &State) -> Vec<String> {
    let is_nic = |link: &&LinkStatus| {
        let mut wanted = want.links.iter();
        wanted.any(|wanted| {
            wanted.netns == Netns::This
                && wanted.kind.is_moved()
                && wanted.name.value.as_str() == link.name
        })
    };
    let nics: Vec<_> = links.iter().filter(is_nic).collect();
    let is_replaced = |link: &LinkStatus| {
        link.master.is_some()
            && nics
                .iter()
                .any(|other| other.master == link.master && other.state() == LinkState::Up)
    };
    let without = nics
        .iter()
        .filter(|link| link.state() == LinkState::NoCarrier && !is_replaced(link));
    without.map(|link| link.name.clone()).collect()
}

/// Whether the links of the namespace lead to the host or nowhere: veth pairs, and bridges and taps
/// beside them.
pub fn is_behind_host(want: &State) -> bool {
    let mut inside = want.links.iter().filter(|link| link.netns == Netns::This);
    let leads_to_host = |kind: &Kind| match kind {
        Kind::Veth { peer } => peer.as_ref().is_some_and(|peer| peer.netns == Netns::Host),
        _ => false,
    };
    let leads_nowhere = |kind: &Kind| match kind {
        Kind::Loopback => true,
        kind => kind
            .spec()
            .is_some_and(|spec| spec.of.below == Lower::Nothing),
    };
    inside.all(|link| leads_to_host(&link.kind) || leads_nowhere(&link.kind))
}

/// The WireGuard peers that were sent something and have not answered: the link, and the peer.
pub fn silent_peers(links: &[LinkStatus]) -> Vec<(String, String)> {
    let peers = links
        .iter()
        .flat_map(|link| link.peers.iter().map(move |peer| (link, peer)));
    let silent = peers.filter_map(|(link, peer)| {
        let endpoint = peer.endpoint.as_ref().filter(|_| is_silent(peer))?;
        let peer = format!("{} at {endpoint}", peer.public_key);
        Some((link.name.clone(), peer))
    });
    silent.collect()
}

/// A peer without a handshake is silent once it was sent a second initiation. With a keepalive,
/// there must be handshakes. Without one, an old handshake only tells that there was nothing to
/// send.
fn is_silent(peer: &PeerStatus) -> bool {
    match (peer.latest_handshake, peer.persistent_keepalive) {
        (None, _) => peer.transfer_tx >= 2 * INITIATION,
        (Some(at), Some(keepalive)) => {
            let latest = REJECT_AFTER + HANDSHAKE + Duration::from_secs(keepalive.into());
            report::since(at) > latest
        }
        (Some(_), None) => false,
    }
}
