//! The working folder: it is kept by its path, for a process that stands in a folder which
//! is mounted over would stay in the old one, and see the host there.

use std::ffi::CStr;

use nix::errno::Errno;
use nix::unistd::chdir;

use super::refusal::{Refusal, reason, shown};
use super::sys;
use super::text::{Text, is_in};

/// Where something may have been mounted over.
const COVERED: [&[u8]; 4] = [b"/sys", b"/etc", b"/run", b"/var/run"];

/// Enters the working folder again, if it may be mounted over.
pub fn enter_again() -> Result<(), Refusal> {
    let mut buffer = [0; 4096];
    match sys::working_folder(&mut buffer) {
        Ok(folder)
            if COVERED
                .iter()
                .any(|covered| is_in(folder.to_bytes(), covered)) =>
        {
            enter(folder)
        }
        // A folder that is gone, or has no path from here, is not mounted over.
        _ => Ok(()),
    }
}

/// The working folder's path, if it has one.
pub fn path() -> Option<Text> {
    let mut buffer = [0; 4096];
    let folder = sys::working_folder(&mut buffer).ok()?;
    folder
        .to_bytes()
        .starts_with(b"/")
        .then(|| Text::of(&[folder.to_bytes()]).ok())?
}

/// Enters a folder.
pub fn enter(folder: &CStr) -> Result<(), Refusal> {
    chdir(folder).map_err(|why: Errno| {
        let folder = shown(folder);
        let wrong = format!(
            "cannot stay in the working folder {folder}: {}",
            reason(why)
        );
        Refusal::kernel(
            wrong,
            "expected a folder that is there as well; run cd / first",
        )
    })
}
