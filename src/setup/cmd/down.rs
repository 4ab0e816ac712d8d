//! `down`: giving back what was moved, taking away what was made, and the name last. It
//! needs no settings: what there is to do stands in the journal.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::unistd::{Pid, getsid};

use crate::kernel::Kernel;
use crate::model::State;
use crate::name::NetnsName;
use crate::plan::{Change, Journal};
use crate::setup::apply::Work;
use crate::setup::error::{Failure, Why};
use crate::setup::hooks::post_down_link::ReturnHooks;
use crate::setup::lock::{self, LockedNetns};
use crate::setup::query::build_query;
use crate::setup::run_log::{self, Changes};
use crate::setup::signals::block_signals;
use crate::setup::store::{self, Store};
use crate::setup::{Call, LOCK, Occupants, complain, hooks, linked_netns, report, ssh_guard};
use crate::system::holders::{Holder, holders};
use crate::system::init::service_of_process::ServiceDaemons;
use crate::system::netns::{self, dir};
use crate::system::occupants::{self, Process};
use crate::system::{dhcp, resolv_conf};
use crate::{exit, state_dir};

/// How long a process has to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// How long one that has been told to end may take before it counts as one that stays,
const ENDING: Duration = Duration::from_secs(1);

/// and how often it is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// Take it down. Nothing there is success.
pub fn down(call: &Call, name: &NetnsName, inside: Occupants) -> u8 {
    if let Ok(false) = store::folder(name).try_exists() {
        return nothing(call, name);
    }
    if inside == Occupants::Leave && store::journal(name).is_err() {
        return set_journal_aside(name);
    }
    if is_left(name) {
        return say_left(name);
    }
    if let Some(code) = ssh_guard::stops_down(call, name) {
        return code;
    }
    say_locked(name);
    hooks::around_down(name, inside == Occupants::Leave, |limit| {
        let mut due = None;
        let blocked = block_signals();
        let code = take_down(call, name, inside, &mut due);
        let _ = blocked.thread_unblock();
        due.into_iter().for_each(|due| due.run(limit));
        if code == exit::DONE {
            run_log::forget(name);
        }
        code
    })
}

/// Say who keeps all others from making and deleting namespaces: it is done all the same.
pub fn say_locked(name: &NetnsName) {
    let Some(pids) = dir::locked_by() else {
        return;
    };
    let services = ServiceDaemons::look();
    let processes = pids.iter().map(|pid| Process::of(*pid, &services));
    let list = report::list(&processes.collect::<Vec<_>>());
    let folder = state_dir::NAMESPACES;
    let lines = [
        format!("{name}: {folder} is locked, and is not waited for any more: by {list}"),
        "end that; only ip netns add and netns-setup lock it, and no longer than they work".into(),
    ];
    complain(&lines, exit::DONE);
}

/// Whether it may be taken down, asked before anything is done at all, by what is going to
/// call for `down`: the exit code.
pub fn may_go(call: &Call, name: &NetnsName) -> u8 {
    ssh_guard::would_stop_down(call, name).unwrap_or_else(|| has_holders(name))
}

/// Asked before anything is stopped that is inside: would somebody outside keep the
/// namespace then? A service of the host's may be stopped for it, too.
fn has_holders(name: &NetnsName) -> u8 {
    let journal = match store::journal(name) {
        Ok(journal) => journal,
        Err(e) => return fails(name, Why::Unread(e)),
    };
    let until = Instant::now() + ENDING;
    loop {
        let mut holders = match leave_or_end(name, &journal, Occupants::Refuse) {
            Ok((_, holders)) => holders,
            Err(e) => return broken(name, "cannot look for who holds it", e),
        };
        holders.retain(|holder| holder.process.service.is_none());
        if holders.is_empty() {
            return exit::DONE;
        }
        if Instant::now() >= until {
            let mut lines = report::still_used(name, &[], &holders);
            lines.push(format!("{name}: nothing was changed"));
            return complain(&lines, exit::REFUSED);
        }
        sleep(LOOK);
    }
}

/// Nobody knows what of it is ours, so all of it stays, and cannot be joined until it is set
/// up again.
fn set_journal_aside(name: &NetnsName) -> u8 {
    let aside = Store::open(name, LOCK).and_then(|store| store.set_journal_aside());
    if let Err(e) = aside {
        return broken(name, "cannot set the journal aside", e);
    }
    say_left(name)
}

/// What an unreadable journal told of is there still, and nothing else is ours: without the
/// state folder the namespace would be somebody else's, and be joined.
fn is_left(name: &NetnsName) -> bool {
    store::folder(name).join(state_dir::UNREADABLE).exists()
        && !store::is_ready(name)
        && store::journal(name).is_ok_and(|journal| journal.is_empty())
        && netns::open(name.as_str()).is_ok()
}

fn say_left(name: &NetnsName) -> u8 {
    let folder = store::folder(name);
    let lines = [
        format!(
            "{name}: its journal could not be read, and is kept as {}/{}",
            folder.display(),
            state_dir::UNREADABLE
        ),
        format!(
            "what it tells of was left as it is: ip -n {name} link shows it; ip netns delete \
             {name} gives cards back and takes the rest away, and netns-setup up {name} makes it \
             anew"
        ),
    ];
    complain(&lines, exit::REFUSED)
}

/// There is nothing of ours; say so where the name can only be a mistake.
fn nothing(call: &Call, name: &NetnsName) -> u8 {
    let file = call.conf_dir.join(format!("netns.{name}"));
    if file.exists() || netns::open(name.as_str()).is_ok() {
        return exit::DONE;
    }
    let lines = [
        format!("{name}: there is no namespace and there are no settings of this name"),
        format!(
            "expected one of those that netns-setup status --all lists, or {}",
            file.display()
        ),
    ];
    complain(&lines, exit::WRONG)
}

fn take_down(
    call: &Call,
    name: &NetnsName,
    inside: Occupants,
    due: &mut Option<ReturnHooks>,
) -> u8 {
    let LockedNetns {
        ties: _held,
        store,
        mut journal,
        mut kernel,
    } = match lock::take(name, true) {
        Ok(begun) => begun,
        Err(code) => return code,
    };
    *due = Some(ReturnHooks::begin(&store, None));
    match who_stays(name, &journal, &kernel, inside) {
        Ok((left, holders)) => {
            if inside == Occupants::Refuse && !(left.is_empty() && holders.is_empty()) {
                let lines = report::still_used(name, &left, &holders);
                return complain(&lines, exit::REFUSED);
            }
            complain(&report::left_behind(name, &left, &holders), exit::DONE);
        }
        Err(e) => return broken(name, "cannot look for its processes", e),
    }
    let losing = match linked_netns::losing(name, &mut journal) {
        Ok(losing) => losing,
        Err(e) => return broken(name, "cannot see who has links to it", e),
    };
    let wrote = journal.ours.resolv_conf.is_some();
    let want = journal.with_returns(State::default());
    let mut changes = Changes::of(call, name);
    let mut report = |change: &Change| changes.say(change);
    let asked = build_query(&want, &journal);
    let begun = Work::begin(&store, &mut kernel, journal, asked, &mut report);
    let done = begun.and_then(|mut work| {
        // Its own first: as long as that cannot be, nothing has been changed
        let unready = store.set_unready();
        unready.map_err(|e| Why::Broken("cannot remove ready", e))?;
        linked_netns::part(name, &losing).map_err(|e| Failure {
            left: None,
            ..Why::Broken("cannot take ready from its neighbours", e).into()
        })?;
        work.make_what_can_be(&want)
    });
    // What the host cannot have back any more holds up nothing else
    let done = done.map(|refused| {
        let (lost, refused): (Vec<_>, Vec<_>) = refused
            .into_iter()
            .partition(|(change, _)| change.step.is_return());
        let lines = lost.iter();
        let lines = lines.flat_map(|(change, no)| report::not_put_back(name, change, no));
        complain(&lines.collect::<Vec<_>>(), exit::DONE);
        refused
    });
    match done {
        Ok(refused) if refused.is_empty() => {
            if wrote {
                resolv_conf::clear(name);
            }
            match netns::clear(name.as_str()).and_then(|()| store.remove()) {
                Ok(()) => exit::DONE,
                Err(e) => {
                    let line = format!("{name}: cannot remove its state folder: {e}");
                    complain(&[line, again(name)], exit::REFUSED)
                }
            }
        }
        Ok(refused) => {
            let lines = refused
                .iter()
                .flat_map(|(change, no)| report::refused(name, change, no));
            complain(
                &lines.chain([again(name)]).collect::<Vec<_>>(),
                exit::REFUSED,
            )
        }
        Err(failure) => complain(&report::failure(name, &failure), exit::REFUSED),
    }
}

fn again(name: &NetnsName) -> String {
    format!("{name}: all else is taken down; netns-setup down {name} tries again")
}

fn broken(name: &NetnsName, what: &'static str, error: io::Error) -> u8 {
    fails(name, Why::Broken(what, error))
}

fn fails(name: &NetnsName, why: Why) -> u8 {
    complain(&report::failure(name, &why.into()), exit::REFUSED)
}

/// Who stays, when those that are ending have had their moment: not all that stop a
/// service wait for its end, and a program that was killed is there for a while.
fn who_stays(
    name: &NetnsName,
    journal: &Journal,
    kernel: &Kernel,
    inside: Occupants,
) -> io::Result<(Vec<Process>, Vec<Holder>)> {
    let until = Instant::now() + ENDING;
    loop {
        let (left, holders) = leave_or_end(name, journal, inside)?;
        let left = not_clients(left, journal, kernel);
        let nobody = left.is_empty() && holders.is_empty();
        if nobody || inside != Occupants::Refuse || Instant::now() >= until {
            return Ok((left, holders));
        }
        sleep(LOOK);
    }
}

/// A DHCP client is ours, with its helpers (of its session), and ended with the rest.
fn not_clients(mut left: Vec<Process>, journal: &Journal, kernel: &Kernel) -> Vec<Process> {
    for client in &journal.ours.clients {
        if let Some(pid) = dhcp::process(kernel.name(), &client.value) {
            let session = |pid| getsid(Some(pid)).ok();
            left.retain(|process| session(Pid::from_raw(process.pid)) != session(pid));
        }
    }
    left
}

/// The processes that stay inside, and who holds it from outside, of a namespace that is
/// ours to take away.
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
