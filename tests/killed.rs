//! netns-setup is killed, or one of its system calls fails, at each system call in turn.
//! Whatever state results, `up` completes it and `down` removes it, and the NIC is never
//! lost. The calls are counted on x86-64, by ptrace(2).

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

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

use common::NETNS_SETUP;
use nix::errno::Errno;

use trace::{Call, Fault, Traced, never_fails, run};
use world::{BOX, LEAST, Settings, State, TIED, WHOLE, World, words};

/// The verbs of netns-setup, the state before, and the state afterwards.
const VERBS: [(&str, State, State); 3] = [
    ("up", State::Nothing, State::First),
    ("reload", State::First, State::Second),
    ("down", State::Second, State::Nothing),
];

/// The index of `reload` in [`VERBS`].
const RELOAD: usize = 1;

/// The errors that a call can fail with.
const ERRNOS: [Errno; 4] = [Errno::EPERM, Errno::ENOMEM, Errno::EBUSY, Errno::EINTR];

/// The faults found at one point.
type Faults = Vec<String>;

/// A walk over the system calls of all verbs.
struct Walk {
    settings: &'static Settings,
    world: World,
    /// The state that the namespace would have without a fault.
    state: State,
    /// Of each verb.
    calls: [Vec<Call>; 3],
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
            state: State::Nothing,
            calls,
            faults: Faults::new(),
            points: 0,
        }
    }

    /// Cause a fault at the call `point` of the verb with index `n`. Then run the verb that
    /// completes it, or `down`.
    fn at(&mut self, n: usize, point: usize, fault: Fault, ways: &[bool]) {
        let Some(number) = self.calls[n].get(point).map(|call| call.number) else {
            return;
        };
        if matches!(fault, Fault::Fail(..)) && never_fails(number) {
            return;
        }
        for &makes_whole in ways {
            if let Err(wrong) = self.one(n, fault, makes_whole) {
                self.faults.push(format!(
                    "{} {fault:?} of call {}, then whole={makes_whole}: {wrong}",
                    VERBS[n].0, number
                ));
                eprintln!("{}", self.faults.last().unwrap());
                self.world = World::new(self.settings);
                self.state = State::Nothing;
            }
            self.points += 1;
        }
    }

    fn one(&mut self, n: usize, fault: Fault, makes_whole: bool) -> Result<(), String> {
        let (verb, before, then) = VERBS[n];
        self.begin(before)?;
        let world = &self.world;
        let kept = world.kept();
        // reload and down use the second settings
        let settings = if then == State::Nothing {
            State::Second
        } else {
            then
        };
        world.write(settings);
        let traced = run(&world.sandbox, &words(verb), fault);
        if let Fault::Fail(..) = fault {
            let came = is_said(world, &traced, before, then)?;
            // The test without a fault covers what would follow here
            if came == Some(before) && world.kept() == kept {
                return Ok(());
            }
        }
        self.state = State::Nothing;
        if makes_whole {
            done(world, if verb == "reload" { "reload" } else { "up" })?;
            is(world, settings)?;
        }
        done(world, "down")?;
        is(world, State::Nothing)
    }

    /// What was before.
    fn begin(&mut self, before: State) -> Result<(), String> {
        if self.state == before {
            return Ok(());
        }
        if self.state != State::Nothing {
            done(&self.world, "down")?;
            is(&self.world, State::Nothing)?;
        }
        if before != State::Nothing {
            self.world.write(before);
            done(&self.world, "up")?;
        }
        self.state = before;
        Ok(())
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

/// Run a call without a fault.
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

/// Check that the verb was completed or undone, and that its message, if there is one, says
/// which. Returns the state that it says.
fn is_said(
    world: &World,
    traced: &Traced,
    before: State,
    then: State,
) -> Result<Option<State>, String> {
    let fault = |what: &str| Err(format!("{what}\n{:?}: {}", traced.code, traced.said));
    if traced.hung {
        return fault("it hung");
    }
    if traced.said.contains("panicked") {
        return fault("it panicked");
    }
    let (state, what) = match traced.code {
        None => return fault("a signal ended it"),
        // The message names a linked namespace that is not complete
        Some(0) if traced.said.contains("is not complete") => return Ok(None),
        Some(0) if traced.said.contains("cannot tell which other namespaces") => return Ok(None),
        Some(0) => (then, "it says that it is done"),
        Some(_) if traced.said.contains("is ready and stays ready") => {
            (then, "it says that it stays")
        }
        Some(_) if !traced.said.lines().any(|line| !line.starts_with("+ ")) => {
            return fault("it does not say why");
        }
        // The message says that the verb was neither completed nor undone
        Some(_) if traced.said.contains("not all could be undone") => return Ok(None),
        Some(_) if traced.said.contains("is no longer ready") => return Ok(None),
        Some(_) if traced.said.contains("everything else is taken down") => return Ok(None),
        // A call that could not lock the directory cannot remove it either
        Some(_)
            if traced.said.contains("cannot use /run/netns-services/mgmt") && world.has_lock() =>
        {
            return Ok(None);
        }
        Some(_) => (before, "it says that it is undone"),
    };
    match world.differs(state) {
        None => Ok(Some(state)),
        Some(differs) => fault(&format!("{what}, but {differs}")),
    }
}

/// `count` points, evenly distributed over the longest verb, and different for each walk.
fn spread(walk: &Walk, count: usize, offset: usize) -> Vec<usize> {
    let most = walk.calls.iter().map(Vec::len).max().unwrap();
    (0..count)
        .map(|n| (n * most + offset * most / 7) / count)
        .collect()
}

/// Completed by the next call, or taken down.
const BOTH: [bool; 2] = [true, false];

fn killed(settings: &'static Settings, count: usize, offset: usize) {
    let mut walk = Walk::new(settings);
    for point in spread(&walk, count, offset) {
        (0..VERBS.len()).for_each(|n| walk.at(n, point, Fault::Kill(point), &BOTH));
    }
    for point in of_table(&walk) {
        walk.at(RELOAD, point, Fault::Kill(point), &BOTH[..1]);
    }
    walk.end(count);
}

fn refused(settings: &'static Settings, count: usize, offset: usize) {
    let mut walk = Walk::new(settings);
    for (n, point) in spread(&walk, count, offset).into_iter().enumerate() {
        let fault = Fault::Fail(point, ERRNOS[n % ERRNOS.len()]);
        (0..VERBS.len()).for_each(|n| walk.at(n, point, fault, &BOTH));
    }
    walk.end(count);
}

/// The calls with which `reload` records the table on the host. Its text and nft's listing are
/// two files, and whatever exists of them, it must be known whether the table is loaded.
fn of_table(walk: &Walk) -> Vec<usize> {
    let is_of_table = |call: &Call| {
        let file = call
            .file
            .as_deref()
            .and_then(|file| file.rsplit('/').next());
        file.is_some_and(|file| file.starts_with("table"))
    };
    let calls = walk.calls[RELOAD].iter().enumerate();
    calls
        .filter(|(_, call)| is_of_table(call))
        .map(|(point, _)| point + 1)
        .collect()
}

/// The fault at a call, and what follows it.
type Done = (Fault, &'static [bool]);

/// A walk over the system calls of a verb: which calls get a fault, and which faults.
struct Every {
    points: fn(&[Call]) -> Vec<usize>,
    /// The faults, one after the other, and what follows each.
    done: fn(usize) -> Vec<Done>,
}

/// A kill before a call leaves the same as a kill before the next call, except for what the
/// call changes.
const KILL: Every = Every {
    points: |calls| {
        let after = |point: usize| point == 0 || calls[point - 1].changes;
        (0..calls.len()).filter(|point| after(*point)).collect()
    },
    done: |point| vec![(Fault::Kill(point), &BOTH)],
};

/// After a failed call, the verb is completed or undone: what follows need not be tested with
/// each errno. Of the calls from one place in the program (as for each process that exists),
/// the first and the last are tested.
const REFUSE: Every = Every {
    points: |calls| {
        let alike = |from: &[Call], call: &Call| from.iter().any(|other| other.site == call.site);
        let point = |point: &usize| {
            let call = &calls[*point];
            let in_between = alike(&calls[..*point], call) && alike(&calls[point + 1..], call);
            !never_fails(call.number) && !in_between
        };
        (0..calls.len()).filter(point).collect()
    },
    done: |point| {
        let way = |n: usize| &BOTH[n % 2..][..1];
        let faults = ERRNOS.iter().enumerate();
        faults
            .map(|(n, errno)| (Fault::Fail(point, *errno), way(n)))
            .collect()
    },
};

/// The number of sandboxes that run at the same time.
const WALKERS: usize = 4;

/// All points of all verbs, in an order in which those of any time are spread over all of a
/// verb. Three variables say which of them:
///
/// - `NETNS_TESTS_POINTS="reload-441 up-635"`: only those, to see a fault once more.
/// - `NETNS_TESTS_SHARE=2/5`: the second of five parts, for five machines.
/// - `NETNS_TESTS_WALKED=DIR`: what is done without a fault is noted in DIR, and left out by
///   the next run of the same program, so that a walk of hours can be stopped at any time.
fn every(name: &str, settings: &'static Settings, every: Every) {
    let first = Walk::new(settings);
    let walked = Walked::open(name);
    let all: Vec<_> = in_order(&first, &every);
    let points: Vec<_> = chosen(&all)
        .into_iter()
        .filter(|(n, point)| !walked.has(&shown(*n, *point)))
        .collect();
    let calls = first.calls.iter().map(Vec::len);
    eprintln!(
        "{name}: {} of {} points, of {} calls, are to be done",
        points.len(),
        all.len(),
        calls.sum::<usize>()
    );
    let (next, all) = (AtomicUsize::new(0), Mutex::new(vec![first]));
    let walk = || {
        let mut walk = Walk::new(settings);
        loop {
            let done = next.fetch_add(1, Ordering::Relaxed);
            let Some(&(n, point)) = points.get(done) else {
                break;
            };
            if done % 50 == 0 {
                eprintln!("{name}: {done} of {}", points.len());
            }
            let faults = walk.faults.len();
            for (fault, ways) in (every.done)(point) {
                walk.at(n, point, fault, ways);
            }
            if walk.faults.len() == faults {
                walked.note(&shown(n, point));
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

/// The index of the verb and that of the call.
type Point = (usize, usize);

fn shown(n: usize, point: usize) -> String {
    format!("{}-{point}", VERBS[n].0)
}

/// One verb after the other, because each needs the state that the one before it leaves.
fn in_order(walk: &Walk, every: &Every) -> Vec<Point> {
    let of = |(n, calls): (usize, &Vec<Call>)| {
        let points = (every.points)(calls);
        let most = points.len();
        let step = (most * 5 / 8..).find(|step| gcd(*step, most) == 1).unwrap();
        (0..most).map(move |i| (n, points[i * step % most]))
    };
    walk.calls.iter().enumerate().flat_map(of).collect()
}

/// The points that the environment selects.
fn chosen(points: &[Point]) -> Vec<Point> {
    let number = |word: &str| word.parse::<usize>().expect("a number");
    if let Ok(only) = env::var("NETNS_TESTS_POINTS") {
        let point = |word: &str| {
            let (verb, point) = word.split_once('-').expect("NETNS_TESTS_POINTS=up-635");
            let n = VERBS.iter().position(|(name, ..)| *name == verb);
            (n.expect("up, reload or down"), number(point))
        };
        return only.split(' ').map(point).collect();
    }
    let share = env::var("NETNS_TESTS_SHARE").unwrap_or_else(|_| "1/1".to_owned());
    let (part, parts) = share.split_once('/').expect("NETNS_TESTS_SHARE=2/5");
    let (part, parts) = (number(part), number(parts));
    assert!((1..=parts).contains(&part), "NETNS_TESTS_SHARE={share}");
    let rest = points.iter().skip(part - 1);
    rest.step_by(parts).copied().collect()
}

/// The points of one walk that earlier runs of the same program have completed.
struct Walked {
    file: Option<PathBuf>,
    points: HashSet<String>,
}

impl Walked {
    fn open(name: &str) -> Walked {
        let Some(folder) = env::var_os("NETNS_TESTS_WALKED") else {
            let points = HashSet::new();
            return Walked { file: None, points };
        };
        // Another build of the program makes other calls.
        let mut program = DefaultHasher::new();
        fs::read(NETNS_SETUP).unwrap().hash(&mut program);
        let file = format!("{name}.{:016x}", program.finish());
        let file = PathBuf::from(folder).join(file);
        let points = fs::read_to_string(&file).unwrap_or_default();
        let points = points.lines().map(String::from).collect();
        Walked {
            file: Some(file),
            points,
        }
    }

    fn has(&self, point: &str) -> bool {
        self.points.contains(point)
    }

    fn note(&self, point: &str) {
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

/// A few points of each walk, and, for `make test-all`, every point.
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
                every(concat!(stringify!($name), "-killed"), &$settings, KILL);
            }

            #[test]
            #[ignore = "half an hour"]
            fn refused_at_every_call() {
                every(concat!(stringify!($name), "-refused"), &$settings, REFUSE);
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
