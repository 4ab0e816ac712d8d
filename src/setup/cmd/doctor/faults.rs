//! Finds the faults in the observed state of a namespace, and adds a hint to each. It uses neither
//! the kernel nor files.

use std::net::IpAddr;

use serde::Serialize;

use super::firewall::{Filters, is_open_to_ipv6};
use super::host::answers_for;
use crate::name::NetnsName;
use crate::setup::report::{holder, process};
use crate::system::holders::Holder;
use crate::system::occupants::Process;

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Identifies the kind of fault, for programs.
    pub kind: &'static str,
    /// What is wrong, in one line.
    pub what: String,
    /// What to do, in one line.
    pub remedy: String,
}

/// Everything that `doctor` observes of a namespace.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// A namespace of this name exists.
    pub exists: bool,
    /// Differences, obstacles and warnings, as `status` reports them.
    pub differences: Vec<String>,
    pub obstacles: Vec<String>,
    pub warnings: Vec<String>,
    /// The namespace is marked as ready.
    pub ready: bool,
    /// Links, addresses and routes in a namespace of ours that neither netns-setup nor the kernel
    /// made.
    pub foreign: Vec<String>,
    /// Processes that netns-exec started in a namespace of this name and that are now in another
    /// one.
    pub elsewhere: Vec<Process>,
    /// Entries of /etc whose bind mount is gone, each list with the processes concerned.
    pub lost: Vec<(Vec<Process>, Vec<String>)>,
    pub holders: Vec<Holder>,
    /// The NICs that have no carrier.
    pub without_carrier: Vec<String>,
    /// WireGuard peers that do not answer: the link and the peer.
    pub silent_peers: Vec<(String, String)>,
    /// The name servers of its processes. `None` if it has no resolv.conf of its own.
    pub servers: Option<NameServers>,
    /// The host's name servers.
    pub servers_of_host: Option<NameServers>,
    /// It has a default route. Without one, no program inside is meant to look up names of the
    /// world.
    pub has_default_route: bool,
    /// Its links lead to the host alone, so it asks no more than the host does.
    pub is_behind_host: bool,
    /// Addresses inside on which a program listens on UDP port 53.
    pub listening: Vec<IpAddr>,
    /// The same on the host.
    pub listening_on_host: Vec<IpAddr>,
    /// Sockets of the host's name services that processes inside can reach.
    pub name_services: Vec<(Process, String)>,
    /// Forwarding sysctls that are on although no setting asks for them.
    pub forwarding: Vec<String>,
    pub filters: Filters,
    /// Services that run on the host although their settings put them inside: the service, the
    /// position of the setting, the process.
    pub on_host: Vec<(String, String, Process)>,
    /// Services that run inside although no setting puts them there: the service, the process.
    pub inside: Vec<(String, Process)>,
    /// Entries of `/etc/netns/NAME` for which /etc has no file of the same name.
    pub unseen: Vec<String>,
    /// The namespace belongs to another program, such as docker, and only has the name from us.
    pub attached: bool,
    /// Why the last start or reload failed. Empty if it succeeded.
    pub why_failed: Vec<String>,
    /// Published ports that lead to an address inside on which nothing listens.
    pub silent_ports: Vec<String>,
    /// Devices that a file of the host also sets up: the device, the place in that file.
    pub set_up_on_host: Vec<(String, String)>,
    /// The kinds of findings that `netns_doctor_accept` lists.
    pub accepted: Vec<String>,
}

/// The name servers of the processes inside.
#[derive(Clone, Debug, Default)]
pub struct NameServers {
    /// The file that names them.
    pub file: String,
    /// The file names at least one. Otherwise the resolver uses the loopback address.
    pub is_named: bool,
    pub all: Vec<IpAddr>,
    /// Those of them that are addresses of the namespace.
    pub own: Vec<IpAddr>,
    /// Those of them to which no route inside leads.
    pub unreachable: Vec<IpAddr>,
}

/// All faults that are not accepted, the most serious kinds first. Of a namespace that does not
/// exist, only why it does not, and where its processes are.
pub fn faults(name: &NetnsName, seen: &Observed) -> Vec<Finding> {
    let mut all = Findings(Vec::new());
    if !seen.exists {
        missing(name, seen, &mut all);
    }
    leaks(name, seen, &mut all);
    if seen.exists {
        links(seen, &mut all);
        names(name, seen, &mut all);
        network(name, seen, &mut all);
    }
    host(seen, &mut all);
    drift(name, seen, &mut all);
    all.0
        .retain(|found| !seen.accepted.iter().any(|kind| kind == found.kind));
    all.0
}

/// The reason why there is no namespace, if it is known.
fn missing(name: &NetnsName, seen: &Observed, all: &mut Findings) {
    // The head line, then what is wrong and the hint
    let (what, remedy) = match &seen.why_failed[..] {
        [head, what, hint, ..] => {
            let what = what.trim_start_matches(&format!("{name}: "));
            (
                format!("there is no such namespace; {head} {what}"),
                hint.clone(),
            )
        }
        _ => (
            "there is no such namespace".into(),
            format!("run netns-setup up {name}"),
        ),
    };
    all.add("missing", what, remedy);
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, kind: &'static str, what: String, remedy: String) {
        self.0.push(Finding { kind, what, remedy });
    }
}

/// Processes in the wrong namespace, and processes that keep it from being deleted.
fn leaks(name: &NetnsName, seen: &Observed, all: &mut Findings) {
    for (service, place, of) in &seen.on_host {
        let what = format!(
            "service {service} runs on the host: {}, and {place}",
            process(of)
        );
        all.add("on-host", what, restart(Some(service)));
    }
    for (service, of) in &seen.inside {
        let what = format!(
            "service {service} runs inside: {}, and no setting says netns={name}",
            process(of)
        );
        let remedy = format!(
            "run rc-service {service} restart, or write netns=\"{name}\" into \
             /etc/conf.d/{service} if it is to stay"
        );
        all.add("inside", what, remedy);
    }
    for of in &seen.elsewhere {
        let what = format!(
            "{} runs in an earlier namespace of the same name",
            process(of)
        );
        all.add("old-namespace", what, restart(of.service.as_ref()));
    }
    for (processes, entries) in &seen.lost {
        let list: Vec<_> = processes.iter().map(process).collect();
        let what = format!(
            "the host's {} is visible to {}",
            entries.join(", "),
            list.join(", ")
        );
        all.add("lost-bind", what, format!("run netns-exec --heal {name}"));
    }
    // An attached namespace is another program's, which holds it
    for of in seen.holders.iter().filter(|_| !seen.attached) {
        let what = format!("held from outside by {}", holder(of));
        let remedy = format!("stop or unmount it before netns-setup down {name}");
        all.add("held", what, remedy);
    }
}

fn restart(service: Option<&String>) -> String {
    match service {
        Some(service) => format!("restart the service {service}"),
        None => "stop it and start it again with netns-exec".into(),
    }
}

/// Links that carry nothing.
fn links(seen: &Observed, all: &mut Findings) {
    for link in &seen.without_carrier {
        let remedy = "plug in its cable, or look at the other end; a wireless NIC needs a program \
                      such as wpa_supplicant that joins its network"
            .into();
        all.add("no-carrier", format!("{link} has no carrier"), remedy);
    }
    for (link, peer) in &seen.silent_peers {
        let what = format!("the peer {peer} of {link} does not answer: there is no handshake");
        let remedy =
            "compare its address, its port and the keys of both ends, and let UDP through \
                      on the way"
                .into();
        all.add("no-handshake", what, remedy);
    }
}

/// Faults of name resolution inside.
fn names(name: &NetnsName, seen: &Observed, all: &mut Findings) {
    match &seen.servers {
        // The processes of another program's namespace have its files
        None if seen.attached || !seen.has_default_route => {}
        None if seen.is_behind_host => dead_resolvers_of_host(name, seen, all),
        None => all.add(
            "no-resolv-conf",
            format!("there is no /etc/netns/{name}/resolv.conf: the host's name servers are used"),
            format!("write netns_dns=\"ADDRESS\" in the settings of {name}, or make that file"),
        ),
        Some(servers) => dead_resolvers(servers, seen, all),
    }
    for (of, socket) in &seen.name_services {
        let what = format!(
            "{} can reach {socket}, which resolves names on the host",
            process(of)
        );
        if socket.contains("nscd") {
            let remedy = "start it again with netns-exec, which hides that socket".into();
            all.add("name-service", what, remedy);
            continue;
        }
        let remedy = format!(
            "write \"hosts: files dns\" into /etc/netns/{name}/nsswitch.conf, and {}",
            restart(of.service.as_ref())
        );
        all.add("name-service", what, remedy);
    }
    for entry in &seen.unseen {
        let what = format!("/etc/netns/{name}/{entry} has no effect: there is no /etc/{entry}");
        let remedy =
            format!("make an empty /etc/{entry}, or write netns_etc=\"overlay\", or remove it");
        all.add("no-effect", what, remedy);
    }
}

/// Name servers of the host of which no program inside can get an answer.
fn dead_resolvers_of_host(name: &NetnsName, seen: &Observed, all: &mut Findings) {
    let Some(servers) = &seen.servers_of_host else {
        return;
    };
    // Without a program there, the host has no name servers either
    let is_used =
        |server: &IpAddr| servers.is_named || is_listening(&seen.listening_on_host, server);
    let is_dead = |server: &IpAddr| {
        server.is_loopback() && !is_listening(&seen.listening, server) && is_used(server)
    };
    let all_dead = servers.all.iter().all(is_dead);
    if let Some(server) = servers.all.first().filter(|_| all_dead) {
        let what = format!(
            "there is no /etc/netns/{name}/resolv.conf, and nothing in the namespace listens on the \
             host's {server}"
        );
        let remedy =
            format!("write netns_dns=\"ADDRESS\" in the settings of {name}, or make that file");
        all.add("no-resolv-conf", what, remedy);
    }
}

/// Name servers of which no program inside can get an answer.
fn dead_resolvers(servers: &NameServers, seen: &Observed, all: &mut Findings) {
    let is_here = |server: &IpAddr| server.is_loopback() || servers.own.contains(server);
    for server in servers.all.iter().filter(|server| is_here(server)) {
        if is_listening(&seen.listening, server) {
            continue;
        }
        let on_host = server.is_loopback() && is_listening(&seen.listening_on_host, server);
        let file = &servers.file;
        let what = match on_host {
            true => format!(
                "{file} names {server}, where a program listens on the host, and none in the namespace"
            ),
            false => format!("{file} names {server}, and nothing listens there in the namespace"),
        };
        let remedy = "use a server that the namespace can reach, or start one inside".into();
        all.add("dead-resolver", what, remedy);
    }
    // Where the namespace differs from its settings, that may be the reason
    if !seen.differences.is_empty() || !seen.obstacles.is_empty() {
        return;
    }
    let away = servers.unreachable.iter().filter(|server| !is_here(server));
    for server in away {
        let what = format!(
            "{} names {server}, and no route in the namespace leads there",
            servers.file
        );
        let remedy = "add a route to it, or use a server that the namespace can reach".into();
        all.add("dead-resolver", what, remedy);
    }
}

/// Whether a program that listens on one of these addresses gets what is sent to `server`.
fn is_listening(listening: &[IpAddr], server: &IpAddr) -> bool {
    let mut there = listening.iter();
    there.any(|at| answers_for(*at, *server))
}

/// Faults of forwarding and filtering.
fn network(name: &NetnsName, seen: &Observed, all: &mut Findings) {
    for key in &seen.forwarding {
        let what = format!(
            "{key} is on inside and no setting asks for it: the namespace forwards packets"
        );
        let remedy = format!(
            "run netns-exec {name} -- sysctl -w {key}=0, or write {key}=1 into netns_sysctl"
        );
        all.add("forwarding", what, remedy);
    }
    if is_open_to_ipv6(&seen.filters) {
        let what = "IPv4 is filtered, and IPv6 is not".into();
        let remedy = "load rules for ip6tables as well, or use a table inet of nftables, or write \
                      net.ipv6.conf.all.disable_ipv6=1 into netns_sysctl"
            .into();
        all.add("open-ipv6", what, remedy);
    }
}

/// Published ports, and devices that are also set up on the host.
fn host(seen: &Observed, all: &mut Findings) {
    for port in &seen.silent_ports {
        let what = format!("nothing listens inside where the published port {port} leads");
        let remedy = "start the service that is to answer, or correct netns_publish".into();
        all.add("silent-port", what, remedy);
    }
    for (device, place) in &seen.set_up_on_host {
        let what = format!("{device} is also set up on the host, by {place}");
        let remedy =
            "remove the device there: the host and the namespace would both set it up".into();
        all.add("host-config", what, remedy);
    }
}

/// Differences from the settings.
fn drift(name: &NetnsName, seen: &Observed, all: &mut Findings) {
    if !seen.exists {
        return;
    }
    for command in &seen.differences {
        let what = format!("differs from its settings by: {command}");
        all.add("difference", what, format!("run netns-setup reload {name}"));
    }
    let remedy = format!("run netns-setup reload {name} when that is fixed");
    for (kind, lines) in [("obstacle", &seen.obstacles), ("warning", &seen.warnings)] {
        // Each pair is what is wrong, and the hint
        for pair in lines.chunks(2) {
            let (what, hint) = (pair[0].clone(), pair.get(1));
            all.add(kind, what, hint.unwrap_or(&remedy).clone());
        }
    }
    if !seen.ready && seen.differences.is_empty() && seen.obstacles.is_empty() {
        let what = "it is not marked as ready, so netns-exec starts nothing inside".into();
        all.add("not-ready", what, format!("run netns-setup up {name}"));
    }
    for object in &seen.foreign {
        let remedy = "remove it, or add it to the settings".into();
        all.add("foreign", format!("not ours: {object}"), remedy);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn found(seen: &Observed) -> Vec<&'static str> {
        let name = "mgmt".parse().unwrap();
        faults(&name, seen).iter().map(|found| found.kind).collect()
    }

    fn healthy() -> Observed {
        Observed {
            exists: true,
            ready: true,
            servers: servers("192.0.2.53"),
            ..Observed::default()
        }
    }

    fn servers(server: &str) -> Option<NameServers> {
        Some(NameServers {
            all: vec![server.parse().unwrap()],
            ..NameServers::default()
        })
    }

    #[test]
    fn a_healthy_one_has_none() {
        assert_eq!(found(&healthy()), [""; 0]);
    }

    #[test]
    fn a_resolver_on_loopback_is_dead_unless_somebody_listens() {
        let mut seen = healthy();
        seen.servers = servers("127.0.0.53");
        assert_eq!(found(&seen), ["dead-resolver"]);
        seen.listening = vec!["127.0.0.1".parse().unwrap()];
        assert_eq!(found(&seen), ["dead-resolver"]);
        seen.listening = vec!["0.0.0.0".parse().unwrap()];
        assert_eq!(found(&seen), [""; 0]);
        seen.listening = vec!["127.0.0.53".parse().unwrap()];
        assert_eq!(found(&seen), [""; 0]);
    }

    #[test]
    fn a_resolver_without_a_route_is_dead_unless_a_change_is_missing() {
        let mut seen = healthy();
        if let Some(servers) = &mut seen.servers {
            servers.unreachable.clone_from(&servers.all);
        }
        assert_eq!(found(&seen), ["dead-resolver"]);
        seen.differences = vec!["ip route add default via 192.0.2.1".into()];
        assert_eq!(found(&seen), ["difference"]);
    }

    #[test]
    fn of_a_namespace_that_is_missing_no_difference_is_told() {
        let mut seen = healthy();
        (seen.exists, seen.ready) = (false, false);
        seen.differences = vec!["ip netns add mgmt".into()];
        assert_eq!(found(&seen), ["missing"]);
    }
}
