//! How a verb ends: what came of it, or the error that it came to nothing by. [`Failure`] is
//! the same as data, while it can still be undone or tried again.

use std::io;

use super::report;
use crate::name::NetnsName;

use crate::model::{Address, LinkRef};
use crate::os_error::OsError;
use crate::plan::{Change, Obstacle};
use crate::source::Sourced;

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

/// Why it came to nothing, and in what state things are now.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub why: Why,
    /// How many changes had been made,
    pub done: usize,
    /// of how many.
    pub of: usize,
    /// What could not be undone: the changes that would do it, if they are known.
    pub left: Option<Vec<Change>>,
}

/// Why it came to nothing.
#[derive(Debug)]
pub enum Why {
    /// What is wanted cannot be.
    Obstacles(Vec<Obstacle>),
    /// The kernel refused a change.
    Refused(Box<Change>, OsError),
    /// Another host has an address that was asked for.
    Taken(Box<(LinkRef, Sourced<Address>)>),
    /// The journal is there, and nobody can read it.
    Unread(io::Error),
    /// Something failed that is none of the changes: what, and how.
    Broken(&'static str, io::Error),
    /// What is tried with it did not go well: the lines say what.
    Trial(Vec<String>),
}

impl From<Why> for Failure {
    /// Before anything was done.
    fn from(why: Why) -> Self {
        Failure {
            why,
            done: 0,
            of: 0,
            left: Some(Vec::new()),
        }
    }
}

/// It cannot be told.
pub fn broken(what: &'static str, no: OsError) -> Why {
    Why::Broken(what, io::Error::other(no.to_string()))
}
