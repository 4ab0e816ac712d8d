//! What a WireGuard link is told, as commands of wg(8).

use crate::model::wireguard::{Difference, NamedEndpoint};
use crate::model::{LinkRef, Netns};
use crate::name::NetnsName;

/// What is told, as a command.
pub fn set(netns: &NetnsName, link: &LinkRef, difference: &Difference) -> String {
    let (file, name) = (&difference.file, &link.name);
    let exec = exec(netns, &link.at);
    match difference.is_quick {
        false => format!("{exec}wg syncconf {name} {file}"),
        true => format!("{STRIP} {file} | {exec}wg syncconf {name} /dev/stdin"),
    }
}

/// What `wg-quick strip` does, which not every machine with wg(8) has.
const STRIP: &str =
    "grep -viE '^[[:space:]]*(Address|DNS|MTU|Table|(Pre|Post)(Up|Down)|SaveConfig)[[:space:]]*='";

/// An endpoint, as a command.
pub fn set_endpoint(netns: &NetnsName, link: &LinkRef, named: &NamedEndpoint) -> String {
    let NamedEndpoint { peer, endpoint, .. } = named;
    let exec = exec(netns, &link.at);
    format!(
        "{exec}wg set {} peer {peer} endpoint {endpoint}",
        &link.name
    )
}

/// What stands before a program that is to be run in a namespace.
fn exec(netns: &NetnsName, at: &Netns) -> String {
    match at {
        Netns::This => format!("ip netns exec {netns} "),
        Netns::Host => String::new(),
        Netns::Named(other) => format!("ip netns exec {other} "),
    }
}
