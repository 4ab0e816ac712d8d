//! What OpenRC and runit are told of services, by their own programs: that those of a
//! namespace may start, that they are held. When it is time for that is not known here.

pub mod service;
pub mod service_of_process;

use std::collections::BTreeSet;
use std::ffi::{CString, OsStr};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

use super::init::service_of_process::ServiceDaemons;
use super::program::PATH;
use super::spawn::unheld;
use super::{netns, occupants, process};
use crate::exec;
use crate::name::NetnsName;

/// Where OpenRC keeps what its services are: a folder for each state.
const STATES: &str = "/run/openrc";

/// What OpenRC says of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceStatus {
    /// It waits, and all that need it wait with it.
    Inactive,
    /// It is up.
    Started,
}

/// OpenRC has started this machine.
pub fn runs_openrc() -> bool {
    Path::new(STATES).join("softlevel").exists()
}

/// OpenRC says so of a service. Where there is no OpenRC, it says nothing.
pub fn is(service: &str, state: ServiceStatus) -> bool {
    let folder = match state {
        ServiceStatus::Inactive => "inactive",
        ServiceStatus::Started => "started",
    };
    let entry = Path::new(STATES).join(folder).join(service);
    fs::symlink_metadata(entry).is_ok()
}

/// The namespace's service goes from inactive to started, and with it start those that
/// wait for it. What runit runs asks for itself.
pub fn start_services(name: &NetnsName) -> io::Result<()> {
    in_background(name, "start")
}

/// The services that need the namespace stop, and start when it is whole again. Those of
/// runit end, and their run files ask for it.
pub fn stop_services(name: &NetnsName) -> io::Result<()> {
    if is(&format!("netns.{name}"), ServiceStatus::Started) {
        in_background(name, "stop")?;
    }
    let Some(inside) = netns::identity(name.as_str())? else {
        return Ok(());
    };
    let inside = occupants::inside(inside)?;
    let folders = inside
        .iter()
        .filter_map(|process| service_of_process::run_by(process.pid));
    for folder in folders {
        run(
            &[OsStr::new("sv"), OsStr::new("term"), folder.as_os_str()],
            false,
        )?;
    }
    Ok(())
}

/// The services that are left in a namespace that had this name before are stopped: by
/// OpenRC those of rules of the namespace, which went with it, and those that are `settled`
/// to be inside, unless they are in the new one already. Which have stopped by that, those
/// that need them among them, comes out, in the order in which they are to start. Those of
/// runit whose own process is there end, and their run files ask for the namespace.
pub fn leave(name: &NetnsName, settled: &[(String, String)]) -> io::Result<Vec<String>> {
    let behind = left_behind(name)?;
    let (noted, before) = (ServiceDaemons::look(), started());
    let rules = ["ipset", "iptables", "nftables"].map(|tool| format!("netns-{tool}.{name}"));
    let settled = settled.iter().map(|(service, _)| service);
    for service in settled.chain(&rules).filter(|of| before.contains(*of)) {
        let daemons = noted.daemons_of(service);
        let follows = !daemons.is_empty() && !daemons.iter().any(|pid| behind.contains(pid));
        if !follows && is(service, ServiceStatus::Started) {
            run(&["rc-service", service, "stop"].map(OsStr::new), false)?;
        }
    }
    for folder in behind
        .iter()
        .filter_map(|pid| service_of_process::run_by(*pid))
    {
        run(
            &[OsStr::new("sv"), OsStr::new("term"), folder.as_os_str()],
            false,
        )?;
    }
    let mut stopped: Vec<_> = before.difference(&started()).cloned().collect();
    stopped.sort_by_key(|service| !rules.contains(service));
    Ok(stopped)
}

/// OpenRC starts these services, each unless it has been started since.
pub fn start(services: &[String]) -> io::Result<()> {
    for service in services.iter().filter(|of| !is(of, ServiceStatus::Started)) {
        run(&["rc-service", service, "start"].map(OsStr::new), false)?;
    }
    Ok(())
}

/// What OpenRC has started, in the order in which it did.
pub fn started_in_order() -> Vec<String> {
    let folder = Path::new(STATES).join("started");
    let when = |name: &String| fs::symlink_metadata(folder.join(name)).and_then(|at| at.modified());
    let mut all: Vec<String> = started().into_iter().collect();
    all.sort_by_cached_key(|name| when(name).ok());
    all
}

/// What OpenRC has started.
pub fn started() -> BTreeSet<String> {
    let entries = fs::read_dir(Path::new(STATES).join("started"));
    let names = entries.into_iter().flatten().flatten();
    names
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Who was let into a namespace of this name, and is not in the one that has it now.
fn left_behind(name: &NetnsName) -> io::Result<Vec<i32>> {
    let now = netns::identity(name.as_str())?;
    let mark = CString::new(name.as_str())?;
    let marked = exec::marked(&mark).map_err(|no| io::Error::other(no.to_string()))?;
    let all = marked.into_iter().flat_map(|of| of.processes);
    let elsewhere = |pid: &i32| process::netns_of(*pid).is_some_and(|at| Some(at) != now);
    Ok(all.filter(elsewhere).collect())
}

/// OpenRC's word for a call that is a service's own: it ends inactive where another would
/// end stopped, and starts what is inactive.
fn in_background(name: &NetnsName, verb: &str) -> io::Result<()> {
    let service = format!("netns.{name}");
    run(&["rc-service", &service, verb].map(OsStr::new), true)
}

/// Run it to its end, as at boot: with nothing of ours but what its output goes to. What
/// it says of a refusal is said there.
fn run(words: &[&OsStr], in_background: bool) -> io::Result<()> {
    exec::hand_down_nothing()?;
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env_clear().env("PATH", PATH);
    if in_background {
        command.env("IN_BACKGROUND", "yes");
    }
    command.current_dir("/").stdin(Stdio::null());
    unheld(command.process_group(0)).status().map(drop)
}
