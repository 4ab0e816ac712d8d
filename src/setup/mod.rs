//! The verbs of netns-setup: each runs the stages in their order and says what it did.
//! What a verb decides is here; what a stage knows is not.

pub mod apply;
mod attach;
mod birthplaces;
mod cmd;
mod converge;
mod declared_services;
mod dry_run;
pub mod enter_host;
mod error;
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
mod report;
mod resolve_devices;
mod run_log;
mod signals;
mod ssh_guard;
mod store;
mod trial_file;
pub mod wireguard;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::stat::{Mode, umask};
use nix::unistd::geteuid;

pub use cmd::trial::Trial;
use cmd::{check, doctor, down, plan, reload, status, trial, up, watch};
use enter_host::CalledFrom;
use load::tell;
pub use load::{context, settings};
use run_log::Attempt;

use crate::conf::{self, Trust};
use crate::exit;
use crate::model::build::Want;
use crate::name::NetnsName;
use crate::plan::Extras;
use crate::source::Problem;

/// How long another netns-setup on the same namespace is waited for.
const LOCK: Duration = Duration::from_secs(15);

/// What to do with the processes that are inside when a namespace goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupants {
    /// Do nothing, and say who they are.
    Refuse,
    /// Leave them where they are, without links.
    Leave,
    /// End them.
    Kill,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Make it what its settings say.
    Up,
    /// As up, and take away what is no longer asked for.
    Reload,
    /// Take it down.
    Down(Occupants),
    /// Say what reload would do: as bare commands, if `script`.
    Plan {
        /// For sh to run.
        script: bool,
    },
    /// Check the settings and the rule files.
    Check,
    /// Say what there is.
    Status {
        /// For a program to read.
        json: bool,
    },
    /// Say what leaks and what drifts.
    Doctor {
        /// For a program to read.
        json: bool,
    },
    /// Reload, and undo it unless it is confirmed in this time.
    Try(Trial),
    /// Say whether `down` would cut a connection.
    MayGo,
    /// Say whether `up` would be refused.
    MayCome,
    /// What `try` does, in the process that stays for it.
    KeepTrial(Trial),
    /// What is tried stays.
    Confirm,
    /// Up, then stay: TERM ends it, HUP reloads.
    Watch,
}

/// A call of netns-setup.
#[derive(Debug)]
pub struct Call {
    /// Where the settings are.
    pub conf_dir: PathBuf,
    /// Say also what already held.
    pub verbose: bool,
    /// What is changed is logged, and not printed.
    pub quiet: bool,
    /// The caller's own connection may be moved.
    pub moves_my_connection: bool,
    /// What to do.
    pub verb: Verb,
    /// With which namespaces, in this order.
    pub names: Vec<NetnsName>,
    /// Where it works.
    pub at: CalledFrom,
    /// Whose settings it reads.
    pub trust: Trust,
}

/// Do it, and return the exit code: of several namespaces, the highest.
pub fn run(call: &Call) -> u8 {
    // Not the caller's: users' services read what is made here, and root runs some of it
    umask(Mode::S_IWGRP | Mode::S_IWOTH);
    match call.verb {
        Verb::Check | Verb::Plan { .. } | Verb::Status { .. } | Verb::Confirm => {}
        _ => match may_change(&call.at) {
            Ok(()) => {}
            Err(lines) => return complain(&lines, exit::WRONG),
        },
    }
    if let Some(code) = begun_by_trial(call) {
        return code;
    }
    match &call.verb {
        Verb::Down(inside) => each(call, |name| down::down(call, name, *inside)),
        Verb::Status { json: true } => status::json(call),
        Verb::Status { json: false } => each(call, |name| status::text(call, name)),
        Verb::Doctor { json } => doctor::doctor(call, *json),
        Verb::Check => with_settings(call, check::check),
        Verb::Plan { script } => with_settings(call, |want| plan::plan(call, want, *script)),
        Verb::Up => run_log::all(Attempt::Start, call, || {
            let up = |want: &Want| run_log::of(&want.name, || up::up(call, want));
            ssh_guard::with_settings(call, Extras::Keep, up)
        }),
        Verb::Reload => run_log::all(Attempt::Reload, call, || {
            let reload = |want: &Want| run_log::of(&want.name, || reload::reload(call, want));
            ssh_guard::with_settings(call, Extras::Remove, reload)
        }),
        Verb::Try(trial) => trial::try_out(call, trial),
        Verb::KeepTrial(trial) => trial::keep(call, trial),
        Verb::Confirm => each(call, trial::confirm),
        Verb::Watch => watch::watch(call),
        Verb::MayGo => each(call, |name| down::may_go(call, name)),
        Verb::MayCome => ssh_guard::may_come(call),
    }
}

/// The exit code, if all that is asked for is what a trial does itself: a service that is
/// tried with its namespace asks for that, too.
fn begun_by_trial(call: &Call) -> Option<u8> {
    let all = call.names.iter();
    let codes: Option<Vec<u8>> = all
        .map(|name| trial_file::is_by_us(name, &call.verb))
        .collect();
    codes?.into_iter().max()
}

/// The names of all namespaces that have settings or a state folder, for `--all`.
pub fn all(conf_dir: &Path) -> Result<Vec<NetnsName>, Vec<String>> {
    let lines = |problem: &Problem| -> Vec<String> {
        problem.to_string().lines().map(String::from).collect()
    };
    let unread = |problems: Vec<Problem>| problems.iter().flat_map(lines).collect::<Vec<_>>();
    let named = conf::names(conf_dir, Trust::ROOT).map_err(unread)?;
    let there =
        store::all().map_err(|e| vec![format!("cannot read {}: {e}", crate::state_dir::STATE)])?;
    let names: BTreeSet<_> = named.into_iter().chain(there).collect();
    Ok(names.into_iter().collect())
}

fn each(call: &Call, act: impl FnMut(&NetnsName) -> u8) -> u8 {
    call.names.iter().map(act).max().unwrap_or(exit::DONE)
}

/// The settings of all names are right before anything is done with the first.
fn with_settings(call: &Call, act: impl FnMut(&Want) -> u8) -> u8 {
    with_checked(call, |_| None, act)
}

/// As [`with_settings`], unless something `stops` it before.
fn with_checked(
    call: &Call,
    stops: impl FnOnce(&[Want]) -> Option<u8>,
    act: impl FnMut(&Want) -> u8,
) -> u8 {
    match checked(call) {
        Ok(wants) => {
            let wants = linked_netns::in_order(wants);
            let all = || wants.iter().map(act).max().unwrap_or(exit::DONE);
            stops(&wants).unwrap_or_else(all)
        }
        Err(code) => code,
    }
}

fn checked(call: &Call) -> Result<Vec<Want>, u8> {
    let mut wants = Vec::new();
    let mut wrong = false;
    let context = context();
    for name in &call.names {
        match settings(call, name, &context) {
            Ok(want) => {
                say_not_done(call, &want);
                wants.push(want);
            }
            Err(problems) => {
                wrong = true;
                tell(name, &problems);
            }
        }
    }
    if wrong { Err(exit::WRONG) } else { Ok(wants) }
}

/// What a file asks for and nobody does is no fault: it is said, except at boot.
fn say_not_done(call: &Call, want: &Want) {
    for problem in want.not_done.iter().filter(|_| !call.quiet) {
        let lines = problem.to_string();
        complain(
            &lines.lines().map(String::from).collect::<Vec<_>>(),
            exit::DONE,
        );
    }
}

/// Only root changes namespaces, and only from the host.
fn may_change(at: &CalledFrom) -> Result<(), Vec<String>> {
    if !geteuid().is_root() {
        return Err(vec![
            "only root can change namespaces".into(),
            "run it as root, by doas, sudo or su".into(),
        ]);
    }
    match at {
        CalledFrom::Host => Ok(()),
        CalledFrom::Inside(lines) => Err(lines.clone()),
    }
}

/// A line on standard output. Nobody reading is no reason to stop half way.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Lines on standard error, each with the program's name and in one piece, for others write
/// there too; and the exit code.
pub fn complain(lines: &[String], code: u8) -> u8 {
    if code != exit::DONE {
        run_log::complained(lines);
    }
    for line in lines {
        let line = format!("netns-setup: {line}\n");
        let _ = io::stderr().write_all(line.as_bytes());
    }
    code
}

#[cfg(test)]
mod fuzz;
