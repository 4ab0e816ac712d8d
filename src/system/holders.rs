//! Finds what keeps a namespace alive without being in it: open files of the namespace, bind mounts
//! of it in any mount namespace, and sockets that were opened in it. This checks every file
//! descriptor of every process, and is used only when there is a reason.

use std::collections::BTreeSet;
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{fmt, fs, io};

use super::init::service_of_process::ServiceDaemons;
use super::netns::identity::NetnsInode;
use super::netns::of_socket::netns_of_socket;
use super::occupants::Process;
use super::{pidfd, process, procfs};
use crate::state_dir;

/// A process that keeps a namespace alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process. For a bind mount, one of the processes that see it.
    pub process: Process,
    /// How the process keeps the namespace alive.
    pub by: HeldBy,
}

/// How a process keeps a namespace alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeldBy {
    /// This file descriptor refers to the namespace.
    Descriptor(RawFd),
    /// This file descriptor is a socket that was opened in the namespace.
    Socket(RawFd),
    /// The namespace is bound over this file, in the mount namespace of the process.
    Bind(String),
}

impl fmt::Display for HeldBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeldBy::Descriptor(number) => write!(f, "open as descriptor {number}"),
            HeldBy::Socket(number) => write!(f, "socket {number}"),
            HeldBy::Bind(point) => write!(f, "bound at {point}"),
        }
    }
}

/// All holders: at most one entry for each process, and one process for each mount namespace. The
/// name `netns` in `/run/netns` is not a holder in any mount namespace, because it disappears when
/// its file is removed. Other netns-setup processes are not holders either: `watch` closes a
/// namespace that is taken down.
pub fn holders(identity: NetnsInode, netns: &str) -> io::Result<Vec<Holder>> {
    let mut found = Vec::new();
    let mut mounts = BTreeSet::new();
    let own = program("self");
    for pid in process::all()? {
        // This process, or another one of this program
        if own.is_some() && program(pid) == own {
            continue;
        }
        let bind = match fs::metadata(format!("/proc/{pid}/ns/mnt")) {
            Ok(of) if mounts.insert((of.dev(), of.ino())) => bind(pid, identity, netns),
            _ => None,
        };
        let descriptor = || {
            if process::is_inside(pid, identity) {
                None
            } else {
                descriptor(pid, identity)
            }
        };
        found.extend(bind.or_else(descriptor).map(|by| (pid, by)));
    }
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let services = ServiceDaemons::look();
    let told = found.into_iter().map(|(pid, by)| Holder {
        process: Process::of(pid, &services),
        by,
    });
    Ok(told.collect())
}

/// The file name of a process's program, even if the program has been reinstalled since.
fn program(pid: impl fmt::Display) -> Option<String> {
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let path = path.to_string_lossy();
    let path = path.trim_end_matches(" (deleted)");
    path.rsplit('/').next().map(String::from)
}

fn descriptor(pid: i32, netns: NetnsInode) -> Option<HeldBy> {
    let mut process = None;
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
        let Ok(number) = entry.file_name().to_string_lossy().parse::<RawFd>() else {
            continue;
        };
        let Ok(target) = fs::read_link(entry.path()) else {
            continue;
        };
        let target = target.to_string_lossy();
        if target.starts_with("socket:") {
            if process.is_none() {
                process = Some(pidfd::open(pid));
            }
            let Some(Ok(process)) = &process else {
                continue;
            };
            let of = netns_of_socket(process, number).and_then(|of| of.metadata());
            if of.is_ok_and(|of| (of.dev(), of.ino()) == netns) {
                return Some(HeldBy::Socket(number));
            }
        } else if may_be(pid, number, &target, netns) && process::is(&entry.path(), netns) {
            return Some(HeldBy::Descriptor(number));
        }
    }
    None
}

/// Whether the descriptor can be that of the namespace, so that a stat(2) is worthwhile. stat(2)
/// blocks if the file is on a server that does not answer. The kernel reports the inode number
/// without it (Linux 5.14).
fn may_be(pid: i32, number: RawFd, target: &str, (_, inode): NetnsInode) -> bool {
    if !target.starts_with('/') {
        return target == format!("net:[{inode}]");
    }
    let told = procfs::text(&format!("/proc/{pid}/fdinfo/{number}")).unwrap_or_default();
    let told = told.lines().find_map(|line| line.strip_prefix("ino:"));
    told.is_none_or(|told| told.trim() == inode.to_string())
}

/// Where the namespace is bound, except over its name.
fn bind(pid: i32, (_, inode): NetnsInode, netns: &str) -> Option<HeldBy> {
    let mounts = procfs::bytes(&format!("/proc/{pid}/mountinfo")).ok()?;
    let mounts = String::from_utf8_lossy(&mounts);
    let root = format!("net:[{inode}]");
    let mut points = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(3);
        (words.next()? == root).then(|| words.next()).flatten()
    });
    let other = points.find(|point| !is_name(pid, point, netns))?;
    Some(HeldBy::Bind(other.to_string()))
}

/// Whether the mount point is the file of that name in `/run/netns`, whatever the root directory of
/// the process is.
fn is_name(pid: i32, point: &str, netns: &str) -> bool {
    let folder = |path: &str| fs::metadata(path).map(|of| (of.dev(), of.ino())).ok();
    let point = point.trim_end_matches("//deleted");
    let Some(above) = point.strip_suffix(&format!("/{netns}")) else {
        return false;
    };
    let seen = folder(&format!("/proc/{pid}/root{above}"));
    seen.is_some() && seen == folder(state_dir::NAMESPACES) && Path::new(point).is_absolute()
}
