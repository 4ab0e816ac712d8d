//! What is said of a link: options of one table, each with its value and who asked for it.
//! Nothing here knows one option from another.

use std::fmt;
use std::sync::Arc;

use super::option_value::OptionValue;
use crate::definitions::option::Opt;
use crate::source::{Origin, Sourced};

/// An option and what is said of it.
pub type Said = (&'static Opt, Sourced<OptionValue>);

/// What is said of options: each once, in the order of their table.
#[derive(Clone, Debug)]
pub struct Options {
    /// All that can be said.
    pub table: &'static [Opt],
    said: Vec<Said>,
}

impl Options {
    /// Nothing is said yet.
    pub fn of(table: &'static [Opt]) -> Self {
        let said = Vec::new();
        Options { table, said }
    }

    /// What the kernel makes of them where nothing is said.
    pub fn kernels_own(table: &'static [Opt]) -> Self {
        let mut options = Options::of(table);
        for option in table {
            if let Some(value) = option.kernels_own() {
                options.set(option, Sourced::without_origin(value));
            }
        }
        options
    }

    /// All that is said.
    pub fn iter(&self) -> std::slice::Iter<'_, Said> {
        self.said.iter()
    }

    /// The first that asked for one of them.
    pub fn origin(&self) -> Option<Arc<Origin>> {
        self.iter().find_map(|(_, value)| value.origin.clone())
    }

    /// Nothing is said.
    pub fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    /// What is said of the option of this word of ip-link(8).
    pub fn said(&self, word: &str) -> Option<&Sourced<OptionValue>> {
        let found = self.iter().find(|(option, _)| option.word == word);
        found.map(|(_, value)| value)
    }

    /// The value of the option of this word, if one is said.
    pub fn get(&self, word: &str) -> Option<OptionValue> {
        self.said(word).map(|value| value.value)
    }

    /// The same of one that is a number.
    pub fn number(&self, word: &str) -> Option<u32> {
        match self.get(word) {
            Some(OptionValue::Number(number)) => Some(number),
            _ => None,
        }
    }

    /// Says an option, in the place of what was said of it.
    pub fn set(&mut self, option: &'static Opt, value: Sourced<OptionValue>) {
        let place = |word| self.table.iter().position(|o| o.word == word);
        let at = place(option.word);
        let after = |(other, _): &Said| place(other.word) < at;
        let after = self.said.partition_point(after);
        match self.said.get_mut(after) {
            Some(said) if said.0.word == option.word => said.1 = value,
            _ => self.said.insert(after, (option, value)),
        }
    }

    /// Keeps what is said of those options alone.
    pub fn retain(&mut self, keep: impl Fn(&Opt, OptionValue) -> bool) {
        self.said
            .retain(|(option, value)| keep(option, value.value));
    }

    /// What is said otherwise than in what is there, or is not said there.
    pub fn differing<'a>(&'a self, have: &'a Options) -> impl Iterator<Item = &'a Said> {
        self.iter()
            .filter(|(option, value)| have.get(option.word) != Some(value.value))
    }
}

impl<'a> IntoIterator for &'a Options {
    type Item = &'a Said;
    type IntoIter = std::slice::Iter<'a, Said>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Whoever asked for it.
impl PartialEq for Options {
    fn eq(&self, other: &Self) -> bool {
        let said = |(option, value): &Said| (option.word, value.value);
        self.iter().map(said).eq(other.iter().map(said))
    }
}

impl Eq for Options {}

/// ` OPTION VALUE …`, as it stands in a command behind something else.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.iter();
        said.try_for_each(|(option, value)| write!(f, " {} {value}", option.word))
    }
}
