//! The keys that say what becomes of the other IPv4 addresses of a network when its first
//! one goes.

use super::SysctlKey;
use crate::name::LinkName;

impl SysctlKey {
    /// They stay where either of these is on, that of all links or that of this one.
    pub fn of_secondaries(link: &LinkName) -> [SysctlKey; 2] {
        ["all", link.as_str()]
            .map(|link| SysctlKey(format!("net/ipv4/conf/{link}/promote_secondaries").into()))
    }
}
