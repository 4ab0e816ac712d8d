//! What the reader says to what it does not read: the place, what a shell would make of
//! it, and what to write instead.

use super::{Reader, Stop, visible};
use crate::place::{Place, Problem};

/// Words after which the next lines belong together: nothing that could be said of them
/// one by one would help.
const BLOCKS: [&str; 7] = ["if", "for", "while", "until", "case", "function", "{"];

impl Reader<'_> {
    /// Notes a problem at the present position.
    pub(super) fn refuse(&mut self, wrong: &str, remedy: &str) {
        self.refuse_at(&self.place(), wrong, remedy);
    }

    /// Notes a problem, if it is the first of its command.
    pub(super) fn refuse_at(&mut self, place: &Place, wrong: &str, remedy: &str) {
        if !self.refused {
            self.problems.push(Problem {
                place: Some(place.clone()),
                wrong: format!("column {}: {wrong}", place.column),
                remedy: remedy.into(),
            });
        }
        self.refused = true;
    }

    /// A quote that is open at the end of the file.
    pub(super) fn unclosed<T>(&mut self, open: &Place, quote: &str) -> Result<T, Stop> {
        let wrong = format!("the {quote} here is never closed");
        self.refuse_at(open, &wrong, &format!("write the other {quote}"));
        Err(Stop)
    }

    /// `` `command` ``, which is passed over up to its end on this line.
    pub(super) fn refuse_substitution(&mut self) {
        self.refuse(
            "` runs a command, and settings only assign",
            "write what the command would print; for the character itself write \\`",
        );
        self.next();
        self.skip_through('`');
    }

    /// A `$` that is not `$NAME` or `${NAME}`; what follows it stands at the present
    /// position.
    pub(super) fn refuse_dollar(&mut self, dollar: &Place) {
        let (wrong, remedy) = match self.peek() {
            Some('(') => (
                "$( runs a command, and settings only assign",
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

    /// A word that is no assignment; `start` is where it begins, `first` the first
    /// assignment of its command.
    pub(super) fn refuse_command(
        &mut self,
        start: usize,
        place: Place,
        first: usize,
        exports: bool,
    ) -> Result<(), Stop> {
        let line = self.text[start..].lines().next().unwrap_or_default();
        let line = visible(line.trim_ascii_end());
        let word = line.split([' ', '\t']).next().unwrap_or_default();
        let after = line[word.len()..].trim_ascii_start();
        let name: String = word
            .split(['+', '[', '(', '='])
            .next()
            .unwrap_or_default()
            .into();
        let rest = &word[name.len()..];
        let (wrong, remedy) = if let Some(setting) = self.assigned[first..].last() {
            let whole = format!("{} {word}", visible(setting.value.text()));
            let to_do = format!("quote the whole value: {}=\"{whole}\"", setting.name);
            (
                format!("\"{word}\" stands outside of the value, as a command"),
                to_do,
            )
        } else if after.starts_with('=') && !rest.starts_with('=') {
            let value = after[1..].trim_ascii().trim_matches('"');
            let to_do = format!("remove the spaces around the =; write {word}=\"{value}\"");
            (
                format!("\"{line}\" is a command to sh, not a setting"),
                to_do,
            )
        } else if rest.starts_with("+=") {
            let to_do = format!("write {name}=\"${name}…\", with what is to be added");
            (format!("{name}+= is known to bash alone"), to_do)
        } else if rest.starts_with('[') {
            let to_do = format!("write {name}=\"…\", with blanks between the parts");
            (format!("{name}[ is a list, known to bash alone"), to_do)
        } else if let Some(value) = rest.strip_prefix('=') {
            let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
            let mut better: String = name.chars().map(letter).collect();
            if better.is_empty() || better.starts_with(|c: char| c.is_ascii_digit()) {
                better.insert(0, '_');
            }
            let to_do = format!("names are made of letters, digits and _; write {better}={value}");
            (format!("\"{name}\" is not a name that can be set"), to_do)
        } else if word == "." || word == "source" {
            let to_do = "write the settings here, or for all namespaces into conf.d/netns".into();
            (format!("\"{line}\" reads another file"), to_do)
        } else if line.starts_with(';') {
            (
                "there is no setting before the ;".into(),
                "take the ; away".into(),
            )
        } else if exports && word.is_empty() {
            let to_do = "write export NAME=\"value\", or take it away".into();
            (
                "export alone prints, and settings only assign".into(),
                to_do,
            )
        } else if exports {
            let to_do = "write export NAME=\"value\"".into();
            (format!("\"{word}\" is nothing that can be exported"), to_do)
        } else {
            let to_do = "settings only assign: write NAME=\"value\", or take the line away".into();
            (format!("\"{line}\" is a command"), to_do)
        };
        self.refuse_at(&place, &wrong, &remedy);
        let is_function = rest.starts_with('(') || after.starts_with('(');
        if BLOCKS.contains(&word) || is_function || word.starts_with('(') {
            return Err(Stop);
        }
        Ok(())
    }

    /// Passes over all up to the next `end`, if there is one on this line.
    fn skip_through(&mut self, end: char) {
        let line = self.text[self.at..].lines().next().unwrap_or_default();
        if let Some(length) = line.find(end) {
            self.at += length + end.len_utf8();
        }
    }
}
