//! Names that stand for numbers in settings: of routing tables, protocols, users.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

/// The names that stand for numbers in a route's text, beside those that every kernel
/// has. The first entry of a name counts.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Of routing tables.
    pub tables: Numbers,
    /// Of those who make routes.
    pub protos: Numbers,
    /// Of the namespace's vrfs, with their tables.
    pub vrfs: Vec<(String, u32)>,
    /// The table of a route that names none, if that is not `main`.
    pub unsaid_table: Option<u32>,
    /// Of users.
    pub users: Numbers,
    /// Of groups of users.
    pub groups: Numbers,
    /// What the kernel takes is taken, and not only what a setting may say.
    pub as_kept: bool,
}

/// Names and their numbers, found out when the first is asked for: hardly any settings use
/// one.
#[derive(Clone, Default)]
pub struct Numbers(Option<Arc<Found>>);

type Found = LazyLock<Vec<(String, u32)>, Box<dyn FnOnce() -> Vec<(String, u32)> + Send>>;

impl Numbers {
    /// Those that `find` will find.
    pub fn by(find: impl FnOnce() -> Vec<(String, u32)> + Send + 'static) -> Self {
        Numbers(Some(Arc::new(LazyLock::new(Box::new(find)))))
    }
}

impl Deref for Numbers {
    type Target = [(String, u32)];

    fn deref(&self) -> &[(String, u32)] {
        self.0.as_deref().map_or(&[], |found| found)
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
