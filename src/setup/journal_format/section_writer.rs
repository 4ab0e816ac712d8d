//! Sections and their lines in, the text of an ini file out. What they say is for others;
//! reading is `ini`'s.

use std::fmt::{Display, Write};

/// A text that grows. Writing to memory does not fail.
pub struct SectionWriter {
    text: String,
    /// Of the last section, until something is in it.
    head: String,
}

impl SectionWriter {
    /// One that begins with comments.
    pub fn below(header: &str) -> Self {
        SectionWriter {
            text: header.into(),
            head: String::new(),
        }
    }

    /// What is appended from now on belongs to this section. Empty ones are left out.
    pub fn section(&mut self, name: impl Display) {
        self.head.clear();
        let _ = writeln!(self.head, "[{name}]");
    }

    /// A line. A key may be there several times.
    pub fn append(&mut self, key: impl Display, value: impl Display) {
        self.text.push_str(&self.head);
        self.head.clear();
        let _ = writeln!(self.text, "{key}={value}");
    }

    /// All of it.
    pub fn end(self) -> String {
        self.text
    }
}
