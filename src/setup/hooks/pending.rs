//! The hooks that are to be run when the namespace is ready, or that have failed: an empty
//! file of the state folder for each, until it has gone well. Who runs it holds a lock on
//! it, so that it may call netns-setup itself, and nobody waits for it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use nix::fcntl::{Flock, FlockArg};

use crate::model::Netns;
use crate::model::build::Hooks;
use crate::name::{LinkName, NetnsName};
use crate::plan::{Change, Step};
use crate::setup::store;
use crate::state_dir;

/// A hook that is due, and that nobody else is running.
pub struct PendingHook {
    path: PathBuf,
    _lock: Flock<File>,
}

/// The hook of a link is to be run; or `netns_post_up`, of no link.
pub fn add(name: &NetnsName, link: Option<&LinkName>) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    options.open(path(name, link)).map(drop)
}

/// A link that has a hook has been made or moved in: whether it was.
pub fn note(name: &NetnsName, hooks: &Hooks, change: &Change) -> bool {
    let ends = match &change.step {
        Step::AddLink { link, peer } => {
            let ends = [Some(link), peer.as_ref()].into_iter().flatten();
            ends.map(|end| end.link_at()).collect()
        }
        step => step
            .ways()
            .into_iter()
            .map(|(_, to)| to.clone())
            .collect::<Vec<_>>(),
    };
    let mut noted = false;
    for (link, _) in &hooks.links {
        if ends
            .iter()
            .any(|end| end.netns == Netns::This && end.name == *link)
        {
            noted |= add(name, Some(link)).is_ok();
        }
    }
    noted
}

/// The hook, if it is due.
pub fn claim(name: &NetnsName, link: Option<&LinkName>) -> Option<PendingHook> {
    let path = path(name, link);
    let file = OpenOptions::new().write(true).open(&path).ok()?;
    let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()?;
    // It has just gone well for somebody else
    path.exists().then_some(PendingHook { path, _lock: lock })
}

impl PendingHook {
    /// It has gone well.
    pub fn done(self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn path(name: &NetnsName, link: Option<&LinkName>) -> PathBuf {
    let file = match link {
        Some(link) => format!("{}-{link}", state_dir::DUE),
        None => state_dir::DUE.into(),
    };
    store::folder(name).join(file)
}
