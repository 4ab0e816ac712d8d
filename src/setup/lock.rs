//! Starting work on a namespace: takes its name, and returns what is needed to change the namespace
//! or to read its state. Only the state directory is created.

use std::io::{self, ErrorKind};

use super::error::{Error, Result};
use super::failure::{Failure, Why};
use super::linked_netns::{self, LinksLock};
use super::store::{self, Store};
use super::{LOCK, trial_file};
use crate::kernel::Kernel;
use crate::name::NetnsName;
use crate::plan::Journal;
use crate::system::netns::wait_for_naming;

/// Everything that is needed to change a namespace. No other process changes the namespace while
/// `store` is held, nor links between namespaces while `links_lock` is held.
pub struct LockedNetns {
    /// `None` for a namespace without links into others.
    pub links_lock: Option<LinksLock>,
    pub store: Store,
    pub journal: Journal,
    pub kernel: Kernel,
}

/// Lock a namespace. `linked`: links into other namespaces, or sysctls of the host, may change.
pub fn take(name: &NetnsName, linked: bool) -> Result<LockedNetns> {
    let locked_out = |error| locked_out(name, &error);
    trial_file::refuse_during_trial(name)?;
    let links_lock = linked
        .then(LinksLock::hold)
        .transpose()
        .map_err(locked_out)?;
    let store = Store::open(name, LOCK).map_err(locked_out)?;
    wait_for_naming(name.as_str());
    let (journal, kernel) = match without_lock(name) {
        Ok(found) => found,
        Err(failure) => {
            // If nothing is ours, there must be no state directory
            if store::journal(name).is_ok_and(|journal| journal.is_empty()) {
                let _ = store.remove();
            }
            return Err(Error::failure(name, &failure));
        }
    };
    let shares = !journal.ours.neighbours().is_empty() || journal.ours.table.is_some();
    if links_lock.is_none() && shares {
        drop(store);
        return take(name, true);
    }
    Ok(LockedNetns {
        links_lock,
        store,
        journal,
        kernel,
    })
}

/// Everything that is needed to read the state of a namespace.
pub fn without_lock(name: &NetnsName) -> Result<(Journal, Kernel), Failure> {
    let unread = |e| Why::Broken("cannot read the other journals", e);
    let mut journal = store::journal(name).map_err(Why::Unread)?;
    journal.ours.others = linked_netns::bare_namespaces(name, &journal).map_err(unread)?;
    Ok((journal, Kernel::new(name.clone())))
}

fn locked_out(name: &NetnsName, error: &io::Error) -> Error {
    let seconds = LOCK.as_secs();
    let lines = match error.kind() {
        ErrorKind::TimedOut => [
            format!("{name}: another netns-setup has held its lock for {seconds} s"),
            "wait until it ends, or find it with ps and stop it".into(),
        ],
        ErrorKind::Interrupted => [
            format!("{name}: stopped by a signal while another netns-setup holds its lock"),
            "nothing was changed".into(),
        ],
        _ => [
            format!("{name}: cannot use {}: {error}", store::dir(name).display()),
            "it must be a directory owned by root on a writable file system".into(),
        ],
    };
    Error::refused(lines)
}
