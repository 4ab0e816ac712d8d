//! Where a value was said. Values carry this from the settings to the report, so that
//! a refusal by the kernel names the line that asked for it. No I/O.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A position in a settings file. It prints as `FILE:LINE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The file's path, as it was opened.
    pub file: Arc<str>,
    /// Counted from 1.
    pub line: u32,
    /// In bytes, counted from 1.
    pub column: u32,
}

/// The setting that asked for something. It prints as `SETTING at FILE:LINE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its whole name, such as `routes_eth1`.
    pub setting: String,
    /// Where: of a value over several lines, the line of this part of it.
    pub place: Position,
}

/// A value, and who asked for it: nobody, if it was read from the kernel. Comparing
/// looks at the value alone, so that what is wanted and what is there can be compared.
#[derive(Clone, Debug)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// The setting it comes from.
    pub origin: Option<Arc<Origin>>,
}

/// A fault in the settings. All of them are found before anything is touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: a place, a file alone, or nothing that has a place.
    pub place: Option<Position>,
    /// The first line, after the place: what is wrong, the user's text quoted as written.
    pub wrong: String,
    /// The second line: what was expected, and what to type.
    pub remedy: String,
}

impl<T> Sourced<T> {
    /// A value that no setting asked for.
    pub fn without_origin(value: T) -> Self {
        Sourced {
            value,
            origin: None,
        }
    }

    /// A value that the setting `origin` asked for.
    pub fn from_setting(value: T, origin: Arc<Origin>) -> Self {
        Sourced {
            value,
            origin: Some(origin),
        }
    }

    /// Another value that the same setting asked for.
    pub fn with<U>(&self, value: U) -> Sourced<U> {
        Sourced {
            value,
            origin: self.origin.clone(),
        }
    }
}

impl<T: PartialEq> PartialEq for Sourced<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Sourced<T> {}

impl<T: PartialOrd> PartialOrd for Sourced<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl<T: Ord> Ord for Sourced<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value.cmp(&other.value)
    }
}

impl<T: Hash> Hash for Sourced<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl<T: fmt::Display> fmt::Display for Sourced<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.setting, self.place)
    }
}

/// Two lines; whoever prints them puts the program's name before each.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}\n{}", self.wrong, self.remedy)
    }
}
