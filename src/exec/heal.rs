//! Binding again what the host took away: when a plain file of /etc is replaced by rename,
//! the kernel takes off every bind on it, in all mount namespaces. A namespace's name in;
//! out comes which processes had lost what, and that they have it again.
//!
//! Only mount namespaces that carry our mark are entered, of our own user namespace, each
//! by a thread of its own that ends there. What is bound was opened on the host before.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, OsStr};
use std::fs;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::thread;

use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::{fstat, lstat};

use super::call::To;
use super::etc::{self, Folder};
use super::join;
use super::marks::{MARK, OWN};
use super::mountinfo;
use super::refusal::{Refusal, printable, reason, shown};
use super::sys;
use super::text::Text;

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
pub(super) type Mounts = BTreeMap<(u64, u64), Vec<i32>>;

/// What every copy is made from: an entry and whether it is a folder.
pub type Sources = Vec<(CString, OwnedFd, bool)>;

/// Binds again, in each mount namespace that netns-exec made for the namespace of this
/// name, what is lost of `/etc/netns/NAME`. Those that had lost nothing are not told of.
pub fn heal(name: &CStr) -> Result<Vec<Healed>, Refusal> {
    let (mark, all) = mark_and_mounts(name)?;
    let mut healed = Vec::new();
    for processes in all.into_values() {
        let Some(first) = processes.iter().find_map(|&pid| held(pid, mark.as_c())) else {
            continue;
        };
        let told = visit(first, mark.as_c(), sources(name)?, bind_again);
        let (entries, failed) = match told {
            Ok(entries) => (entries, None),
            // It ended meanwhile, and lost nothing by that.
            Err(Errno::ESRCH) => continue,
            Err(why) => (Vec::new(), Some(reason(why))),
        };
        if entries.is_empty() && failed.is_none() {
            continue;
        }
        let processes: Vec<_> = processes.into_iter().filter_map(called).collect();
        if !processes.is_empty() {
            healed.push(Healed {
                processes,
                entries,
                failed,
            });
        }
    }
    Ok(healed)
}

/// The mark of the namespace of this name, and all that can carry it.
pub(super) fn mark_and_mounts(name: &CStr) -> Result<(Text, Mounts), Refusal> {
    let refused = |why| {
        let wrong = format!(
            "cannot look for what runs in {}: {}",
            shown(name),
            reason(why)
        );
        Refusal::kernel(wrong, "run it as root, with /proc mounted")
    };
    let mark = Text::of(&[MARK, name.to_bytes()]).map_err(refused)?;
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

/// The process, held, if its mounts carry the mark, and bind rather than overlay.
pub(super) fn held(pid: i32, mark: &CStr) -> Option<OwnedFd> {
    let process = sys::open_process(pid).ok()?;
    let file = CString::new(format!("/proc/{pid}/mountinfo")).ok()?;
    // Only if it is still there was it that process's.
    let yes = is_marked(&file, mark).ok()? && sys::is_there(process.as_fd());
    yes.then_some(process)
}

/// Its mounts carry the mark, those of an overlay as well.
pub(super) fn has_mark(pid: i32, mark: &CStr) -> bool {
    let mut seen = false;
    let Ok(file) = CString::new(format!("/proc/{pid}/mountinfo")) else {
        return false;
    };
    let looked = mountinfo::each(&file, |mount| {
        if mount.point == b"/sys/class" {
            seen = mountinfo::unescaped(mount.source) == mark.to_bytes();
        }
        Ok::<(), Errno>(())
    });
    looked.is_ok() && seen
}

fn is_marked(mountinfo: &CStr, mark: &CStr) -> Result<bool, Errno> {
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
    Ok(seen && !overlay)
}

pub(super) fn sources(name: &CStr) -> Result<Sources, Refusal> {
    let mut sources = Vec::new();
    let Some(folder) = Folder::open(name)? else {
        return Ok(sources);
    };
    folder.each(|entry| {
        let (mount, is_folder) = folder.source(entry)?;
        sources.push((entry.to_owned(), mount, is_folder));
        Ok(())
    })?;
    Ok(sources)
}

/// What `act` was done with, of what netns-exec has bound, in the process's mount namespace.
pub(super) fn visit(
    process: OwnedFd,
    mark: &CStr,
    sources: Sources,
    act: fn(&CStr, &OwnedFd, bool) -> Result<bool, Errno>,
) -> Result<Vec<String>, Errno> {
    let work = || {
        // A thread that shares its working folder with others may not change mounts.
        unshare(CloneFlags::CLONE_FS)?;
        setns(&process, CloneFlags::CLONE_NEWNS)?;
        // It may have gone elsewhere since it was looked at.
        if !is_marked(OWN, mark)? {
            return Err(Errno::ESRCH);
        }
        let mut bound = Vec::new();
        for (entry, mount, is_folder) in &sources {
            if act(entry, mount, *is_folder)? {
                bound.push(OsStr::from_bytes(entry.to_bytes()).display().to_string());
            }
        }
        Ok(bound)
    };
    thread::scope(|scope| scope.spawn(work).join()).unwrap_or(Err(Errno::ECHILD))
}

/// Binds an entry, unless it is there.
fn bind_again(entry: &CStr, mount: &OwnedFd, is_folder: bool) -> Result<bool, Errno> {
    let twin = Text::of(&[b"/etc/", entry.to_bytes()])?;
    let (source, now) = (fstat(mount)?, lstat(twin.as_c()));
    if now.is_ok_and(|now| (now.st_dev, now.st_ino) == (source.st_dev, source.st_ino)) {
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
    match etc::attach(mount, entry, is_folder) {
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
        match healed.told(name) {
            Ok(line) => drop(std::io::stdout().write_all(format!("{line}\n").as_bytes())),
            Err(refusal) => code = refusal.print(),
        }
    }
    code
}

impl Healed {
    /// In words: what is bound again for whom in the namespace of this name, or what could
    /// not be.
    pub fn told(&self, name: &CStr) -> Result<String, Refusal> {
        let who = self.processes.iter();
        let who: Vec<_> = who.map(|(pid, name)| format!("{pid} ({name})")).collect();
        let (name, who) = (shown(name), who.join(", "));
        if let Some(why) = &self.failed {
            return Err(Refusal::kernel(
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
