//! Bringing up the namespaces that are linked to one that has come up.

use std::collections::BTreeSet;

use super::linked_or_unread;
use crate::conf::files::may_be_there;
use crate::model::build::Want;
use crate::name::NetnsName;
use crate::plan::Extras;
use crate::setup::converge::converge;
use crate::setup::error::Result;
use crate::setup::load::{context, settings, wrong};
use crate::setup::{Call, hooks, ready, store};

/// Run an `up` for each namespace that netns-setup has set up and that has links into this one,
/// because links may have been made or recreated.
pub fn follow(call: &Call, name: &NetnsName, changed: bool) {
    let mut done = BTreeSet::from([name.clone()]);
    let mut waiting = vec![(name.clone(), changed)];
    while let Some((name, changed)) = waiting.pop() {
        let (linked_namespaces, unread) =
            linked_or_unread(&name).unwrap_or_else(|e| (Vec::new(), Some(e)));
        if let Some(e) = unread {
            let lines = [
                format!(
                    "{name}: is up, but cannot tell which other namespaces have links to it: {e}"
                ),
                "run netns-setup up --all to complete them".into(),
            ];
            call.events.error(&name, lines);
        }
        for (other, _) in linked_namespaces {
            let file = call.conf_dir.join(format!("netns.{other}"));
            let is_complete = !changed && store::is_ready(&other);
            if is_complete || !may_be_there(&file) || !done.insert(other.clone()) {
                continue;
            }
            match up(call, &other) {
                Ok((want, changed)) => {
                    call.events.warning(&name, not_waited_for(&name, &want));
                    waiting.push((other.clone(), changed));
                }
                Err(error) => {
                    call.events.failed(Some(&other), &error);
                    let line = format!(
                        "{name}: is up, but {other}, which has links to it, is not complete"
                    );
                    call.events.error(&name, [line]);
                }
            }
        }
    }
}

/// Bring a namespace up. Returns the wanted state, and true if anything was changed.
fn up(call: &Call, other: &NetnsName) -> Result<(Want, bool)> {
    let want = settings(call, other, &context()).map_err(|problems| wrong(other, &problems))?;
    let changed = hooks::around_up(&want, || converge(call, &want, Extras::Keep))?;
    Ok((want, changed))
}

/// The lines for a linked namespace whose `netns_ready` is not waited for.
fn not_waited_for(name: &NetnsName, other: &Want) -> Vec<String> {
    if !ready::is_awaited(other) {
        return Vec::new();
    }
    let other = &other.name;
    vec![
        format!("{name}: is up; {other}, which has links to it, is also up, but not ready yet"),
        format!("its own watch waits for its netns_ready, as does netns-setup up {other}"),
    ]
}
