//! A failure as data, without text, while the work can still be undone or tried again.

use std::io;

use crate::model::{Address, LinkRef};
use crate::os_error::OsError;
use crate::plan::{Change, Obstacle};
use crate::source::Sourced;

/// The cause of a failure, and the resulting state.
#[derive(Debug)]
pub struct Failure {
    /// The cause.
    pub why: Why,
    /// Number of changes made.
    pub done: usize,
    /// Number of changes planned, including those made.
    pub of: usize,
    /// The changes that would complete the undo. Empty if all was undone, `None` if they are not
    /// known.
    pub left: Option<Vec<Change>>,
}

/// The cause of a failure.
#[derive(Debug)]
pub enum Why {
    /// The wanted state is not possible.
    Obstacles(Vec<Obstacle>),
    /// A change failed.
    Refused(Box<Change>, OsError),
    /// Another host uses an address that was asked for.
    Taken(Box<(LinkRef, Sourced<Address>)>),
    /// The journal exists, and cannot be read.
    Unread(io::Error),
    /// Something other than a change failed: what, and the error.
    Broken(&'static str, io::Error),
    /// A service of a trial failed. The lines are the message.
    Trial(Vec<String>),
    /// It would take from the caller's connection what that needs. The lines are the message.
    Cut(Vec<String>),
}

impl From<Why> for Failure {
    /// A failure before any change was made.
    fn from(why: Why) -> Self {
        Failure {
            why,
            done: 0,
            of: 0,
            left: Some(Vec::new()),
        }
    }
}

/// Makes a cause from an error of the kernel or of a program.
pub fn broken(what: &'static str, e: OsError) -> Why {
    Why::Broken(what, io::Error::other(e.to_string()))
}
