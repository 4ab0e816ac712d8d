//! Completes the observed state with the namespace in which each link was created, where the kernel
//! does not report it. A tunnel sends its own packets there; for WireGuard, it is the namespace of
//! the UDP socket. If that namespace is gone, the tunnel carries nothing and cannot be repaired: it
//! is recreated.

use crate::model::{Kind, Link, LinkSpec, Netns, State};
use crate::name::NetnsName;
use crate::plan::Journal;
use crate::state_dir::NetnsId;

/// Set the namespace in which each link of ours was created, and whether it is gone. `birth`
/// returns the identity of the namespace that has a name now.
pub fn complete(have: &mut State, journal: &Journal, birth: impl Fn(&Netns) -> Option<NetnsId>) {
    for link in &mut have.links {
        let ours = journal.ours.link(&link.netns, &link.name.value);
        // A link that others recreated was created where they did so
        let ours = ours.filter(|_| journal.is_ours(link));
        if let Some(ours) = ours.and_then(|ours| ours.kind.spec()) {
            complete_one(link, ours, &birth);
        }
    }
}

fn complete_one(link: &mut Link, ours: &LinkSpec, birth: &impl Fn(&Netns) -> Option<NetnsId>) {
    let elsewhere = ours.born != link.netns && ours.born != Netns::Host;
    match &mut link.kind {
        Kind::Virtual(made) if made.of.word == "wireguard" && ours.of.word == "wireguard" => {
            made.born = ours.born.clone();
            let now = birth(&ours.born).map(|birth| birth.to_string());
            made.outlived = elsewhere && (now.is_none() || now != ours.birth);
        }
        // For other types, the kernel reports the namespace if it has a name. Here it reported none
        Kind::Other { word, .. } if elsewhere && *word == ours.of.word => {
            link.kind = Kind::Virtual(LinkSpec {
                outlived: true,
                ..ours.clone()
            });
        }
        _ => {}
    }
}

/// Two lines for each link that was created in a namespace which is gone.
pub fn warnings(name: &NetnsName, have: &State) -> Vec<String> {
    let outlived = have.links.iter().filter_map(|link| {
        let spec = link.kind.spec().filter(|spec| spec.outlived)?;
        let born = match &spec.born {
            Netns::Named(other) => other,
            _ => name,
        };
        Some([
            format!(
                "{name}: {} was created in the namespace {born}, which is gone, and carries nothing",
                link.name
            ),
            format!("netns-setup up {name} recreates it"),
        ])
    });
    outlived.flatten().collect()
}
