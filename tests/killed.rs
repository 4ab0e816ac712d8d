//! netns-setup is killed, or refused, at each of its system calls in turn: whatever it
//! leaves behind, `up` makes whole and `down` takes away, and the card is never lost.
//! The calls are counted on x86-64, by ptrace(2).

#![cfg(target_arch = "x86_64")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

mod common;
#[path = "common/far.rs"]
mod far;
#[path = "killed/trace.rs"]
mod trace;
#[path = "killed/world.rs"]
mod world;

use nix::errno::Errno;

use trace::{Fault, Traced, run};
use world::{LEAST, Settings, State, WHOLE, World, words};

/// The calls of netns-setup, what was before, and what is afterwards.
const VERBS: [(&str, State, State); 3] = [
    ("up", State::Nothing, State::First),
    ("reload", State::First, State::Second),
    ("down", State::Second, State::Nothing),
];

/// What a call is refused with.
const ERRNOS: [Errno; 4] = [Errno::EPERM, Errno::ENOMEM, Errno::EBUSY, Errno::EINTR];

/// What went wrong at one point.
type Faults = Vec<String>;

/// A walk over the calls of all verbs.
struct Walk {
    settings: &'static Settings,
    world: World,
    /// How many calls each verb makes.
    calls: [Vec<i64>; 3],
    faults: Faults,
    points: usize,
}

impl Walk {
    fn new(settings: &'static Settings) -> Walk {
        let world = World::new(settings);
        let calls = VERBS.map(|(verb, _, then)| {
            world.write(if then == State::First {
                then
            } else {
                State::Second
            });
            let traced = run(&world.sandbox, &words(verb), Fault::None);
            assert_eq!(traced.code, Some(0), "{traced:?}");
            assert!(traced.calls.len() > 50, "{traced:?}");
            traced.calls
        });
        Walk {
            settings,
            world,
            calls,
            faults: Faults::new(),
            points: 0,
        }
    }

    /// From nothing to nothing: each verb with a fault at its call `point`, and twice, for
    /// after it comes once the verb that makes it whole, and once `down`.
    fn at(&mut self, point: usize, fault: impl Fn(usize) -> Fault) {
        for (n, (verb, before, then)) in VERBS.into_iter().enumerate() {
            if point >= self.calls[n].len() {
                continue;
            }
            let fault = fault(point);
            for makes_whole in [true, false] {
                let at = format!("{verb} {fault:?}");
                if let Err(wrong) = self.one(verb, before, then, fault, makes_whole) {
                    self.faults
                        .push(format!("{at}, then whole={makes_whole}: {wrong}"));
                    eprintln!("{}", self.faults.last().unwrap());
                    self.world = World::new(self.settings);
                }
                self.points += 1;
            }
        }
    }

    fn one(
        &self,
        verb: &str,
        before: State,
        then: State,
        fault: Fault,
        makes_whole: bool,
    ) -> Result<(), String> {
        let world = &self.world;
        // What was before; reload and down find the first and the second settings
        if before != State::Nothing {
            world.write(before);
            done(world, "up")?;
        }
        let settings = if then == State::Nothing {
            State::Second
        } else {
            then
        };
        world.write(settings);
        let traced = run(&world.sandbox, &words(verb), fault);
        if let Fault::Fail(..) = fault {
            is_said(world, &traced, before, then)?;
        }
        if makes_whole {
            done(world, if verb == "reload" { "reload" } else { "up" })?;
            is(world, settings)?;
        }
        done(world, "down")?;
        is(world, State::Nothing)
    }

    #[track_caller]
    fn end(self, at_least: usize) {
        eprintln!("{} points", self.points);
        assert!(self.points >= at_least, "{} points", self.points);
        let count = self.faults.len();
        let faults: Vec<_> = self.faults.into_iter().take(20).collect();
        assert!(faults.is_empty(), "{count} faults\n{}", faults.join("\n"));
    }
}

/// A call that nothing happens to.
fn done(world: &World, verb: &str) -> Result<(), String> {
    let run = world.setup(&format!("{verb} mgmt"));
    match run.exit_code() {
        0 => Ok(()),
        _ => Err(format!("then {run}")),
    }
}

fn is(world: &World, state: State) -> Result<(), String> {
    world.differs(state).map_or(Ok(()), Err)
}

/// It is done, or it is undone, and what came of it is said.
fn is_said(world: &World, traced: &Traced, before: State, then: State) -> Result<(), String> {
    let fault = |what: &str| Err(format!("{what}\n{:?}: {}", traced.code, traced.said));
    if traced.hung {
        return fault("it hung");
    }
    if traced.said.contains("panicked") {
        return fault("it panicked");
    }
    let (state, what) = match traced.code {
        None => return fault("a signal ended it"),
        Some(0) => (then, "it says that it is done"),
        Some(_) if !traced.said.lines().any(|line| !line.starts_with("+ ")) => {
            return fault("it does not say why");
        }
        // It says that it is not
        Some(_) if traced.said.contains("could not all be undone") => return Ok(()),
        Some(_) if traced.said.contains("all else is taken down") => return Ok(()),
        Some(_) => (before, "it says that it is undone"),
    };
    match world.differs(state) {
        None => Ok(()),
        Some(differs) => fault(&format!("{what}, but {differs}")),
    }
}

/// So many points, evenly spread over the longest verb, not the same for every walk.
fn spread(walk: &Walk, count: usize, offset: usize) -> Vec<usize> {
    let most = walk.calls.iter().map(Vec::len).max().unwrap();
    (0..count)
        .map(|n| (n * most + offset * most / 7) / count)
        .collect()
}

fn killed(settings: &'static Settings, count: usize, offset: usize) {
    let mut walk = Walk::new(settings);
    for point in spread(&walk, count, offset) {
        walk.at(point, Fault::Kill);
    }
    walk.end(count);
}

fn refused(settings: &'static Settings, count: usize, offset: usize) {
    let mut walk = Walk::new(settings);
    for (n, point) in spread(&walk, count, offset).into_iter().enumerate() {
        walk.at(point, |point| Fault::Fail(point, ERRNOS[n % ERRNOS.len()]));
    }
    walk.end(count);
}

/// All points from one to the other, for a walk in two halves.
fn every(settings: &'static Settings, half: usize, fault: impl Fn(usize) -> Vec<Fault>) {
    let mut walk = Walk::new(settings);
    let most = walk.calls.iter().map(Vec::len).max().unwrap();
    for point in (half..most).step_by(2) {
        for fault in fault(point) {
            walk.at(point, |_| fault);
        }
    }
    walk.end(most);
}

fn kill(point: usize) -> Vec<Fault> {
    vec![Fault::Kill(point)]
}

fn refuse(point: usize) -> Vec<Fault> {
    ERRNOS.map(|errno| Fault::Fail(point, errno)).into()
}

#[test]
fn killed_anywhere_it_is_made_whole_or_taken_away_by_the_next_call() {
    killed(&WHOLE, 12, 1);
}

#[test]
fn the_least_killed_anywhere() {
    killed(&LEAST, 12, 2);
}

#[test]
fn refused_anywhere_it_is_done_or_undone_and_said() {
    refused(&WHOLE, 12, 3);
}

#[test]
fn the_least_refused_anywhere() {
    refused(&LEAST, 12, 4);
}

#[test]
#[ignore = "minutes"]
fn killed_at_every_even_call() {
    every(&WHOLE, 0, kill);
}

#[test]
#[ignore = "minutes"]
fn killed_at_every_odd_call() {
    every(&WHOLE, 1, kill);
}

#[test]
#[ignore = "minutes"]
fn refused_at_every_even_call() {
    every(&WHOLE, 0, refuse);
}

#[test]
#[ignore = "minutes"]
fn refused_at_every_odd_call() {
    every(&WHOLE, 1, refuse);
}
