//! Making one namespace match its settings, under its lock. The caller does what comes before and
//! after, and handles other namespaces.

use std::fs;

use super::apply::Work;
use super::error::{Error, Result};
use super::failure::{Failure, Why};
use super::hooks;
use super::hooks::post_down_link::{self, ReturnHooks};
use super::nat::{self, WithHost};
use super::report::run_log::Changes;
use super::resolve_devices::resolve_all_devices;
use super::store::{self, Store};
use super::{Call, attach, linked_netns, lock, ready, report, ssh_guard, trial_file, wireguard};
use crate::model::build::Want;
use crate::model::{Condition, State};
use crate::name::NetnsName;
use crate::plan::{Extras, Journal, satisfied};
use crate::setup::lock::LockedNetns;
use crate::setup::query::build_query;
use crate::source::Sourced;
use crate::state_dir;
use crate::system::dhcp;

/// The files in the state directory that the journal does not list, without those of the hooks of
/// NICs.
const FILES: [&str; 4] = [
    state_dir::READY,
    state_dir::ETC_MODE,
    state_dir::PRE_DOWN,
    state_dir::POST_DOWN,
];

/// The error when the hooks' commands cannot be written to the state directory.
const NOT_STORED: &str = "cannot keep its hooks";

/// Make the namespace match its settings. Returns true if anything was changed.
pub fn converge(call: &Call, want: &Want, rest: Extras) -> Result<bool> {
    converge_then(call, want, rest, |_| Ok(()))
}

/// As [`converge`], and calls `then` when the namespace is up, before the lock is released.
pub fn converge_then(
    call: &Call,
    want: &Want,
    rest: Extras,
    then: impl FnOnce(&mut Work) -> Result<(), Failure>,
) -> Result<bool> {
    let mut due = None;
    let result = converge_locked(call, want, rest, then, &mut due);
    due.into_iter().for_each(|due| due.run(call, None));
    result
}

fn converge_locked(
    call: &Call,
    want: &Want,
    rest: Extras,
    then: impl FnOnce(&mut Work) -> Result<(), Failure>,
    due: &mut Option<ReturnHooks>,
) -> Result<bool> {
    let name = &want.name;
    let linked = !want.state.neighbours().is_empty() || want.nat.is_some();
    let LockedNetns {
        links_lock,
        store,
        mut journal,
        mut kernel,
    } = lock::take(name, linked)?;
    *due = Some(ReturnHooks::begin(&store, Some(&want.hooks)));
    let WithHost {
        mut state,
        warnings,
    } = match nat::with_host(want, &journal, &mut kernel) {
        Ok(with_host) => with_host,
        Err(failure) => return Err(failed(name, store, &journal, &failure)),
    };
    let locked = (&store, &mut journal, &mut kernel);
    let may_replace = rest == Extras::Remove;
    if let Err(failure) = attach::take_over(call, want, &mut state, locked, may_replace) {
        return Err(failed(name, store, &journal, &failure));
    }
    if let Err(why) = resolve_all_devices(&mut state, &journal, &mut kernel) {
        return Err(failed(name, store, &journal, &why.into()));
    }
    let changes = Changes::of(call, name).with_hooks(&want.hooks);
    let query = build_query(&state, &journal);
    let files = save_files(want);
    // The journal as it is, in case the present state cannot be read
    let (mut ours, mut changed) = (journal.clone(), false);
    let done = Work::begin(&store, &mut kernel, journal, query, changes).and_then(|mut work| {
        let done = make(call, want, &state, rest, &mut work)
            .inspect(|()| drop(links_lock))
            .and_then(|()| finish(call, want, &mut work))
            .and_then(|()| then(&mut work))
            .inspect(|()| store.set_met())
            .inspect(|()| trial_file::forget_undone(name));
        ours = work.journal;
        changed = work.changes.any;
        done
    });
    match done {
        Ok(()) => {
            call.events
                .warning(name, report::obstacles(name, &warnings));
            Ok(changed)
        }
        Err(failure) => {
            restore_files(name, &files);
            Err(failed(name, store, &ours, &failure))
        }
    }
}

fn make(
    call: &Call,
    want: &Want,
    state: &State,
    rest: Extras,
    work: &mut Work,
) -> Result<(), Failure> {
    if call.verbose {
        report_satisfied(call, &want.name, state, &work.start.0);
    }
    let adopted = linked_netns::adopt_wanted(&want.name, state, &mut work.journal);
    adopted.map_err(|e| work.fail(Why::Broken("cannot read the other journals", e)))?;
    let planned = (&work.start.0, &work.journal);
    let ways = ssh_guard::check_changes(call, want, state, planned, rest).map_err(Why::Cut)?;
    let stored = post_down_link::remember(&want.name, &want.hooks);
    stored.map_err(|e| work.fail(Why::Broken(NOT_STORED, e)))?;
    work.make(state, rest)?;
    let kept = match work.has_changed() {
        true => ways.check(call, want),
        false => Ok(()),
    };
    kept.map_err(|lines| work.fail(Why::Cut(lines)))
}

/// Report addresses and leases that are still missing, store the hooks, and mark the namespace as
/// ready.
fn finish(call: &Call, want: &Want, work: &mut Work) -> Result<(), Failure> {
    let unresolved = wireguard::unresolved(&want.name, &work.unresolved);
    call.events.warning(&want.name, unresolved);
    for (link, address) in work.wait_for_dad(&want.state)? {
        let lines = [
            format!(
                "{}: {address} on {} cannot be bound yet",
                want.name, link.name
            ),
            "duplicate address detection is still running; wait a moment".into(),
        ];
        call.events.warning(&want.name, lines);
    }
    warn_of_missing_leases(call, want);
    let stored = hooks::remember(&want.name, &want.hooks)
        .and_then(|()| post_down_link::forget_others(&want.name, &want.hooks));
    stored.map_err(|e| work.fail(Why::Broken(NOT_STORED, e)))?;
    // Otherwise it is marked once the conditions of `netns_ready` hold
    if ready::is_awaited(want) {
        return Ok(());
    }
    let ready = ready::mark(work.store, want);
    ready.map_err(|e| work.fail(Why::Broken("cannot write ready", e)))
}

/// Warn of links without a DHCP lease. If the lease is a condition of `netns_ready`, the wait for
/// that reports it.
fn warn_of_missing_leases(call: &Call, want: &Want) {
    let awaited = ready::is_awaited(want);
    for client in &want.state.clients {
        let link = &client.value.link;
        let lease = Sourced::without_origin(Condition::Lease(link.clone()));
        if awaited && want.ready.conditions.contains(&lease) || dhcp::has_lease(&want.name, link) {
            continue;
        }
        let lines = [
            format!(
                "{}: {link} has no DHCP lease: no server has answered yet",
                want.name
            ),
            report::asked_for_by(client.origin.as_deref(), "the client goes on asking"),
        ];
        call.events.warning(&want.name, lines);
    }
}

/// Report what is satisfied already.
pub fn report_satisfied(call: &Call, name: &NetnsName, state: &State, have: &State) {
    for change in satisfied(state, have) {
        call.events.satisfied(name, &change);
    }
}

/// The files and their content. `None` if the file does not exist.
type SavedFiles = Vec<(String, Option<Vec<u8>>)>;

fn save_files(want: &Want) -> SavedFiles {
    let hooks = post_down_link::files(&want.name, &want.hooks);
    let names = FILES.map(String::from).into_iter().chain(hooks);
    let dir = store::dir(&want.name);
    names
        .map(|file| (file.clone(), fs::read(dir.join(file)).ok()))
        .collect()
}

fn restore_files(name: &NetnsName, files: &SavedFiles) {
    for (file, text) in files {
        let _ = match text {
            Some(text) => store::replace(name, file, text),
            None => fs::remove_file(store::dir(name).join(file)),
        };
    }
}

/// The error for a failure. Marks the namespace as not ready if some changes could not be undone.
fn failed(name: &NetnsName, store: Store, journal: &Journal, failure: &Failure) -> Error {
    if failure.left.as_ref().is_none_or(|left| !left.is_empty()) {
        let _ = store.set_unready();
    }
    // If nothing is ours, remove the state directory: with it, another program's namespace could
    // not be joined
    if journal.is_empty() {
        let _ = store.remove();
    }
    Error::failure(name, failure)
}
