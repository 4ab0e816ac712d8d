//! What a call of the system says against what it was asked for: of the kernel, or of a
//! program of the system's.

use std::{fmt, io};

/// An error of the kernel or of a program of the system's.
#[derive(Debug)]
pub struct OsError {
    /// Its errno.
    pub errno: io::Error,
    /// What it said beyond that: the kernel's extended acknowledgement (netlink(7)), or what
    /// the program printed.
    pub message: Option<String>,
}

impl From<io::Error> for OsError {
    fn from(errno: io::Error) -> Self {
        OsError {
            errno,
            message: None,
        }
    }
}

/// The kernel's own words where there are any, else those of its errno.
impl fmt::Display for OsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(message) = &self.message {
            return f.write_str(message);
        }
        let text = self.errno.to_string();
        f.write_str(text.split(" (os error").next().unwrap_or(&text))
    }
}
