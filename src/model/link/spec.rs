//! A link that we make, with all that can be said of one of its type. What can be said is
//! `definitions`' table; nothing here knows one type from another.

use std::fmt;
use std::sync::Arc;

use super::option_value::OptionValue;
use crate::definitions::links::{Lower, Type};
use crate::definitions::option::{Mutability, Opt};
use crate::model::{LinkRef, Netns};
use crate::name::LinkName;
use crate::source::{Origin, Sourced};

/// A link of a type that can be made.
#[derive(Clone, Debug)]
pub struct LinkSpec {
    /// Its type.
    pub of: &'static Type,
    /// The namespace it is made from: where its parent is, or where what goes through it
    /// comes out. Of others, its own.
    pub born: Netns,
    /// The link below it, in the namespace where it was born.
    pub parent: Option<LinkName>,
    /// In the table's order, each once.
    pub options: Vec<(&'static Opt, Sourced<OptionValue>)>,
    /// Of what is wanted, what said where it is made from.
    pub origin: Option<Arc<Origin>>,
    /// Of what is ours, which namespace it was born in.
    pub birth: Option<String>,
    /// Of what is there: the namespace that it was born in has lost its name. It has to be
    /// made anew in the one that has the name now.
    pub outlived: bool,
}

impl LinkSpec {
    /// A link of a type of which nothing is said, for `at`.
    pub fn new(of: &'static Type, at: Netns) -> Self {
        LinkSpec {
            of,
            born: at,
            parent: None,
            options: Vec::new(),
            origin: None,
            birth: None,
            outlived: false,
        }
    }

    /// The link below it.
    pub fn below(&self) -> Option<LinkRef> {
        let at = self.born.clone();
        self.parent.clone().map(|name| LinkRef { netns: at, name })
    }

    /// The value of the option of this word of ip-link(8), if one is said.
    pub fn get(&self, word: &str) -> Option<OptionValue> {
        let mut options = self.options.iter();
        options
            .find(|(option, _)| option.word == word)
            .map(|(_, value)| value.value)
    }

    /// Says an option, in the place of what was said of it.
    pub fn set(&mut self, option: &'static Opt, value: Sourced<OptionValue>) {
        let place = |word| self.of.options.iter().position(|o| o.word == word);
        let at = place(option.word);
        self.options.retain(|(other, _)| other.word != option.word);
        let after = self
            .options
            .partition_point(|(other, _)| place(other.word) < at);
        self.options.insert(after, (option, value));
    }

    /// A link that is there is this one, or can be made this one without making it anew.
    pub fn fits(&self, have: &LinkSpec) -> bool {
        let can_be = |(option, value): &(&'static Opt, Sourced<OptionValue>)| match have
            .get(option.word)
        {
            None => option.keeps == Mutability::InPlace || option.keeps == Mutability::SameFamily,
            Some(now) => now == value.value || option.can_become(now, value.value),
        };
        // Of a bridge that others made, it does not matter from where
        let born = self.of.below == Lower::Nothing
            || (&self.born, &self.parent) == (&have.born, &have.parent);
        let alive = !have.outlived;
        self.of.word == have.of.word && born && alive && self.options.iter().all(can_be)
    }

    /// The options that are another than what is there.
    pub fn differing<'a>(
        &'a self,
        have: &'a LinkSpec,
    ) -> impl Iterator<Item = &'a (&'static Opt, Sourced<OptionValue>)> {
        let options = self.options.iter();
        options.filter(|(option, value)| have.get(option.word) != Some(value.value))
    }
}

/// As the kernel tells them apart.
impl PartialEq for LinkSpec {
    fn eq(&self, other: &Self) -> bool {
        let said = |spec: &LinkSpec| -> Vec<(&str, OptionValue)> {
            let options = spec.options.iter();
            options
                .map(|(option, value)| (option.word, value.value))
                .collect()
        };
        let born = |spec: &LinkSpec| (spec.born.clone(), spec.parent.clone(), spec.outlived);
        self.of.word == other.of.word && born(self) == born(other) && said(self) == said(other)
    }
}

impl Eq for LinkSpec {}

/// `type KIND OPTION VALUE …`, as it stands in a command behind the link's name; a link
/// below a tunnel is one of its options there.
impl fmt::Display for LinkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type {}", self.of.word)?;
        for (option, value) in &self.options {
            write!(f, " {} {value}", option.word)?;
        }
        match &self.parent {
            Some(parent) if self.of.below == Lower::UnderlayNetns => write!(f, " dev {parent}"),
            _ => Ok(()),
        }
    }
}
