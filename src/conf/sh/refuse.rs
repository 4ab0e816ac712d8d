//! The problems of text that the reader does not accept: the place, what it means to a shell, and
//! what to write instead.

use super::{Reader, Stop};
use crate::conf::value::Setting;
use crate::printable::printable;
use crate::source::{Position, Problem};

/// Words that begin a block of several lines. Separate problems for the lines of a block would not
/// help.
const BLOCKS: [&str; 7] = ["if", "for", "while", "until", "case", "function", "{"];

impl Reader<'_> {
    /// Report a problem at the present position.
    pub(super) fn refuse(&mut self, wrong: &str, remedy: &str) {
        self.refuse_at(&self.place(), wrong, remedy);
    }

    /// Report a problem, if it is the first of its command.
    pub(super) fn refuse_at(&mut self, place: &Position, wrong: &str, remedy: &str) {
        if !self.refused {
            self.problems.push(Problem {
                place: Some(place.clone()),
                wrong: format!("column {}: {wrong}", place.column),
                remedy: remedy.into(),
            });
        }
        self.refused = true;
    }

    /// Report a quote that is still open at the end of the file.
    pub(super) fn unclosed<T>(&mut self, open: &Position, quote: &str) -> Result<T, Stop> {
        let wrong = format!("this {quote} is not closed");
        self.refuse_at(open, &wrong, &format!("write the closing {quote}"));
        Err(Stop)
    }

    /// Report `` `command` ``, and skip it up to its end on this line.
    pub(super) fn refuse_substitution(&mut self) {
        self.refuse(
            "` runs a command; settings only assign",
            "write what the command would print; for the character itself write \\`",
        );
        self.next();
        self.skip_through('`');
    }

    /// Report a `$` that begins neither `$NAME` nor `${NAME}`. The reader is at the text after the
    /// `$`.
    pub(super) fn refuse_dollar(&mut self, dollar: &Position) {
        let (wrong, remedy) = match self.peek() {
            Some('(') => (
                "$( runs a command; settings only assign",
                "write what the command would print; for the characters themselves write \\$(",
            ),
            Some('{') => (
                "only ${NAME} is possible, without anything else in the braces",
                "write ${NAME} of a variable set above, or the value itself",
            ),
            Some('\'' | '"') => (
                "$ before a quote is not the same to all shells",
                "take the $ away, or write \\$ for the character",
            ),
            _ => (
                "$ does not stand before the name of a variable",
                "write \\$ for the character, or ${NAME} of a variable set above",
            ),
        };
        self.refuse_at(dollar, wrong, remedy);
        if self.peek() == Some('(') {
            self.skip_through(')');
        }
    }

    /// Report a word that is no assignment. It begins at `start`, and `first` is the first
    /// assignment of its command.
    pub(super) fn refuse_command(
        &mut self,
        start: usize,
        place: Position,
        first: usize,
        exports: bool,
    ) -> Result<(), Stop> {
        let line = self.text[start..].lines().next().unwrap_or_default();
        let line = printable(line.trim_ascii_end());
        let (word, _) = first_word(&line);
        let (wrong, remedy) = match self.assigned[first..].last() {
            Some(setting) => beside_a_value(setting, word),
            None if exports => not_exported(word),
            None => not_an_assignment(&line),
        };
        self.refuse_at(&place, &wrong, &remedy);
        match begins_a_block(&line) {
            true => Err(Stop),
            false => Ok(()),
        }
    }

    /// Skip the text through the next `end`, if there is one on this line.
    fn skip_through(&mut self, end: char) {
        let line = self.text[self.at..].lines().next().unwrap_or_default();
        if let Some(length) = line.find(end) {
            self.at += length + end.len_utf8();
        }
    }
}

/// The first word of a line, and the rest without the blanks between them.
fn first_word(line: &str) -> (&str, &str) {
    let (word, after) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    (word, after.trim_ascii_start())
}

/// The problem of `a=1 word`: sh would run the word as a command that has the variable set.
fn beside_a_value(setting: &Setting, word: &str) -> (String, String) {
    let whole = format!("{} {word}", printable(setting.value.text()));
    (
        format!("\"{word}\" is outside of the value, as a command"),
        format!("quote the whole value: {}=\"{whole}\"", setting.name),
    )
}

/// The problem of `export word`.
fn not_exported(word: &str) -> (String, String) {
    let wrong = match word {
        "" => "export without a name prints variables; settings only assign".into(),
        _ => format!("\"{word}\" cannot be exported"),
    };
    (wrong, "write export NAME=\"value\"".into())
}

fn not_an_assignment(line: &str) -> (String, String) {
    let (word, after) = first_word(line);
    let name = word.split(['+', '[', '(', '=']).next().unwrap_or_default();
    let rest = &word[name.len()..];
    // NAME = value
    if let Some(value) = after.strip_prefix('=').filter(|_| !rest.contains('=')) {
        let value = value.trim_ascii().trim_matches('"');
        return (
            format!("\"{line}\" is a command to sh, not a setting"),
            format!("remove the spaces around the =; write {word}=\"{value}\""),
        );
    }
    // NAME+=value
    if rest.starts_with("+=") {
        return (
            format!("{name}+= works in bash only"),
            format!("write {name}=\"${name}…\" with the text to add"),
        );
    }
    // NAME[0]=value
    if rest.starts_with('[') {
        return (
            format!("{name}[ is an array, which works in bash only"),
            format!("write {name}=\"…\", with blanks between the parts"),
        );
    }
    // net-work=value
    if let Some(value) = rest.strip_prefix('=') {
        let better = as_name(name);
        return (
            format!("\"{name}\" is not a name that can be set"),
            format!("names are made of letters, digits and _; write {better}={value}"),
        );
    }
    let (wrong, remedy) = match word {
        "." | "source" => (
            format!("\"{line}\" reads another file"),
            "write the settings here, or for all namespaces into conf.d/netns",
        ),
        _ if line.starts_with(';') => ("there is no setting before the ;".into(), "remove the ;"),
        _ => (
            format!("\"{line}\" is a command"),
            "settings only assign: write NAME=\"value\", or remove the line",
        ),
    };
    (wrong, remedy.into())
}

/// The text as a valid name: each character that a name cannot have becomes `_`.
fn as_name(text: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = text.chars().map(letter).collect();
    match name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() {
        true => format!("_{name}"),
        false => name,
    }
}

/// Whether the next lines belong to this one, as in a function.
fn begins_a_block(line: &str) -> bool {
    let (word, after) = first_word(line);
    BLOCKS.contains(&word) || word.contains('(') && !word.contains('=') || after.starts_with('(')
}
