//! `up`, `reload` and `plan`: making a namespace what its settings say, or saying how.

use super::apply::{Failure, Why, Work, look};
use super::store::Store;
use super::{Begun, Call, asked, begin, complain, hold_signals, hooks, look_on, report, say, ties};
use crate::exit;
use crate::kernel::Kernel;
use crate::model::State;
use crate::model::build::Want;
use crate::name::NetnsName;
use crate::plan::{Change, Journal, Rest, holds, plan as changes};

/// Make it so, and leave the rest as it is.
pub fn up(call: &Call, want: &Want) -> u8 {
    hooks::around_up(want, (), || (bring_up(call, want, Rest::Stays), ())).0
}

/// Make it so, and take away what is no longer asked for.
pub fn reload(call: &Call, want: &Want) -> u8 {
    bring_up(call, want, Rest::Goes)
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
    let name = &want.name;
    let tied = !want.state.neighbours().is_empty();
    let Begun {
        ties,
        store,
        journal,
        mut kernel,
    } = match begin(name, tied) {
        Ok(begun) => begun,
        Err(code) => return (code, false),
    };
    let state = journal.with_returns(want.state.clone());
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
                .and_then(|()| settle(want, &mut work));
            ours = work.journal;
            done
        });
    match done {
        Ok(()) => (exit::DONE, changed),
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
    let kept = hooks::remember(&want.name, &want.hooks);
    kept.map_err(|e| work.fail(Why::Broken("cannot keep its hooks", e)))?;
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
    if !failure.left.is_empty() {
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
    match planned(want) {
        Ok((state, have, changes)) => {
            if call.verbose && !script {
                say_held(name, &state, &have);
            }
            let mark = if script { "" } else { "+ " };
            for change in changes {
                say(&format!("{mark}{}", change.command(name)));
            }
            exit::DONE
        }
        Err(failure) => complain(&report::failure(name, &failure), exit::REFUSED),
    }
}

fn planned(want: &Want) -> Result<(State, State, Vec<Change>), Failure> {
    let (journal, mut kernel) = look_on(&want.name)?;
    let state = journal.with_returns(want.state.clone());
    let asked = asked(&state, &journal);
    let mut have = look(&mut kernel, &asked, &journal)?;
    if !have.netns {
        have.sysctls
            .extend(Kernel::sysctls_of_a_new_one(&asked.sysctls));
    }
    let changes = changes(&state, &have, &journal, Rest::Goes).map_err(Why::Obstacles)?;
    Ok((state, have, changes))
}
