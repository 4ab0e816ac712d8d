//! A link that we make, with all that can be said of one of its type. What can be said is
//! `definitions`' table; nothing here knows one type from another.

use std::fmt;
use std::sync::Arc;

use super::options::{Options, Said};
use crate::definitions::links::{Lower, Type};
use crate::definitions::option::Mutability;
use crate::model::{LinkRef, Netns};
use crate::name::LinkName;
use crate::source::Origin;

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
    /// What is said of it.
    pub options: Options,
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
            options: Options::of(of.options),
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

    /// A link that is there is this one, or can be made this one without making it anew.
    pub fn fits(&self, have: &LinkSpec) -> bool {
        let can_be = |(option, value): &Said| match have.options.get(option.word) {
            None => option.keeps == Mutability::InPlace || option.keeps == Mutability::SameFamily,
            Some(now) => now == value.value || option.can_become(now, value.value),
        };
        // Of a bridge that others made, it does not matter from where
        let born = self.of.below == Lower::Nothing
            || (&self.born, &self.parent) == (&have.born, &have.parent);
        let alive = !have.outlived;
        self.of.word == have.of.word && born && alive && self.options.iter().all(can_be)
    }
}

/// As the kernel tells them apart.
impl PartialEq for LinkSpec {
    fn eq(&self, other: &Self) -> bool {
        let born = |spec: &LinkSpec| (spec.born.clone(), spec.parent.clone(), spec.outlived);
        self.of.word == other.of.word && born(self) == born(other) && self.options == other.options
    }
}

impl Eq for LinkSpec {}

/// `type KIND OPTION VALUE …`, as it stands in a command behind the link's name; a link
/// below a tunnel is one of its options there.
impl fmt::Display for LinkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type {}{}", self.of.word, self.options)?;
        match &self.parent {
            Some(parent) if self.of.below == Lower::UnderlayNetns => write!(f, " dev {parent}"),
            _ => Ok(()),
        }
    }
}
