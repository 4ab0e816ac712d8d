//! The keys that determine what happens to the secondary IPv4 addresses of a network when its
//! primary address is removed.

use super::SysctlKey;
use crate::name::LinkName;

impl SysctlKey {
    /// The keys of all links and of this link. The addresses stay if either of them is 1.
    pub fn of_secondaries(link: &LinkName) -> [SysctlKey; 2] {
        ["all", link.as_str()]
            .map(|link| SysctlKey(format!("net/ipv4/conf/{link}/promote_secondaries").into()))
    }
}
