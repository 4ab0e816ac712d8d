//! How a command is made to act on a namespace.

use crate::model::{LinkAt, Where};
use crate::name::NetnsName;

/// `ip`, made to act on a namespace.
pub fn ip(netns: &NetnsName, at: &Where) -> String {
    match at {
        Where::Inside => format!("ip -n {netns}"),
        Where::Host => "ip".into(),
        Where::Netns(other) => format!("ip -n {other}"),
    }
}

/// What stands behind `netns`. The host's namespace has no name; it is the one of the
/// first process.
pub fn name_of(netns: &NetnsName, at: &Where) -> String {
    match at {
        Where::Inside => netns.to_string(),
        Where::Host => "1".into(),
        Where::Netns(other) => other.to_string(),
    }
}

pub fn set(netns: &NetnsName, link: &LinkAt) -> String {
    format!("{} link set {}", ip(netns, &link.at), &link.name)
}
