//! What a verb reports while it works, as data: who called it prints that, as text or as JSON.
//! What a verb comes to is its `Result`.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::name::NetnsName;
use crate::plan::Change;
use crate::setup::error::Error;
use crate::source::Origin;

/// A change, as the command that does the same, and what asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// As it can be typed.
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

/// Something that happens while a verb works on a namespace.
#[derive(Debug)]
pub enum Event {
    /// This change has been made; by `plan`, it would be.
    Changed(Command),
    /// `watch` has made this change.
    Repaired(Command),
    /// This held already.
    Satisfied(Command),
    /// What has become of the namespace, or is going to be done: a line.
    Notice(String),
    /// Something that the person should know: lines, of which the second says what to type.
    Warning(Vec<String>),
    /// Something has failed, and the work goes on: lines as those of a warning.
    Error(Vec<String>),
    /// What was asked for came to nothing.
    Failed(Error),
    /// What another program printed.
    Output(String),
    /// What a verb found.
    Found(Box<dyn Document>),
}

/// What a verb found, for a person and for a program.
pub trait Document: fmt::Debug + Send {
    /// For a person.
    fn lines(&self) -> Vec<String>;

    /// For a person, what is wrong with it.
    fn errors(&self) -> Vec<String> {
        Vec::new()
    }

    /// The elements of an array of JSON: an object for each namespace.
    fn json(&self) -> serde_json::Result<String>;
}

/// Who prints events.
pub trait Printer: Send + Sync {
    /// Print an event; of a namespace, if it is of one.
    fn print(&self, netns: Option<&NetnsName>, event: Event);

    /// All is done with these namespaces: print what was kept until then.
    fn finish(&self, names: &[NetnsName]) {
        let _ = names;
    }
}

/// Where the events of a call go.
#[derive(Clone)]
pub struct Events {
    printer: Arc<dyn Printer>,
    /// The lines of all errors since somebody began to keep them.
    errors: Arc<Mutex<Option<Vec<String>>>>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

impl Events {
    /// Events that are printed by `printer`.
    pub fn to(printer: Arc<dyn Printer>) -> Self {
        Events {
            printer,
            errors: Arc::default(),
        }
    }

    /// All is done with these namespaces.
    pub fn finish(&self, names: &[NetnsName]) {
        self.printer.finish(names);
    }

    /// A change has been made, or by `plan` would be.
    pub fn changed(&self, name: &NetnsName, change: &Change) {
        self.send(name, Event::Changed(Command::of(name, change)));
    }

    /// `watch` has made a change.
    pub fn repaired(&self, name: &NetnsName, change: &Change) {
        self.send(name, Event::Repaired(Command::of(name, change)));
    }

    /// This held already.
    pub fn satisfied(&self, name: &NetnsName, change: &Change) {
        self.send(name, Event::Satisfied(Command::of(name, change)));
    }

    /// A line of what has become of a namespace.
    pub fn notice(&self, name: &NetnsName, line: impl Into<String>) {
        self.send(name, Event::Notice(line.into()));
    }

    /// What the person should know, if there are lines.
    pub fn warning(&self, name: &NetnsName, lines: impl Into<Vec<String>>) {
        let lines = lines.into();
        if !lines.is_empty() {
            self.send(name, Event::Warning(lines));
        }
    }

    /// What has failed, while the work goes on, if there are lines.
    pub fn error(&self, name: &NetnsName, lines: impl Into<Vec<String>>) {
        let lines = lines.into();
        self.keep(&lines);
        if !lines.is_empty() {
            self.send(name, Event::Error(lines));
        }
    }

    /// What another program printed.
    pub fn output(&self, name: &NetnsName, text: impl Into<String>) {
        self.send(name, Event::Output(text.into()));
    }

    /// What a verb found.
    pub fn found(&self, document: impl Document + 'static) {
        self.printer.print(None, Event::Found(Box::new(document)));
    }

    /// What a verb came to nothing by; of a namespace, if it is of one.
    pub fn failed(&self, name: Option<&NetnsName>, error: &Error) {
        self.keep(&error.lines);
        if !error.lines.is_empty() {
            self.printer.print(name, Event::Failed(error.clone()));
        }
    }

    /// Keep the lines of errors from now on.
    pub fn keep_errors(&self) {
        *self.errors() = Some(Vec::new());
    }

    /// The lines that were kept; the next ones are kept again.
    pub fn take_errors(&self) -> Vec<String> {
        self.errors()
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// The lines that were kept; no more are kept.
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
