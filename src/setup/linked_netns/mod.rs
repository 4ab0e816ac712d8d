//! Namespaces with links into each other: which those are, the lock for such links, and what a
//! change of one namespace requires in the others.

pub mod follow;

use std::collections::{BTreeSet, VecDeque};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Instant;

use nix::fcntl::Flock;

use super::LOCK;
use super::store::{self, Store};
use crate::model::build::Want;
use crate::model::{Kind, Link, Netns, State};
use crate::name::NetnsName;
use crate::os_error::OsError;
use crate::plan::Journal;
use crate::state_dir;
use crate::system::file_lock::lock_until;
use crate::system::netns;

/// The lock for links between namespaces and for sysctls of the host. It is taken before the lock
/// of a namespace, so that no two processes wait for each other.
pub struct LinksLock(#[allow(dead_code)] Flock<File>);

impl LinksLock {
    /// Wait for the lock. `TimedOut` if another process holds it too long.
    pub fn hold() -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(state_dir::STATE)?;
        let path = Path::new(state_dir::STATE).join(state_dir::TIES);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let until = Instant::now() + LOCK;
        let lock = lock_until(options.open(path)?, until, || false)?;
        Ok(LinksLock(lock))
    }
}

/// The namespaces that netns-setup has set up and that have links into another one, each with its
/// journal.
pub type Tied = Vec<(NetnsName, Journal)>;

/// The namespaces with links into this one.
pub fn linked_namespaces(name: &NetnsName) -> io::Result<Tied> {
    Ok(linked_or_unread(name)?.0)
}

/// As [`linked_namespaces`], and the error if a journal is damaged: it may list such a link, too. If
/// the kernel failed to read one, that is an error: a second try may succeed.
pub fn linked_or_unread(name: &NetnsName) -> io::Result<(Tied, Option<io::Error>)> {
    let (mut linked_namespaces, mut unread) = (Vec::new(), None);
    if !store::any_linked() {
        return Ok((linked_namespaces, unread));
    }
    for (other, journal) in store::each_other(name)? {
        match journal {
            Ok(journal) if journal.ours.neighbours().contains(name) => {
                linked_namespaces.push((other, journal))
            }
            Ok(_) => {}
            Err(e) => {
                let why = io::Error::new(e.kind(), format!("the journal of {other}: {e}"));
                if !is_damage(&e) {
                    return Err(why);
                }
                unread = Some(why);
            }
        }
    }
    Ok((linked_namespaces, unread))
}

/// Whether a journal is not one, or has no readable text: it stays so until somebody repairs it.
fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, IsADirectory, Other};
    matches!(error.kind(), InvalidData | IsADirectory | Other)
}

/// The other namespaces that exist only because this one has links into them.
pub fn bare_namespaces(name: &NetnsName, journal: &Journal) -> io::Result<BTreeSet<NetnsName>> {
    let mut bare = BTreeSet::new();
    for other in journal.ours.neighbours() {
        if is_bare_namespace(&other)? && has_no_other(&other, name)? {
            bare.insert(other);
        }
    }
    Ok(bare)
}

/// Returns true if no other namespace has a link into `other`, as far as the journals show.
fn has_no_other(other: &NetnsName, of: &NetnsName) -> io::Result<bool> {
    Ok(linked_namespaces(other)?
        .iter()
        .all(|(other, _)| other == of)
        && !store::unreadable(other)?)
}

/// Returns true if the namespace exists only because others have links into it: it was never set up
/// by its own settings.
fn is_bare_namespace(name: &NetnsName) -> io::Result<bool> {
    let mut bare = Journal::default();
    bare.ours.exists = true;
    Ok(!store::is_ready(name) && store::journal(name).is_ok_and(|journal| journal == bare))
}

/// Make another namespace for a link into it: it is ours, and not ready.
pub fn make_bare_namespace(
    name: &NetnsName,
    add: impl FnOnce(&Store, &Journal) -> Result<(), OsError>,
) -> Result<(), OsError> {
    let known = store::dir(name).exists();
    let store = Store::open(name, LOCK)?;
    if netns::there(name.as_str())? == netns::NameEntry::Netns {
        // Another process made it. Without this, the state directory would mark it as ours
        if !known {
            store.remove()?;
        }
        return Ok(());
    }
    let mut journal = store::journal(name)?;
    journal.ours.exists = true;
    let added = add(&store, &journal);
    if added.is_err() && !known {
        let _ = store.remove();
    }
    added
}

/// Delete such a namespace, unless it has been set up by its own settings meanwhile.
pub fn delete_bare_namespace(
    name: &NetnsName,
    of: &NetnsName,
    delete: impl FnOnce() -> Result<(), OsError>,
) -> Result<(), OsError> {
    let store = Store::open(name, LOCK)?;
    if is_bare_namespace(name)? && has_no_other(name, of)? {
        delete()?;
        store.remove()?;
    }
    Ok(())
}

/// Add to the journal the wanted veth pairs that another namespace has made.
pub fn adopt_wanted(name: &NetnsName, want: &State, journal: &mut Journal) -> io::Result<()> {
    for (other, theirs) in linked_namespaces(name)? {
        journal.adopt(name, &other, &theirs, |link| {
            let wanted = want.link(&link.netns, &link.name.value);
            wanted.is_some_and(|wanted| wanted.kind == link.kind)
        });
    }
    Ok(())
}

/// Find those of the linked namespaces that lose a link, or the UDP socket of a tunnel, when this
/// one is deleted. The veth pairs into it are added to the journal, so that they are deleted by name: the kernel
/// deletes them later by itself.
pub fn losing(name: &NetnsName, linked: Tied, journal: &mut Journal) -> Vec<NetnsName> {
    let mut losing = Vec::new();
    for (other, theirs) in linked {
        if journal.ours.exists {
            journal.adopt(name, &other, &theirs, |_| true);
        }
        let (here, there) = [name, &other].map(|name| Netns::Named(name.clone())).into();
        let pair = |link: &Link| {
            matches!(link.kind, Kind::Veth { .. }) && link.namespaces().any(|other| other == there)
        };
        // A link of theirs on top of a link of ours, which is deleted or moved together with ours
        let on_ours = |link: &Link| {
            let below = link.needed().filter(|below| below.netns == here);
            below.is_some_and(|below| journal.brought(&below.name))
        };
        let ours = &journal.ours;
        let loses =
            ours.exists || ours.links.iter().any(pair) || theirs.ours.links.iter().any(on_ours);
        if loses && store::may_be_ready(&other) {
            losing.push(other);
        }
    }
    losing
}

/// Mark the namespaces that lose a link as not ready. Returns the warning for the person.
pub fn mark_unready(name: &NetnsName, losing: &[NetnsName]) -> io::Result<Vec<String>> {
    for other in losing {
        Store::open(other, LOCK)?.set_unready()?;
    }
    let names: Vec<_> = losing.iter().map(|name| name.as_str()).collect();
    let are = if names.len() == 1 { "is" } else { "are" };
    Ok(if names.is_empty() {
        Vec::new()
    } else {
        vec![format!(
            "{name}: {} {are} not ready until {name} is up again, because of the links between them",
            names.join(", ")
        )]
    })
}

/// Sort namespaces so that each comes after those that it depends on, unless they depend on each
/// other.
pub fn in_order(wants: Vec<Want>) -> Vec<Want> {
    let names = |want: &Want| want.state.neighbours();
    // Usually the first namespace waits for no other, and the order stays
    let mut wants = VecDeque::from(wants);
    let mut ordered = Vec::new();
    while !wants.is_empty() {
        let waits = |want: &Want| {
            let needed = names(want);
            if needed.is_empty() {
                return false;
            }
            let mut others = wants.iter().filter(|other| needed.contains(&other.name));
            others.any(|other| other.name != want.name && !names(other).contains(&want.name))
        };
        let next = wants.iter().position(|want| !waits(want)).unwrap_or(0);
        ordered.extend(wants.remove(next));
    }
    ordered
}
