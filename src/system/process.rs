//! Processes in `/proc`: their start times, parents and network namespaces.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::str::FromStr;
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{fs, io};

use super::netns::identity::NetnsInode;
use super::procfs;

/// All process ids, in ascending order.
pub(crate) fn all() -> io::Result<Vec<i32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        found.extend(entry?.file_name().to_string_lossy().parse::<i32>());
    }
    found.sort_unstable();
    Ok(found)
}

/// When a process started, in ticks since boot. No other process has the same id and start time.
pub fn started(pid: u32) -> Option<u64> {
    field(pid, 22)
}

/// The parent of a process: 0 for the first process of a pid namespace.
pub fn parent(pid: u32) -> Option<u32> {
    field(pid, 4)
}

/// Wait until no other process is in the session that this process leads, at most `limit`.
pub fn until_alone(limit: Duration) {
    let us = std::process::id();
    let until = Instant::now() + limit;
    let is_ours = |pid: &i32| {
        let pid = *pid as u32;
        pid != us && field(pid, 6) == Some(us)
    };
    while all().unwrap_or_default().iter().any(is_ours) && Instant::now() < until {
        sleep(Duration::from_millis(20));
    }
}

/// A field of proc_pid_stat(5), by its number there, which is 3 or higher.
fn field<T: FromStr>(pid: u32, number: usize) -> Option<T> {
    let stat = procfs::text(&format!("/proc/{pid}/stat")).ok()?;
    // The second field can contain blanks and parentheses
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(number - 3)?.parse().ok()
}

/// A program that runs.
#[derive(Debug)]
pub struct Running<'a> {
    /// Its process id.
    pub pid: i32,
    /// Its name, without the directory.
    pub program: &'a str,
    /// Its arguments, its own name first.
    pub words: Vec<String>,
}

/// Each process that runs one of these programs.
pub fn running<'a>(programs: &[&'a str]) -> Vec<Running<'a>> {
    let running = |pid: i32| {
        let words = words_of(pid)?;
        let name = words.first()?.rsplit('/').next()?;
        let program = programs.iter().find(|program| **program == name)?;
        Some(Running {
            pid,
            program,
            words,
        })
    };
    let all = all().unwrap_or_default();
    all.into_iter().filter_map(running).collect()
}

/// The arguments of a process, its program first. A daemon may show a title in their place, as in
/// `dhcpcd: eth1 [ip4]`.
pub(crate) fn words_of(pid: i32) -> Option<Vec<String>> {
    let line = procfs::bytes(&format!("/proc/{pid}/cmdline")).ok()?;
    let line = String::from_utf8_lossy(&line);
    let mut words: Vec<&str> = line.split('\0').collect();
    if let Some((program, title)) = words[0].split_once(": ") {
        words = [program].into_iter().chain(title.split(' ')).collect();
    }
    Some(words.into_iter().map(String::from).collect())
}

/// The network namespace of a process's first thread. `None` if that has ended.
pub fn netns_of(pid: i32) -> Option<NetnsInode> {
    let found = fs::metadata(format!("/proc/{pid}/ns/net")).ok()?;
    Some((found.dev(), found.ino()))
}

/// The network namespace of this process.
pub fn netns_of_caller() -> Option<NetnsInode> {
    netns_of(std::process::id() as i32)
}

/// Whether a thread of the process is in the namespace.
pub(crate) fn is_inside(pid: i32, netns: NetnsInode) -> bool {
    let threads = format!("/proc/{pid}/task");
    // The directory counts them in its links, beside its own two
    if fs::metadata(&threads).is_ok_and(|found| found.nlink() == 3) {
        return netns_of(pid) == Some(netns);
    }
    let Ok(threads) = fs::read_dir(threads) else {
        return false;
    };
    threads
        .flatten()
        .any(|thread| is(&thread.path().join("ns/net"), netns))
}

pub(crate) fn is(file: &Path, netns: NetnsInode) -> bool {
    fs::metadata(file).is_ok_and(|found| (found.dev(), found.ino()) == netns)
}
