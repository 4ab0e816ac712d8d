//! The position of the reader in the text, and how it advances. Nothing here reports problems or
//! interprets the text.

use std::sync::Arc;

use super::Reader;
use crate::conf::value::Value;
use crate::source::Position;

impl<'a> Reader<'a> {
    /// The name that begins here. It may be empty.
    pub(super) fn name(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let valid = |(n, b): (usize, u8)| {
            b == b'_' || b.is_ascii_alphabetic() || (n > 0 && b.is_ascii_digit())
        };
        let len = rest.bytes().enumerate().take_while(|&nb| valid(nb)).count();
        self.at += len;
        &rest[..len]
    }

    /// Skip blanks, and line ends with a `\` before them.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t') => self.next(),
                Some('\\') if self.peek_second() == Some('\n') => self.skip(2),
                _ => return,
            }
        }
    }

    pub(super) fn skip_line(&mut self) {
        while self.peek().is_some_and(|c| c != '\n') {
            self.next();
        }
    }

    pub(super) fn ends_word(&self) -> bool {
        matches!(self.peek(), None | Some(' ' | '\t' | '\n' | ';'))
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    pub(super) fn peek_second(&self) -> Option<char> {
        self.text[self.at..].chars().nth(1)
    }

    pub(super) fn next(&mut self) {
        if let Some(c) = self.peek() {
            self.at += c.len_utf8();
            if c == '\n' {
                self.line += 1;
                self.line_start = self.at;
            }
        }
    }

    pub(super) fn skip(&mut self, count: usize) {
        (0..count).for_each(|_| self.next());
    }

    /// Append the character at this position to the value as it is.
    pub(super) fn take(&mut self, value: &mut Value) {
        if let Some(c) = self.peek() {
            let place = self.place();
            value.push(c, place.line, place.column);
            self.next();
        }
    }

    pub(super) fn place(&self) -> Position {
        Position {
            file: Arc::clone(&self.file),
            line: self.line,
            column: (self.at - self.line_start) as u32 + 1,
        }
    }
}
