//! The processes that carry a namespace's mark, and the bind mounts that they have lost. This
//! module only reads. `heal` restores the mounts.

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use nix::errno::Errno;

use super::heal::{BoundFiles, each_marked, visit};
use super::is_at;
use crate::exec::error::ExecError;
use crate::exec::path_buf::StackPath;

/// The processes of one mount namespace that netns-exec created.
pub struct Marked {
    /// The PIDs.
    pub processes: Vec<i32>,
    /// The entries of /etc that are no longer bound.
    pub lost: Vec<String>,
}

/// The processes that netns-exec has put into the namespace of this name, or into an earlier
/// namespace of this name, by mount namespace.
pub fn marked(name: &CStr) -> Result<Vec<Marked>, ExecError> {
    let mut found = Vec::new();
    each_marked(name, |processes, first, mark, files| {
        let lost = visit(first, mark, |overlay| {
            if overlay { Ok(Vec::new()) } else { lost(files) }
        });
        // A process that has ended in the meantime has lost nothing
        let lost = lost.unwrap_or_default();
        found.push(Marked { processes, lost });
    })?;
    Ok(found)
}

/// The entries for which /etc has a file of the same name that is not the entry.
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

/// Whether /etc has a file of this name that is not the entry.
fn is_lost(entry: &CStr, mount: &OwnedFd) -> Result<bool, Errno> {
    let twin = StackPath::of(&[b"/etc/", entry.to_bytes()])?;
    Ok(is_at(twin.as_c(), mount)? == Some(false))
}
