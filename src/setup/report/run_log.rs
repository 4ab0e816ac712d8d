//! A record of a start or reload for later readers: why it failed and, if the changes were not
//! printed, which were made. Both go to the system's log, and to files beside the state directory,
//! because a namespace starts before the log daemon. They are not in the state directory, because
//! that alone would mark another program's namespace as ours.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::model::build::Hooks;
use crate::name::NetnsName;
use crate::plan::{Change, Step};
use crate::setup::error::{Error, Outcome, Result};
use crate::setup::hooks::pending;
use crate::setup::{Call, report, store, trial_file};
use crate::state_dir;
use crate::system::syslog::{self, Urgency};

/// What was attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// `up`, or the start of `watch`.
    Start,
    /// `reload`, or HUP to `watch`.
    Reload,
    /// `try`.
    Trial,
}

/// Start or reload the namespaces of a call. `begin` runs [`of`] for each. If it fails before that,
/// the error is recorded for all namespaces.
pub fn all(attempt: Attempt, call: &Call, begin: impl FnOnce() -> Outcome) -> Outcome {
    call.events.keep_errors();
    let outcome = begin();
    let left = call.events.stop_keeping_errors();
    if outcome != Outcome::Done && !left.is_empty() {
        call.names
            .iter()
            .for_each(|name| record(name, attempt, &left));
    }
    outcome
}

/// Start or reload one namespace, and report the error.
pub fn of(
    attempt: Attempt,
    call: &Call,
    name: &NetnsName,
    act: impl FnOnce() -> Result,
) -> Result<Outcome> {
    let done = act();
    if let Err(error) = &done {
        call.events.failed(Some(name), error);
    }
    let lines = call.events.take_errors();
    // A namespace that waits has not started either, although that is no error
    if !lines.is_empty() && (done.is_err() || !store::is_ready(name)) {
        record(name, attempt, &lines);
    }
    match done {
        Ok(()) => Ok(Outcome::Done),
        Err(error) => Err(Error::reported(error.outcome)),
    }
}

/// Record the failure for later readers, and send it to the system log. What is refused while a trial
/// is running is no failure: it says nothing any more when the trial is over.
pub fn record(name: &NetnsName, attempt: Attempt, lines: &[String]) {
    let _ = syslog::send(Urgency::Error, lines);
    if attempt != Attempt::Trial && trial_file::running(name).is_some() {
        return;
    }
    let head = match attempt {
        Attempt::Start => "its last start failed:",
        Attempt::Reload => "its last reload failed:",
        Attempt::Trial => "its last trial was rolled back:",
    };
    let _ = write(&failed(name), &[&[head.into()], lines].concat());
}

/// Remove the record, because the namespace has started or was taken down.
pub fn forget(name: &NetnsName) {
    let _ = fs::remove_file(failed(name));
}

/// When the last start or reload failed, in seconds since 1970. `None` if it succeeded.
pub fn failed_at(name: &NetnsName) -> Option<u64> {
    let written = fs::metadata(failed(name)).ok()?.modified().ok()?;
    Some(written.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

/// Why the last start or reload failed, and how long ago. Empty if it succeeded.
pub fn why_failed(name: &NetnsName) -> Vec<String> {
    let Ok(text) = fs::read_to_string(failed(name)) else {
        return Vec::new();
    };
    let ago = failed_at(name).map_or(String::new(), |at| {
        format!(
            ", {} ago",
            report::duration(report::since(report::not_before_boot(at)))
        )
    });
    let mut lines: Vec<_> = text.lines().map(report::printable).collect();
    if let Some(head) = lines.first_mut() {
        *head = format!("{}{ago}:", head.trim_end_matches(':'));
    }
    lines
}

/// The changes of a namespace, in their order. They are reported one by one, or collected for the
/// log if they are not printed.
pub struct Changes<'a> {
    call: &'a Call,
    name: &'a NetnsName,
    /// The hooks of links, which become pending when a link is made or moved in.
    hooks: Option<&'a Hooks>,
    by_watch: bool,
    logged: Vec<String>,
    /// At least one change was made.
    pub any: bool,
    /// The hook of a link is pending.
    pub hooks_are_due: bool,
    /// The namespace itself was made.
    pub made_netns: bool,
}

impl<'a> Changes<'a> {
    /// No changes yet.
    pub fn of(call: &'a Call, name: &'a NetnsName) -> Self {
        Changes {
            call,
            name,
            hooks: None,
            by_watch: false,
            logged: Vec::new(),
            any: false,
            hooks_are_due: false,
            made_netns: false,
        }
    }

    /// Sets the hooks of links, which become pending when a change makes the link or moves it in.
    pub fn with_hooks(mut self, hooks: &'a Hooks) -> Self {
        self.hooks = Some(hooks);
        self
    }

    /// Marks the changes as made by `watch`.
    pub fn by_watch(mut self) -> Self {
        self.by_watch = true;
        self
    }

    /// Report a change that was made.
    pub fn made(&mut self, change: &Change) {
        self.any = true;
        self.made_netns |= change.step == Step::AddNetns;
        self.hooks_are_due |= self
            .hooks
            .is_some_and(|hooks| pending::note(self.name, hooks, change));
        let Call { events, quiet, .. } = self.call;
        match (self.by_watch, quiet) {
            (true, _) => events.repaired(self.name, change),
            (false, false) => events.changed(self.name, change),
            (false, true) => self.logged.push(format!("+ {}", change.command(self.name))),
        }
    }

    /// Print what is waited for, at a terminal.
    pub fn progress(&self, line: String) {
        if !self.call.quiet {
            self.call.events.progress(self.name, line);
        }
    }

    /// Report a warning about the changes.
    pub fn warning(&self, lines: Vec<String>) {
        self.call.events.warning(self.name, lines);
    }

    /// Report a warning, also in the system log: the process that rolls a `try` back has no terminal.
    pub fn logged_warning(&self, lines: Vec<String>) {
        if !lines.is_empty() {
            let _ = syslog::send(Urgency::Info, &lines);
            self.warning(lines);
        }
    }
}

impl Drop for Changes<'_> {
    fn drop(&mut self) {
        if self.by_watch && self.any {
            store::set_repaired(self.name);
        }
        if !self.logged.is_empty() && syslog::send(Urgency::Info, &self.logged).is_err() {
            let _ = write(&beside(self.name, state_dir::LOG), &self.logged);
        }
    }
}

fn failed(name: &NetnsName) -> PathBuf {
    beside(name, state_dir::FAILED)
}

/// The path of a file beside the state directory. No other file has it, because no name of a
/// namespace has a dot.
fn beside(name: &NetnsName, what: &str) -> PathBuf {
    Path::new(state_dir::STATE).join(format!("{name}.{what}"))
}

fn write(file: &Path, lines: &[String]) -> io::Result<()> {
    let mut dir = DirBuilder::new();
    dir.recursive(true).mode(0o755).create(state_dir::STATE)?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true).mode(0o600);
    let text = lines.join("\n") + "\n";
    options.open(file)?.write_all(text.as_bytes())
}
