//! Finds what keeps a namespace alive without being in it: open files of the namespace, bind mounts
//! of it in any mount namespace, and sockets that were opened in it. This checks every file
//! descriptor of every process, and is used only when there is a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fmt, fs, io};

use nix::sched::{CloneFlags, setns};

use super::init::service_of_process::ServiceDaemons;
use super::netns::identity::NetnsInode;
use super::netns::of_socket::netns_of_socket;
use super::occupants::Process;
use super::thread::{at_once, on_a_thread};
use super::{netns, pidfd, process, procfs};
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

/// How long what was seen may be used: long enough for many namespaces in a row.
const FRESH: Duration = Duration::from_secs(1);

/// The holders of some namespaces, as seen at one moment. The search reads every descriptor of every
/// process, so one search serves many namespaces.
///
/// Each namespace has at most one entry for each process, and for binds one process for each mount
/// namespace. The name of the namespace in `/run/netns` is not a holder in any mount namespace,
/// because it disappears when its file is removed. Other netns-setup processes are not holders
/// either: `watch` closes a namespace that is taken down.
pub struct Holders {
    seen_at: Instant,
    /// The names, each with its namespace.
    searched: Vec<(String, NetnsInode)>,
    /// By name.
    found: Vec<(String, i32, HeldBy)>,
}

impl Holders {
    /// Search for the holders of the namespaces with these names. Names without a namespace are
    /// passed over.
    pub fn look<'a>(names: impl Iterator<Item = &'a str>) -> io::Result<Self> {
        let seen_at = Instant::now();
        // One that cannot be opened is not to hold up the others
        let named = names.filter_map(|name| Some((name, netns::open(name).ok()?)));
        let (names, files): (Vec<_>, Vec<_>) = named.unzip();
        let (mut searched, mut wanted) = (Vec::new(), AllWanted::new());
        for ((name, file), has_sockets) in names.iter().zip(&files).zip(have_sockets(&files)) {
            let identity = file.metadata().map(|of| (of.dev(), of.ino()))?;
            searched.push((name.to_string(), identity));
            let wanted = wanted.entry(identity).or_insert(Wanted {
                names: Vec::new(),
                has_sockets,
            });
            wanted.names.push(name);
        }
        drop(files);
        let mut found = Vec::new();
        let mut mounts = BTreeSet::new();
        let own = program("self");
        for pid in process::all()? {
            // This process, or another one of this program
            if own.is_some() && program(pid) == own {
                continue;
            }
            let mut held = Held::new();
            match fs::metadata(format!("/proc/{pid}/ns/mnt")) {
                Ok(of) if mounts.insert((of.dev(), of.ino())) => binds(pid, &wanted, &mut held),
                _ => {}
            }
            descriptors(pid, &wanted, &mut held);
            let held = held.into_iter();
            found.extend(held.map(|(name, by)| (name.to_string(), pid, by)));
        }
        Ok(Holders {
            seen_at,
            searched,
            found,
        })
    }

    /// Whether the search is recent, and included this namespace.
    pub fn are_fresh(&self, netns: NetnsInode, name: &str) -> bool {
        let is_it = |(of, its): &(String, NetnsInode)| (of.as_str(), *its) == (name, netns);
        self.seen_at.elapsed() < FRESH && self.searched.iter().any(is_it)
    }

    /// The holders of the namespace with this name, by process id.
    pub fn of(&self, name: &str) -> Vec<Holder> {
        let mut found = self.found.iter().filter(|(of, ..)| of == name).peekable();
        if found.peek().is_none() {
            return Vec::new();
        }
        let services = ServiceDaemons::look();
        let holder = |(_, pid, by): &(String, i32, HeldBy)| Holder {
            process: Process::of(*pid, &services),
            by: by.clone(),
        };
        found.map(holder).collect()
    }
}

/// The holders of the namespace with this name, as they are now.
pub fn holders_of(name: &str) -> io::Result<Vec<Holder>> {
    Ok(Holders::look(std::iter::once(name))?.of(name))
}

/// A namespace whose holders are searched for.
struct Wanted<'a> {
    names: Vec<&'a str>,
    has_sockets: bool,
}

/// The namespaces whose holders are searched for.
type AllWanted<'a> = BTreeMap<NetnsInode, Wanted<'a>>;

/// By the names of the namespaces, how a process holds them.
type Held<'a> = BTreeMap<&'a str, HeldBy>;

/// For each namespace, whether a program has a socket that was opened in it. The kernel counts those
/// of each namespace (Linux 4.16; before that, those of all namespaces).
fn have_sockets(all: &[File]) -> Vec<bool> {
    let has_sockets = |netns: &File| -> io::Result<bool> {
        setns(netns, CloneFlags::CLONE_NEWNET)?;
        let counted = procfs::text("/proc/thread-self/net/sockstat")?;
        Ok(!counted.starts_with("sockets: used 0\n"))
    };
    let all_have = || all.iter().map(|netns| has_sockets(netns).unwrap_or(true));
    let have = at_once(|| on_a_thread(|| Ok(all_have().collect())));
    have.unwrap_or_else(|_| vec![true; all.len()])
}

/// The file name of a process's program, even if the program has been reinstalled since.
fn program(pid: impl fmt::Display) -> Option<String> {
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let path = path.to_string_lossy();
    let path = path.trim_end_matches(" (deleted)");
    path.rsplit('/').next().map(String::from)
}

/// Add the namespaces that a descriptor of the process refers to, unless the process is inside.
fn descriptors<'a>(pid: i32, wanted: &AllWanted<'a>, held: &mut Held<'a>) {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return;
    };
    let any_sockets = wanted.values().any(|wanted| wanted.has_sockets);
    let mut process = None;
    for entry in entries.flatten() {
        let Ok(number) = entry.file_name().to_string_lossy().parse::<RawFd>() else {
            continue;
        };
        let Ok(target) = fs::read_link(entry.path()) else {
            continue;
        };
        let target = target.to_string_lossy();
        let (netns, by) = if target.starts_with("socket:") {
            if !any_sockets {
                continue;
            }
            let process = process.get_or_insert_with(|| pidfd::open(pid));
            let Ok(process) = process else {
                continue;
            };
            let of = netns_of_socket(process, number).and_then(|of| of.metadata());
            (of, HeldBy::Socket(number))
        } else if may_be(pid, number, &target, wanted) {
            (fs::metadata(entry.path()), HeldBy::Descriptor(number))
        } else {
            continue;
        };
        let Ok(netns) = netns.map(|of| (of.dev(), of.ino())) else {
            continue;
        };
        let Some(wanted) = wanted.get(&netns) else {
            continue;
        };
        let is_new = wanted.names.iter().any(|name| !held.contains_key(name));
        if is_new && !process::is_inside(pid, netns) {
            for name in &wanted.names {
                held.entry(name).or_insert_with(|| by.clone());
            }
        }
    }
}

/// Whether the descriptor can be that of one of the namespaces, so that a stat(2) is worthwhile.
/// stat(2) blocks if the file is on a server that does not answer. The kernel reports the inode
/// number without it (Linux 5.14).
fn may_be(pid: i32, number: RawFd, target: &str, wanted: &AllWanted<'_>) -> bool {
    let is_wanted = |inode: &str| {
        let inode = inode.parse::<u64>();
        inode.is_ok_and(|inode| wanted.keys().any(|(_, wanted)| *wanted == inode))
    };
    if !target.starts_with('/') {
        return inode_in(target).is_some_and(is_wanted);
    }
    let text = procfs::text(&format!("/proc/{pid}/fdinfo/{number}")).unwrap_or_default();
    let inode = text.lines().find_map(|line| line.strip_prefix("ino:"));
    inode.is_none_or(|inode| is_wanted(inode.trim()))
}

/// The inode of a network namespace in its name in `/proc`, `net:[INODE]`.
fn inode_in(name: &str) -> Option<&str> {
    name.strip_prefix("net:[")?.strip_suffix(']')
}

/// Add the namespaces that are bound in the mount namespace of the process, except over their names.
fn binds<'a>(pid: i32, wanted: &AllWanted<'a>, held: &mut Held<'a>) {
    let mounts = procfs::bytes(&format!("/proc/{pid}/mountinfo")).unwrap_or_default();
    for line in String::from_utf8_lossy(&mounts).lines() {
        let mut words = line.split(' ').skip(3);
        let (Some(root), Some(point)) = (words.next(), words.next()) else {
            continue;
        };
        let inode = inode_in(root).and_then(|inode| inode.parse::<u64>().ok());
        let of_inode = wanted.iter().find(|((_, of), _)| Some(*of) == inode);
        for name in of_inode.iter().flat_map(|(_, wanted)| &wanted.names) {
            if !held.contains_key(name) && !is_name(pid, point, name) {
                held.insert(name, HeldBy::Bind(point.to_string()));
            }
        }
    }
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
