//! `down`: gives back what was moved, removes what was made, and removes the name last. It needs no
//! settings: the journal lists what to do.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::unistd::{Pid, getsid};

use crate::kernel::Kernel;
use crate::model::State;
use crate::name::NetnsName;
use crate::os_error::OsError;
use crate::plan::{Change, Journal};
use crate::setup::apply::Work;
use crate::setup::error::{Error, Result};
use crate::setup::failure::{Failure, Why};
use crate::setup::hooks::post_down_link::ReturnHooks;
use crate::setup::lock::{self, LockedNetns};
use crate::setup::query::build_query;
use crate::setup::report::run_log::{self, Changes};
use crate::setup::signals::block_signals;
use crate::setup::store::{self, Store};
use crate::setup::{Call, LOCK, Occupants, hooks, linked_netns, report, ssh_guard};
use crate::state_dir;
use crate::system::holders::{Holder, holders};
use crate::system::init::service_of_process::ServiceDaemons;
use crate::system::netns::{self, dir};
use crate::system::occupants::{self, Process};
use crate::system::{dhcp, resolv_conf};

/// Time for a process to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait for a process that is ending. After that, it counts as one that stays.
const ENDING: Duration = Duration::from_secs(1);

/// Interval at which processes are checked.
const INTERVAL: Duration = Duration::from_millis(50);

/// Take the namespace down. It is no error if it does not exist.
pub fn down(call: &Call, name: &NetnsName, inside: Occupants) -> Result {
    if let Ok(false) = store::dir(name).try_exists() {
        return check_name(call, name);
    }
    if inside == Occupants::Leave && store::journal(name).is_err() {
        return set_journal_aside(name);
    }
    if is_left_over(name) {
        return Err(left_over(name));
    }
    ssh_guard::may_take_down(call, name)?;
    warn_of_lock(call, name);
    hooks::around_down(call, name, inside == Occupants::Leave, |limit| {
        let mut due = None;
        let blocked = block_signals();
        let done = take_down(call, name, inside, &mut due);
        let _ = blocked.thread_unblock();
        due.into_iter().for_each(|due| due.run(call, limit));
        done?;
        run_log::forget(name);
        Ok(())
    })
}

/// Report the processes that lock the directory of namespaces. `down` goes on without that lock.
pub fn warn_of_lock(call: &Call, name: &NetnsName) {
    let Some(pids) = dir::locked_by() else {
        return;
    };
    let services = ServiceDaemons::look();
    let processes = pids.iter().map(|pid| Process::of(*pid, &services));
    let list = report::list(&processes.collect::<Vec<_>>());
    let dir = state_dir::NAMESPACES;
    let lines = [
        format!("{name}: {dir} is locked by {list}; going on without the lock"),
        "stop that process; only ip netns add and netns-setup lock it, and only briefly".into(),
    ];
    call.events.warning(name, lines);
}

/// Check whether `down` would be refused, before the caller stops anything.
pub fn may_go(call: &Call, name: &NetnsName) -> Result {
    ssh_guard::would_take_down(call, name)?;
    has_no_holders(name)
}

/// Check whether a process outside would keep the namespace alive once those inside are stopped.
/// Services on the host do not count: the caller may stop them, too.
fn has_no_holders(name: &NetnsName) -> Result {
    let journal = store::journal(name).map_err(|e| fails(name, Why::Unread(e)))?;
    let until = Instant::now() + ENDING;
    loop {
        let (_, mut holders) = leave_or_end(name, &journal, Occupants::Refuse)
            .map_err(|e| broken(name, "cannot look for what holds it", e))?;
        holders.retain(|holder| holder.process.service.is_none());
        if holders.is_empty() {
            return Ok(());
        }
        if Instant::now() >= until {
            let mut lines = report::still_used(name, &[], &holders);
            lines.push(format!("{name}: nothing was changed"));
            return Err(Error::refused(lines));
        }
        sleep(INTERVAL);
    }
}

/// Rename an unreadable journal. Nothing shows what is ours in the namespace, so all of it stays.
/// It cannot be joined until it is set up again.
fn set_journal_aside(name: &NetnsName) -> Result {
    let aside = Store::open(name, LOCK).and_then(|store| store.set_journal_aside());
    aside.map_err(|e| broken(name, "cannot set the journal aside", e))?;
    Err(left_over(name))
}

/// Returns true if the namespace is left over from an unreadable journal, and the new journal is
/// empty. Its state directory must stay: without it, the namespace would count as another
/// program's, and could be joined.
fn is_left_over(name: &NetnsName) -> bool {
    store::dir(name).join(state_dir::UNREADABLE).exists()
        && !store::is_ready(name)
        && store::journal(name).is_ok_and(|journal| journal.is_empty())
        && netns::open(name.as_str()).is_ok()
}

fn left_over(name: &NetnsName) -> Error {
    let dir = store::dir(name);
    Error::refused([
        format!(
            "{name}: its journal could not be read and is kept as {}/{}",
            dir.display(),
            state_dir::UNREADABLE
        ),
        format!(
            "what it lists was left as it is: ip -n {name} link shows it; ip netns delete {name} gives devices back and removes the rest, and netns-setup up {name} makes it again"
        ),
    ])
}

/// Nothing to take down: an error if neither a namespace nor settings have this name.
fn check_name(call: &Call, name: &NetnsName) -> Result {
    let file = call.conf_dir.join(format!("netns.{name}"));
    if file.exists() || netns::open(name.as_str()).is_ok() {
        return Ok(());
    }
    Err(Error::wrong([
        format!("{name}: no namespace and no settings have this name"),
        format!(
            "expected one that netns-setup list prints, or {}",
            file.display()
        ),
    ]))
}

fn take_down(
    call: &Call,
    name: &NetnsName,
    inside: Occupants,
    due: &mut Option<ReturnHooks>,
) -> Result {
    let LockedNetns {
        links_lock: _links_lock,
        store,
        mut journal,
        mut kernel,
    } = lock::take(name, true)?;
    *due = Some(ReturnHooks::begin(&store, None));
    let (left, holders) = remaining_after_grace(name, &journal, &kernel, inside)
        .map_err(|e| broken(name, "cannot look for its processes", e))?;
    if inside == Occupants::Refuse && !(left.is_empty() && holders.is_empty()) {
        return Err(Error::refused(report::still_used(name, &left, &holders)));
    }
    let left_behind = report::left_behind(name, &left, &holders);
    call.events.warning(name, left_behind);
    let losing = linked_netns::losing(name, &mut journal)
        .map_err(|e| broken(name, "cannot see which namespaces have links to it", e))?;
    let wrote = journal.ours.resolv_conf.is_some();
    let want = journal.with_returns(State::default());
    let changes = Changes::of(call, name);
    let query = build_query(&want, &journal);
    let work = Work::begin(&store, &mut kernel, journal, query, changes);
    let done = work.and_then(|mut work| {
        // First mark it as not ready: if this fails, nothing has been changed
        let unready = store.set_unready();
        unready.map_err(|e| Why::Broken("cannot remove ready", e))?;
        let warning = linked_netns::mark_unready(name, &losing).map_err(|e| Failure {
            left: None,
            ..Why::Broken("cannot mark the linked namespaces as not ready", e).into()
        })?;
        call.events.warning(name, warning);
        work.make_possible(&want)
    });
    let refused = done.map_err(|failure| Error::failure(name, &failure))?;
    let refused = without_returns(call, name, refused);
    if !refused.is_empty() {
        let lines = refused
            .iter()
            .flat_map(|(change, e)| report::refused(name, change, e));
        return Err(Error::refused(
            lines.chain([retry_line(name)]).collect::<Vec<_>>(),
        ));
    }
    if wrote {
        resolv_conf::clear(name);
    }
    let removed = netns::clear(name.as_str()).and_then(|()| store.remove());
    removed.map_err(|e| {
        let line = format!("{name}: cannot remove its state directory: {e}");
        Error::refused([line, retry_line(name)])
    })
}

/// Filter the errors: those of changes that restore something on the host are only reported, and do
/// not stop the rest.
fn without_returns(
    call: &Call,
    name: &NetnsName,
    refused: Vec<(Change, OsError)>,
) -> Vec<(Change, OsError)> {
    let (lost, refused): (Vec<_>, Vec<_>) = refused
        .into_iter()
        .partition(|(change, _)| change.step.is_return());
    let lines = lost.iter();
    let lines = lines.flat_map(|(change, e)| report::not_put_back(name, change, e));
    call.events.warning(name, lines.collect::<Vec<_>>());
    refused
}

fn retry_line(name: &NetnsName) -> String {
    format!("{name}: everything else is taken down; run netns-setup down {name} to try again")
}

fn broken(name: &NetnsName, what: &'static str, error: io::Error) -> Error {
    fails(name, Why::Broken(what, error))
}

fn fails(name: &NetnsName, why: Why) -> Error {
    Error::failure(name, &why.into())
}

/// The processes that stay, after a short time for those that are ending: service managers may not
/// wait for the end of a service, and a killed process exists until it is reaped.
fn remaining_after_grace(
    name: &NetnsName,
    journal: &Journal,
    kernel: &Kernel,
    inside: Occupants,
) -> io::Result<(Vec<Process>, Vec<Holder>)> {
    let until = Instant::now() + ENDING;
    loop {
        let (left, holders) = leave_or_end(name, journal, inside)?;
        let left = without_clients(left, journal, kernel);
        let nobody = left.is_empty() && holders.is_empty();
        if nobody || inside != Occupants::Refuse || Instant::now() >= until {
            return Ok((left, holders));
        }
        sleep(INTERVAL);
    }
}

/// Remove our DHCP clients and their helper processes from the list, because `down` stops them.
/// Helper processes are in the session of their client.
fn without_clients(mut left: Vec<Process>, journal: &Journal, kernel: &Kernel) -> Vec<Process> {
    for client in &journal.ours.clients {
        if let Some(pid) = dhcp::process(kernel.name(), &client.value) {
            let session = |pid| getsid(Some(pid)).ok();
            left.retain(|process| session(Pid::from_raw(process.pid)) != session(pid));
        }
    }
    left
}

/// The processes inside, and those that hold the namespace from outside. None if the namespace is
/// not ours to delete.
fn leave_or_end(
    name: &NetnsName,
    journal: &Journal,
    inside: Occupants,
) -> io::Result<(Vec<Process>, Vec<Holder>)> {
    let ours = journal.ours.exists;
    let Some(identity) = netns::identity(name.as_str())?.filter(|_| ours) else {
        return Ok((Vec::new(), Vec::new()));
    };
    if inside == Occupants::Kill {
        occupants::end(identity, GRACE)?;
    }
    let holders = holders(identity, name.as_str())?;
    Ok((occupants::inside(identity)?, holders))
}
