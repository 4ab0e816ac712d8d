//! What a start or a reload has said, for whoever was not there to read it: why it failed,
//! and, where it does not print them, the changes it made. Both go to the system's log and into files
//! beside the state folder: a namespace starts before the log does, and a folder alone
//! would say that somebody else's namespace is ours.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::{Call, report, say, store};
use crate::name::NetnsName;
use crate::plan::Change;
use crate::system::syslog::{self, Urgency};
use crate::{exit, state_dir};

/// What is going on, and what has been complained of since it began; `None` where nothing is.
static COMPLAINTS: Mutex<Option<(Attempt, Vec<String>)>> = Mutex::new(None);

/// What a failure is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// `up`, or the first of `watch`.
    Start,
    /// `reload`, or `watch` by HUP.
    Reload,
}

fn complaints() -> MutexGuard<'static, Option<(Attempt, Vec<String>)>> {
    COMPLAINTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// These lines say why something comes to nothing.
pub fn complained(lines: &[String]) {
    if let Some((_, all)) = complaints().as_mut() {
        all.extend_from_slice(lines);
    }
}

/// Start or reload the namespaces of a call by `begin`, which does each by [`of`], if it
/// comes that far. Where it does not, all of them have failed, and for that reason.
pub fn all(attempt: Attempt, call: &Call, begin: impl FnOnce() -> u8) -> u8 {
    *complaints() = Some((attempt, Vec::new()));
    let code = begin();
    let left = complaints().take().map_or(Vec::new(), |(_, left)| left);
    if code != exit::DONE && !left.is_empty() {
        call.names
            .iter()
            .for_each(|name| keep(name, attempt, &left));
    }
    code
}

/// Start or reload one of them.
pub fn of(name: &NetnsName, act: impl FnOnce() -> u8) -> u8 {
    let code = act();
    let Some((attempt, lines)) = complaints().as_mut().map(|(a, l)| (*a, std::mem::take(l))) else {
        return code;
    };
    // One that is waited for has not started either, though that is no failure
    if !lines.is_empty() && (code != exit::DONE || !store::is_ready(name)) {
        keep(name, attempt, &lines);
    }
    code
}

fn keep(name: &NetnsName, attempt: Attempt, lines: &[String]) {
    let _ = syslog::send(Urgency::Error, lines);
    let head = match attempt {
        Attempt::Start => "its last start failed:",
        Attempt::Reload => "its last reload failed:",
    };
    let _ = write(&failed(name), &[&[head.into()], lines].concat());
}

/// It has started, or been taken down.
pub fn forget(name: &NetnsName) {
    let _ = fs::remove_file(failed(name));
}

/// Why the last start or reload failed, and how long ago that was; nothing if it did not.
pub fn why_failed(name: &NetnsName) -> Vec<String> {
    let file = failed(name);
    let Ok(text) = fs::read_to_string(&file) else {
        return Vec::new();
    };
    let written = fs::metadata(&file).and_then(|of| of.modified());
    let since = written.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
    let ago = since.map_or(String::new(), |since| {
        let minutes = usize::try_from(since.as_secs() / 60).unwrap_or(usize::MAX);
        match minutes {
            0 => ", less than a minute ago".into(),
            _ => format!(", {} ago", report::counted(minutes, "minute", "minutes")),
        }
    });
    let mut lines: Vec<_> = text.lines().map(report::printable).collect();
    if let Some(head) = lines.first_mut() {
        *head = format!("{}{ago}:", head.trim_end_matches(':'));
    }
    lines
}

/// The changes that a call makes, each as a command: printed one by one, or logged.
pub struct Changes<'a> {
    name: &'a NetnsName,
    quiet: bool,
    lines: Vec<String>,
}

impl<'a> Changes<'a> {
    /// None yet.
    pub fn of(call: &Call, name: &'a NetnsName) -> Self {
        Changes {
            name,
            quiet: call.quiet,
            lines: Vec::new(),
        }
    }

    /// This one has been made.
    pub fn say(&mut self, change: &Change) {
        let line = format!("+ {}", change.command(self.name));
        match self.quiet {
            true => self.lines.push(line),
            false => say(&line),
        }
    }
}

impl Drop for Changes<'_> {
    fn drop(&mut self) {
        if !self.lines.is_empty() && syslog::send(Urgency::Info, &self.lines).is_err() {
            let _ = write(&beside(self.name, state_dir::LOG), &self.lines);
        }
    }
}

/// A change that a watch has made, and behind it, as sh would pass over it, who asked for it.
pub fn mended(name: &NetnsName, change: &Change) -> String {
    let command = change.command(name);
    match &change.origin {
        Some(asked) => format!("+ {command} # {asked}"),
        None => format!("+ {command}"),
    }
}

fn failed(name: &NetnsName) -> PathBuf {
    beside(name, state_dir::FAILED)
}

/// No name of a namespace has a dot.
fn beside(name: &NetnsName, what: &str) -> PathBuf {
    Path::new(state_dir::STATE).join(format!("{name}.{what}"))
}

fn write(file: &Path, lines: &[String]) -> io::Result<()> {
    let mut folder = DirBuilder::new();
    folder
        .recursive(true)
        .mode(0o755)
        .create(state_dir::STATE)?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true).mode(0o600);
    let text = lines.join("\n") + "\n";
    options.open(file)?.write_all(text.as_bytes())
}
