//! The processes in a namespace: who is inside, and ending them. Who keeps it alive from
//! outside is `holders`'s.

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
    /// Its id, in our own pid namespace.
    pub pid: i32,
    /// The name of its program, as ps(1) shows it: at most 15 bytes.
    pub name: String,
    /// Of OpenRC or runit, if one of those has started it.
    pub service: Option<String>,
}

impl Process {
    /// What is to be said of a process, which may have ended.
    pub fn of(pid: i32, services: &ServiceDaemons) -> Self {
        let name = procfs::text(&format!("/proc/{pid}/comm")).unwrap_or_default();
        Process {
            pid,
            name: name.trim_end().to_string(),
            service: services.of(pid),
        }
    }
}

/// The processes with a thread in a namespace, by their ids. Ourselves we never are.
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

/// End those that live there: by TERM, and those that live on after `grace` by KILL. A
/// process of the host's that has but a thread inside is not ended.
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

/// The process is looked at once more, and held meanwhile: its id can be another's by now.
fn send(pid: i32, netns: NetnsInode, signal: Signal) {
    let Ok(held) = pidfd::open(pid) else {
        return;
    };
    if lives_in(pid, netns) {
        let _ = pidfd::send(&held, signal);
    }
}

/// Its first thread is there, or has ended and another is.
fn lives_in(pid: i32, netns: NetnsInode) -> bool {
    match netns_of(pid) {
        Some(found) => found == netns,
        None => is_inside(pid, netns),
    }
}
