//! `up`, `reload` and `plan`: making a namespace what its settings say, or saying how.

use super::apply::{Failure, Why, Work};
use super::have::look;
use super::meant::all_meant;
use super::nat::{self, Whole};
use super::store::Store;
use super::{
    Begun, Call, asked, attach, begin, complain, guard, hold_signals, hooks, look_on, ready,
    report, say, ties, wireguard,
};
use crate::exit;
use crate::kernel::Kernel;
use crate::model::build::Want;
use crate::model::{Kind, State, Where};
use crate::name::NetnsName;
use crate::plan::{Change, Journal, Rest, holds, plan as changes};

/// Make it so, and leave the rest as it is.
pub fn up(call: &Call, want: &Want) -> u8 {
    hooks::around_up(want, (), || (whole(call, want, Rest::Stays), ())).0
}

/// As `up`, but what `netns_ready` asks for is not waited for.
pub fn begin_up(call: &Call, want: &Want) -> u8 {
    hooks::around_up(want, (), || (bring_up(call, want, Rest::Stays), ())).0
}

/// Make it so, and take away what is no longer asked for.
pub fn reload(call: &Call, want: &Want) -> u8 {
    whole(call, want, Rest::Goes)
}

/// As `reload`, but what `netns_ready` asks for is not waited for.
pub fn begin_reload(call: &Call, want: &Want) -> u8 {
    bring_up(call, want, Rest::Goes)
}

fn whole(call: &Call, want: &Want, rest: Rest) -> u8 {
    match bring_up(call, want, rest) {
        exit::DONE => ready::wait(want),
        code => code,
    }
}

fn bring_up(call: &Call, want: &Want, rest: Rest) -> u8 {
    let held = hold_signals();
    let (code, changed) = locked(call, want, rest);
    if code == exit::DONE {
        ties::follow(call, &want.name, changed);
    }
    let _ = held.thread_unblock();
    code
}

/// The exit code, and whether anything was changed.
pub(super) fn locked(call: &Call, want: &Want, rest: Rest) -> (u8, bool) {
    locked_then(call, want, rest, |_| Ok(()))
}

/// As [`locked`], and when it is ready something is done before the lock is given back.
pub(super) fn locked_then(
    call: &Call,
    want: &Want,
    rest: Rest,
    then: impl FnOnce(&mut Work) -> Result<(), Failure>,
) -> (u8, bool) {
    let name = &want.name;
    let tied = !want.state.neighbours().is_empty() || want.nat.is_some();
    let Begun {
        ties,
        store,
        mut journal,
        mut kernel,
    } = match begin(name, tied) {
        Ok(begun) => begun,
        Err(code) => return (code, false),
    };
    let Whole {
        mut state,
        warnings,
    } = match nat::whole(want, &journal, &mut kernel) {
        Ok(whole) => whole,
        Err(failure) => return (failed(name, store, &journal, &failure), false),
    };
    let begun = (&store, &mut journal, &mut kernel);
    if let Err(failure) = attach::take_over(want, &mut state, begun, rest == Rest::Goes) {
        return (failed(name, store, &journal, &failure), true);
    }
    if let Err(why) = all_meant(&mut state, &journal, &mut kernel) {
        return (failed(name, store, &journal, &why.into()), false);
    }
    let mut changed = false;
    let mut report = |change: &Change| {
        changed = true;
        say(&format!("+ {}", change.command(name)));
    };
    let asked = asked(&state, &journal);
    // What is ours if not even a look is possible
    let mut ours = journal.clone();
    let done =
        Work::begin(&store, &mut kernel, journal, asked, &mut report).and_then(|mut work| {
            let done = make(call, want, &state, rest, &mut work)
                .inspect(|()| drop(ties))
                .and_then(|()| settle(want, &mut work))
                .and_then(|()| then(&mut work));
            ours = work.journal;
            done
        });
    match done {
        Ok(()) => (
            complain(&report::obstacles(name, &warnings), exit::DONE),
            changed,
        ),
        Err(failure) => (failed(name, store, &ours, &failure), changed),
    }
}

fn make(
    call: &Call,
    want: &Want,
    state: &State,
    rest: Rest,
    work: &mut Work,
) -> Result<(), Failure> {
    if call.verbose {
        say_held(&want.name, state, &work.start.0);
    }
    let adopted = ties::adopt_wanted(&want.name, state, &mut work.journal);
    adopted.map_err(|e| work.fail(Why::Broken("cannot read the other journals", e)))?;
    work.make(state, rest)
}

/// What has been made can be used, and is then said to be ready.
fn settle(want: &Want, work: &mut Work) -> Result<(), Failure> {
    wireguard::say_unresolved(&want.name, &work.unresolved);
    for (link, address) in work.settle(&want.state)? {
        let lines = [
            format!(
                "{}: {address} on {} cannot be bound yet",
                want.name, link.name
            ),
            "the network is still being asked whether another host has it; wait a moment".into(),
        ];
        complain(&lines, exit::DONE);
    }
    work.store.settings_hold();
    let kept = hooks::remember(&want.name, &want.hooks);
    kept.map_err(|e| work.fail(Why::Broken("cannot keep its hooks", e)))?;
    // Otherwise it is said when what `netns_ready` asks for holds
    if ready::is_awaited(want) {
        return Ok(());
    }
    let ready = work.store.set_ready(want.overlay);
    ready.map_err(|e| work.fail(Why::Broken("cannot write ready", e)))
}

fn say_held(name: &NetnsName, state: &State, have: &State) {
    for held in holds(state, have) {
        say(&format!("= {}", held.command(name)));
    }
}

/// What was is there again, unless some of it could not be undone.
fn failed(name: &NetnsName, store: Store, journal: &Journal, failure: &Failure) -> u8 {
    if failure.left.as_ref().is_none_or(|left| !left.is_empty()) {
        let _ = store.set_unready();
    }
    // Where nothing is ours, a namespace of somebody else's is to be joined still
    if journal.is_empty() {
        let _ = store.remove();
    }
    complain(&report::failure(name, failure), exit::REFUSED)
}

/// Say what reload would do.
pub fn plan(call: &Call, want: &Want, script: bool) -> u8 {
    let name = &want.name;
    match planned(want, Rest::Goes) {
        Ok((state, have, changes)) => {
            if call.verbose && !script {
                say_held(name, &state, &have);
            }
            let mark = if script { "" } else { "+ " };
            for change in &changes {
                say(&format!("{mark}{}", change.command(name)));
            }
            guard::warn(call, want, &changes);
            exit::DONE
        }
        Err(failure) => complain(&report::failure(name, &failure), exit::REFUSED),
    }
}

/// What is wanted, what is there, and the changes between them.
pub(super) fn planned(want: &Want, rest: Rest) -> Result<(State, State, Vec<Change>), Failure> {
    let (mut journal, mut kernel) = look_on(&want.name)?;
    let mut state = nat::whole(want, &journal, &mut kernel)?.state;
    if attach::prepare(want, &mut state, &journal, &mut kernel)? == attach::Name::Earlier {
        return planned_anew(want, &journal, kernel);
    }
    all_meant(&mut state, &journal, &mut kernel)?;
    let asked = asked(&state, &journal);
    let mut have = look(&mut kernel, &asked, &journal)?;
    if !have.netns && state.attached.is_none() {
        have.sysctls
            .extend(Kernel::sysctls_of_a_new_one(&asked.sysctls));
    }
    nat::apart(&want.name, &state, &asked, (&mut journal, &mut have))?;
    let changes = changes(&state, &have, &journal, rest).map_err(Why::Obstacles)?;
    Ok((state, have, changes))
}

/// What the name was on is given up, and another takes its place.
fn planned_anew(
    want: &Want,
    journal: &Journal,
    mut kernel: Kernel,
) -> Result<(State, State, Vec<Change>), Failure> {
    let nothing = journal.with_returns(State::default());
    let have = look(&mut kernel, &asked(&nothing, journal), journal)?;
    let mut all = changes(&nothing, &have, journal, Rest::Goes).map_err(Why::Obstacles)?;
    let mut kernel = Kernel::new(want.name.clone());
    let forgotten = Journal::default();
    let mut state = nat::whole(want, &forgotten, &mut kernel)?.state;
    attach::look_past(want, &mut state, &mut kernel)?;
    let mut have = look(&mut kernel, &asked(&state, &forgotten), &forgotten)?;
    have.netns = false;
    // What was made on the host is gone then, and what goes back to it is there
    have.links.retain(|link| {
        let made = journal.made.link(&link.at, &link.name.value);
        link.at == Where::Inside || made.is_none_or(|made| made.kind == Kind::Physical)
    });
    have.links.extend(journal.before.links.iter().cloned());
    all.extend(changes(&state, &have, &forgotten, Rest::Goes).map_err(Why::Obstacles)?);
    Ok((state, have, all))
}
