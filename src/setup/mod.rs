//! What netns-setup does: `run` executes a call and returns its outcome. Each verb runs the stages in order and
//! reports events. Nothing here prints.

pub mod apply;
pub mod args;
mod attach;
mod birthplaces;
mod cmd;
mod converge;
mod declared_services;
mod dry_run;
pub mod enter_host;
pub mod error;
mod failure;
mod firewall;
mod hooks;
mod journal_format;
mod linked_netns;
mod load;
mod lock;
mod nat;
mod observe;
mod query;
mod ready;
pub mod report;
mod resolve_devices;
mod signals;
mod ssh_guard;
mod store;
mod trial_file;
mod whereabouts;
pub mod wireguard;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::stat::{Mode, umask};
use nix::unistd::geteuid;

use args::verb::{Occupants, Verb};
use cmd::{check, doctor, down, graph, list, metrics, plan, reload, status, trial, up, watch};
use enter_host::CalledFrom;
use error::{Error, Outcome, Result};
pub use load::{context, settings};
use report::event::Events;
use report::run_log::{self, Attempt};

use crate::conf::{self, Trust};
use crate::model::build::Want;
use crate::name::NetnsName;
use crate::plan::Extras;
use crate::system::login::{self, Callers};

/// How long to wait for another netns-setup that has the lock.
const LOCK: Duration = Duration::from_secs(15);

/// A call of netns-setup.
#[derive(Debug)]
pub struct Call {
    /// The directory of the settings.
    pub conf_dir: PathBuf,
    /// Also report what is satisfied already.
    pub verbose: bool,
    /// Log the changes instead of reporting them.
    pub quiet: bool,
    /// The caller's own connection may be moved (`--yes-move-my-connection`).
    pub moves_my_connection: bool,
    /// The verb.
    pub verb: Verb,
    /// The namespaces, in the order in which they are handled.
    pub names: Vec<NetnsName>,
    /// Where the call came from.
    pub at: CalledFrom,
    /// The owner that the settings must have.
    pub trust: Trust,
    /// The receiver of all reports.
    pub events: Events,
    /// Who has called, when the guard has looked for that. Empty at first.
    pub callers: OnceLock<Callers>,
}

impl Call {
    /// The login above this process. It is looked for once, but each time by a watch, which lives
    /// longer than logins do.
    fn callers(&self) -> Callers {
        match self.verb {
            Verb::Watch(_) => login::callers(),
            _ => self.callers.get_or_init(login::callers).clone(),
        }
    }
}

/// Run the verb. Errors are reported as events.
pub fn run(call: &Call) -> Outcome {
    // Independent of the caller's umask: services of users read some of these files, and root runs
    // others
    umask(Mode::S_IWGRP | Mode::S_IWOTH);
    if let Err(error) = may_call(call) {
        return call.events.failed(None, &error);
    }
    if let Some(outcome) = done_by_trial(call) {
        return outcome;
    }
    match &call.verb {
        Verb::Up(_) => logged(call, Attempt::Start, Extras::Keep, |want| {
            up::up(call, want)
        }),
        Verb::Reload(_) => logged(call, Attempt::Reload, Extras::Remove, |want| {
            reload::reload(call, want)
        }),
        Verb::Down { force, kill, .. } => {
            let inside = match (force, kill) {
                (_, true) => Occupants::Kill,
                (true, false) => Occupants::Leave,
                (false, false) => Occupants::Refuse,
            };
            down::down(call, inside)
        }
        Verb::Plan { .. } => {
            let mut earlier = Vec::new();
            with_settings(call, |want| plan::plan(call, want, &mut earlier))
        }
        Verb::Check(_) => with_checked(
            call,
            |wants| {
                check::warn(call, wants);
                None
            },
            |want| check::check(call, want),
        ),
        Verb::List(_) => list::list(call),
        Verb::Metrics(_) => metrics::metrics(call),
        Verb::Graph {
            dot,
            mermaid,
            settings,
            ..
        } => {
            let language = match (dot, mermaid) {
                (true, _) => graph::Language::Dot,
                (_, true) => graph::Language::Mermaid,
                _ => graph::Language::Text,
            };
            match settings {
                true => graph::of_settings(call, language),
                false => graph::graph(call, language),
            }
        }
        Verb::Status(_) => each(call, |name| status::status(call, name)),
        Verb::Doctor(_) => each(call, |name| doctor::doctor(call, name)),
        Verb::Try(trial) => trial::try_out(call, trial),
        Verb::KeepTrial(trial) => trial::keep(call, trial),
        Verb::Confirm(_) => each(call, |name| trial::confirm(call, name)),
        Verb::MayGo(_) => each(call, |name| down::may_go(call, name)),
        Verb::MayCome(_) => ssh_guard::may_come(call),
        Verb::Watch(_) => watch::watch(call),
    }
}

/// Run `act` for each namespace, and log why it fails, unless the guard stops the call.
fn logged(
    call: &Call,
    attempt: Attempt,
    rest: Extras,
    mut act: impl FnMut(&Want) -> Result,
) -> Outcome {
    run_log::all(attempt, call, || {
        ssh_guard::with_settings(call, rest, |want| {
            run_log::of(attempt, call, &want.name, || act(want))
        })
    })
}

/// The outcome, if the trial that started this call does all of it already. This happens if a
/// service in the trial brings up its namespace.
fn done_by_trial(call: &Call) -> Option<Outcome> {
    let all = call.names.iter();
    let done: Option<Vec<_>> = all
        .map(|name| trial_file::result_for_trial(name, &call.verb).map(|done| (name, done)))
        .collect();
    let done = done?.into_iter();
    done.map(|(name, done)| outcome(call, name, done)).max()
}

/// The names of all namespaces that have settings or a state directory, for `--all`.
pub fn all(conf_dir: &Path, trust: Trust) -> Result<Vec<NetnsName>> {
    let named = conf::names(conf_dir, trust).map_err(|problems| {
        let lines = problems.iter().flat_map(report::lines);
        Error::wrong(lines.collect::<Vec<_>>())
    })?;
    let there = match trust.is_of_anybody() {
        // Those are the settings of another machine
        true => Vec::new(),
        false => store::all()
            .map_err(|e| Error::wrong([format!("cannot read {}: {e}", crate::state_dir::STATE)]))?,
    };
    let names: BTreeSet<_> = named.into_iter().chain(there).collect();
    Ok(names.into_iter().collect())
}

/// Run `act` for each namespace, and report errors.
fn each<T: Into<Outcome>>(call: &Call, mut act: impl FnMut(&NetnsName) -> Result<T>) -> Outcome {
    let all = call.names.iter();
    let outcomes = all.map(|name| outcome(call, name, act(name)));
    outcomes.max().unwrap_or(Outcome::Done)
}

/// Convert the result for one namespace to an outcome, and report an error.
fn outcome<T: Into<Outcome>>(call: &Call, name: &NetnsName, done: Result<T>) -> Outcome {
    match done {
        Ok(done) => done.into(),
        Err(error) => call.events.failed(Some(name), &error),
    }
}

/// Check the settings of all namespaces before anything is done with the first.
fn with_settings<T: Into<Outcome>>(call: &Call, act: impl FnMut(&Want) -> Result<T>) -> Outcome {
    with_checked(call, |_| None, act)
}

/// As [`with_settings`], unless `stops` returns an outcome.
fn with_checked<T: Into<Outcome>>(
    call: &Call,
    stops: impl FnOnce(&[Want]) -> Option<Outcome>,
    mut act: impl FnMut(&Want) -> Result<T>,
) -> Outcome {
    let wants = match checked(call) {
        Ok(wants) => linked_netns::in_order(wants),
        Err(outcome) => return outcome,
    };
    if let Some(outcome) = stops(&wants) {
        return outcome;
    }
    let outcomes = wants
        .iter()
        .map(|want| outcome(call, &want.name, act(want)));
    outcomes.max().unwrap_or(Outcome::Done)
}

/// Load the settings of all namespaces, and report all problems.
fn checked(call: &Call) -> Result<Vec<Want>, Outcome> {
    let (mut wants, mut wrong) = (Vec::new(), None);
    let context = context();
    for name in &call.names {
        match settings(call, name, &context) {
            Ok(want) => {
                warn_of_not_done(call, &want);
                wants.push(want);
            }
            Err(problems) => {
                let error = load::wrong(name, &problems);
                wrong = Some(call.events.failed(Some(name), &error));
            }
        }
    }
    match wrong {
        Some(outcome) => Err(outcome),
        None => Ok(wants),
    }
}

/// Warn of entries in a file that netns-setup does not implement. Not at boot.
fn warn_of_not_done(call: &Call, want: &Want) {
    for problem in want.not_done.iter().filter(|_| !call.quiet) {
        call.events.warning(&want.name, report::lines(problem));
    }
}

/// Check that root calls, and from the host, if the verb requires it.
fn may_call(call: &Call) -> Result {
    if call.verb.is_for_root() && !geteuid().is_root() {
        return Err(Error::wrong([
            "only root can see and change namespaces".into(),
            "run it as root, by doas, sudo or su".into(),
        ]));
    }
    match &call.at {
        CalledFrom::Inside(lines) if call.verb.is_for_the_host() => {
            Err(Error::wrong(lines.clone()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod fuzz;
