//! Parses the text of a settings file into assignments. The language is the part of POSIX sh that
//! assigns and does nothing else. dash, busybox ash and bash read every accepted file the same,
//! byte for byte. All other text is reported as a problem, with its place and what to write
//! instead. No command is ever run, and only variables that were set before are expanded.

mod cursor;
mod quotes;
mod refuse;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::reserved::is_reserved;
use super::value::Setting;
use crate::source::Problem;

/// The variables that were set so far, with their values.
pub type Variables = BTreeMap<String, String>;

/// Read one file. `file` is its path. `variables` holds the variables of earlier files, and those
/// of this file are added to it. The assignments are in the order of the file, and complete only if
/// there is no problem.
pub fn read(file: &str, bytes: &[u8], variables: &mut Variables) -> (Vec<Setting>, Vec<Problem>) {
    let mut reader = Reader {
        file: file.into(),
        text: "",
        at: 0,
        line: 1,
        line_start: 0,
        variables,
        assigned: Vec::new(),
        problems: Vec::new(),
        refused: false,
        unread: BTreeSet::new(),
        expanded: 0,
    };
    if let Some(text) = reader.as_text(bytes) {
        reader.text = text;
        reader.commands();
    }
    (reader.assigned, reader.problems)
}

struct Reader<'a> {
    file: Arc<str>,
    text: &'a str,
    at: usize,
    line: u32,
    line_start: usize,
    variables: &'a mut Variables,
    assigned: Vec<Setting>,
    problems: Vec<Problem>,
    /// A problem with the present command was reported. Later problems of the same command would
    /// only confuse.
    refused: bool,
    /// The variables whose assignment had a problem. Using one of them is no second problem.
    unread: BTreeSet<&'a str>,
    /// The number of bytes expanded from variables so far.
    expanded: usize,
}

/// Reading cannot continue. The reason is in `problems`.
struct Stop;

impl<'a> Reader<'a> {
    /// The bytes as text, if all shells read them in the same way.
    fn as_text(&mut self, bytes: &'a [u8]) -> Option<&'a str> {
        let text = std::str::from_utf8(bytes);
        let until = text.as_ref().map_or_else(|e| e.valid_up_to(), |t| t.len());
        let odd = |&b: &u8| b.is_ascii_control() && b != b'\n' && b != b'\t';
        let odd = bytes[..until].iter().position(odd);
        let (offset, what, remedy) = match (odd, text) {
            (_, Ok(text)) if text.starts_with('\u{feff}') => (
                0,
                "the file begins with a byte order mark, as on Windows",
                "save the file as UTF-8 without it",
            ),
            (None, Ok(text)) => return Some(text),
            (None, Err(_)) => (until, "this is not UTF-8", "save the file as UTF-8"),
            (Some(at), _) if bytes[at] == b'\r' => (
                at,
                "the line ends with a carriage return, as on Windows",
                "remove them with: sed -i 's/\\r$//' FILE",
            ),
            (Some(at), _) => (
                at,
                "there is a control character here",
                "remove it; shells do not agree on what it means",
            ),
        };
        let before = &bytes[..offset];
        self.line = 1 + before.iter().filter(|&&b| b == b'\n').count() as u32;
        let start = before
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |n| n + 1);
        self.line_start = start;
        self.at = offset;
        let remedy = remedy.replace("FILE", &self.file);
        self.refuse(what, &remedy);
        None
    }

    fn commands(&mut self) {
        loop {
            self.skip_blanks();
            self.refused = false;
            let Some(c) = self.peek() else { return };
            match c {
                '\n' => self.next(),
                '#' => self.skip_line(),
                _ => {
                    let goes_on = self.command();
                    if self.refused && self.peek().is_some() {
                        self.skip_line();
                    }
                    if goes_on.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Read one command up to its `;` or the end of its line. It must consist of assignments.
    fn command(&mut self) -> Result<(), Stop> {
        let first = self.assigned.len();
        let exports = self.skip_export();
        let mut words = 0;
        loop {
            self.skip_blanks();
            match self.peek() {
                None | Some('\n' | '#') if words > 0 => return Ok(()),
                Some(';') if words > 0 => {
                    self.next();
                    return Ok(());
                }
                _ => self.word(exports, first)?,
            }
            if self.refused {
                return Ok(());
            }
            words += 1;
        }
    }

    /// Read `NAME=value`, or `NAME` alone after `export`. The assignments from `first` on belong to
    /// the same command.
    fn word(&mut self, exports: bool, first: usize) -> Result<(), Stop> {
        let place = self.place();
        let start = self.at;
        let name = self.name();
        if name.is_empty() || (self.peek() != Some('=') && !(exports && self.ends_word())) {
            return self.refuse_command(start, place, first, exports);
        }
        if is_reserved(name) {
            let wrong = format!("{name} is a variable of the shell itself");
            self.refuse_at(&place, &wrong, "choose another name");
            return Ok(());
        }
        if self.peek() != Some('=') {
            if !self.variables.contains_key(name) {
                let wrong = format!("export {name} exports a variable that was not set before");
                self.refuse_at(&place, &wrong, &format!("write export {name}=\"value\""));
            }
            return Ok(());
        }
        self.next();
        let value = self.value(exports.then_some(first))?;
        if self.refused {
            self.unread.insert(name);
            self.variables.remove(name);
        } else {
            let name = name.to_string();
            self.variables.insert(name.clone(), value.text().into());
            let file = Arc::clone(&self.file);
            self.assigned.push(Setting {
                name,
                file,
                place,
                value,
            });
        }
        Ok(())
    }

    fn skip_export(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let exports = rest.starts_with("export ") || rest.starts_with("export\t");
        if exports {
            self.skip("export".len());
        }
        exports
    }
}
