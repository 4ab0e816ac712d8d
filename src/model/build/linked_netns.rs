//! Finds contradictions between the settings of two namespaces about the veth pairs between them.
//! Settings that do not mention such a pair contradict nothing.

use super::{Want, problem};
use crate::model::{Kind, Link, LinkRef, Netns};
use crate::name::NetnsName;
use crate::source::{Problem, Sourced};

/// The hint for all contradictions.
const REMEDY: &str = "expected the two to agree on the veth pair between them; correct one of them";

/// The contradictions between the settings of two namespaces about the veth pairs between them.
/// Each problem has its place in the settings of `want`, and names the place in those of `other`.
pub fn contradictions(want: &Want, other: &Want) -> Vec<Problem> {
    let there = Netns::Named(other.name.clone());
    let far = want.state.links.iter().filter(|end| end.netns == there);
    let found = far.filter_map(|end| match &end.kind {
        Kind::Veth { peer: Some(near) } => contradiction(want, other, end, near),
        _ => None,
    });
    found.collect()
}

/// The contradiction about one pair. `far` is the end in the other namespace, `near` is the end in
/// this one.
fn contradiction(want: &Want, other: &Want, far: &Link, near: &LinkRef) -> Option<Problem> {
    let ends = format!(
        "in {} would be the other end of {} in {}",
        other.name, near.name, want.name
    );
    let wrong = |said: &str, is: String| {
        let wrong = format!("{ends}, but {said} makes it {is}");
        Some(problem(&far.name, wrong, REMEDY.into()))
    };
    if let Some(theirs) = other.state.link(&Netns::This, &far.name.value) {
        return match &theirs.kind {
            Kind::Veth { peer: Some(peer) } if leads_to(peer, want, near) => {
                sizes(want, other, near, theirs)
            }
            Kind::Veth { peer: Some(peer) } => {
                let back = other.state.link(&peer.netns, &peer.name);
                let said = said(&back.unwrap_or(theirs).name);
                wrong(&said, format!("that of {}", seen_from(&other.name, peer)))
            }
            kind => wrong(&said(&theirs.name), format!("a {} link", kind.word())),
        };
    }
    // The other namespace does not list that end, but may use our end for another pair
    let claims = |link: &&Link| leads_to(&link.link_at(), want, near);
    let claim = other.state.links.iter().find(claims)?;
    match &claim.kind {
        Kind::Veth { peer: Some(peer) } => {
            let wrong = format!("{ends}, but {} makes that {}", said(&claim.name), peer.name);
            Some(problem(&far.name, wrong, REMEDY.into()))
        }
        _ => None,
    }
}

/// Whether `link` of another namespace's settings is the link `near` of this namespace.
fn leads_to(link: &LinkRef, want: &Want, near: &LinkRef) -> bool {
    link.netns == Netns::Named(want.name.clone()) && link.name == near.name
}

/// Report two different MTUs for the ends of a pair.
fn sizes(want: &Want, other: &Want, near: &LinkRef, theirs: &Link) -> Option<Problem> {
    let ours = want.state.link(&near.netns, &near.name)?;
    let ours = ours.attributes.said("mtu")?;
    let theirs = theirs.attributes.said("mtu").filter(|mtu| *mtu != ours)?;
    let wrong = format!(
        "but {} gives the end in {} {theirs}",
        said(theirs),
        other.name
    );
    Some(problem(ours, wrong, REMEDY.into()))
}

/// The setting of the value, with its file and line.
fn said<T>(value: &Sourced<T>) -> String {
    let asked = value.origin.as_ref();
    asked.map_or_else(|| "its settings".into(), ToString::to_string)
}

fn seen_from(netns: &NetnsName, link: &LinkRef) -> String {
    match &link.netns {
        Netns::This => format!("{} in {netns} itself", link.name),
        _ => link.to_string(),
    }
}
