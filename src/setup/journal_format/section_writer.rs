//! Writes the sections and lines of an INI file. `ini` reads them.

use std::fmt::{Display, Write};

/// A text that grows. Writing to memory does not fail.
pub struct SectionWriter {
    text: String,
    /// The header of the last section, until the section has a line.
    head: String,
}

impl SectionWriter {
    /// A text that begins with these comments.
    pub fn below(header: &str) -> Self {
        SectionWriter {
            text: header.into(),
            head: String::new(),
        }
    }

    /// Begin a section. A section without lines is omitted.
    pub fn section(&mut self, name: impl Display) {
        self.head.clear();
        let _ = writeln!(self.head, "[{name}]");
    }

    /// Append a line to the section. A key may occur several times.
    pub fn append(&mut self, key: impl Display, value: impl Display) {
        self.text.push_str(&self.head);
        self.head.clear();
        let _ = writeln!(self.text, "{key}={value}");
    }

    /// The complete text.
    pub fn end(self) -> String {
        self.text
    }
}
