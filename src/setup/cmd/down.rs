//! `down`: gives back what was moved, removes what was made, and removes the name last. It needs no
//! settings: the journal lists what to do.

use std::time::{Duration, Instant};
use std::{io, mem};

use nix::unistd::{Pid, getsid};

use crate::kernel::Kernel;
use crate::kernel::monitor::end::{Dying, End, Ends};
use crate::model::State;
use crate::name::NetnsName;
use crate::os_error::OsError;
use crate::plan::{Change, Extras, Journal, plan};
use crate::setup::apply::{Alone, Work};
use crate::setup::error::{Error, Outcome, Result};
use crate::setup::failure::{Failure, Why};
use crate::setup::hooks::DownHooks;
use crate::setup::hooks::post_down_link::ReturnHooks;
use crate::setup::lock::{self, LockedNetns, without_lock};
use crate::setup::observe::observe;
use crate::setup::query::build_query_of_down;
use crate::setup::report::run_log::{self, Changes};
use crate::setup::signals::block_signals;
use crate::setup::store::{self, Store};
use crate::setup::{Call, LOCK, Occupants, each, hooks, linked_netns, outcome, report, ssh_guard};
use crate::state_dir;
use crate::system::holders::{Holder, Holders, holders_of};
use crate::system::init::service_of_process::ServiceDaemons;
use crate::system::netns::identity::NetnsInode;
use crate::system::netns::{self, dir};
use crate::system::occupants::{self, Process};
use crate::system::{dhcp, pidfd, resolv_conf};

/// Time for a process to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait for a process that is ending. After that, it counts as one that stays.
const ENDING: Duration = Duration::from_secs(1);

/// Interval at which processes are checked if none of them ends.
const INTERVAL: Duration = Duration::from_millis(200);

/// Take the namespaces down. It is no error if one does not exist.
///
/// The kernel ends many namespaces in little more time than one. So their end is awaited after the
/// last of them has lost its name.
pub fn down(call: &Call, inside: Occupants) -> Outcome {
    let mut ending = Vec::new();
    let mut seen = Seen::default();
    let begun = each(call, |name| {
        // A hook may call netns-setup for another namespace, which must not be locked then
        let has_hooks = hooks::has_any(name);
        if has_hooks {
            end_all(call, &mut ending, &mut seen);
            seen.holders = None;
        }
        let Some(this) = begin(call, name, inside, &mut seen)? else {
            return Ok(());
        };
        if has_hooks || this.is_linked {
            let ended = this.end(call, &mut seen);
            seen.holders = None;
            return ended;
        }
        ending.push(this);
        Ok(())
    });
    begun.max(end_all(call, &mut ending, &mut seen))
}

/// What serves all namespaces of one call.
#[derive(Default)]
struct Seen {
    ends: Option<Ends>,
    holders: Option<Holders>,
}

impl Seen {
    /// Listen for the end of namespaces. Returns false if that is impossible.
    fn listen(&mut self) -> bool {
        if self.ends.is_none() {
            match Ends::listen() {
                Ok(listening) => self.ends = Some(listening),
                Err(e) => log::info!("cannot listen for the end of namespaces: {e}"),
            }
        }
        self.ends.is_some()
    }

    /// What holds the namespace from outside.
    fn holders(
        &mut self,
        call: &Call,
        name: &NetnsName,
        netns: NetnsInode,
    ) -> io::Result<Vec<Holder>> {
        let known = self.holders.take();
        let known = known.filter(|known| known.are_fresh(netns, name.as_str()));
        let holders = match known {
            Some(holders) => holders,
            None => Holders::look(call.names.iter().map(NetnsName::as_str))?,
        };
        Ok(self.holders.insert(holders).of(name.as_str()))
    }
}

/// Wait for the end of all these namespaces.
fn end_all(call: &Call, ending: &mut Vec<Ending>, seen: &mut Seen) -> Outcome {
    let all = ending.drain(..).map(|this| {
        let name = this.store.name().clone();
        outcome(call, &name, this.end(call, seen))
    });
    all.max().unwrap_or(Outcome::Done)
}

/// A namespace that has been taken down, except for what the kernel and the hooks still do. It is
/// locked.
struct Ending {
    store: Store,
    /// The namespace, if the kernel ends it with its links.
    dying: Option<Dying>,
    /// Its resolv.conf was ours.
    wrote_resolv_conf: bool,
    return_hooks: ReturnHooks,
    down_hooks: DownHooks,
    /// Links lead from it into other namespaces, or from these into it: work on those needs its lock.
    is_linked: bool,
}

/// Make all changes, and wait for nothing. Returns `None` if there was nothing to take down.
fn begin(
    call: &Call,
    name: &NetnsName,
    inside: Occupants,
    seen: &mut Seen,
) -> Result<Option<Ending>> {
    if let Ok(false) = store::dir(name).try_exists() {
        return check_name(call, name).map(|()| None);
    }
    if inside == Occupants::Leave && store::journal(name).is_err() {
        return set_journal_aside(name).map(|()| None);
    }
    if is_left_over(name) {
        return Err(left_over(name));
    }
    ssh_guard::may_take_down(call, name, inside == Occupants::Leave)?;
    warn_of_lock(call, name);
    let hooks = DownHooks::read(name, inside == Occupants::Leave);
    hooks.run_pre_down(call);
    let blocked = block_signals();
    let ending = take_down(call, name, inside, hooks, seen);
    let _ = blocked.thread_unblock();
    ending.map(Some)
}

impl Ending {
    /// Wait for the end, and run the hooks.
    fn end(self, call: &Call, seen: &mut Seen) -> Result {
        let name = self.store.name().clone();
        let blocked = block_signals();
        let ended = wait(call, &name, self.dying, seen).and_then(|()| {
            if self.wrote_resolv_conf {
                resolv_conf::clear(&name);
            }
            let removed = netns::clear(name.as_str()).and_then(|()| self.store.remove());
            removed.map_err(|e| {
                let line = format!("{name}: cannot remove its state directory: {e}");
                Error::refused([line, retry_line(&name)])
            })
        });
        let _ = blocked.thread_unblock();
        self.return_hooks.run(call, self.down_hooks.limit);
        ended?;
        run_log::forget(&name);
        self.down_hooks.run_post_down(call);
        Ok(())
    }
}

/// Wait until the kernel has ended the namespace.
fn wait(call: &Call, name: &NetnsName, dying: Option<Dying>, seen: &mut Seen) -> Result {
    let (Some(dying), Some(ends)) = (dying, &mut seen.ends) else {
        return Ok(());
    };
    let report = || {
        let line = format!("{name}: waiting until the kernel has removed its links");
        call.events.progress(name, line);
    };
    match ends.wait(&dying, report) {
        Ok(End::Complete) => {}
        Ok(End::StillUsed) => call.events.warning(
            name,
            [
                format!(
                    "{name}: its links are deleted, but something still uses the namespace, for example a socket of a process outside"
                ),
                "the kernel ends it when nothing uses it any more; it has no name, and nothing can join it".into(),
            ],
        ),
        Err(e) => {
            let line = format!("{name}: its links are not gone: {e}");
            return Err(Error::refused([line, retry_line(name)]));
        }
    }
    Ok(())
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
    let journal = is_possible(name).map_err(|failure| Error::failure(name, &failure))?;
    has_no_holders(name, &journal)
}

/// Check whether something is in the way of the changes. Returns the journal.
fn is_possible(name: &NetnsName) -> Result<Journal, Failure> {
    let (journal, mut kernel) = without_lock(name)?;
    let want = journal.with_returns(State::default());
    let query = build_query_of_down(&want, &journal);
    let have = observe(&mut kernel, &query, &journal)?;
    let changes = plan(&want, &have, &journal, Extras::Remove);
    changes.map_err(Why::Obstacles)?;
    Ok(journal)
}

/// Check whether a process outside would keep the namespace alive once those inside are stopped.
/// Services on the host do not count: the caller may stop them, too.
fn has_no_holders(name: &NetnsName, journal: &Journal) -> Result {
    let until = Instant::now() + ENDING;
    loop {
        let identity = identity_of_ours(name, journal);
        let holders = identity.and_then(|identity| match identity {
            Some(_) => holders_of(name.as_str()),
            None => Ok(Vec::new()),
        });
        let mut holders = holders.map_err(|e| broken(name, "cannot look for what holds it", e))?;
        holders.retain(|holder| holder.process.service.is_none());
        if holders.is_empty() {
            return Ok(());
        }
        if Instant::now() >= until {
            let mut lines = report::still_used(name, &[], &holders);
            lines.push(format!("{name}: nothing was changed"));
            return Err(Error::refused(lines));
        }
        wait_for_end(holders.iter().map(|holder| &holder.process))
            .map_err(|e| broken(name, "cannot wait for its processes", e))?;
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
            "what it lists was left as it is, and netns-setup status {name} shows it; umount /run/netns/{name} && rm /run/netns/{name} gives devices back and removes the rest, and netns-setup up {name} makes it again"
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

/// Make the changes. If that fails, the hooks of the NICs that have gone back are run nevertheless.
fn take_down(
    call: &Call,
    name: &NetnsName,
    inside: Occupants,
    down_hooks: DownHooks,
    seen: &mut Seen,
) -> Result<Ending> {
    let locked = lock::take(name, true)?;
    let return_hooks = ReturnHooks::begin(&locked.store, None);
    match make_changes(call, name, inside, locked, seen) {
        Ok(done) => Ok(Ending {
            is_linked: done.is_linked,
            store: done.store,
            dying: done.dying,
            wrote_resolv_conf: done.wrote_resolv_conf,
            return_hooks,
            down_hooks,
        }),
        Err(error) => {
            return_hooks.run(call, down_hooks.limit);
            Err(error)
        }
    }
}

/// The changes that were made.
struct Done {
    store: Store,
    dying: Option<Dying>,
    wrote_resolv_conf: bool,
    /// Links lead from it into other namespaces, or from these into it.
    is_linked: bool,
}

/// A namespace whose journal cannot be read may lose links now, and is not marked as not ready.
fn untold(name: &NetnsName, unread: Option<io::Error>) -> Vec<String> {
    let Some(e) = unread else {
        return Vec::new();
    };
    vec![
        format!("{name}: cannot tell which other namespaces have links to it: {e}"),
        "type netns-setup status: a namespace with links to it lacks them now".into(),
    ]
}

fn make_changes(
    call: &Call,
    name: &NetnsName,
    inside: Occupants,
    locked: LockedNetns,
    seen: &mut Seen,
) -> Result<Done> {
    let LockedNetns {
        links_lock: _links_lock,
        store,
        mut journal,
        mut kernel,
    } = locked;
    let (left, holders) = remaining_after_grace(call, &journal, &kernel, inside, seen)
        .map_err(|e| broken(name, "cannot look for its processes", e))?;
    if inside == Occupants::Refuse && !(left.is_empty() && holders.is_empty()) {
        return Err(Error::refused(report::still_used(name, &left, &holders)));
    }
    // The kernel's reports must not be missed, so this listens before the name is deleted
    let alone = match left.is_empty() && holders.is_empty() && seen.listen() {
        true => Alone::Yes,
        false => Alone::No,
    };
    let left_behind = report::left_behind(name, &left, &holders);
    call.events.warning(name, left_behind);
    let (linked, unread) = linked_netns::linked_or_unread(name)
        .map_err(|e| broken(name, "cannot see which namespaces have links to it", e))?;
    call.events.warning(name, untold(name, unread));
    let is_linked = !linked.is_empty() || !journal.ours.neighbours().is_empty();
    let losing = linked_netns::losing(name, linked, &mut journal);
    let wrote_resolv_conf = journal.ours.resolv_conf.is_some();
    let want = journal.with_returns(State::default());
    let changes = Changes::of(call, name);
    let query = build_query_of_down(&want, &journal);
    let work = Work::begin(&store, &mut kernel, journal, query, changes);
    let done = work.and_then(|mut work| {
        let given_up = match inside {
            Occupants::Leave => {
                let mut now = mem::take(&mut work.start.0);
                let given_up = work.give_up_links_on_top(&want, &mut now);
                work.start.0 = now;
                given_up
            }
            _ => Vec::new(),
        };
        let changes = work.plan_removal(&want)?;
        // The hook that ran before may have changed something
        ssh_guard::check_removal(call, name, &work.start.0, &changes).map_err(Why::Cut)?;
        call.events.warning(name, report::given_up(name, &given_up));
        // First mark it as not ready: if this fails, nothing has been changed
        let unready = store.set_unready();
        unready.map_err(|e| Why::Broken("cannot remove ready", e))?;
        let warning = linked_netns::mark_unready(name, &losing).map_err(|e| Failure {
            left: None,
            ..Why::Broken("cannot mark the linked namespaces as not ready", e).into()
        })?;
        call.events.warning(name, warning);
        work.remove(&want, changes, alone)
    });
    let removal = done.map_err(|failure| Error::failure(name, &failure))?;
    let refused = without_returns(call, name, removal.refused);
    if !refused.is_empty() {
        let lines = refused
            .iter()
            .flat_map(|(change, e)| report::refused(name, change, e));
        return Err(Error::refused(
            lines.chain([retry_line(name)]).collect::<Vec<_>>(),
        ));
    }
    Ok(Done {
        store,
        dying: removal.dying,
        wrote_resolv_conf,
        is_linked,
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
    call: &Call,
    journal: &Journal,
    kernel: &Kernel,
    inside: Occupants,
    seen: &mut Seen,
) -> io::Result<(Vec<Process>, Vec<Holder>)> {
    let until = Instant::now() + ENDING;
    loop {
        let (left, holders) = leave_or_end(call, kernel.name(), journal, inside, seen)?;
        let left = without_clients(left, journal, kernel);
        let nobody = left.is_empty() && holders.is_empty();
        if nobody || inside != Occupants::Refuse || Instant::now() >= until {
            return Ok((left, holders));
        }
        let holding = holders.iter().map(|holder| &holder.process);
        wait_for_end(left.iter().chain(holding))?;
        seen.holders = None;
    }
}

/// Wait until one of the processes has ended, but not long: another one may close what it has open.
fn wait_for_end<'a>(processes: impl Iterator<Item = &'a Process>) -> io::Result<()> {
    pidfd::wait_for_any(processes.map(|process| process.pid), INTERVAL)
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

/// The identity of the namespace. `None` if it is gone, or not ours to delete.
fn identity_of_ours(name: &NetnsName, journal: &Journal) -> io::Result<Option<NetnsInode>> {
    Ok(netns::identity(name.as_str())?.filter(|_| journal.ours.exists))
}

/// The processes inside, and those that hold the namespace from outside. None if the namespace is
/// not ours to delete.
fn leave_or_end(
    call: &Call,
    name: &NetnsName,
    journal: &Journal,
    inside: Occupants,
    seen: &mut Seen,
) -> io::Result<(Vec<Process>, Vec<Holder>)> {
    let Some(identity) = identity_of_ours(name, journal)? else {
        return Ok((Vec::new(), Vec::new()));
    };
    if inside == Occupants::Kill {
        occupants::end(identity, GRACE)?;
        seen.holders = None;
    }
    let holders = seen.holders(call, name, identity)?;
    Ok((occupants::inside(identity)?, holders))
}
