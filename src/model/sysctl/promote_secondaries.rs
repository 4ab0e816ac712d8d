//! The keys that determine what happens to the secondary IPv4 addresses of a network when its
//! primary address is removed.

use super::SysctlKey;
use crate::name::LinkName;

/// The last part of such a key.
const LAST: &str = "promote_secondaries";

impl SysctlKey {
    /// The keys of all links and of this link. The addresses stay if either of them is 1.
    pub fn of_secondaries(link: &LinkName) -> [SysctlKey; 2] {
        ["all", link.as_str()].map(|link| SysctlKey(format!("net/ipv4/conf/{link}/{LAST}").into()))
    }

    /// Whether it is such a key.
    pub fn is_of_secondaries(&self) -> bool {
        self.of_link().is_some_and(|(_, _, last)| last == LAST)
    }
}
