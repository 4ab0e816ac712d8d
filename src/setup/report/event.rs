//! What a verb reports while it works, as data. The caller prints it as text or JSON. The outcome
//! of the verb is in its `Result`.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::name::NetnsName;
use crate::plan::Change;
use crate::setup::error::{Error, Outcome};
use crate::source::Origin;

/// The command that makes the same change, and the setting that asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The command, as a person would type it.
    pub command: String,
    /// The setting, with its file and line.
    pub origin: Option<Arc<Origin>>,
}

impl Command {
    /// The command of a change.
    pub fn of(name: &NetnsName, change: &Change) -> Self {
        Command {
            command: change.command(name),
            origin: change.origin.clone(),
        }
    }
}

/// An event during the work on a namespace.
#[derive(Debug)]
pub enum Event {
    /// This change has been made. In `plan`: it would be made.
    Changed(Command),
    /// `watch` has made this change.
    Repaired(Command),
    /// This is satisfied already.
    Satisfied(Command),
    /// A line on what has happened or is going to happen.
    Notice(String),
    /// A line that is printed only at a terminal, such as on what is waited for.
    Progress(String),
    /// Something that the person should know: what it is, then what to type.
    Warning(Vec<String>),
    /// Something has failed, and the work goes on. Lines as in a warning.
    Error(Vec<String>),
    /// The verb has failed for this namespace.
    Failed(Error),
    /// The output of another program.
    Output(String),
    /// The result of a verb that only reads.
    Found(Box<dyn Document>),
}

/// A line of a document. On a terminal, it has the color of its tone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The text.
    pub text: String,
    /// What it means to the person.
    pub tone: Tone,
}

/// What a line means to a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing in particular.
    #[default]
    Plain,
    /// All is as it should be.
    Good,
    /// Something is not as it should be.
    Attention,
    /// Something has failed.
    Bad,
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Tone::Plain.line(text)
    }
}

impl Tone {
    /// A line of this tone.
    pub fn line(self, text: String) -> Line {
        Line { text, tone: self }
    }
}

/// The version of the JSON that verbs print, which each object has as its first key. It changes when
/// a key is removed, renamed or gets another meaning, and stays when a key is added.
/// `man/netns-setup.schema.json` describes it.
pub const JSON_VERSION: u32 = 1;

/// The result of a verb that only reads, for a person and for a program.
pub trait Document: fmt::Debug + Send {
    /// The lines for standard output.
    fn lines(&self) -> Vec<Line>;

    /// The lines for standard error.
    fn errors(&self) -> Vec<String> {
        Vec::new()
    }

    /// The elements of a JSON array: an object for each namespace. Empty if its verb takes no
    /// `--json`.
    fn json(&self) -> serde_json::Result<String> {
        Ok(String::new())
    }
}

/// Prints events.
pub trait Printer: Send + Sync {
    /// Print an event. `netns` is `None` if it concerns no single namespace.
    fn print(&self, netns: Option<&NetnsName>, event: Event);

    /// Print what has been collected, because the work on these namespaces has ended.
    fn finish(&self, names: &[NetnsName]) {
        let _ = names;
    }
}

/// The receiver of the events of a call.
#[derive(Clone)]
pub struct Events {
    printer: Arc<dyn Printer>,
    /// The lines of all errors, while they are collected.
    errors: Arc<Mutex<Option<Vec<String>>>>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

impl Events {
    /// Send events to `printer`.
    pub fn to(printer: Arc<dyn Printer>) -> Self {
        Events {
            printer,
            errors: Arc::default(),
        }
    }

    /// Report that the work on these namespaces has ended.
    pub fn finish(&self, names: &[NetnsName]) {
        self.printer.finish(names);
    }

    /// Report a change that has been made or, in `plan`, would be made.
    pub fn changed(&self, name: &NetnsName, change: &Change) {
        self.send(name, Event::Changed(Command::of(name, change)));
    }

    /// Report a change that `watch` has made.
    pub fn repaired(&self, name: &NetnsName, change: &Change) {
        self.send(name, Event::Repaired(Command::of(name, change)));
    }

    /// Report a change that is not needed, because it is satisfied already.
    pub fn satisfied(&self, name: &NetnsName, change: &Change) {
        self.send(name, Event::Satisfied(Command::of(name, change)));
    }

    /// Report what has happened to a namespace, in one line.
    pub fn notice(&self, name: &NetnsName, line: impl Into<String>) {
        self.send(name, Event::Notice(line.into()));
    }

    /// Print a line at a terminal, and nothing elsewhere.
    pub fn progress(&self, name: &NetnsName, line: impl Into<String>) {
        self.send(name, Event::Progress(line.into()));
    }

    /// Report something that the person should know. Does nothing without lines.
    pub fn warning(&self, name: &NetnsName, lines: impl Into<Vec<String>>) {
        let lines = lines.into();
        if !lines.is_empty() {
            self.send(name, Event::Warning(lines));
        }
    }

    /// Report an error after which the work goes on. Does nothing without lines.
    pub fn error(&self, name: &NetnsName, lines: impl Into<Vec<String>>) {
        let lines = lines.into();
        self.keep(&lines);
        if !lines.is_empty() {
            self.send(name, Event::Error(lines));
        }
    }

    /// Report the output of another program.
    pub fn output(&self, name: &NetnsName, text: impl Into<String>) {
        self.send(name, Event::Output(text.into()));
    }

    /// Report the result of a verb that only reads.
    pub fn found(&self, document: impl Document + 'static) {
        self.printer.print(None, Event::Found(Box::new(document)));
    }

    /// Report that the verb has failed, for one namespace or for all, and return its outcome.
    pub fn failed(&self, name: Option<&NetnsName>, error: &Error) -> Outcome {
        self.keep(&error.lines);
        if !error.lines.is_empty() {
            self.printer.print(name, Event::Failed(error.clone()));
        }
        error.outcome
    }

    /// Start to collect the lines of errors.
    pub fn keep_errors(&self) {
        *self.errors() = Some(Vec::new());
    }

    /// Return the collected lines, and go on collecting without them.
    pub fn take_errors(&self) -> Vec<String> {
        self.errors()
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Return the collected lines, and stop collecting.
    pub fn stop_keeping_errors(&self) -> Vec<String> {
        self.errors().take().unwrap_or_default()
    }

    fn keep(&self, lines: &[String]) {
        if let Some(errors) = self.errors().as_mut() {
            errors.extend_from_slice(lines);
        }
    }

    fn errors(&self) -> MutexGuard<'_, Option<Vec<String>>> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, name: &NetnsName, event: Event) {
        self.printer.print(Some(name), event);
    }
}
