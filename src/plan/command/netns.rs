//! The part of a command that selects a namespace.

use crate::model::{LinkRef, Netns};
use crate::name::NetnsName;

/// The `ip` command for a namespace.
pub fn ip(netns: &NetnsName, at: &Netns) -> String {
    match at {
        Netns::This => format!("ip -n {netns}"),
        Netns::Host => "ip".into(),
        Netns::Named(other) => format!("ip -n {other}"),
    }
}

/// The argument of `netns`. The host's namespace has no name, so it is that of process 1.
pub fn name_of(netns: &NetnsName, at: &Netns) -> String {
    match at {
        Netns::This => netns.to_string(),
        Netns::Host => "1".into(),
        Netns::Named(other) => other.to_string(),
    }
}

pub fn set(netns: &NetnsName, link: &LinkRef) -> String {
    format!("{} link set {}", ip(netns, &link.netns), &link.name)
}
