//! Printing events: as text for a person, as commands for sh, and as JSON.

use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use serde::Serialize;

use netns_services::name::NetnsName;
use netns_services::setup::error::Outcome;
use netns_services::setup::report::event::{Command, Event, JSON_VERSION, Line, Printer, Tone};

/// The first error of a write to standard output, except that of a closed pipe.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Print a line on standard output. A write error must not stop the work; [`lost`] has it.
fn out(line: &str) {
    match writeln!(io::stdout(), "{line}") {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => drop(LOST.set(e)),
        _ => {}
    }
}

/// Why not all could be printed on standard output, if so. A reader that has closed its end of a
/// pipe, such as head(1), wants no more.
pub fn lost() -> Option<&'static io::Error> {
    LOST.get()
}

/// Print lines on standard error, each with the program's name. Each line is one write, because
/// other processes write there too.
pub fn err(lines: &[String]) {
    for line in lines {
        let line = format!("netns-setup: {line}\n");
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

/// Print the events that go to standard error in every form.
fn print_errors(event: &Event) {
    match event {
        Event::Warning(lines) | Event::Error(lines) => err(lines),
        Event::Failed(error) => err(&error.lines),
        // Output of another program is printed unchanged
        Event::Output(text) => {
            let _ = io::stderr().write_all(text.as_bytes());
        }
        _ => {}
    }
}

/// Whether lines have colors: on a terminal that knows them, unless the person wants none
/// (<https://no-color.org>).
fn is_colored() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !is_set("NO_COLOR") && env::var_os("TERM") != Some("dumb".into())
}

/// The line as it is printed, with the color of its tone.
fn shown(Line { text, tone }: Line, colored: bool) -> String {
    let color = match tone {
        Tone::Plain => return text,
        Tone::Good => 32,
        Tone::Attention => 33,
        Tone::Bad => 31,
    };
    if colored {
        format!("\x1b[{color}m{text}\x1b[0m")
    } else {
        text
    }
}

/// Prints text for a person.
pub struct Text;

impl Printer for Text {
    fn print(&self, _: Option<&NetnsName>, event: Event) {
        match &event {
            Event::Changed(change) => out(&format!("+ {}", change.command)),
            Event::Repaired(change) => match &change.origin {
                // As a comment of sh
                Some(origin) => out(&format!("+ {} # {origin}", change.command)),
                None => out(&format!("+ {}", change.command)),
            },
            Event::Satisfied(change) => out(&format!("= {}", change.command)),
            Event::Notice(line) => out(line),
            Event::Progress(line) => {
                if io::stdout().is_terminal() {
                    out(line);
                }
            }
            Event::Found(document) => {
                let colored = is_colored();
                let lines = document.lines().into_iter();
                lines.for_each(|line| out(&shown(line, colored)));
                err(&document.errors());
            }
            Event::Warning(_) | Event::Error(_) | Event::Failed(_) | Event::Output(_) => {
                print_errors(&event);
            }
        }
    }
}

/// Prints the commands of a plan, for a shell that stops at the first error.
#[derive(Default)]
pub struct Script {
    started: Mutex<bool>,
}

impl Printer for Script {
    fn print(&self, _: Option<&NetnsName>, event: Event) {
        let Event::Changed(change) = &event else {
            return print_errors(&event);
        };
        if !std::mem::replace(&mut *lock(&self.started), true) {
            out("set -e # these are commands of iproute2; busybox's ip has no -n");
        }
        // In a list with &&, -e exits only if the last command fails
        let ends = if change.command.contains(" && ") {
            " || exit"
        } else {
            ""
        };
        out(&format!("{}{ends}", change.command));
    }
}

/// Prints the state, for a program: one JSON array at the end.
#[derive(Default)]
pub struct JsonOfState {
    found: Mutex<Vec<String>>,
}

impl Printer for JsonOfState {
    fn print(&self, _: Option<&NetnsName>, event: Event) {
        let Event::Found(document) = event else {
            return print_errors(&event);
        };
        match document.json() {
            Ok(text) => lock(&self.found).push(text.replace('\n', "\n  ")),
            Err(e) => err(&[format!("cannot print: {e}")]),
        }
    }

    fn finish(&self, _: &[NetnsName]) {
        let found = lock(&self.found);
        if found.is_empty() {
            return out("[]");
        }
        out(&format!("[\n  {}\n]", found.join(",\n  ")));
    }
}

/// Prints the changes made or planned, for a program: one JSON array at the end, with an object for
/// each namespace.
#[derive(Default)]
pub struct JsonOfChanges {
    all: Mutex<Vec<Done>>,
}

#[derive(Serialize)]
struct Done {
    version: u32,
    name: String,
    /// `done`, `differs`, `wrong` or `refused`.
    outcome: &'static str,
    changes: Vec<Change>,
    /// With `--verbose`: what was satisfied already.
    satisfied: Vec<Change>,
    notices: Vec<String>,
    warnings: Vec<String>,
    errors: Vec<String>,
}

#[derive(Serialize)]
struct Change {
    command: String,
    /// The setting that asked for it.
    origin: Option<Origin>,
}

#[derive(Serialize)]
struct Origin {
    setting: String,
    file: String,
    line: u32,
}

impl Change {
    fn of(command: &Command) -> Self {
        Change {
            command: command.command.clone(),
            origin: command.origin.as_ref().map(|origin| Origin {
                setting: origin.setting.clone(),
                file: origin.place.file.to_string(),
                line: origin.place.line,
            }),
        }
    }
}

impl Done {
    /// The entry of a namespace. A new entry starts as `done`.
    fn of<'a>(all: &'a mut Vec<Done>, name: &NetnsName) -> &'a mut Self {
        let known = all.iter().position(|done| done.name == name.as_str());
        let place = known.unwrap_or(all.len());
        if known.is_none() {
            all.push(Done {
                version: JSON_VERSION,
                name: name.to_string(),
                outcome: word(Outcome::Done),
                changes: Vec::new(),
                satisfied: Vec::new(),
                notices: Vec::new(),
                warnings: Vec::new(),
                errors: Vec::new(),
            });
        }
        &mut all[place]
    }

    fn add(&mut self, event: &Event) {
        match event {
            Event::Changed(change) | Event::Repaired(change) => {
                self.changes.push(Change::of(change));
            }
            Event::Satisfied(change) => self.satisfied.push(Change::of(change)),
            Event::Notice(line) => self.notices.push(line.clone()),
            Event::Warning(lines) => self.warnings.extend_from_slice(lines),
            Event::Error(lines) => self.errors.extend_from_slice(lines),
            Event::Failed(error) => {
                self.errors.extend_from_slice(&error.lines);
                self.outcome = word(error.outcome);
            }
            Event::Output(_) | Event::Found(_) | Event::Progress(_) => {}
        }
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Differs => "differs",
        Outcome::Wrong => "wrong",
        Outcome::Refused => "refused",
    }
}

impl Printer for JsonOfChanges {
    fn print(&self, netns: Option<&NetnsName>, event: Event) {
        print_errors(&event);
        if let Some(name) = netns {
            Done::of(&mut lock(&self.all), name).add(&event);
        }
    }

    fn finish(&self, names: &[NetnsName]) {
        let mut all = lock(&self.all);
        for name in names {
            Done::of(&mut all, name);
        }
        match serde_json::to_string_pretty(&*all) {
            Ok(text) => out(&text),
            Err(e) => err(&[format!("cannot print: {e}")]),
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
