//! What is told of work that came to nothing, while it can still be undone or tried again:
//! data, and no words for it.

use std::io;

use crate::model::{Address, LinkRef};
use crate::os_error::OsError;
use crate::plan::{Change, Obstacle};
use crate::source::Sourced;

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
