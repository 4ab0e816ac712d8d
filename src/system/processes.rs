//! The processes of a namespace, read from `/proc`: who is inside, and ending them. Who
//! keeps it alive from outside is `holders`'s.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::str::FromStr;
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{fs, io};

use nix::sys::signal::Signal;

use super::init::owner::Services;
use super::netns::Identity;
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
    pub fn of(pid: i32, services: &Services) -> Self {
        let name = procfs::text(&format!("/proc/{pid}/comm")).unwrap_or_default();
        Process {
            pid,
            name: name.trim_end().to_string(),
            service: services.of(pid),
        }
    }
}

/// The processes with a thread in a namespace, by their ids. Ourselves we never are.
pub fn inside(netns: Identity) -> io::Result<Vec<Process>> {
    let inside = all()?.into_iter().filter(|pid| is_inside(*pid, netns));
    let inside: Vec<i32> = inside.collect();
    if inside.is_empty() {
        return Ok(Vec::new());
    }
    let services = Services::look();
    let told = inside.into_iter().map(|pid| Process::of(pid, &services));
    Ok(told.collect())
}

/// All process ids, in their order.
pub(crate) fn all() -> io::Result<Vec<i32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        found.extend(entry?.file_name().to_string_lossy().parse::<i32>());
    }
    found.sort_unstable();
    Ok(found)
}

/// End those that live there: by TERM, and those that live on after `grace` by KILL. A
/// process of the host's that has but a thread inside is not ended.
pub fn end(netns: Identity, grace: Duration) -> io::Result<()> {
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

fn living(netns: Identity) -> io::Result<Vec<i32>> {
    let living = all()?.into_iter().filter(|pid| lives_in(*pid, netns));
    Ok(living.collect())
}

/// The process is looked at once more, and held meanwhile: its id can be another's by now.
fn send(pid: i32, netns: Identity, signal: Signal) {
    let Ok(held) = pidfd::open(pid) else {
        return;
    };
    if lives_in(pid, netns) {
        let _ = pidfd::send(&held, signal);
    }
}

/// When a process started, in ticks since the machine did: its id and this are no other's.
pub fn started(pid: u32) -> Option<u64> {
    field(pid, 22)
}

/// The process above another: 0 above the first of a pid namespace.
pub fn parent(pid: u32) -> Option<u32> {
    field(pid, 4)
}

/// Wait until nobody else is in the session of the caller, for at most so long.
pub fn until_alone(limit: Duration) {
    let us = std::process::id();
    let until = Instant::now() + limit;
    let is_ours = |pid: &i32| {
        let pid = pid.cast_unsigned();
        pid != us && field(pid, 6) == Some(us)
    };
    while all().unwrap_or_default().iter().any(is_ours) && Instant::now() < until {
        sleep(Duration::from_millis(20));
    }
}

/// A field of proc_pid_stat(5), by its number there: the third or a later one.
fn field<T: FromStr>(pid: u32, number: usize) -> Option<T> {
    let stat = procfs::text(&format!("/proc/{pid}/stat")).ok()?;
    // The second may hold blanks and brackets
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(number - 3)?.parse().ok()
}

/// Its first thread is there, or has ended and another is.
fn lives_in(pid: i32, netns: Identity) -> bool {
    match netns_of(pid) {
        Some(found) => found == netns,
        None => is_inside(pid, netns),
    }
}

/// The network namespace of a process's first thread, as long as it lives.
pub fn netns_of(pid: i32) -> Option<Identity> {
    let found = fs::metadata(format!("/proc/{pid}/ns/net")).ok()?;
    Some((found.dev(), found.ino()))
}

/// The network namespace of the caller.
pub fn netns_of_caller() -> Option<Identity> {
    netns_of(std::process::id().cast_signed())
}

/// One of its threads is there.
pub(crate) fn is_inside(pid: i32, netns: Identity) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    threads
        .flatten()
        .any(|thread| is(&thread.path().join("ns/net"), netns))
}

pub(crate) fn is(file: &Path, netns: Identity) -> bool {
    fs::metadata(file).is_ok_and(|found| (found.dev(), found.ino()) == netns)
}
