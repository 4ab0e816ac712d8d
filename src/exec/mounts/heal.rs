//! Restores the bind mounts that the host has removed. If a regular file of /etc is replaced by
//! rename, the kernel removes every bind mount on it, in all mount namespaces. The result lists the
//! processes that had lost mounts, and the restored mounts.
//!
//! Only mount namespaces with our mark and in our own user namespace are entered. Each is entered
//! by a separate thread, which then ends. The files to bind are opened on the host before that.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::{fs, thread};

use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};
use nix::sched::{CloneFlags, setns, unshare};

use super::etc_netns::Folder;
use super::mark::MARK;
use super::mountinfo::{self, OWN};
use super::{bind_etc, is_at, resolvconf};
use crate::exec::args::To;
use crate::exec::error::{ExecError, reason, shown};
use crate::exec::path_buf::StackPath;
use crate::exec::{join, syscall};
use crate::printable::printable;
use crate::state_dir;

/// The processes of one mount namespace, and what has been restored for them.
pub struct Healed {
    /// The PIDs and names. Processes that have ended in the meantime are omitted.
    pub processes: Vec<(i32, String)>,
    /// The entries of /etc that are bound again.
    pub entries: Vec<String>,
    /// The error if the entries could not be bound again.
    pub failed: Option<String>,
}

/// The PIDs of processes, by mount namespace.
type Mounts = BTreeMap<(u64, u64), Vec<i32>>;

/// The files to bind in a mount namespace of a command, as detached copies of mounts.
#[derive(Default)]
pub(crate) struct BoundFiles {
    /// Each entry of `/etc/netns/NAME`, and whether it is a directory.
    pub entries: Vec<(CString, OwnedFd, bool)>,
    /// The name servers that a client inside has set, if there are any.
    pub servers: Option<OwnedFd>,
}

/// Restore the lost bind mounts of `/etc/netns/NAME`, in each mount namespace that netns-exec has
/// created for the namespace of this name. The result omits those that had lost nothing.
pub fn heal(name: &CStr) -> Result<Vec<Healed>, ExecError> {
    let mut healed = Vec::new();
    each_marked(name, |processes, first, mark, files| {
        let told = visit(first, mark, |overlay| bind_all_again(name, files, overlay));
        let (entries, failed) = match told {
            Ok(entries) => (entries, None),
            // The process has ended in the meantime, so it has lost nothing
            Err(Errno::ESRCH) => return,
            Err(why) => (Vec::new(), Some(reason(why))),
        };
        if entries.is_empty() && failed.is_none() {
            return;
        }
        let processes: Vec<_> = processes.into_iter().filter_map(called).collect();
        if !processes.is_empty() {
            healed.push(Healed {
                processes,
                entries,
                failed,
            });
        }
    })?;
    Ok(healed)
}

/// Call `see` for each mount namespace that netns-exec has created for the namespace of this name.
/// Its arguments are the processes, the pidfd of one of them, the mark, and the files to bind.
pub(crate) fn each_marked(
    name: &CStr,
    mut see: impl FnMut(Vec<i32>, OwnedFd, &CStr, &BoundFiles),
) -> Result<(), ExecError> {
    let (mark, all) = mark_and_mounts(name)?;
    for processes in all.into_values() {
        let mut pids = processes.iter();
        if let Some(first) = pids.find_map(|&pid| open_if_marked(pid, mark.as_c())) {
            see(processes, first, mark.as_c(), &BoundFiles::open(name)?);
        }
    }
    Ok(())
}

/// The mark of the namespace of this name, and all processes that may carry it.
fn mark_and_mounts(name: &CStr) -> Result<(StackPath, Mounts), ExecError> {
    let refused = |why| {
        let wrong = format!(
            "cannot look for what runs in {}: {}",
            shown(name),
            reason(why)
        );
        ExecError::kernel(wrong, "run it as root, with /proc mounted")
    };
    let mark = StackPath::of(&[MARK, name.to_bytes()]).map_err(refused)?;
    Ok((mark, by_mounts().map_err(refused)?))
}

/// All processes of our user namespace that are in other mount namespaces than this process.
fn by_mounts() -> Result<Mounts, Errno> {
    let id = |pid: &str, kind| {
        fs::metadata(format!("/proc/{pid}/ns/{kind}")).map(|of| (of.dev(), of.ino()))
    };
    let user = id("thread-self", "user").map_err(errno)?;
    let own = id("thread-self", "mnt").map_err(errno)?;
    let mut found = BTreeMap::<_, Vec<i32>>::new();
    for entry in fs::read_dir("/proc").map_err(errno)? {
        let name = entry.map_err(errno)?.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(mounts) = id(name.to_str().unwrap_or_default(), "mnt") else {
            continue;
        };
        if mounts != own && id(name.to_str().unwrap_or_default(), "user").is_ok_and(|id| id == user)
        {
            found.entry(mounts).or_default().push(number);
        }
    }
    Ok(found)
}

/// The pidfd of the process, if its mounts carry the mark.
fn open_if_marked(pid: i32, mark: &CStr) -> Option<OwnedFd> {
    let process = syscall::open_process(pid).ok()?;
    let file = CString::new(format!("/proc/{pid}/mountinfo")).ok()?;
    // The file belonged to this process only if the process still exists; otherwise the PID may
    // have been reused
    let yes = kind_of_mounts(&file, mark).ok()?.is_some() && syscall::is_there(process.as_fd());
    yes.then_some(process)
}

/// `None` if the mounts do not carry the mark, otherwise whether they include an overlay over /etc.
fn kind_of_mounts(mountinfo: &CStr, mark: &CStr) -> Result<Option<bool>, Errno> {
    let (mut seen, mut overlay) = (false, false);
    mountinfo::each(mountinfo, |mount| {
        let ours = mountinfo::unescaped(mount.source) == mark.to_bytes();
        match mount.point {
            b"/sys/class" => seen = ours,
            b"/etc" => overlay = ours,
            _ => (),
        }
        Ok::<(), Errno>(())
    })?;
    Ok(seen.then_some(overlay))
}

impl BoundFiles {
    /// Open the files on the host.
    pub fn open(name: &CStr) -> Result<BoundFiles, ExecError> {
        let servers = resolvconf::source(name).map_err(|why| {
            let wrong = format!("{}/{}: {}", state_dir::STATE, shown(name), reason(why));
            ExecError::kernel(wrong, "run it as root")
        })?;
        let mut files = BoundFiles {
            servers,
            ..BoundFiles::default()
        };
        if let Some(folder) = Folder::open(name)? {
            folder.each(|entry| {
                let (mount, is_folder) = folder.source(entry)?;
                files.entries.push((entry.to_owned(), mount, is_folder));
                Ok(())
            })?;
        }
        Ok(files)
    }

    /// Whether /etc shows, instead of this entry, the name servers that a client inside has set.
    pub fn is_of_client(&self, entry: &CStr) -> Result<bool, Errno> {
        Ok(entry == c"resolv.conf" && self.client_is_seen()?)
    }

    /// Whether a client inside has set name servers and they are what /etc/resolv.conf shows.
    pub fn client_is_seen(&self) -> Result<bool, Errno> {
        let servers = self.servers.as_ref();
        servers.map_or(Ok(false), resolvconf::is_shown)
    }
}

/// Call `work` in the mount namespace of the process. Its argument is whether /etc is an overlay
/// there.
pub(crate) fn visit<T: Send>(
    process: OwnedFd,
    mark: &CStr,
    work: impl FnOnce(bool) -> Result<T, Errno> + Send,
) -> Result<T, Errno> {
    let inside = || {
        // A thread that shares its working directory with others may not join a mount namespace
        // (setns(2))
        unshare(CloneFlags::CLONE_FS)?;
        setns(&process, CloneFlags::CLONE_NEWNS)?;
        // The process may have changed its mount namespace since it was checked
        work(kind_of_mounts(OWN, mark)?.ok_or(Errno::ESRCH)?)
    };
    thread::scope(|scope| scope.spawn(inside).join()).unwrap_or(Err(Errno::ECHILD))
}

/// Restore all lost bind mounts, and show or remove the name servers of a client inside. Returns
/// the names of the entries that changed.
fn bind_all_again(name: &CStr, files: &BoundFiles, overlay: bool) -> Result<Vec<String>, Errno> {
    let mut bound = BTreeSet::new();
    if !files.client_is_seen()? && resolvconf::take_off(name)? {
        bound.insert("resolv.conf".to_string());
    }
    let entries = files.entries.iter().filter(|_| !overlay);
    for (entry, mount, is_folder) in entries {
        if !files.is_of_client(entry)? && bind_again(entry, mount, *is_folder)? {
            bound.insert(entry.to_string_lossy().into_owned());
        }
    }
    if let Some(servers) = &files.servers {
        if resolvconf::show_again(servers)? {
            bound.insert("resolv.conf".to_string());
        }
    }
    Ok(bound.into_iter().collect())
}

/// Bind an entry, unless it is still bound. Returns whether it was bound.
fn bind_again(entry: &CStr, mount: &OwnedFd, is_folder: bool) -> Result<bool, Errno> {
    let twin = StackPath::of(&[b"/etc/", entry.to_bytes()])?;
    if is_at(twin.as_c(), mount)? == Some(true) {
        return Ok(false);
    }
    // An editor that replaces the entry by rename leaves the bind mount of the old file, which is
    // removed first
    match umount2(
        twin.as_c(),
        MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW,
    ) {
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => (),
        Err(why) => return Err(why),
    }
    match bind_etc::attach(mount, entry, is_folder) {
        Ok(()) => Ok(true),
        // /etc has never had a file of this name, so nothing is lost
        Err(Errno::ENOENT) => Ok(false),
        Err(why) => Err(why),
    }
}

/// The process with its name, or `None` if it has ended since it was found.
fn called(pid: i32) -> Option<(i32, String)> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some((pid, printable(name.trim_end())))
}

fn errno(why: std::io::Error) -> Errno {
    Errno::from_raw(why.raw_os_error().unwrap_or(0))
}

/// `netns-exec --heal NAME`: print one line for each mount namespace that had lost something.
/// Returns the exit code.
#[cold]
#[inline(never)]
pub fn run(name: &'static CStr) -> i32 {
    let healed = match heal(name) {
        Ok(healed) => healed,
        Err(refusal) => return refusal.print(),
    };
    if healed.is_empty() && matches!(join::named(name), Err(Errno::ENOENT)) {
        return join::refused(To::Name(name), Errno::ENOENT).print();
    }
    let mut code = 0;
    for healed in healed {
        match healed.describe(name) {
            Ok(line) => drop(std::io::stdout().write_all(format!("{line}\n").as_bytes())),
            Err(refusal) => code = refusal.print(),
        }
    }
    code
}

impl Healed {
    /// A message that says which entries are bound again for which processes, or an error that says
    /// why they could not be bound.
    pub fn describe(&self, name: &CStr) -> Result<String, ExecError> {
        let who = self.processes.iter();
        let who: Vec<_> = who.map(|(pid, name)| format!("{pid} ({name})")).collect();
        let (name, who) = (shown(name), who.join(", "));
        if let Some(why) = &self.failed {
            return Err(ExecError::kernel(
                format!("{name}: cannot bind again for {who}: {why}"),
                "restart the service: it may see the host's files",
            ));
        }
        let entries: Vec<_> = self.entries.iter().map(|e| format!("/etc/{e}")).collect();
        Ok(format!(
            "{name}: bound again {} for {who}",
            entries.join(", ")
        ))
    }
}
