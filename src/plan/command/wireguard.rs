//! The settings of a WireGuard link as commands of wg(8).

use crate::model::wireguard::{Difference, NamedEndpoint};
use crate::model::{LinkRef, Netns};
use crate::name::NetnsName;

/// The command that sets these settings.
pub fn set(netns: &NetnsName, link: &LinkRef, difference: &Difference) -> String {
    let (file, name) = (&difference.file, &link.name);
    let exec = exec(netns, &link.netns);
    match difference.is_quick {
        false => format!("{exec}wg syncconf {name} {file}"),
        true => format!("{STRIP} {file} | {exec}wg syncconf {name} /dev/stdin"),
    }
}

/// Does what `wg-quick strip` does. Not every machine with wg(8) has wg-quick.
const STRIP: &str =
    "grep -viE '^[[:space:]]*(Address|DNS|MTU|Table|(Pre|Post)(Up|Down)|SaveConfig)[[:space:]]*='";

/// The command that sets an endpoint.
pub fn set_endpoint(netns: &NetnsName, link: &LinkRef, named: &NamedEndpoint) -> String {
    let NamedEndpoint { peer, endpoint, .. } = named;
    let exec = exec(netns, &link.netns);
    format!(
        "{exec}wg set {} peer {peer} endpoint {endpoint}",
        &link.name
    )
}

/// The prefix that runs a program in a namespace.
fn exec(netns: &NetnsName, at: &Netns) -> String {
    match at {
        Netns::This => format!("ip netns exec {netns} "),
        Netns::Host => String::new(),
        Netns::Named(other) => format!("ip netns exec {other} "),
    }
}
