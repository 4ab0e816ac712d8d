//! Where links were born, which the kernel does not tell of all of them: what is there and
//! what we noted in, what is there with each link's birthplace out. A tunnel whose
//! birthplace is gone stays, carries nothing and cannot be mended: it is made anew.

use crate::model::{Kind, Link, LinkSpec, Netns, State};
use crate::name::NetnsName;
use crate::plan::Journal;
use crate::state_dir::NetnsId;

/// The birthplace of each link of ours, and whether that is still the namespace which has
/// the name; `birth` tells which one has it.
pub fn complete(have: &mut State, journal: &Journal, birth: impl Fn(&Netns) -> Option<NetnsId>) {
    for link in &mut have.links {
        let ours = journal.ours.link(&link.netns, &link.name.value);
        // One that others made anew was born where they made it
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
        // Of others the kernel tells, and this one was born in none of those that have a name
        Kind::Other(word) if elsewhere && *word == ours.of.word => {
            link.kind = Kind::Virtual(LinkSpec {
                outlived: true,
                ..ours.clone()
            });
        }
        _ => {}
    }
}

/// What is said of the links whose birthplace is gone: two lines each.
pub fn warnings(name: &NetnsName, have: &State) -> Vec<String> {
    let outlived = have.links.iter().filter_map(|link| {
        let spec = link.kind.spec().filter(|spec| spec.outlived)?;
        let born = match &spec.born {
            Netns::Named(other) => other,
            _ => name,
        };
        Some([
            format!(
                "{name}: {} was born in a namespace {born} that is gone, and carries nothing",
                link.name
            ),
            format!("netns-setup up {name} makes it anew"),
        ])
    });
    outlived.flatten().collect()
}
