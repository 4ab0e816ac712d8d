//! Where a value was set. Values carry this from the settings to the report, so that an error from
//! the kernel names the line that asked for the change. No I/O.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A position in a settings file, printed as `FILE:LINE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The path of the file, as it was opened.
    pub file: Arc<str>,
    /// The line number, counted from 1.
    pub line: u32,
    /// The column in bytes, counted from 1.
    pub column: u32,
}

/// The setting that asked for something, printed as `SETTING at FILE:LINE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The full name, such as `routes_eth1`.
    pub setting: String,
    /// The position. In a value of several lines, the line of the part in question.
    pub place: Position,
}

/// A value and the setting that asked for it. Comparisons use the value alone, so that the wanted
/// and the present state can be compared.
#[derive(Clone, Debug)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// The setting. `None` if the value was read from the kernel.
    pub origin: Option<Arc<Origin>>,
}

/// A problem in the settings. All problems are found before anything is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The position. `None` if the problem belongs to no file or line.
    pub place: Option<Position>,
    /// The first line, after the position: what is wrong. It quotes the user's text as written.
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

/// Prints two lines. The caller puts the program's name before each.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}\n{}", self.wrong, self.remedy)
    }
}
