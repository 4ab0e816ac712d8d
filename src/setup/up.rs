//! `up`, `reload` and `plan`: making a namespace what its settings say, or saying how.

use super::apply::{Failure, Why, Work, look};
use super::store::Store;
use super::{Call, asked, begin, complain, hold_signals, look_on, report, say};
use crate::exit;
use crate::kernel::Kernel;
use crate::model::State;
use crate::model::build::Want;
use crate::name::NetnsName;
use crate::plan::{Change, Journal, Rest, holds, plan as changes};

/// Make it so, and leave the rest as it is.
pub fn up(call: &Call, want: &Want) -> u8 {
    make(call, want, Rest::Stays)
}

/// Make it so, and take away what is no longer asked for.
pub fn reload(call: &Call, want: &Want) -> u8 {
    make(call, want, Rest::Goes)
}

fn make(call: &Call, want: &Want, rest: Rest) -> u8 {
    let held = hold_signals();
    let code = locked(call, want, rest);
    let _ = held.thread_unblock();
    code
}

fn locked(call: &Call, want: &Want, rest: Rest) -> u8 {
    let name = &want.name;
    let (store, journal, mut kernel) = match begin(name) {
        Ok(begun) => begun,
        Err(code) => return code,
    };
    let state = journal.with_returns(want.state.clone());
    let mut report = |change: &Change| say(&format!("+ {}", change.command(name)));
    let asked = asked(&state, &journal);
    // What is ours if not even a look is possible
    let mut ours = journal.clone();
    let done =
        Work::begin(&store, &mut kernel, journal, asked, &mut report).and_then(|mut work| {
            let done = make_and_settle(call, want, &state, rest, &mut work);
            ours = work.journal;
            done
        });
    match done {
        Ok(()) => exit::DONE,
        Err(failure) => failed(name, store, &ours, &failure),
    }
}

fn make_and_settle(
    call: &Call,
    want: &Want,
    state: &State,
    rest: Rest,
    work: &mut Work,
) -> Result<(), Failure> {
    if call.verbose {
        say_held(&want.name, state, &work.start.0);
    }
    work.make(state, rest)?;
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
