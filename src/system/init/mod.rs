//! Controls services of OpenRC and runit with their own programs: services of a namespace may
//! start, or are held back. The callers decide when.

pub mod service;
pub mod service_of_process;

use std::collections::BTreeSet;
use std::ffi::OsStr;
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

/// Where OpenRC keeps the states of its services: a directory for each state.
const STATES: &str = "/run/openrc";

/// The state of a service in OpenRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceStatus {
    /// It waits, and all services that need it wait with it.
    Inactive,
    /// It is started.
    Started,
}

/// Whether OpenRC has booted this machine.
pub fn runs_openrc() -> bool {
    Path::new(STATES).join("softlevel").exists()
}

/// Whether a service is in this state in OpenRC. False where there is no OpenRC.
pub fn is(service: &str, state: ServiceStatus) -> bool {
    let folder = match state {
        ServiceStatus::Inactive => "inactive",
        ServiceStatus::Started => "started",
    };
    let entry = Path::new(STATES).join(folder).join(service);
    fs::symlink_metadata(entry).is_ok()
}

/// Change the state of the namespace's service from inactive to started. This starts the services
/// that wait for it. Services of runit check for the namespace themselves.
pub fn start_services(name: &NetnsName) -> io::Result<()> {
    in_background(name, "start")
}

/// Stop the services that need the namespace. They start when it is complete again. Services of
/// runit get TERM, and their run files then wait for the namespace.
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

/// Stop the services that are left in an earlier namespace of this name.
///
/// With OpenRC, these are the services of the namespace's firewall rules, which went with it, and
/// the `settled` services, whose settings put them in the namespace. A service is not stopped if
/// its daemons are in the new namespace already. Returns the services that have stopped, including
/// those that need them, in the order in which they have to be started.
///
/// With runit, a service gets TERM if its own process was left behind. Its run file then waits for
/// the namespace.
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

/// Start these services of OpenRC, except those that have been started since.
pub fn start(services: &[String]) -> io::Result<()> {
    for service in services.iter().filter(|of| !is(of, ServiceStatus::Started)) {
        run(&["rc-service", service, "start"].map(OsStr::new), false)?;
    }
    Ok(())
}

/// The services that OpenRC has started, in the order in which it did.
pub fn started_in_order() -> Vec<String> {
    let folder = Path::new(STATES).join("started");
    let when = |name: &String| fs::symlink_metadata(folder.join(name)).and_then(|at| at.modified());
    let mut all: Vec<String> = started().into_iter().collect();
    all.sort_by_cached_key(|name| when(name).ok());
    all
}

/// The services that OpenRC has started.
pub fn started() -> BTreeSet<String> {
    let entries = fs::read_dir(Path::new(STATES).join("started"));
    let names = entries.into_iter().flatten().flatten();
    names
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// The ids of the processes that have joined a namespace of this name, and are not in the one that
/// has it now.
fn left_behind(name: &NetnsName) -> io::Result<Vec<i32>> {
    let now = netns::identity(name.as_str())?;
    let marked = exec::marked(&name.as_c()).map_err(|no| io::Error::other(no.to_string()))?;
    let all = marked.into_iter().flat_map(|of| of.processes);
    let elsewhere = |pid: &i32| process::netns_of(*pid).is_some_and(|at| Some(at) != now);
    Ok(all.filter(elsewhere).collect())
}

/// Run the verb with IN_BACKGROUND, which OpenRC provides for calls by a service itself: a stop
/// makes the service inactive instead of stopped, and a start works if it is inactive.
fn in_background(name: &NetnsName, verb: &str) -> io::Result<()> {
    let service = format!("netns.{name}");
    run(&["rc-service", &service, verb].map(OsStr::new), true)
}

/// Run a command to its end, as at boot. It inherits nothing but standard output and standard
/// error, where it reports its errors. Its exit status is ignored.
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
