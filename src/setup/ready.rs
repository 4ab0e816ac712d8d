//! The conditions of `netns_ready`: waiting for them, reporting those that do not hold, and marking
//! the namespace as ready. No lock is held during the wait.

use std::io;
use std::time::Duration;

use super::apply::MOMENT;
use super::error::{Error, Result};
use super::failure::{Why, broken};
use super::hooks::pending;
use super::report::run_log;
use super::store::{self, Store};
use super::{Call, LOCK, report};
use crate::kernel::Kernel;
use crate::model::build::Want;
use crate::model::{Condition, Netns};
use crate::name::NetnsName;
use crate::os_error::OsError;
use crate::setup::signals::block_signals;
use crate::source::Sourced;
use crate::state_dir;

/// Time for a ping to be answered if only the present state is asked for.
const GLANCE: Duration = Duration::from_secs(1);

/// Returns true if the namespace has conditions, and is not ready yet.
pub fn is_awaited(want: &Want) -> bool {
    !want.ready.conditions.is_empty() && !store::is_ready(&want.name)
}

/// Wait until the conditions hold, and mark the namespace as ready.
pub fn wait(call: &Call, want: &Want) -> Result {
    if !is_awaited(want) {
        return Ok(());
    }
    let stamp_before = stamp(&want.name);
    let results = check_and_tell(call, want).map_err(|why| Error::why(&want.name, &why))?;
    if results.iter().all(|holds| *holds) {
        return mark_unless_changed(want, stamp_before);
    }
    if stamp(&want.name) != stamp_before {
        return Err(changed(want));
    }
    let next = format!("netns-setup up {} waits again", want.name);
    Err(Error::refused(late(want, &results, &next)))
}

/// The results of the conditions. If they do not hold soon, what is waited for is printed at a
/// terminal.
fn check_and_tell(call: &Call, want: &Want) -> Result<Vec<bool>, Why> {
    let limit = want.ready.timeout;
    let mut kernel = Kernel::new(want.name.clone());
    // Another netns-setup may take the name away meanwhile
    let netns = kernel.open(&Netns::This);
    kernel.attach(netns.map_err(|e| query_error(e.into()))?);
    let results = check_by(&mut kernel, want, MOMENT.min(limit))?;
    if results.iter().all(|holds| *holds) || limit <= MOMENT {
        return Ok(results);
    }
    let all = want.ready.conditions.iter().zip(&results);
    let missing = all.filter(|(_, holds)| !**holds);
    let missing: Vec<_> = missing.map(|(one, _)| one.value.to_string()).collect();
    if !call.quiet {
        let line = format!(
            "{}: waiting for {}, at most {} s",
            want.name,
            missing.join(", "),
            limit.as_secs()
        );
        call.events.progress(&want.name, line);
    }
    check_by(&mut kernel, want, limit.saturating_sub(MOMENT))
}

/// Wait until the conditions hold, for a caller that holds the lock and marks the namespace as
/// ready.
pub fn wait_under_lock(want: &Want) -> Result<(), Why> {
    let results = check(want, want.ready.timeout)?;
    if results.iter().all(|holds| *holds) {
        Ok(())
    } else {
        let mut lines = late(want, &results, "");
        lines.truncate(2);
        Err(Why::Trial(lines))
    }
}

/// The results of the conditions after at most `limit`, in their order.
fn check(want: &Want, limit: Duration) -> Result<Vec<bool>, Why> {
    check_by(&mut Kernel::new(want.name.clone()), want, limit)
}

fn check_by(kernel: &mut Kernel, want: &Want, limit: Duration) -> Result<Vec<bool>, Why> {
    let results = kernel.until_hold(&conditions(want), Some(limit), None);
    results.map_err(query_error)
}

/// The error when the conditions cannot be checked.
pub fn query_error(e: OsError) -> Why {
    broken("cannot see what netns_ready asks for", e)
}

/// Each condition, and whether it holds now.
pub fn now(want: &Want) -> Result<Vec<(&Sourced<Condition>, bool)>, Why> {
    let all = &want.ready.conditions;
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let has_ping = all
        .iter()
        .any(|one| matches!(one.value, Condition::Ping(_)));
    let limit = if has_ping { GLANCE } else { Duration::ZERO };
    let results = check(want, limit)?;
    Ok(all.iter().zip(results).collect())
}

/// The conditions, without their origin.
pub fn conditions(want: &Want) -> Vec<&Condition> {
    let all = want.ready.conditions.iter();
    all.map(|condition| &condition.value).collect()
}

/// The lines for conditions that do not hold when the time is up. `next` says what happens then.
pub fn late(want: &Want, results: &[bool], next: &str) -> Vec<String> {
    let (name, seconds) = (&want.name, want.ready.timeout.as_secs());
    let all = want.ready.conditions.iter().zip(results);
    let missing: Vec<_> = all
        .filter(|(_, holds)| !**holds)
        .map(|(one, _)| one)
        .collect();
    let names: Vec<_> = missing.iter().map(|one| one.value.to_string()).collect();
    let names = names.join(", ");
    let origin = missing.first().and_then(|one| one.origin.as_deref());
    let hint = "netns_timeout sets how long to wait";
    vec![
        format!("{name}: not ready after {seconds} s: {names} does not hold"),
        report::asked_for_by(origin, hint),
        format!("{name}: everything else is up and stays up; {next}"),
    ]
}

/// Mark the namespace as ready, because the conditions hold, unless another netns-setup has changed
/// it meanwhile.
fn mark_unless_changed(want: &Want, stamp_before: Option<(u64, i64, i64)>) -> Result {
    let name = &want.name;
    if store::is_ready(name) {
        return Ok(());
    }
    if stamp_before.is_none() || stamp(name) != stamp_before {
        return Err(changed(want));
    }
    let blocked = block_signals();
    let done = match Store::open(name, LOCK) {
        Err(e) => Err(failed(want, "cannot lock it", e)),
        Ok(store) if stamp(name).is_none() => {
            let _ = store.remove();
            Err(changed(want))
        }
        Ok(_) if stamp(name) != stamp_before => Err(changed(want)),
        Ok(store) => mark(&store, want).map_err(|e| failed(want, "cannot write ready", e)),
    };
    let _ = blocked.thread_unblock();
    done
}

/// The stamp of the journal. It changes when another netns-setup changes the namespace.
fn stamp(name: &NetnsName) -> Option<(u64, i64, i64)> {
    store::stamp(name, state_dir::JOURNAL)
}

fn failed(want: &Want, what: &'static str, e: io::Error) -> Error {
    Error::why(&want.name, &Why::Broken(what, e))
}

fn changed(want: &Want) -> Error {
    let name = &want.name;
    let lines = [
        format!("{name}: another netns-setup changed it while this one was waiting"),
        format!("run netns-setup status {name} to see how it is now"),
    ];
    Error::refused(lines)
}

/// Mark the namespace as ready. If it was not ready before, `netns_post_up` becomes pending.
pub fn mark(store: &Store, want: &Want) -> io::Result<()> {
    store.set_etc_mode(want.overlay, want.state.resolv_conf.is_some())?;
    run_log::forget(&want.name);
    if store::is_ready(&want.name) {
        return Ok(());
    }
    if want.hooks.post_up.is_some() {
        pending::add(&want.name, None)?;
    }
    store.set_ready()
}
