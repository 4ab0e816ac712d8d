//! The processes that carry a namespace's mark, and what they have lost of its files: seen,
//! and nothing done. Putting it right is `heal`'s.

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::stat::{fstat, lstat};

use super::heal::{has_mark, held, mark_and_mounts, sources, visit};
use super::refusal::Refusal;
use super::text::Text;

/// The processes of one mount namespace that netns-exec made.
pub struct Marked {
    /// Their numbers.
    pub processes: Vec<i32>,
    /// The entries of /etc that are bound no longer.
    pub lost: Vec<String>,
}

/// Those that netns-exec let into the namespace of this name, or into one of its name before.
pub fn marked(name: &CStr) -> Result<Vec<Marked>, Refusal> {
    let (mark, all) = mark_and_mounts(name)?;
    let mut found = Vec::new();
    for processes in all.into_values() {
        let is_ours = |pid: &&i32| has_mark(**pid, mark.as_c());
        let Some(first) = processes.iter().find(is_ours) else {
            continue;
        };
        let lost = match held(*first, mark.as_c()) {
            Some(process) => visit(process, mark.as_c(), sources(name)?, is_lost),
            None => Ok(Vec::new()),
        };
        // Who has ended meanwhile has lost nothing
        let lost = lost.unwrap_or_default();
        found.push(Marked { processes, lost });
    }
    Ok(found)
}

/// The entry has a twin, which is not the entry.
fn is_lost(entry: &CStr, mount: &OwnedFd, _is_folder: bool) -> Result<bool, Errno> {
    let twin = Text::of(&[b"/etc/", entry.to_bytes()])?;
    let (source, now) = (fstat(mount)?, lstat(twin.as_c()));
    Ok(now.is_ok_and(|now| (now.st_dev, now.st_ino) != (source.st_dev, source.st_ino)))
}
