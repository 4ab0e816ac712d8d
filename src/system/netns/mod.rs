//! Namespaces as files in `/run/netns`, as iproute2 keeps them: creates, opens and deletes them,
//! and distinguishes them from other files there.

pub mod dir;
pub mod identity;
pub mod of_socket;
pub mod owner;

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::statfs::{FsType, fstatfs};

use self::identity::NetnsInode;
use super::procfs;
use crate::state_dir::{self, NetnsId};
use crate::system::thread::{at_once, in_netns, on_a_thread};

/// `NSFS_MAGIC`, linux/magic.h.
const NSFS: FsType = FsType(0x6e73_6673);

/// How long a name must be stale before it is taken for one that a killed process has left. ip(8)
/// needs two system calls, between which a busy machine may let others run.
const NAMING: Duration = Duration::from_millis(500);

pub(crate) const NO_PATH: Option<&Path> = None;

/// What exists under a name in `/run/netns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameEntry {
    /// Nothing.
    Nothing,
    /// A namespace.
    Netns,
    /// An empty file. ip(8) is between creating the file and mounting the namespace, or between
    /// unmounting it and removing the file, or was killed there.
    Stale,
    /// Something else, which belongs to another program.
    Other,
}

fn path(name: &str) -> PathBuf {
    Path::new(state_dir::NAMESPACES).join(name)
}

/// All names in `/run/netns`. Empty if that directory does not exist.
pub fn names() -> impl Iterator<Item = String> {
    let entries = fs::read_dir(state_dir::NAMESPACES).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}

/// Open a namespace by its name. The error is `InvalidData` if the name is not that of a namespace.
pub fn open(name: &str) -> io::Result<File> {
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path(name))?;
    if fstatfs(&file)?.filesystem_type() == NSFS {
        Ok(file)
    } else {
        Err(ErrorKind::InvalidData.into())
    }
}

/// What exists under this name in `/run/netns`.
pub fn there(name: &str) -> io::Result<NameEntry> {
    match open(name) {
        Ok(_) => Ok(NameEntry::Netns),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(NameEntry::Nothing),
        Err(e) if !is_something_else(&e) => Err(e),
        Err(_) => {
            let found = fs::symlink_metadata(path(name))?;
            let stale = found.is_file() && found.len() == 0;
            Ok(if stale {
                NameEntry::Stale
            } else {
                NameEntry::Other
            })
        }
    }
}

/// Wait until the name is not stale, for half a second at most: another program may be about to
/// create or delete it.
pub fn wait_for_naming(name: &str) {
    let _ = there_for_long(name);
}

/// As [`there`], but what is stale has been so for [`NAMING`].
fn there_for_long(name: &str) -> io::Result<NameEntry> {
    let end = Instant::now() + NAMING;
    loop {
        let found = there(name)?;
        if found != NameEntry::Stale || Instant::now() >= end {
            return Ok(found);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether opening failed because this is not a namespace, but a file, a symlink or a socket.
fn is_something_else(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    error.kind() == ErrorKind::InvalidData || matches!(errno, Some(Errno::ELOOP | Errno::ENXIO))
}

/// The identity of the namespace that has this name, if there is one.
pub fn identity(name: &str) -> io::Result<Option<NetnsInode>> {
    Ok(birth(name)?.map(|birth| (birth.dev, birth.ino)))
}

/// The identity of the namespace that has this name, if there is one. It is unique until the
/// machine is rebooted.
pub fn birth(name: &str) -> io::Result<Option<NetnsId>> {
    match open(name) {
        Ok(file) => Ok(Some(birth_of(&file)?)),
        Err(e) if e.kind() == ErrorKind::NotFound || is_something_else(&e) => Ok(None),
        Err(e) => Err(e),
    }
}

pub(crate) fn birth_of(namespace: &File) -> io::Result<NetnsId> {
    let found = namespace.metadata()?;
    Ok(NetnsId {
        dev: found.dev(),
        ino: found.ino(),
        time: (found.mtime(), found.mtime_nsec()),
    })
}

/// Create a namespace, as `ip netns add` does. A stale file of the name is removed. Before the
/// namespace has its name, the thread that is in it calls `act` with its identity: if the process
/// is killed after that, the namespace can be recognized.
pub fn add<T: Send>(
    name: &str,
    act: impl FnOnce(NetnsId) -> io::Result<T> + Send,
) -> io::Result<T> {
    add_by(name, |path| at_once(|| on_a_thread(|| bind_new(path, act))))
}

/// Create the file of the name, over which `bind` then binds a namespace.
fn add_by<T>(name: &str, bind: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let _lock = dir::prepare()?;
    is_seen_by_host()?;
    if there_for_long(name)? == NameEntry::Stale {
        fs::remove_file(path(name))?;
    }
    let path = path(name);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o000)
        .open(&path)?;
    bind(&path).inspect_err(|_| {
        let _ = fs::remove_file(&path);
    })
}

/// Open the network namespace of a file of nsfs. The error is `InvalidData` if the file is
/// something else, or a namespace of another kind.
pub fn open_path(path: &str) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path)?;
    let is_one = fstatfs(&file)?.filesystem_type() == NSFS && in_netns(&file, || Ok(())).is_ok();
    if is_one {
        Ok(file)
    } else {
        Err(ErrorKind::InvalidData.into())
    }
}

/// Whether the two files are the same namespace.
pub fn is_same(one: &File, other: &File) -> bool {
    let identity = |file: &File| file.metadata().map(|found| (found.dev(), found.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

/// Whether the namespace is the one that this process is in.
pub fn is_hosts(namespace: &File) -> bool {
    File::open("/proc/self/ns/net").is_ok_and(|own| is_same(&own, namespace))
}

/// Give a namespace a name, as `ip netns attach` does. `note` gets its identity first.
pub fn attach(
    name: &str,
    namespace: &File,
    note: impl FnOnce(NetnsId) -> io::Result<()>,
) -> io::Result<()> {
    let from = format!("/proc/self/fd/{}", namespace.as_raw_fd());
    let bind = |path: &Path| {
        note(birth_of(namespace)?)?;
        let from = Some(Path::new(&from));
        Ok(mount(from, path, NO_PATH, MsFlags::MS_BIND, NO_PATH)?)
    };
    add_by(name, bind)
}

/// Create a namespace and bind it. The calling thread stays in the new namespace, and has to end.
fn bind_new<T>(path: &Path, act: impl FnOnce(NetnsId) -> io::Result<T>) -> io::Result<T> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    // While it is open, no other namespace has this inode
    let new = File::open("/proc/thread-self/ns/net")?;
    let done = act(birth_of(&new)?)?;
    let this = Some(Path::new("/proc/thread-self/fd").join(new.as_raw_fd().to_string()));
    mount(this.as_deref(), path, NO_PATH, MsFlags::MS_BIND, NO_PATH)?;
    Ok(done)
}

/// Remove the stale file that an unfinished creation of a namespace has left, if there is one.
pub fn clear(name: &str) -> io::Result<()> {
    match there_for_long(name)? {
        NameEntry::Stale => delete(name),
        _ => Ok(()),
    }
}

/// Delete the name of a namespace, as `ip netns delete` does. The namespace exists until no
/// process, socket or open file uses it any more. A missing name is no error.
pub fn delete(name: &str) -> io::Result<()> {
    let _lock = dir::prepare()?;
    let path = path(name);
    match umount2(&path, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
        // EINVAL: nothing is mounted on the file
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    // This also removes the name from other mount namespaces, where the mount would otherwise keep
    // the namespace alive
    match fs::remove_file(&path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Return an error if the host would not see a new namespace. This is so if the caller has a mount
/// namespace of its own (unshare(1)) whose mounts do not propagate to the host. The namespace would
/// end with that, and leave a name without a namespace on the host.
fn is_seen_by_host() -> io::Result<()> {
    let mounts = |pid| fs::read_link(format!("/proc/{pid}/ns/mnt"));
    match (mounts("self"), mounts("1")) {
        (Ok(own), Ok(first)) if own != first => {}
        _ => return Ok(()),
    }
    // Mounts propagate between all members of a peer group
    match (group_of_folder("self"), group_of_folder("1")) {
        (Some(own), Some(first)) if own == first => Ok(()),
        _ => Err(io::Error::other(
            "this process has mounts of its own: the host would not see the namespace",
        )),
    }
}

/// The peer group of the mount of `/run/netns`, in the mount namespace of a process
/// (proc_pid_mountinfo(5)).
fn group_of_folder(pid: &str) -> Option<String> {
    let text = procfs::text(&format!("/proc/{pid}/mountinfo")).ok()?;
    let of_folder = |line: &&str| line.split(' ').nth(4) == Some(state_dir::NAMESPACES);
    let words = text.lines().rfind(of_folder)?.split(' ').skip(6);
    let mut words = words.take_while(|word| *word != "-");
    words
        .find(|word| word.starts_with("shared:"))
        .map(String::from)
}
