//! The text of a settings file in, its assignments out: the part of POSIX sh that
//! assigns and does nothing else. What is read here dash, busybox ash and bash read the
//! same, byte for byte; all else is refused, with its place and what to write instead.
//! No command is ever run, and nothing is looked up but variables set before.

mod refuse;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::reserved::is_reserved;
use super::value::{Setting, Value, visible};
use crate::place::{Place, Problem};

/// What the variables hold that were set so far.
pub type Variables = BTreeMap<String, String>;

/// Reads one file. `file` is its path; `variables` holds what the files before it set,
/// and afterwards what this one set too. The assignments are in the order of the file,
/// and complete only if there is no problem.
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
    /// Something of the present command was refused: one problem a command is enough,
    /// what follows from it would only confuse.
    refused: bool,
}

/// What cannot be read on from; it is in `problems` already.
struct Stop;

impl<'a> Reader<'a> {
    /// The bytes as text, if they hold nothing that shells read in different ways.
    fn as_text(&mut self, bytes: &'a [u8]) -> Option<&'a str> {
        let text = std::str::from_utf8(bytes);
        let until = text.as_ref().map_or_else(|e| e.valid_up_to(), |t| t.len());
        let odd = |&b: &u8| b.is_ascii_control() && b != b'\n' && b != b'\t';
        let odd = bytes[..until].iter().position(odd);
        let (offset, what, remedy) = match (odd, text) {
            (None, Ok(text)) => return Some(text),
            (None, Err(_)) => (until, "this is not UTF-8", "save the file as UTF-8"),
            (Some(at), _) if bytes[at] == b'\r' => (
                at,
                "the line ends with a carriage return, as on Windows",
                "take them away with: sed -i 's/\\r$//' FILE",
            ),
            (Some(at), _) => (
                at,
                "a control character stands here",
                "take it away; shells do not agree on what it means",
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

    /// One command, which has to be assignments, up to its `;` or the end of its line.
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
                None | Some('\n' | '#' | ';') if exports => {
                    self.refuse(
                        "export alone is a command that prints",
                        "write export NAME=\"value\", or take it away",
                    );
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

    /// `NAME=value`, or `NAME` alone after `export`. The settings from `first` on were
    /// made by the same command.
    fn word(&mut self, exports: bool, first: usize) -> Result<(), Stop> {
        let place = self.place();
        let start = self.at;
        let name = self.name();
        if name.is_empty() || (self.peek() != Some('=') && !(exports && self.ends_word())) {
            return self.refuse_command(start, place, first, exports);
        }
        if is_reserved(name) {
            let wrong = format!("{name} means something to the shell itself");
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
        if !self.refused {
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

    /// What follows the `=`, up to the end of the word.
    fn value(&mut self, export: Option<usize>) -> Result<Value, Stop> {
        let mut value = Value::default();
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\n' | ';' => break,
                '\'' => self.single_quoted(&mut value)?,
                '"' => self.double_quoted(&mut value, export)?,
                '\\' => self.escaped(&mut value),
                '$' => self.expansion(&mut value, export, false),
                '`' => self.refuse_substitution(),
                '&' | '|' | '<' | '>' | '(' | ')' => {
                    self.refuse(
                        &format!("{c} outside of quotes begins something other than a value"),
                        "put the whole value in \"…\"",
                    );
                }
                '~' | '*' | '?' | '[' | ']' | '{' | '}' => {
                    self.refuse(
                        &format!("{c} outside of quotes may mean something to the shell"),
                        "put the whole value in \"…\"",
                    );
                }
                _ if !c.is_ascii() => {
                    self.refuse(
                        &format!("{c} stands outside of quotes"),
                        "put the whole value in \"…\"",
                    );
                }
                _ => self.take(&mut value),
            }
            if self.refused && !matches!(c, '\'' | '"') {
                break;
            }
        }
        Ok(value)
    }

    fn single_quoted(&mut self, value: &mut Value) -> Result<(), Stop> {
        let open = self.place();
        self.next();
        while let Some(c) = self.peek() {
            if c == '\'' {
                self.next();
                return Ok(());
            }
            self.take(value);
        }
        self.unclosed(&open, "'")
    }

    fn double_quoted(&mut self, value: &mut Value, export: Option<usize>) -> Result<(), Stop> {
        let open = self.place();
        self.next();
        while let Some(c) = self.peek() {
            match c {
                '"' => {
                    self.next();
                    return Ok(());
                }
                '\\' => match self.peek_second() {
                    Some('\n') => self.skip(2),
                    Some('$' | '`' | '"' | '\\') => self.escaped(value),
                    _ => self.take(value),
                },
                '$' => self.expansion(value, export, true),
                '`' => self.refuse_substitution(),
                _ => self.take(value),
            }
        }
        self.unclosed(&open, "\"")
    }

    /// `\` and what follows it: that character as it is, or nothing for a line end.
    fn escaped(&mut self, value: &mut Value) {
        match self.peek_second() {
            Some('\n') => self.skip(2),
            Some(c) if c.is_ascii() => {
                self.next();
                self.take(value);
            }
            Some(_) => self.refuse(
                "\\ stands before a character that needs none",
                "put the whole value in \"…\", without the \\",
            ),
            None => self.refuse(
                "the file ends with \\",
                "take the \\ away; it would join the line with the next one",
            ),
        }
    }

    /// `$NAME` or `${NAME}`.
    fn expansion(&mut self, value: &mut Value, export: Option<usize>, quoted: bool) {
        let dollar = self.place();
        self.next();
        let braced = self.peek() == Some('{');
        if braced {
            self.next();
        }
        let start = self.at;
        let name = self.name();
        if name.is_empty() || (braced && self.peek() != Some('}')) {
            self.at = start - usize::from(braced);
            return self.refuse_dollar(&dollar);
        }
        if braced {
            self.next();
        } else if self.peek() == Some('\\') && self.peek_second() == Some('\n') {
            let wrong = format!("shells do not agree where the name in ${name}\\ ends");
            return self.refuse_at(&dollar, &wrong, &format!("write ${{{name}}}"));
        }
        if export.is_some() && !quoted {
            let wrong = format!("${name} outside of quotes is divided at blanks by some shells");
            return self.refuse_at(&dollar, &wrong, &format!("write \"${name}\""));
        }
        if export.is_some_and(|first| self.assigned[first..].iter().any(|s| s.name == name)) {
            let wrong = format!("{name} is not yet set when this line is read");
            return self.refuse_at(&dollar, &wrong, "write two lines, one export in each");
        }
        match self.variables.get(name) {
            Some(text) => value.push_expanded(text, dollar.line, dollar.column),
            None if is_reserved(name) => {
                let wrong = format!("${name} is something of the shell's own");
                self.refuse_at(&dollar, &wrong, "write its value out");
            }
            None => {
                let wrong = format!("${name} was not set before, in this file or the defaults");
                let remedy = format!("set {name} above this line, or write \\${name} for the text");
                self.refuse_at(&dollar, &wrong, &remedy);
            }
        }
    }

    fn skip_export(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let exports = rest.starts_with("export ") || rest.starts_with("export\t");
        if exports {
            self.skip("export".len());
        }
        exports
    }

    /// The name that begins here, which may be empty.
    fn name(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let valid = |(n, b): (usize, u8)| {
            b == b'_' || b.is_ascii_alphabetic() || (n > 0 && b.is_ascii_digit())
        };
        let len = rest.bytes().enumerate().take_while(|&nb| valid(nb)).count();
        self.at += len;
        &rest[..len]
    }

    /// Blanks, and line ends with a `\` before them.
    fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t') => self.next(),
                Some('\\') if self.peek_second() == Some('\n') => self.skip(2),
                _ => return,
            }
        }
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|c| c != '\n') {
            self.next();
        }
    }

    fn ends_word(&self) -> bool {
        matches!(self.peek(), None | Some(' ' | '\t' | '\n' | ';'))
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn peek_second(&self) -> Option<char> {
        self.text[self.at..].chars().nth(1)
    }

    fn next(&mut self) {
        if let Some(c) = self.peek() {
            self.at += c.len_utf8();
            if c == '\n' {
                self.line += 1;
                self.line_start = self.at;
            }
        }
    }

    fn skip(&mut self, count: usize) {
        (0..count).for_each(|_| self.next());
    }

    /// The character that stands here belongs to the value as it is.
    fn take(&mut self, value: &mut Value) {
        if let Some(c) = self.peek() {
            let place = self.place();
            value.push(c, place.line, place.column);
            self.next();
        }
    }

    fn place(&self) -> Place {
        Place {
            file: Arc::clone(&self.file),
            line: self.line,
            column: (self.at - self.line_start) as u32 + 1,
        }
    }
}
