//! The hooks that are pending: they are to be run when the namespace is ready, or have failed. Each
//! has an empty file in the state directory until it has succeeded. The process that runs a hook
//! locks that file. The hook can call netns-setup, and no process waits for it.

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

/// A pending hook, locked by this process.
pub struct PendingHook {
    path: PathBuf,
    _lock: Flock<File>,
}

/// Mark the hook of a link as pending; without a link, `netns_post_up`.
pub fn add(name: &NetnsName, link: Option<&LinkName>) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    options.open(path(name, link)).map(drop)
}

/// Mark the hooks of the links that a change has made or moved in. Returns true if there were any.
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

/// Lock the hook, if it is pending.
pub fn claim(name: &NetnsName, link: Option<&LinkName>) -> Option<PendingHook> {
    let path = path(name, link);
    let file = OpenOptions::new().write(true).open(&path).ok()?;
    let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()?;
    // Another process may just have run it
    path.exists().then_some(PendingHook { path, _lock: lock })
}

impl PendingHook {
    /// Remove the mark, because the hook succeeded.
    pub fn done(self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn path(name: &NetnsName, link: Option<&LinkName>) -> PathBuf {
    let file = match link {
        Some(link) => format!("{}-{link}", state_dir::DUE),
        None => state_dir::DUE.into(),
    };
    store::dir(name).join(file)
}
