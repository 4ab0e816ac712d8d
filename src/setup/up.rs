//! `up`, `reload` and `plan`: making a namespace what its settings say, or saying how.

use super::apply::{Failure, Work, broken};
use super::{Call, asked, complain, hold_signals, lock, report, say, store};
use crate::exit;
use crate::kernel::Kernel;
use crate::model::build::Want;
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
    let store = match lock(name) {
        Ok(store) => store,
        Err(code) => return code,
    };
    let mut report = |change: &Change| say(&format!("+ {}", change.command(name)));
    match made(call, want, rest, &store, &mut report) {
        Ok(()) => exit::DONE,
        Err((failure, journal)) => {
            let whole = match &failure {
                Failure::Refused { left, .. } | Failure::Taken { left, .. } => left.is_empty(),
                Failure::Obstacles(_) | Failure::Broken(..) => true,
            };
            if !whole {
                let _ = store.set_unready();
            }
            // Where nothing is ours, a namespace of somebody else's is to be joined still
            if journal.is_empty() {
                let _ = store.remove();
            }
            complain(&report::failure(name, &failure), exit::REFUSED)
        }
    }
}

fn made(
    call: &Call,
    want: &Want,
    rest: Rest,
    store: &store::Store,
    report: &mut dyn FnMut(&Change),
) -> Result<(), (Failure, Journal)> {
    let none = |failure| (failure, Journal::default());
    let unread = |e| none(Failure::Broken("cannot read the journal".into(), e));
    let journal = store.journal().map_err(unread)?;
    let mut kernel = Kernel::new(want.name.clone())
        .map_err(|e| none(Failure::Broken("cannot speak to the kernel".into(), e)))?;
    let state = journal.with_returns(want.state.clone());
    let asked = asked(&state, &journal);
    let mut work = Work {
        store,
        kernel: &mut kernel,
        journal,
        asked,
        report,
    };
    let done = make_and_settle(call, want, &state, rest, &mut work);
    let waiting = done.map_err(|failure| (failure, work.journal.clone()))?;
    for (link, address) in waiting {
        let lines = [
            format!(
                "{}: {address} on {} cannot be bound yet",
                want.name, link.name
            ),
            "the network is still being asked whether another host has it; wait a moment".into(),
        ];
        complain(&lines, exit::DONE);
    }
    let ready = store.set_ready(want.overlay);
    ready.map_err(|e| {
        (
            Failure::Broken("cannot write ready".into(), e),
            work.journal,
        )
    })
}

type Waiting = Vec<(
    crate::model::LinkAt,
    crate::place::At<crate::model::Address>,
)>;

fn make_and_settle(
    call: &Call,
    want: &Want,
    state: &crate::model::State,
    rest: Rest,
    work: &mut Work,
) -> Result<Waiting, Failure> {
    let have = work.look()?;
    if call.verbose {
        holds(state, &have)
            .iter()
            .for_each(|held| say(&format!("= {}", held.command(&want.name))));
    }
    let made = work.make(state, &have, rest)?;
    work.settle(&want.state, &have, made)
}

/// Say what reload would do.
pub fn plan(call: &Call, want: &Want, script: bool) -> u8 {
    let name = &want.name;
    let planned = || -> Result<_, Failure> {
        let journal = store::peek(name);
        let journal = journal.map_err(|e| Failure::Broken("cannot read the journal".into(), e))?;
        let kernel = Kernel::new(name.clone());
        let mut kernel =
            kernel.map_err(|e| Failure::Broken("cannot speak to the kernel".into(), e))?;
        let state = journal.with_returns(want.state.clone());
        let have = kernel.look(&asked(&state, &journal));
        let have = have.map_err(|no| broken("cannot read the state of the network", no))?;
        let held = if call.verbose && !script {
            holds(&state, &have)
        } else {
            Vec::new()
        };
        let changes = changes(&state, &have, &journal, Rest::Goes);
        Ok((held, changes.map_err(Failure::Obstacles)?))
    };
    match planned() {
        Ok((held, changes)) => {
            held.iter()
                .for_each(|held| say(&format!("= {}", held.command(name))));
            let mark = if script { "" } else { "+ " };
            changes
                .iter()
                .for_each(|change| say(&format!("{mark}{}", change.command(name))));
            exit::DONE
        }
        Err(failure) => complain(&report::failure(name, &failure), exit::REFUSED),
    }
}
