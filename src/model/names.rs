//! Names for numbers in settings: routing tables, protocols, users.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

/// The names for numbers in the text of a route, policy rule or option, in addition to those that
/// are the same everywhere. The first entry of a name counts.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The names of routing tables.
    pub tables: Numbers,
    /// The names of routing protocols.
    pub protos: Numbers,
    /// The VRFs of the namespace, with their tables.
    pub vrfs: Vec<(String, u32)>,
    /// The table of a route whose text has none, if that is not `main`.
    pub unsaid_table: Option<u32>,
    /// The names of users.
    pub users: Numbers,
    /// The names of groups.
    pub groups: Numbers,
    /// Accept all that the kernel accepts, and not only what a setting may contain.
    pub as_kept: bool,
}

/// Names and their numbers. They are read at the first use, because few settings contain a name.
#[derive(Clone, Default)]
pub struct Numbers(Option<Arc<Found>>);

type Found = LazyLock<Vec<(String, u32)>, Box<dyn FnOnce() -> Vec<(String, u32)> + Send>>;

impl Numbers {
    /// The names that `find` returns.
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
