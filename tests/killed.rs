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

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

use common::NETNS_SETUP;
use nix::errno::Errno;

use trace::{Fault, Traced, never_fails, run};
use world::{BOX, LEAST, Settings, State, TIED, WHOLE, World, words};

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

    /// From nothing to nothing: each verb with a fault at its call `point`. After it comes the
    /// verb that makes it whole, or `down`.
    fn at(&mut self, point: usize, fault: Fault, ways: &[bool]) {
        for (n, (verb, before, then)) in VERBS.into_iter().enumerate() {
            match (self.calls[n].get(point), fault) {
                (None, _) => continue,
                (Some(call), Fault::Fail(..)) if never_fails(*call) => continue,
                _ => {}
            }
            for &makes_whole in ways {
                let at = format!("{verb} {fault:?} of call {}", self.calls[n][point]);
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
        // Who is tied to it is told of
        Some(0) if traced.said.contains("is not whole") => return Ok(()),
        Some(0) => (then, "it says that it is done"),
        Some(_) if traced.said.contains("is ready, and stays so") => {
            (then, "it says that it stays")
        }
        Some(_) if !traced.said.lines().any(|line| !line.starts_with("+ ")) => {
            return fault("it does not say why");
        }
        // It says that it is not
        Some(_) if traced.said.contains("could not all be undone") => return Ok(()),
        Some(_) if traced.said.contains("is not ready any more") => return Ok(()),
        Some(_) if traced.said.contains("all else is taken down") => return Ok(()),
        // Who could not lock the folder cannot take it away either
        Some(_)
            if traced.said.contains("cannot use /run/netns-services/mgmt") && world.has_lock() =>
        {
            return Ok(());
        }
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

/// Made whole by the next call, or taken down.
const BOTH: [bool; 2] = [true, false];

fn killed(settings: &'static Settings, count: usize, offset: usize) {
    let mut walk = Walk::new(settings);
    for point in spread(&walk, count, offset) {
        walk.at(point, Fault::Kill(point), &BOTH);
    }
    walk.end(count);
}

fn refused(settings: &'static Settings, count: usize, offset: usize) {
    let mut walk = Walk::new(settings);
    for (n, point) in spread(&walk, count, offset).into_iter().enumerate() {
        let fault = Fault::Fail(point, ERRNOS[n % ERRNOS.len()]);
        walk.at(point, fault, &BOTH);
    }
    walk.end(count);
}

/// What is done at one point, one after the other, and what comes after it.
type Done = fn(usize) -> Vec<(Fault, &'static [bool])>;

fn kill(point: usize) -> Vec<(Fault, &'static [bool])> {
    vec![(Fault::Kill(point), &BOTH)]
}

/// What was refused is done or undone: what comes after it need not be tried with each errno.
fn refuse(point: usize) -> Vec<(Fault, &'static [bool])> {
    let way = |n: usize| &BOTH[n % 2..][..1];
    let faults = ERRNOS.iter().enumerate();
    faults
        .map(|(n, errno)| (Fault::Fail(point, *errno), way(n)))
        .collect()
}

/// How many sandboxes are at work at once.
const WALKERS: usize = 4;

/// All points, in an order in which those of any time are spread over all. Three variables
/// say which of them:
///
/// - `NETNS_TESTS_POINTS="441 635"`: only those, to see a fault once more.
/// - `NETNS_TESTS_SHARE=2/5`: the second of five parts, for five machines.
/// - `NETNS_TESTS_WALKED=DIR`: what is done without a fault is noted in DIR, and left out by
///   the next run of the same program, so that a walk of hours can be stopped at any time.
fn every(name: &str, settings: &'static Settings, done: Done) {
    let first = Walk::new(settings);
    let most = first.calls.iter().map(Vec::len).max().unwrap();
    let step = (most * 5 / 8..).find(|step| gcd(*step, most) == 1).unwrap();
    let in_order: Vec<_> = (0..most).map(|n| n * step % most).collect();
    let walked = Walked::open(name);
    let points: Vec<_> = chosen(&in_order)
        .into_iter()
        .filter(|point| !walked.has(*point))
        .collect();
    eprintln!("{name}: {} of {most} points are to be done", points.len());
    let (next, all) = (AtomicUsize::new(0), Mutex::new(vec![first]));
    let walk = || {
        let mut walk = Walk::new(settings);
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some(&point) = points.get(n) else { break };
            if n.is_multiple_of(50) {
                eprintln!("{name}: {n} of {}", points.len());
            }
            let faults = walk.faults.len();
            for (fault, ways) in done(point) {
                walk.at(point, fault, ways);
            }
            if walk.faults.len() == faults {
                walked.note(point);
            }
        }
        all.lock().unwrap().push(walk);
    };
    thread::scope(|scope| (0..WALKERS).for_each(|_| drop(scope.spawn(walk))));
    let mut walks = all.into_inner().unwrap();
    let mut walk = walks.pop().unwrap();
    for other in walks {
        walk.points += other.points;
        walk.faults.extend(other.faults);
    }
    walk.end(points.len());
}

/// The points that the environment asks for.
fn chosen(points: &[usize]) -> Vec<usize> {
    let number = |word: &str| word.parse::<usize>().expect("a number");
    if let Ok(only) = env::var("NETNS_TESTS_POINTS") {
        return only.split(' ').map(number).collect();
    }
    let share = env::var("NETNS_TESTS_SHARE").unwrap_or_else(|_| "1/1".to_owned());
    let (part, parts) = share.split_once('/').expect("NETNS_TESTS_SHARE=2/5");
    let (part, parts) = (number(part), number(parts));
    assert!((1..=parts).contains(&part), "NETNS_TESTS_SHARE={share}");
    let rest = points.iter().skip(part - 1);
    rest.step_by(parts).copied().collect()
}

/// The points of one walk that earlier runs of the same program have done.
struct Walked {
    file: Option<PathBuf>,
    points: Vec<usize>,
}

impl Walked {
    fn open(name: &str) -> Walked {
        let Some(folder) = env::var_os("NETNS_TESTS_WALKED") else {
            let points = Vec::new();
            return Walked { file: None, points };
        };
        // Another program makes other calls.
        let mut program = DefaultHasher::new();
        fs::read(NETNS_SETUP).unwrap().hash(&mut program);
        let file = format!("{name}.{:016x}", program.finish());
        let file = PathBuf::from(folder).join(file);
        let points = fs::read_to_string(&file).unwrap_or_default();
        let points = points.lines().map(|line| line.parse().unwrap()).collect();
        Walked {
            file: Some(file),
            points,
        }
    }

    fn has(&self, point: usize) -> bool {
        self.points.contains(&point)
    }

    fn note(&self, point: usize) {
        if let Some(file) = &self.file {
            let file = fs::OpenOptions::new().create(true).append(true).open(file);
            file.unwrap()
                .write_all(format!("{point}\n").as_bytes())
                .unwrap();
        }
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A few points of each walk, and, for `make test-all`, every one.
macro_rules! walks {
    ($($name:ident: $settings:ident $offset:literal)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn killed_anywhere_it_is_made_whole_or_taken_away_by_the_next_call() {
                killed(&$settings, 8, $offset);
            }

            #[test]
            fn refused_anywhere_it_is_done_or_undone_and_said() {
                refused(&$settings, 8, $offset + 1);
            }

            #[test]
            #[ignore = "a quarter of an hour"]
            fn killed_at_every_call() {
                every(concat!(stringify!($name), "-killed"), &$settings, kill);
            }

            #[test]
            #[ignore = "half an hour"]
            fn refused_at_every_call() {
                every(concat!(stringify!($name), "-refused"), &$settings, refuse);
            }
        }
    )*};
}

walks! {
    whole: WHOLE 1
    least: LEAST 3
    tied: TIED 2
    attached: BOX 4
}
