//! Binding again what the host took away: when a plain file of /etc is replaced by rename,
//! the kernel takes off every bind on it, in all mount namespaces. A namespace's name in;
//! out comes which processes had lost what, and that they have it again.
//!
//! Only mount namespaces that carry our mark are entered, of our own user namespace, each
//! by a thread of its own that ends there. What is bound was opened on the host before.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString, OsStr};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
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

/// The processes of one mount namespace, and what they had lost.
pub struct Healed {
    /// Their numbers and names. Those that ended meanwhile are left out.
    pub processes: Vec<(i32, String)>,
    /// The entries of /etc that are bound again.
    pub entries: Vec<String>,
    /// Why not all are.
    pub failed: Option<String>,
}

/// Processes, by their mount namespace.
type Mounts = BTreeMap<(u64, u64), Vec<i32>>;

/// What is bound in one mount namespace: copies of mounts, attached nowhere.
#[derive(Default)]
pub(crate) struct BoundFiles {
    /// Each entry of `/etc/netns/NAME`, and whether it is a folder.
    pub entries: Vec<(CString, OwnedFd, bool)>,
    /// The name servers that a client inside has set, if there are any.
    pub servers: Option<OwnedFd>,
}

/// Binds again, in each mount namespace that netns-exec made for the namespace of this
/// name, what is lost of `/etc/netns/NAME`. Those that had lost nothing are not told of.
pub fn heal(name: &CStr) -> Result<Vec<Healed>, ExecError> {
    let mut healed = Vec::new();
    each_marked(name, |processes, first, mark, files| {
        let told = visit(first, mark, |overlay| bind_all_again(name, files, overlay));
        let (entries, failed) = match told {
            Ok(entries) => (entries, None),
            // It ended meanwhile, and lost nothing by that.
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

/// Shows `see` each mount namespace that netns-exec made for the namespace of this name: its
/// processes, the mount namespace of the first of them, the mark, and what is to be bound there.
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

/// The mark of the namespace of this name, and all that can carry it.
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

/// All processes, by mount namespace, of our user namespace and not of our own mounts.
fn by_mounts() -> Result<Mounts, Errno> {
    let id = |pid: &str, kind| {
        fs::metadata(format!("/proc/{pid}/ns/{kind}")).map(|of| (of.dev(), of.ino()))
    };
    let user = id("thread-self", "user").map_err(errno)?;
    let own = id("thread-self", "mnt").map_err(errno)?;
    let mut found = BTreeMap::<_, Vec<i32>>::new();
    for entry in fs::read_dir("/proc").map_err(errno)?.flatten() {
        let name = entry.file_name();
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

/// The process, held, if its mounts carry the mark.
fn open_if_marked(pid: i32, mark: &CStr) -> Option<OwnedFd> {
    let process = syscall::open_process(pid).ok()?;
    let file = CString::new(format!("/proc/{pid}/mountinfo")).ok()?;
    // Only if it is still there was it that process's.
    let yes = kind_of_mounts(&file, mark).ok()?.is_some() && syscall::is_there(process.as_fd());
    yes.then_some(process)
}

/// Whether they carry the mark; and then, whether they overlay rather than bind.
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
    /// Opens them, on the host.
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

    /// What is seen of the entry is what a client inside has set.
    pub fn is_of_client(&self, entry: &CStr) -> Result<bool, Errno> {
        Ok(entry == c"resolv.conf" && self.client_is_seen()?)
    }

    /// A client inside has set name servers, and they are seen.
    pub fn client_is_seen(&self) -> Result<bool, Errno> {
        let servers = self.servers.as_ref();
        servers.map_or(Ok(false), resolvconf::is_shown)
    }
}

/// Does `work` in the process's mount namespace. `work` gets whether /etc is an overlay there.
pub(crate) fn visit<T: Send>(
    process: OwnedFd,
    mark: &CStr,
    work: impl FnOnce(bool) -> Result<T, Errno> + Send,
) -> Result<T, Errno> {
    let inside = || {
        // A thread that shares its working folder with others may not change mounts.
        unshare(CloneFlags::CLONE_FS)?;
        setns(&process, CloneFlags::CLONE_NEWNS)?;
        // It may have gone elsewhere since it was looked at.
        work(kind_of_mounts(OWN, mark)?.ok_or(Errno::ESRCH)?)
    };
    thread::scope(|scope| scope.spawn(inside).join()).unwrap_or(Err(Errno::ECHILD))
}

/// Binds again what is lost, and shows what a client inside has set, or no longer does.
fn bind_all_again(name: &CStr, files: &BoundFiles, overlay: bool) -> Result<Vec<String>, Errno> {
    let mut bound = BTreeSet::new();
    if !files.client_is_seen()? && resolvconf::take_off(name)? {
        bound.insert("resolv.conf".to_string());
    }
    let entries = files.entries.iter().filter(|_| !overlay);
    for (entry, mount, is_folder) in entries {
        if !files.is_of_client(entry)? && bind_again(entry, mount, *is_folder)? {
            bound.insert(OsStr::from_bytes(entry.to_bytes()).display().to_string());
        }
    }
    if let Some(servers) = &files.servers
        && resolvconf::show_again(servers)?
    {
        bound.insert("resolv.conf".to_string());
    }
    Ok(bound.into_iter().collect())
}

/// Binds an entry, unless it is there.
fn bind_again(entry: &CStr, mount: &OwnedFd, is_folder: bool) -> Result<bool, Errno> {
    let twin = StackPath::of(&[b"/etc/", entry.to_bytes()])?;
    if is_at(twin.as_c(), mount)? == Some(true) {
        return Ok(false);
    }
    // An editor that renames leaves the bind of the old file: that goes first.
    match umount2(
        twin.as_c(),
        MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW,
    ) {
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => (),
        Err(why) => return Err(why),
    }
    match bind_etc::attach(mount, entry, is_folder) {
        Ok(()) => Ok(true),
        // A twin that never was: nothing is lost.
        Err(Errno::ENOENT) => Ok(false),
        Err(why) => Err(why),
    }
}

/// A process with its name, or nothing when it has ended since it was found.
fn called(pid: i32) -> Option<(i32, String)> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some((pid, printable(name.trim_end())))
}

fn errno(why: std::io::Error) -> Errno {
    Errno::from_raw(why.raw_os_error().unwrap_or(0))
}

/// `netns-exec --heal NAME`: one line for each mount namespace that had lost something.
/// Returns the exit code.
#[cold]
#[inline(never)]
pub fn run(name: &'static CStr) -> i32 {
    let healed = match heal(name) {
        Ok(healed) => healed,
        Err(refusal) => return refusal.print(),
    };
    if healed.is_empty()
        && let Err(Errno::ENOENT) = join::named(name)
    {
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
    /// In words: what is bound again for whom in the namespace of this name, or what could
    /// not be.
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
