//! A value as sh would hold it, with the position of each part in the file. Values are split into
//! words or lines here, but not interpreted.

use std::sync::Arc;

use crate::printable::printable;
use crate::source::{Origin, Position, Problem, Sourced};

/// The text of a variable, with the line and column of each byte.
#[derive(Clone, Debug, Default)]
pub struct Value {
    text: String,
    marks: Vec<Mark>,
}

/// The text from `offset` up to the next mark begins at this line and column.
#[derive(Clone, Copy, Debug)]
struct Mark {
    offset: usize,
    line: u32,
    column: u32,
    /// The text comes from another variable, and its position is that of the `$NAME`.
    expanded: bool,
}

/// A setting as it is written in a file.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The complete name, such as `routes_eth1`.
    pub name: String,
    /// The path of its file.
    pub file: Arc<str>,
    /// The position of its name.
    pub place: Position,
    /// Its value.
    pub value: Value,
}

/// A word or a line of a setting's value, or the complete value.
#[derive(Clone, Debug)]
pub struct Piece<'a> {
    /// The text, without blanks around it.
    pub text: &'a str,
    /// The setting, and the position of this piece.
    pub origin: Arc<Origin>,
    /// The value has no other piece.
    alone: bool,
}

impl Value {
    /// The complete text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Add a character with its line and column.
    pub(super) fn push(&mut self, c: char, line: u32, column: u32) {
        let offset = self.text.len();
        let follows = self.marks.last().is_some_and(|mark| {
            !mark.expanded
                && mark.line == line
                && mark.column as usize + (offset - mark.offset) == column as usize
        });
        if !follows {
            let expanded = false;
            self.marks.push(Mark {
                offset,
                line,
                column,
                expanded,
            });
        }
        self.text.push(c);
    }

    /// Add the value of a variable that is used at this line and column.
    pub(super) fn push_expanded(&mut self, text: &str, line: u32, column: u32) {
        let (offset, expanded) = (self.text.len(), true);
        self.marks.push(Mark {
            offset,
            line,
            column,
            expanded,
        });
        self.text.push_str(text);
    }

    /// The line and column of the byte at `offset`.
    fn position(&self, offset: usize) -> Option<(u32, u32)> {
        let after = self.marks.partition_point(|mark| mark.offset <= offset);
        let mark = self.marks.get(after.checked_sub(1)?)?;
        let along = if mark.expanded {
            0
        } else {
            offset - mark.offset
        };
        Some((mark.line, mark.column + along as u32))
    }
}

impl Setting {
    /// A setting that comes from another file and has the name `key` there. Each line of the value
    /// has the number of its line in that file. Problems with it name that file and key.
    pub fn of_another_file(file: &Arc<str>, key: &str, lines: &[(u32, String)]) -> Setting {
        let mut value = Value::default();
        for (n, (line, text)) in lines.iter().enumerate() {
            if n > 0 {
                value.text.push('\n');
            }
            value.push_expanded(text, *line, 1);
        }
        Setting {
            name: key.into(),
            file: file.clone(),
            place: Position {
                file: file.clone(),
                line: lines.first().map_or(1, |(line, _)| *line),
                column: 1,
            },
            value,
        }
    }

    /// Whether the value has only blanks, which is the same as not set.
    pub fn is_empty(&self) -> bool {
        self.value.text.trim_ascii().is_empty()
    }

    /// The words. Blanks and line ends separate them.
    pub fn words(&self) -> Vec<Piece<'_>> {
        self.pieces(|c| c.is_ascii_whitespace())
    }

    /// The lines, without empty ones. Line ends and semicolons separate them.
    pub fn lines(&self) -> Vec<Piece<'_>> {
        self.pieces(|c| c == '\n' || c == ';')
    }

    /// The parts, without empty ones. Commas, line ends and semicolons separate them.
    pub fn parts(&self) -> Vec<Piece<'_>> {
        self.pieces(|c| matches!(c, ',' | '\n' | ';'))
    }

    /// The complete value as one piece.
    pub fn whole(&self) -> Piece<'_> {
        let text = self.value.text.trim_ascii();
        self.piece(text, true)
    }

    fn pieces(&self, divides: impl Fn(char) -> bool) -> Vec<Piece<'_>> {
        let parts = self.value.text.split(divides).map(str::trim_ascii);
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        let alone = parts.len() == 1;
        let pieces = parts.into_iter().map(|part| self.piece(part, alone));
        pieces.collect()
    }

    fn piece<'a>(&'a self, text: &'a str, alone: bool) -> Piece<'a> {
        // Both pointers are into the same text, because `text` is a slice of it.
        let offset = text.as_ptr() as usize - self.value.text.as_ptr() as usize;
        let mut place = self.place.clone();
        if let Some((line, column)) = self.value.position(offset) {
            (place.line, place.column) = (line, column);
        }
        let asked = Origin {
            setting: self.name.clone(),
            place,
        };
        Piece {
            text,
            origin: Arc::new(asked),
            alone,
        }
    }

    /// A problem with the setting itself, at the position of its name. `wrong` continues a line
    /// that begins with the name.
    pub fn problem(&self, wrong: impl AsRef<str>, remedy: impl Into<String>) -> Problem {
        Problem {
            place: Some(self.place.clone()),
            wrong: format!("{} {}", self.name, wrong.as_ref()),
            remedy: remedy.into(),
        }
    }
}

impl Piece<'_> {
    /// A value parsed from this piece, with its origin.
    pub fn at<T>(&self, value: T) -> Sourced<T> {
        Sourced::from_setting(value, Arc::clone(&self.origin))
    }

    /// A problem with this piece. `wrong` continues a line that begins with the setting and its
    /// text. It may begin with a colon.
    pub fn problem(&self, wrong: impl AsRef<str>, remedy: impl Into<String>) -> Problem {
        let wrong = wrong.as_ref().trim_ascii_start();
        let blank = if wrong.starts_with(':') { "" } else { " " };
        Problem {
            place: Some(self.origin.place.clone()),
            wrong: format!("{}{blank}{wrong}", self.quote()),
            remedy: remedy.into(),
        }
    }

    /// The hint to write another text in the place of this piece.
    pub fn instead(&self, text: &str) -> String {
        match self.alone {
            true => format!("write {}=\"{text}\"", self.origin.setting),
            false => format!("write {text} in {}", self.origin.setting),
        }
    }

    fn quote(&self) -> String {
        let between = if self.alone { "=" } else { ": " };
        format!(
            "{}{between}\"{}\"",
            self.origin.setting,
            printable(self.text)
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::conf::sh;

    /// The words of the last setting, each with its line and column.
    fn words(text: &str) -> Vec<(String, u32, u32)> {
        let (read, problems) = sh::read("conf", text.as_bytes(), &mut sh::Variables::new());
        assert_eq!(problems, []);
        let words = read
            .last()
            .map(|setting| setting.words())
            .unwrap_or_default();
        let word = |word: super::Piece<'_>| {
            let place = &word.origin.place;
            (word.text.to_string(), place.line, place.column)
        };
        words.into_iter().map(word).collect()
    }

    #[test]
    fn every_word_knows_where_it_stands() {
        let word = |text: &str, line, column| (text.to_string(), line, column);
        assert_eq!(words("a=b"), [word("b", 1, 3)]);
        assert_eq!(
            words(" a='b c'\\ d"),
            [word("b", 1, 5), word("c", 1, 7), word("d", 1, 11)]
        );
        assert_eq!(
            words("\na=\"b\n\tc\\\nd e\""),
            [word("b", 2, 4), word("cd", 3, 2), word("e", 4, 3)]
        );
        assert_eq!(words("a=\"\\\"b c\""), [word("\"b", 1, 5), word("c", 1, 8)]);
        // The value of a variable has the position where it is used.
        assert_eq!(
            words("x='b c'\na=\"a${x}d e\""),
            [word("ab", 2, 4), word("cd", 2, 5), word("e", 2, 11)]
        );
    }
}
