//! Finding processes in the wrong namespace, and processes that see files or sockets of the host.
//! It uses the marks that netns-exec leaves, and what OpenRC records of its daemons.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{fs, io};

use nix::unistd::getpid;

use super::faults::Observed;
use crate::conf::files::read_plain;
use crate::exec;
use crate::name::NetnsName;
use crate::setup::{Call, declared_services};
use crate::system::holders::holders_of;
use crate::system::init::service_of_process::{ServiceDaemons, run_by_runit};
use crate::system::netns::identity::NetnsInode;
use crate::system::occupants::{self, Process};
use crate::system::process::netns_of;

/// Sockets of name services below `/run`, and the word of nsswitch.conf(5) that enables each. nscd
/// is used without such a word.
const NAME_SERVICES: [(&str, &str); 4] = [
    ("nscd/socket", ""),
    ("systemd/resolve/io.systemd.Resolve", "resolve"),
    ("dbus/system_bus_socket", "resolve"),
    ("avahi-daemon/socket", "mdns"),
];

/// Observe all leaks.
pub fn observe(
    call: &Call,
    name: &NetnsName,
    identity: Option<NetnsInode>,
    seen: &mut Observed,
) -> io::Result<()> {
    let services = ServiceDaemons::look();
    marked(name, identity, &services, seen)?;
    seen.on_host = on_host(call, name, &services);
    let Some(identity) = identity else {
        return Ok(());
    };
    seen.inside = inside(call, identity, &services);
    seen.holders = holders_of(name.as_str())?;
    seen.name_services = name_services(occupants::inside(identity)?);
    Ok(())
}

/// Observe the processes that netns-exec started.
fn marked(
    name: &NetnsName,
    identity: Option<NetnsInode>,
    services: &ServiceDaemons,
    seen: &mut Observed,
) -> io::Result<()> {
    let process = |pid: &i32| Process::of(*pid, services);
    let marked = exec::marked(&name.as_c()).map_err(|e| io::Error::other(e.to_string()))?;
    for of in marked {
        let elsewhere = |pid: &&i32| netns_of(**pid).is_some_and(|at| Some(at) != identity);
        let gone: Vec<_> = of.processes.iter().filter(elsewhere).map(process).collect();
        // A process in another namespace must be restarted anyway, which also restores its files
        let stays = gone.len() < of.processes.len();
        seen.elsewhere.extend(gone);
        if stays && !of.lost.is_empty() {
            let lost = of.lost.iter().map(|entry| format!("/etc/{entry}"));
            let processes = of.processes.iter().map(process).collect();
            seen.lost.push((processes, lost.collect()));
        }
    }
    Ok(())
}

/// The services that should run inside and run on the host.
fn on_host(
    call: &Call,
    name: &NetnsName,
    services: &ServiceDaemons,
) -> Vec<(String, String, Process)> {
    let host = netns_of(getpid().as_raw());
    let mut found = Vec::new();
    for (service, place) in declared_services::inside(&call.conf_dir, name) {
        for pid in services.daemons_of(&service) {
            if host.is_some() && netns_of(pid) == host {
                let process = Process::of(pid, services);
                found.push((
                    service.clone(),
                    format!("{place} says netns={name}"),
                    process,
                ));
            }
        }
    }
    for (dir, pid) in run_by_runit() {
        let place = declared_services::inside_by_runit(&dir, name);
        if let Some(place) = place.filter(|_| host.is_some() && netns_of(pid) == host) {
            let service = dir.file_name().unwrap_or_default().to_string_lossy();
            let process = Process::of(pid, services);
            found.push((
                service.into(),
                format!("{place} says netns-exec {name}"),
                process,
            ));
        }
    }
    found
}

/// The services that run inside and should run on the host.
fn inside(call: &Call, identity: NetnsInode, services: &ServiceDaemons) -> Vec<(String, Process)> {
    let is_inside = |(pid, _): &(i32, &str)| netns_of(*pid) == Some(identity);
    let started = services.started().filter(is_inside);
    let astray = started.filter(|(_, service)| declared_services::on_host(&call.conf_dir, service));
    let processes = astray.map(|(pid, service)| (service.to_string(), Process::of(pid, services)));
    processes.collect()
}

/// The name services that processes inside can reach. Each mount namespace is examined once.
fn name_services(inside: Vec<Process>) -> Vec<(Process, String)> {
    let mut mounts = BTreeSet::new();
    let mut found = Vec::new();
    for process in inside {
        let root = format!("/proc/{}/root", process.pid);
        let Ok(of) = fs::metadata(format!("/proc/{}/ns/mnt", process.pid)) else {
            continue;
        };
        if !mounts.insert((of.dev(), of.ino())) {
            continue;
        }
        let switch = read_plain(Path::new(&format!("{root}/etc/nsswitch.conf")));
        let hosts = switch.lines().find_map(|line| line.strip_prefix("hosts:"));
        for (socket, word) in NAME_SERVICES {
            let is_used = match word {
                "" => !exec::is_musl(),
                word => hosts.is_some_and(|hosts| hosts.contains(word)),
            };
            let bus = socket.starts_with("dbus/");
            if bus && !fs::exists("/run/systemd/resolve").unwrap_or(false) {
                continue;
            }
            if is_used && fs::symlink_metadata(format!("{root}/run/{socket}")).is_ok() {
                found.push((process.clone(), format!("/run/{socket}")));
            }
        }
    }
    found
}
