//! The processes in a namespace: lists them, and ends them. `holders` finds processes that keep it
//! alive from outside.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::init::service_of_process::ServiceDaemons;
use super::netns::identity::NetnsInode;
use super::process::{all, is_inside, netns_of};
use super::{pidfd, procfs};

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// The process id, in the pid namespace of netns-setup.
    pub pid: i32,
    /// The name of its program, as ps(1) shows it: at most 15 bytes.
    pub name: String,
    /// The service of OpenRC or runit that has started it, if any.
    pub service: Option<String>,
}

impl Process {
    /// A process by its id. Its name is empty if it has ended.
    pub fn of(pid: i32, services: &ServiceDaemons) -> Self {
        let name = procfs::text(&format!("/proc/{pid}/comm")).unwrap_or_default();
        Process {
            pid,
            name: name.trim_end().to_string(),
            service: services.of(pid),
        }
    }
}

/// The processes that have a thread in the namespace, by process id. The calling process is never
/// among them.
pub fn inside(netns: NetnsInode) -> io::Result<Vec<Process>> {
    let inside = all()?.into_iter().filter(|pid| is_inside(*pid, netns));
    let inside: Vec<i32> = inside.collect();
    if inside.is_empty() {
        return Ok(Vec::new());
    }
    let services = ServiceDaemons::look();
    let told = inside.into_iter().map(|pid| Process::of(pid, &services));
    Ok(told.collect())
}

/// End the processes that live in the namespace: with TERM, and with KILL if they still live after
/// `grace`. A process of the host that only has a thread inside is not ended.
pub fn end(netns: NetnsInode, grace: Duration) -> io::Result<()> {
    for (signal, patience) in [
        (Signal::SIGTERM, grace),
        (Signal::SIGKILL, Duration::from_secs(2)),
    ] {
        let limit = Instant::now() + patience;
        living(netns)?
            .iter()
            .for_each(|pid| send(*pid, netns, signal));
        while !living(netns)?.is_empty() {
            if Instant::now() > limit {
                break;
            }
            sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

fn living(netns: NetnsInode) -> io::Result<Vec<i32>> {
    let living = all()?.into_iter().filter(|pid| lives_in(*pid, netns));
    Ok(living.collect())
}

/// Send a signal to the process, if it is in the namespace. That is checked once more while its
/// descriptor is open: its id may be another process's by now.
fn send(pid: i32, netns: NetnsInode, signal: Signal) {
    let Ok(held) = pidfd::open(pid) else {
        return;
    };
    if lives_in(pid, netns) {
        let _ = pidfd::send(&held, signal);
    }
}

/// Whether the first thread is in the namespace, or has ended and another thread is in it.
fn lives_in(pid: i32, netns: NetnsInode) -> bool {
    match netns_of(pid) {
        Some(found) => found == netns,
        None => is_inside(pid, netns),
    }
}
