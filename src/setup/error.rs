//! How a verb ends: what came of it, or the error that it came to nothing by.

use super::failure::{Failure, Why};
use super::report;
use crate::name::NetnsName;

/// How a verb ended: of several namespaces, the last of these counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Done, or already so.
    Done,
    /// `status` or `doctor` found a difference.
    Differs,
    /// Wrong call or wrong settings: trying again does not help.
    Wrong,
    /// The kernel refused, or the namespace is missing: trying again may help.
    Refused,
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Outcome::Done
    }
}

/// Why a verb came to nothing, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// [`Outcome::Wrong`] or [`Outcome::Refused`].
    pub outcome: Outcome,
    /// What is wrong, what to type, in what state things are. None, where that has been
    /// reported already.
    pub lines: Vec<String>,
}

/// What a verb, or a step of it, came to.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

impl Error {
    /// Wrong call or wrong settings.
    pub fn wrong(lines: impl Into<Vec<String>>) -> Self {
        let (outcome, lines) = (Outcome::Wrong, lines.into());
        Error { outcome, lines }
    }

    /// Trying again may help.
    pub fn refused(lines: impl Into<Vec<String>>) -> Self {
        let (outcome, lines) = (Outcome::Refused, lines.into());
        Error { outcome, lines }
    }

    /// The same, of work on a namespace.
    pub fn failure(name: &NetnsName, failure: &Failure) -> Self {
        Error::refused(report::failure(name, failure))
    }

    /// The same, where nothing is said of the state things are in.
    pub fn why(name: &NetnsName, why: &Why) -> Self {
        Error::refused(report::why(name, why))
    }

    /// It has been reported already.
    pub fn reported(outcome: Outcome) -> Self {
        let lines = Vec::new();
        Error { outcome, lines }
    }
}
