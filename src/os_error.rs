//! The error of a system call or of another program.

use std::{fmt, io};

/// An error of the kernel or of another program.
#[derive(Debug)]
pub struct OsError {
    /// The errno.
    pub errno: io::Error,
    /// Further text: the kernel's extended acknowledgement (netlink(7)), or what the program
    /// printed.
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

/// Prints the text if there is one, otherwise the text of the errno.
impl fmt::Display for OsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(message) = &self.message {
            return f.write_str(message);
        }
        let text = self.errno.to_string();
        f.write_str(text.split(" (os error").next().unwrap_or(&text))
    }
}
