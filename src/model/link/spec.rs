//! A link of a type that this program can create, with its options. The types and options are
//! defined in `definitions`. The code here treats all types alike.

use std::fmt;
use std::sync::Arc;

use super::options::{Options, Said};
use crate::definitions::links::{Lower, Type};
use crate::definitions::option::Mutability;
use crate::model::{LinkRef, Netns};
use crate::name::LinkName;
use crate::source::Origin;

/// A link of a type that this program can create.
#[derive(Clone, Debug)]
pub struct LinkSpec {
    /// Its type.
    pub of: &'static Type,
    /// The namespace that it is created on: that of its parent link, of the tunnel's UDP socket, or
    /// of the underlay network. For other links, their own namespace.
    pub born: Netns,
    /// The parent link, in the namespace `born`.
    pub parent: Option<LinkName>,
    /// Its options.
    pub options: Options,
    /// For a wanted link, the setting that determines what it is created on.
    pub origin: Option<Arc<Origin>>,
    /// For a link in the journal, the identity of the namespace that it was created on.
    pub birth: Option<String>,
    /// For an existing link: the namespace that it was created on has lost its name. The link has
    /// to be recreated on the namespace that has the name now.
    pub outlived: bool,
}

impl LinkSpec {
    /// A link of a type without options, created on `at`.
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

    /// The parent link.
    pub fn below(&self) -> Option<LinkRef> {
        let at = self.born.clone();
        self.parent.clone().map(|name| LinkRef { netns: at, name })
    }

    /// Whether the existing link `have` matches, or can be changed to match without recreating it.
    pub fn fits(&self, have: &LinkSpec) -> bool {
        let can_be = |(option, value): &Said| match have.options.get(option.word) {
            None => option.keeps == Mutability::InPlace || option.keeps == Mutability::SameFamily,
            Some(now) => now == value.value || option.can_become(now, value.value),
        };
        // A link without a parent, such as a bridge, may have been created from anywhere
        let born = self.of.below == Lower::Nothing
            || (&self.born, &self.parent) == (&have.born, &have.parent);
        let alive = !have.outlived;
        self.of.word == have.of.word && born && alive && self.options.iter().all(can_be)
    }
}

/// Comparisons consider what the kernel distinguishes, and ignore `origin` and `birth`.
impl PartialEq for LinkSpec {
    fn eq(&self, other: &Self) -> bool {
        let born = |spec: &LinkSpec| (spec.born.clone(), spec.parent.clone(), spec.outlived);
        self.of.word == other.of.word && born(self) == born(other) && self.options == other.options
    }
}

impl Eq for LinkSpec {}

/// `type KIND OPTION VALUE …`, to be appended to a command that ends with the link's name. The link
/// through which a tunnel sends is one of its options there.
impl fmt::Display for LinkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type {}{}", self.of.word, self.options)?;
        match &self.parent {
            Some(parent) if self.of.below == Lower::UnderlayNetns => write!(f, " dev {parent}"),
            _ => Ok(()),
        }
    }
}
