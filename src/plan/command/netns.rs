//! How a command is made to act on a namespace.

use crate::model::{LinkRef, Netns};
use crate::name::NetnsName;

/// `ip`, made to act on a namespace.
pub fn ip(netns: &NetnsName, at: &Netns) -> String {
    match at {
        Netns::This => format!("ip -n {netns}"),
        Netns::Host => "ip".into(),
        Netns::Named(other) => format!("ip -n {other}"),
    }
}

/// What stands behind `netns`. The host's namespace has no name; it is the one of the
/// first process.
pub fn name_of(netns: &NetnsName, at: &Netns) -> String {
    match at {
        Netns::This => netns.to_string(),
        Netns::Host => "1".into(),
        Netns::Named(other) => other.to_string(),
    }
}

pub fn set(netns: &NetnsName, link: &LinkRef) -> String {
    format!("{} link set {}", ip(netns, &link.at), &link.name)
}
