//! The record of a trial, for other processes: the file `trial` in the state directory, and the
//! result of the last trial. The process that removes or renames that file decides the trial.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, iter};

use nix::unistd::{Pid, getsid};

use super::args::verb::Verb;
use super::error::{Error, Result};
use super::{report, store};
use crate::kernel::seconds_since_boot;
use crate::name::NetnsName;
use crate::state_dir;
use crate::system::process;

/// A trial.
#[derive(Default)]
pub struct TrialRecord {
    /// The process that runs the trial, and the start time of that process.
    pid: u32,
    started: u64,
    /// When it is rolled back, in seconds since boot: somebody may set the clock.
    until: u64,
    /// The services that take part.
    pub services: Vec<String>,
}

impl fmt::Display for TrialRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TrialRecord {
            pid,
            started,
            until,
            services,
        } = self;
        writeln!(f, "{pid} {started} {until}")?;
        services
            .iter()
            .try_for_each(|service| writeln!(f, "{service}"))
    }
}

impl TrialRecord {
    /// Returns true if the process that runs the trial has not ended.
    pub fn is_running(&self) -> bool {
        process::started(self.pid) == Some(self.started)
    }

    /// Returns true if the trial's process started this one: it is one of the parent processes, or
    /// leads the session. The session matters because OpenRC leaves some work to processes whose
    /// parent has ended.
    fn started_us(&self) -> bool {
        let is_another = process::started(self.pid).is_some_and(|at| at != self.started);
        let is_session = |sid: Pid| sid.as_raw() as u32 == self.pid;
        if getsid(None).is_ok_and(is_session) && !is_another {
            return true;
        }
        let above = iter::successors(Some(parent_id()), |pid| process::parent(*pid));
        let mut above = above.take(GENERATIONS).take_while(|pid| *pid > 1);
        self.is_running() && above.any(|pid| pid == self.pid)
    }
}

/// An error while a trial is running: no other process may change the namespace then.
pub fn refuse_during_trial(name: &NetnsName) -> Result {
    let Some(running) = describe(name) else {
        return Ok(());
    };
    Err(Error::refused([
        running,
        format!("wait for that, or type netns-setup confirm {name}; then type this again"),
    ]))
}

/// The running trial, as a line of text.
pub fn describe(name: &NetnsName) -> Option<String> {
    let seconds = report::counted(running(name)?.try_into().ok()?, "second", "seconds");
    Some(format!(
        "{name}: a trial is running; it is rolled back in {seconds} unless confirmed"
    ))
}

/// Number of parent processes that are examined.
const GENERATIONS: usize = 64;

/// The result, if a trial or its rollback has started this call: the trial does the same itself, or
/// the call is no longer wanted. `None` for other calls.
pub fn result_for_trial(name: &NetnsName, verb: &Verb) -> Option<Result> {
    let brings_up = match verb {
        Verb::Up(_) | Verb::MayCome(_) => true,
        Verb::Down { .. } | Verb::MayGo(_) => false,
        _ => return None,
    };
    let all = [file(name), undone(name)];
    if !all
        .iter()
        .filter_map(|file| read(file))
        .any(|of| of.started_us())
    {
        return None;
    }
    if !brings_up || store::is_ready(name) {
        return Some(Ok(()));
    }
    Some(Err(Error::refused([
        format!("{name}: not brought up: this call belongs to a trial that is being rolled back"),
        format!("netns-setup up {name} brings it up"),
    ])))
}

/// Returns true if the last trial of this namespace was rolled back, and the namespace has not
/// changed since.
pub fn was_undone(name: &NetnsName) -> bool {
    undone(name).exists()
}

/// Decide to roll back. `NotFound` if the trial was confirmed.
pub fn decide_to_undo(name: &NetnsName) -> io::Result<()> {
    let undone = undone(name);
    if let Some(dir) = undone.parent() {
        fs::create_dir_all(dir)?;
    }
    fs::rename(file(name), undone)?;
    give_back(name, &[])
}

/// Record the services that the rollback is starting on the host now.
pub fn give_back(name: &NetnsName, services: &[String]) -> io::Result<()> {
    let path = undone(name);
    let mut trial = read(&path).ok_or(ErrorKind::NotFound)?;
    trial.services = services.to_vec();
    let new = path.with_extension("new");
    fs::write(&new, trial.to_string())?;
    fs::rename(new, path)
}

/// Remove the record of the last rollback: the namespace has changed since.
pub fn forget_undone(name: &NetnsName) {
    let _ = fs::remove_file(undone(name));
}

fn undone(name: &NetnsName) -> PathBuf {
    Path::new(state_dir::STATE)
        .join(state_dir::UNDONE)
        .join(name.as_str())
}

/// The path of the file that exists during a trial.
pub fn file(name: &NetnsName) -> PathBuf {
    store::dir(name).join(state_dir::TRIAL)
}

/// Record a trial: its process, when it ends, and its services.
pub fn begin(name: &NetnsName, by: u32, within: Duration, with: &[String]) -> io::Result<()> {
    let started = process::started(by).ok_or(ErrorKind::NotFound)?;
    let trial = TrialRecord {
        pid: by,
        started,
        until: seconds_since_boot() + within.as_secs(),
        services: with.to_vec(),
    };
    store::replace(name, state_dir::TRIAL, trial.to_string())
}

/// Start the time of the trial again. Does not create the file, because it may have been confirmed
/// already.
pub fn renew(name: &NetnsName, within: Duration) {
    let Some(mut trial) = read(&file(name)) else {
        return;
    };
    trial.until = seconds_since_boot() + within.as_secs();
    // The text does not become shorter, because the time only increases
    let there = OpenOptions::new().write(true).open(file(name));
    let _ = there.and_then(|mut there| there.write_all(trial.to_string().as_bytes()));
}

/// The seconds until the trial ends, if one is running.
pub fn running(name: &NetnsName) -> Option<u64> {
    let until = if_running(&file(name))?.until;
    Some(until.saturating_sub(seconds_since_boot()))
}

/// The running trial.
pub fn running_trial(name: &NetnsName) -> Option<TrialRecord> {
    if_running(&file(name))
}

/// The trial in this file, if its process still exists.
fn if_running(file: &Path) -> Option<TrialRecord> {
    read(file).filter(TrialRecord::is_running)
}

fn read(file: &Path) -> Option<TrialRecord> {
    let text = fs::read_to_string(file).ok()?;
    let mut lines = text.lines();
    let mut words = lines.next()?.split_whitespace();
    let mut number = || words.next()?.parse::<u64>().ok();
    let (pid, started, until) = (number()?, number()?, number()?);
    Some(TrialRecord {
        pid: pid.try_into().ok()?,
        started,
        until,
        services: lines.map(String::from).collect(),
    })
}
