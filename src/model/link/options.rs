//! Options of a link, all of one table, each with its value and origin. The code here treats all
//! options alike.

use std::fmt;
use std::sync::Arc;

use super::option_value::OptionValue;
use crate::definitions::links::{ATTRIBUTES, Type};
use crate::definitions::option::Opt;
use crate::model::names::Names;
use crate::source::{Origin, Sourced};

/// An option, with its value.
pub type Said = (&'static Opt, Sourced<OptionValue>);

/// Options with values: each once, in the order of their table.
#[derive(Clone)]
pub struct Options {
    /// The options that can be set.
    pub table: &'static [Opt],
    said: Vec<Said>,
}

impl Options {
    /// Options of this table, none of them set.
    pub fn of(table: &'static [Opt]) -> Self {
        let said = Vec::new();
        Options { table, said }
    }

    /// Each option with the value that `value` returns for it, without an origin.
    pub fn with(table: &'static [Opt], value: impl Fn(&Opt) -> Option<OptionValue>) -> Self {
        let said = table.iter().filter_map(|option| {
            let value = value(option)?;
            Some((option, Sourced::without_origin(value)))
        });
        let said = said.collect();
        Options { table, said }
    }

    /// Each option with the kernel's default.
    pub fn kernels_own(table: &'static [Opt]) -> Self {
        Options::with(table, Opt::kernels_own)
    }

    /// The options of every link, as a new link of this type has them.
    pub fn kernels_own_of(of: &Type) -> Self {
        Options::with(ATTRIBUTES, |option| {
            let mut others = of.made_with.iter();
            let other = others.find(|(key, _)| *key == option.key);
            let text = other.map_or(option.default, |(_, text)| text);
            option.form.read(text, &Names::default()).ok()
        })
    }

    /// The options, each as a set that has only this option.
    pub fn each(&self) -> impl Iterator<Item = Options> {
        let table = self.table;
        self.iter().map(move |said| {
            let said = vec![said.clone()];
            Options { table, said }
        })
    }

    /// The options that have the same value in `there`.
    pub fn held(&self, there: &Options) -> Self {
        let mut held = self.clone();
        held.retain(|option, value| there.get(option.word) == Some(value));
        held
    }

    /// The changes after which a link with the options `now` matches `want`. An option that is no
    /// longer wanted, and still has the value that netns-setup has set (`ours`), gets the value
    /// that `without` returns for it, if any.
    pub fn change(
        want: &Options,
        ours: Option<&Options>,
        now: &Options,
        without: impl Fn(&Opt) -> Option<OptionValue>,
    ) -> Self {
        let mut change = Options::of(now.table);
        for option in Options::that_go(want, ours, now) {
            let back = without(option).filter(|back| now.get(option.word) != Some(*back));
            if let Some(back) = back {
                change.set(option, Sourced::without_origin(back));
            }
        }
        change.extend(want.differing(now));
        change
    }

    /// The options that are no longer wanted and still have the value that netns-setup has set
    /// (`ours`).
    pub fn that_go<'a>(
        want: &'a Options,
        ours: Option<&'a Options>,
        now: &'a Options,
    ) -> impl Iterator<Item = &'static Opt> + 'a {
        let goes = |(option, value): &&Said| {
            want.get(option.word).is_none() && now.get(option.word) == Some(value.value)
        };
        let ours = ours.into_iter().flatten();
        ours.filter(goes).map(|(option, _)| *option)
    }

    /// Record as ours the changes that are about to be made. An option that gets the value of
    /// `without` again keeps its record until that has happened.
    pub fn note(&mut self, change: &Options, without: impl Fn(&Opt) -> Option<OptionValue>) {
        let stays = |(option, value): &&Said| without(option) != Some(value.value);
        self.extend(change.iter().filter(stays));
    }

    /// Forget the options that the change has set to another value than the recorded one. This is
    /// called when the change has been made.
    pub fn forget_returned(&mut self, change: &Options) {
        self.retain(|option, ours| change.get(option.word).is_none_or(|said| said == ours));
    }

    /// All options, with their values.
    pub fn iter(&self) -> std::slice::Iter<'_, Said> {
        self.said.iter()
    }

    /// The first origin of an option.
    pub fn origin(&self) -> Option<Arc<Origin>> {
        self.iter().find_map(|(_, value)| value.origin.clone())
    }

    /// Whether no option is set.
    pub fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    /// The value and origin of the option with this word of ip-link(8).
    pub fn said(&self, word: &str) -> Option<&Sourced<OptionValue>> {
        let found = self.iter().find(|(option, _)| option.word == word);
        found.map(|(_, value)| value)
    }

    /// The value of the option with this word.
    pub fn get(&self, word: &str) -> Option<OptionValue> {
        self.said(word).map(|value| value.value)
    }

    /// The value of the option with this word, if it is a number.
    pub fn number(&self, word: &str) -> Option<u32> {
        match self.get(word) {
            Some(OptionValue::Number(number)) => Some(number),
            _ => None,
        }
    }

    /// Set an option, and replace its value if it has one.
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

    /// Set several options, and replace the values that they have.
    pub fn extend<'a>(&mut self, said: impl IntoIterator<Item = &'a Said>) {
        for (option, value) in said {
            self.set(option, value.clone());
        }
    }

    /// Keep only the options for which `keep` returns true.
    pub fn retain(&mut self, keep: impl Fn(&Opt, OptionValue) -> bool) {
        self.said
            .retain(|(option, value)| keep(option, value.value));
    }

    /// The options that `have` lacks or has with another value.
    pub fn differing<'a>(&'a self, have: &'a Options) -> impl Iterator<Item = &'a Said> {
        self.iter()
            .filter(|(option, value)| have.get(option.word) != Some(value.value))
    }
}

#[cfg(test)]
impl Options {
    /// Each option of a table with some value.
    pub fn examples(table: &'static [Opt]) -> Self {
        use crate::definitions::option::ValueKind;
        Options::with(table, |option| {
            let text = match option.form {
                ValueKind::Number(first, _) => &first.max(7).to_string(),
                ValueKind::Table | ValueKind::User | ValueKind::UserGroup => "7",
                ValueKind::Switch => "on",
                ValueKind::Words(words) => words[words.len() - 1].0,
                ValueKind::Station | ValueKind::Station4 => "192.0.2.1",
                ValueKind::Group => "239.1.1.1",
                ValueKind::Mac => "52:54:00:12:34:56",
            };
            Some(option.form.read(text, &Names::default()).unwrap())
        })
    }
}

impl<'a> IntoIterator for &'a Options {
    type Item = &'a Said;
    type IntoIter = std::slice::Iter<'a, Said>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Comparisons ignore the origins.
impl PartialEq for Options {
    fn eq(&self, other: &Self) -> bool {
        let said = |(option, value): &Said| (option.word, value.value);
        self.iter().map(said).eq(other.iter().map(said))
    }
}

impl Eq for Options {}

/// Prints only the options with values, without the table.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.said.fmt(f)
    }
}

/// ` OPTION VALUE …`, to be appended to a command.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.iter();
        said.try_for_each(|(option, value)| write!(f, " {} {value}", option.word))
    }
}
