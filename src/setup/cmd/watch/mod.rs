//! `watch`: brings namespaces up and keeps them that way. It waits for events of the kernel and
//! does not poll. TERM ends it and changes nothing. HUP reads the settings again and reloads. This
//! file waits for events; `watched` handles them for one namespace, and `backoff` decides when.

mod backoff;
mod endpoints;
mod memory;
mod own_program;
mod paths;
mod readiness;
mod repair;
mod services;
mod start;
mod watched;

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, sleep_until, timeout};

use crate::plan::Extras;
use crate::setup::error::{Error, Outcome};
use crate::setup::report::run_log::Attempt;
use crate::setup::signals::block_signals;
use crate::setup::{Call, logged, trial_file};
use crate::system::inotify::Entries;
use memory::Epoll;
use own_program::OwnProgram;
use watched::WatchedNetns;

/// Interval at which it checks whether a trial has been decided.
const INTERVAL: Duration = Duration::from_millis(200);

/// Time without an event after which the memory of the code is given back.
const IDLE: Duration = Duration::from_secs(1);

/// How many events the runtime reads at once. tokio has memory for 1,024 otherwise.
const EVENTS: usize = 64;

/// The signals that are handled.
struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Signals {
    /// The signal that arrived before now, if one did. The runtime must wait once to notice it.
    async fn arrived(&mut self) -> Option<Woken> {
        tokio::select! {
            biased;
            _ = self.term.recv() => Some(Woken::End),
            _ = self.int.recv() => Some(Woken::End),
            _ = self.hup.recv() => Some(Woken::ReadAgain),
            () = sleep(Duration::from_millis(1)) => None,
        }
    }
}

/// What ended the waiting.
enum Woken {
    /// TERM or INT arrived.
    End,
    /// HUP arrived.
    ReadAgain,
    /// An event happened, or the time of a check has come.
    Check,
}

/// Run until TERM or INT. If a namespace cannot be brought up, return that outcome.
pub fn watch(call: &Call) -> Outcome {
    match begin() {
        Ok((runtime, signals, entries)) => stay(call, &runtime, signals, entries),
        Err(e) => {
            let error = Error::refused([format!("cannot wait for signals: {e}")]);
            call.events.failed(None, &error)
        }
    }
}

/// Set up the signal handlers before anything else: a HUP during the start is a reload, and must
/// not end the process. A watch of an earlier release, which became this one, has blocked them.
fn begin() -> io::Result<(Runtime, Signals, Entries)> {
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_all().max_io_events_per_tick(EVENTS);
    let runtime = runtime.build()?;
    let inside = runtime.enter();
    let signals = Signals {
        term: signal(SignalKind::terminate())?,
        int: signal(SignalKind::interrupt())?,
        hup: signal(SignalKind::hangup())?,
    };
    let _ = block_signals().thread_unblock();
    let entries = Entries::new()?;
    drop(inside);
    Ok((runtime, signals, entries))
}

fn stay(call: &Call, runtime: &Runtime, mut signals: Signals, mut entries: Entries) -> Outcome {
    let epoll = Epoll::of(runtime);
    if !runtime.block_on(is_decided(call, &mut signals)) {
        return Outcome::Done;
    }
    let mut own = OwnProgram::find().ok();
    let mut all = Vec::new();
    let started = logged(call, Attempt::Start, Extras::Keep, |want| {
        all.push(WatchedNetns::begin(call, want.clone())?);
        Ok(())
    });
    if started != Outcome::Done {
        return started;
    }
    let mut signal = None;
    loop {
        listen(runtime, &mut entries, &mut all, own.as_ref());
        let woken = match signal.take() {
            Some(woken) => woken,
            None => wait(
                runtime,
                epoll.as_ref(),
                &mut signals,
                &mut entries,
                &mut all,
                &mut own,
            ),
        };
        let looked = match woken {
            Woken::End => return Outcome::Done,
            Woken::ReadAgain => {
                // If the new settings are wrong, the error is reported and the old settings stay
                logged(call, Attempt::Reload, Extras::Remove, |want| {
                    let watched = all.iter_mut().find(|watched| watched.is(&want.name));
                    watched.map_or(Ok(()), |watched| watched.reload(call, want.clone()))
                });
                true
            }
            Woken::Check => {
                // First close the sockets in namespaces that are gone: a socket keeps a namespace
                // alive
                listen(runtime, &mut entries, &mut all, own.as_ref());
                let now = Instant::now();
                let is_due = |moment: Instant| moment <= now;
                let mut moments = all.iter().filter_map(WatchedNetns::moment);
                let looked = moments.any(is_due);
                all.iter_mut().for_each(|watched| watched.act(call, now));
                looked
            }
        };
        // It may have read other settings now than those that were in the way of the new program
        if let Some(own) = own.as_mut().filter(|_| looked) {
            own.look_again();
        }
        let own = own.as_mut().map(|own| (own.may_go_on(call, &all), own));
        if let Some((true, own)) = own {
            // What arrives from here on, the new program receives
            let blocked = block_signals();
            signal = runtime.block_on(signals.arrived());
            if signal.is_none() {
                own.go_on(call);
            }
            let _ = blocked.thread_unblock();
        }
    }
}

/// Wait until no trial is running: under runit, `try --with` can start this process, and until the
/// decision the trial's process keeps the namespace. Returns false on TERM or INT.
async fn is_decided(call: &Call, signals: &mut Signals) -> bool {
    let running = |name| trial_file::describe(name).map(|line| (name, line));
    let mut trials: Vec<_> = call.names.iter().filter_map(running).collect();
    for (name, line) in &trials {
        call.events.warning(name, [line.clone()]);
    }
    while !trials.is_empty() {
        tokio::select! {
            biased;
            _ = signals.term.recv() => return false,
            _ = signals.int.recv() => return false,
            () = sleep(INTERVAL) => {}
        }
        trials = call.names.iter().filter_map(running).collect();
    }
    true
}

/// Open listeners in all namespaces concerned.
fn listen(
    runtime: &Runtime,
    entries: &mut Entries,
    all: &mut [WatchedNetns],
    own: Option<&OwnProgram>,
) {
    let _inside = runtime.enter();
    let mut dirs: Vec<_> = all.iter().flat_map(WatchedNetns::dirs).collect();
    dirs.extend(own.and_then(OwnProgram::dir));
    if entries.watch(&dirs) {
        all.iter_mut().for_each(WatchedNetns::dirs_are_new);
    }
    all.iter_mut().for_each(WatchedNetns::listen);
}

/// Wait. While nothing happens for long, the process has little of its code in memory.
fn wait(
    runtime: &Runtime,
    epoll: Option<&Epoll>,
    signals: &mut Signals,
    entries: &mut Entries,
    all: &mut [WatchedNetns],
    own: &mut Option<OwnProgram>,
) -> Woken {
    let limit = epoll.map_or(Duration::MAX, |_| IDLE);
    loop {
        let woken = async { timeout(limit, woken(signals, entries, all, own)).await };
        if let Ok(woken) = runtime.block_on(woken) {
            return woken;
        }
        if let Some(epoll) = epoll {
            epoll.wait_with_little_memory(next_moment(all, own.as_ref()));
        }
    }
}

async fn woken(
    signals: &mut Signals,
    entries: &mut Entries,
    all: &mut [WatchedNetns],
    own: &mut Option<OwnProgram>,
) -> Woken {
    let moment = next_moment(all, own.as_ref());
    let moment_comes = async {
        match moment {
            Some(moment) => sleep_until(moment.into()).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        _ = signals.term.recv() => Woken::End,
        _ = signals.int.recv() => Woken::End,
        _ = signals.hup.recv() => Woken::ReadAgain,
        () = poll_fn(|context| poll_happened(context, entries, all, own)) => Woken::Check,
        () = moment_comes => Woken::Check,
    }
}

/// When the next check is due, if there is one.
fn next_moment(all: &[WatchedNetns], own: Option<&OwnProgram>) -> Option<Instant> {
    let moments = all.iter().filter_map(WatchedNetns::moment);
    moments.chain(own.and_then(OwnProgram::moment)).min()
}

/// Ready when an event happened for one of the namespaces, which has recorded it.
fn poll_happened(
    context: &mut Context,
    entries: &mut Entries,
    all: &mut [WatchedNetns],
    own: &mut Option<OwnProgram>,
) -> Poll<()> {
    let mut happened = false;
    // Read until nothing is left: otherwise the next event would not wake us
    while let Poll::Ready(touched) = entries.poll_touched(context) {
        if let Some(own) = own {
            happened |= touched.iter().any(|touched| own.was_touched(touched));
        }
        for watched in all.iter_mut() {
            for touched in &touched {
                happened |= watched.was_touched(touched);
            }
        }
    }
    for watched in all.iter_mut() {
        happened |= watched.poll_heard(context).is_ready();
    }
    if let Some(own) = own.as_mut().filter(|_| happened) {
        own.look_again();
    }
    if happened {
        Poll::Ready(())
    } else {
        Poll::Pending
    }
}
