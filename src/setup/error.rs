//! The result of a verb: its outcome, or an error.

use super::failure::{Failure, Why};
use super::report;
use crate::exec::ExecError;
use crate::name::NetnsName;

/// The outcome of a verb. For several namespaces, the greatest one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Done, or nothing had to be done.
    Done,
    /// `status` or `doctor` found a difference.
    Differs,
    /// Wrong call or wrong settings: trying again does not help.
    Wrong,
    /// The kernel reported an error, or the namespace is missing: trying again may help.
    Refused,
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Outcome::Done
    }
}

/// The error of a verb, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// [`Outcome::Wrong`] or [`Outcome::Refused`].
    pub outcome: Outcome,
    /// What is wrong, what to type, and the resulting state. Empty if the error has been reported
    /// already.
    pub lines: Vec<String>,
}

/// The result of a verb, or of a step of it.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Why netns-exec would not start a command.
impl From<ExecError> for Error {
    fn from(error: ExecError) -> Self {
        let lines = error.to_string();
        Error::wrong(lines.lines().map(String::from).collect::<Vec<_>>())
    }
}

impl Error {
    /// The call or the settings are wrong.
    pub fn wrong(lines: impl Into<Vec<String>>) -> Self {
        let (outcome, lines) = (Outcome::Wrong, lines.into());
        Error { outcome, lines }
    }

    /// An error for which trying again may help.
    pub fn refused(lines: impl Into<Vec<String>>) -> Self {
        let (outcome, lines) = (Outcome::Refused, lines.into());
        Error { outcome, lines }
    }

    /// The error of work on a namespace, with the state it is in now.
    pub fn failure(name: &NetnsName, failure: &Failure) -> Self {
        let lines = report::failure(name, failure);
        match failure.why {
            // A person can decide otherwise at once; trying again does not help
            Why::Cut(_) => Error::wrong(lines),
            _ => Error::refused(lines),
        }
    }

    /// The error of work on a namespace, without its state.
    pub fn why(name: &NetnsName, why: &Why) -> Self {
        Error::refused(report::why(name, why))
    }

    /// An error that has been reported already.
    pub fn reported(outcome: Outcome) -> Self {
        let lines = Vec::new();
        Error { outcome, lines }
    }
}
