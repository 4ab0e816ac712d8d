//! The processes that carry a namespace's mark, and what they have lost of its files: seen,
//! and nothing done. Putting it right is `heal`'s.

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use nix::errno::Errno;

use super::heal::{BoundFiles, each_marked, visit};
use super::is_at;
use crate::exec::error::ExecError;
use crate::exec::path_buf::StackPath;

/// The processes of one mount namespace that netns-exec made.
pub struct Marked {
    /// Their numbers.
    pub processes: Vec<i32>,
    /// The entries of /etc that are bound no longer.
    pub lost: Vec<String>,
}

/// Those that netns-exec let into the namespace of this name, or into one of its name before.
pub fn marked(name: &CStr) -> Result<Vec<Marked>, ExecError> {
    let mut found = Vec::new();
    each_marked(name, |processes, first, mark, files| {
        let lost = visit(first, mark, |overlay| {
            if overlay { Ok(Vec::new()) } else { lost(files) }
        });
        // Who has ended meanwhile has lost nothing
        let lost = lost.unwrap_or_default();
        found.push(Marked { processes, lost });
    })?;
    Ok(found)
}

/// The entries that have a twin and are not what is seen there.
fn lost(files: &BoundFiles) -> Result<Vec<String>, Errno> {
    let mut lost = Vec::new();
    for (entry, mount, _) in &files.entries {
        if is_lost(entry, mount)? && !files.is_of_client(entry)? {
            lost.push(entry.to_string_lossy().into_owned());
        }
    }
    if files.servers.is_some() && lost.is_empty() && !files.client_is_seen()? {
        lost.push("resolv.conf".into());
    }
    Ok(lost)
}

/// The entry has a twin, which is not the entry.
fn is_lost(entry: &CStr, mount: &OwnedFd) -> Result<bool, Errno> {
    let twin = StackPath::of(&[b"/etc/", entry.to_bytes()])?;
    Ok(is_at(twin.as_c(), mount)? == Some(false))
}
