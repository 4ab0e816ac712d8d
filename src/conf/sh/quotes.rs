//! The value of an assignment. Quotes, backslashes and variables are read as in every shell.

use super::{Reader, Stop};
use crate::conf::reserved::is_reserved;
use crate::conf::value::Value;

/// The limit for all text expanded from variables in a file, in bytes. Without it, each line could
/// double a value.
const MOST: usize = 1 << 20;

impl Reader<'_> {
    /// Read the value after the `=`, up to the end of the word.
    pub(super) fn value(&mut self, export: Option<usize>) -> Result<Value, Stop> {
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

    /// Read `\` and the next character: that character as it is, or nothing for a line end.
    fn escaped(&mut self, value: &mut Value) {
        match self.peek_second() {
            Some('\n') => self.skip(2),
            Some(c) if c.is_ascii() => {
                self.next();
                self.take(value);
            }
            Some(_) => self.refuse(
                "\\ is before a character that needs none",
                "put the whole value in \"…\", without the \\",
            ),
            None => self.refuse(
                "the file ends with \\",
                "remove the \\; it would join the line with the next one",
            ),
        }
    }

    /// Read `$NAME` or `${NAME}`.
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
            let wrong = format!("some shells split ${name} at blanks outside of quotes");
            return self.refuse_at(&dollar, &wrong, &format!("write \"${name}\""));
        }
        if export.is_some_and(|first| self.assigned[first..].iter().any(|s| s.name == name)) {
            let wrong = format!("{name} is not yet set when this line is read");
            return self.refuse_at(&dollar, &wrong, "write two lines, one export in each");
        }
        match self.variables.get(name) {
            Some(text) if self.expanded + text.len() > MOST => {
                let wrong = format!("the values of ${name} and others before it are too long");
                let remedy =
                    "expected 1 MiB at most in a file; is a value doubled again and again?";
                self.refuse_at(&dollar, &wrong, remedy);
            }
            Some(text) => {
                self.expanded += text.len();
                value.push_expanded(text, dollar.line, dollar.column);
            }
            None if self.unread.contains(name) => self.refused = true,
            None if is_reserved(name) => {
                let wrong = format!("${name} is a special parameter of the shell");
                self.refuse_at(&dollar, &wrong, "write its value out");
            }
            None => {
                let wrong = format!("${name} was not set before, in this file or the defaults");
                let remedy = format!("set {name} above this line, or write \\${name} for the text");
                self.refuse_at(&dollar, &wrong, &remedy);
            }
        }
    }
}
