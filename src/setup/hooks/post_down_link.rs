//! The hooks of NICs that go back to the host (`post_down_IF`). The NICs are recorded while the
//! namespace is locked. The hooks are run after the lock is released, for the NICs that stayed on
//! the host. `down` needs no settings, so the commands are stored in the state directory before the
//! NIC is moved in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use super::{Hook, remembered};
use crate::model::build::Hooks;
use crate::name::{LinkName, NetnsName};
use crate::setup::Call;
use crate::setup::store::returned_links::ReturnedLinks;
use crate::setup::store::{self, Store};
use crate::state_dir;

/// The hooks of NICs, and the NICs that have gone back to the host.
pub struct ReturnHooks {
    name: NetnsName,
    hooks: BTreeMap<LinkName, Hook>,
    returned: Arc<ReturnedLinks>,
}

impl ReturnHooks {
    /// Read the hooks before anything is changed: those that the last `up` or `reload` stored, and
    /// those of the new settings, if any.
    pub fn begin(store: &Store, hooks: Option<&Hooks>) -> Self {
        let name = store.name();
        let stored = links_with_hook(name).unwrap_or_default().into_iter();
        let stored =
            stored.filter_map(|link| Some((link.clone(), remembered(name, &file(&link))?)));
        let current = hooks.into_iter().flat_map(|hooks| &hooks.given_back);
        let current = current.map(|(link, setting)| (link.clone(), Hook::of(setting)));
        ReturnHooks {
            name: name.clone(),
            hooks: stored.chain(current).collect(),
            returned: store.returned.clone(),
        }
    }

    /// Run the hooks of the NICs that have gone back, each once: the next call does not find it
    /// stored, also if this one has failed. The caller holds no lock.
    pub fn run(self, call: &Call, limit: Option<Duration>) {
        for (link, on_host) in &*self.returned.lock() {
            let Some(hook) = self.hooks.get(link) else {
                continue;
            };
            let _ = fs::remove_file(store::dir(&self.name).join(file(link)));
            let state = format!("{on_host} is back on the host nevertheless");
            let hook = hook.clone().of_link(on_host);
            if let Err(error) = hook.run(&self.name, limit, &state) {
                call.events.error(&self.name, error.lines);
            }
        }
    }
}

/// The files of the stored hooks, and of the hooks in `hooks`.
pub fn files(name: &NetnsName, hooks: &Hooks) -> BTreeSet<String> {
    let stored = links_with_hook(name).unwrap_or_default();
    let current = hooks.given_back.iter().map(|(link, _)| link);
    stored.iter().chain(current).map(file).collect()
}

/// Store the hooks of these settings, before a NIC is moved in. Other stored hooks stay until
/// [`forget_others`].
pub fn remember(name: &NetnsName, hooks: &Hooks) -> io::Result<()> {
    let mut all = hooks.given_back.iter();
    all.try_for_each(|(link, setting)| store::update(name, file(link), &Hook::of(setting).text()))
}

/// Remove the stored hooks that these settings, which are now in force, do not have.
pub fn forget_others(name: &NetnsName, hooks: &Hooks) -> io::Result<()> {
    for link in links_with_hook(name)? {
        if !hooks.given_back.iter().any(|(setting, _)| *setting == link) {
            fs::remove_file(store::dir(name).join(file(&link)))?;
        }
    }
    Ok(())
}

/// Whether a hook is stored.
pub(super) fn is_stored(name: &NetnsName) -> bool {
    links_with_hook(name).is_ok_and(|links| !links.is_empty())
}

/// The links whose hooks are stored.
fn links_with_hook(name: &NetnsName) -> io::Result<Vec<LinkName>> {
    let mut stored = Vec::new();
    for file in fs::read_dir(store::dir(name))? {
        let file = file?.file_name().to_string_lossy().into_owned();
        let link = file.strip_prefix(state_dir::POST_DOWN);
        let link = link.and_then(|link| link.strip_prefix('-')?.parse().ok());
        stored.extend(link);
    }
    Ok(stored)
}

fn file(link: &LinkName) -> String {
    format!("{}-{link}", state_dir::POST_DOWN)
}
