//! A link that we make, with all that can be said of one of its type. What can be said is
//! `type_table`'s table; nothing here knows one type from another.

use std::fmt;
use std::sync::Arc;

use super::type_table::{Below, Keeps, Opt, Type, Value};
use crate::model::{LinkAt, Where};
use crate::name::LinkName;
use crate::source::{Asked, At};

/// A link of a type that can be made.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its type.
    pub of: &'static Type,
    /// The namespace it is made from: where its parent is, or where what goes through it
    /// comes out. Of others, its own.
    pub born: Where,
    /// The link below it, in the namespace where it was born.
    pub parent: Option<LinkName>,
    /// In the table's order, each once.
    pub options: Vec<(&'static Opt, At<Value>)>,
    /// Of what is wanted, what said where it is made from.
    pub asked: Option<Arc<Asked>>,
    /// Of what is ours, which namespace it was born in.
    pub birth: Option<String>,
    /// Of what is there: the namespace that it was born in has lost its name. It has to be
    /// made anew in the one that has the name now.
    pub outlived: bool,
}

impl Made {
    /// A link of a type of which nothing is said, for `at`.
    pub fn new(of: &'static Type, at: Where) -> Self {
        Made {
            of,
            born: at,
            parent: None,
            options: Vec::new(),
            asked: None,
            birth: None,
            outlived: false,
        }
    }

    /// The link below it.
    pub fn below(&self) -> Option<LinkAt> {
        let at = self.born.clone();
        self.parent.clone().map(|name| LinkAt { at, name })
    }

    /// The value of the option of this word of ip-link(8), if one is said.
    pub fn get(&self, word: &str) -> Option<Value> {
        let mut options = self.options.iter();
        options
            .find(|(option, _)| option.word == word)
            .map(|(_, value)| value.value)
    }

    /// Says an option, in the place of what was said of it.
    pub fn set(&mut self, option: &'static Opt, value: At<Value>) {
        let place = |word| self.of.options.iter().position(|o| o.word == word);
        let at = place(option.word);
        self.options.retain(|(other, _)| other.word != option.word);
        let after = self
            .options
            .partition_point(|(other, _)| place(other.word) < at);
        self.options.insert(after, (option, value));
    }

    /// A link that is there is this one, or can be made this one without making it anew.
    pub fn fits(&self, have: &Made) -> bool {
        let can_be = |(option, value): &(&'static Opt, At<Value>)| match have.get(option.word) {
            None => option.keeps == Keeps::Link || option.keeps == Keeps::Family,
            Some(now) => now == value.value || option.can_become(now, value.value),
        };
        // Of a bridge that others made, it does not matter from where
        let born = self.of.below == Below::Nothing
            || (&self.born, &self.parent) == (&have.born, &have.parent);
        let alive = !have.outlived;
        self.of.word == have.of.word && born && alive && self.options.iter().all(can_be)
    }

    /// The options that are another than what is there.
    pub fn differing<'a>(
        &'a self,
        have: &'a Made,
    ) -> impl Iterator<Item = &'a (&'static Opt, At<Value>)> {
        let options = self.options.iter();
        options.filter(|(option, value)| have.get(option.word) != Some(value.value))
    }

    /// The kernel takes all that is not said again for not said at all (ip_tunnel(4)'s
    /// changes): the whole has to be said to change a part.
    pub fn is_said_whole(&self) -> bool {
        matches!(self.of.word, "gre" | "ipip" | "sit")
    }
}

/// As the kernel tells them apart.
impl PartialEq for Made {
    fn eq(&self, other: &Self) -> bool {
        let said = |made: &Made| -> Vec<(&str, Value)> {
            let options = made.options.iter();
            options
                .map(|(option, value)| (option.word, value.value))
                .collect()
        };
        let born = |made: &Made| (made.born.clone(), made.parent.clone(), made.outlived);
        self.of.word == other.of.word && born(self) == born(other) && said(self) == said(other)
    }
}

impl Eq for Made {}

impl Opt {
    fn can_become(&self, now: Value, then: Value) -> bool {
        match self.keeps {
            Keeps::Link => true,
            Keeps::Nothing => false,
            Keeps::Family => match (now, then) {
                (Value::Ip(now), Value::Ip(then)) => now.is_ipv4() == then.is_ipv4(),
                _ => true,
            },
            Keeps::But(word) => ![now, then].contains(&Value::Word(word)),
        }
    }
}

/// `type KIND OPTION VALUE …`, as it stands in a command behind the link's name; a link
/// below a tunnel is one of its options there.
impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type {}", self.of.word)?;
        for (option, value) in &self.options {
            write!(f, " {} {value}", option.word)?;
        }
        match &self.parent {
            Some(parent) if self.of.below == Below::Birth => write!(f, " dev {parent}"),
            _ => Ok(()),
        }
    }
}
