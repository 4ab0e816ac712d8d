//! The processes of a namespace, read from `/proc`: who is inside, and ending them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::netns::Identity;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id, in our own pid namespace.
    pub pid: i32,
    /// The name of its program, as ps(1) shows it: at most 15 bytes.
    pub name: String,
}

/// The processes with a thread in a namespace, by their ids. Ourselves we never are.
pub fn inside(netns: Identity) -> io::Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(pid) = entry?.file_name().to_string_lossy().parse::<i32>() else {
            continue;
        };
        if is_inside(pid, netns) {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            found.push(Process {
                pid,
                name: name.trim_end().to_string(),
            });
        }
    }
    found.sort_by_key(|process| process.pid);
    Ok(found)
}

/// End them: by TERM, and those that live on after `grace` by KILL.
pub fn end(netns: Identity, grace: Duration) -> io::Result<()> {
    for (signal, patience) in [
        (Signal::SIGTERM, grace),
        (Signal::SIGKILL, Duration::from_secs(2)),
    ] {
        let limit = Instant::now() + patience;
        inside(netns)?
            .iter()
            .for_each(|process| send(process.pid, netns, signal));
        while !inside(netns)?.is_empty() {
            if Instant::now() > limit {
                break;
            }
            sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

/// The process is looked at once more: its id can be another's by now.
fn send(pid: i32, netns: Identity, signal: Signal) {
    let Ok(_held) = File::open(format!("/proc/{pid}")) else {
        return;
    };
    if is_inside(pid, netns) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

fn is_inside(pid: i32, netns: Identity) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    threads
        .flatten()
        .any(|thread| is(&thread.path().join("ns/net"), netns))
}

fn is(file: &Path, netns: Identity) -> bool {
    fs::metadata(file).is_ok_and(|found| (found.dev(), found.ino()) == netns)
}
