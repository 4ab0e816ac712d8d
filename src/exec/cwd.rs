//! The working folder: it is kept by its path, for a process that stands in a folder which
//! is mounted over would stay in the old one, and see the host there.

use std::ffi::{CStr, CString};

use nix::errno::Errno;
use nix::unistd::chdir;

use super::error::{ExecError, reason, shown};
use super::path_buf::is_in;
use super::syscall;

/// Where something may have been mounted over.
const COVERED: [&[u8]; 4] = [b"/sys", b"/etc", b"/run", b"/var/run"];

/// Enters the working folder again, if it may be mounted over.
pub fn enter_again() -> Result<(), ExecError> {
    match enter_if_covered(&mut [0; 256]) {
        Err(Errno::ERANGE) => far(),
        Err(_) => Ok(()),
        Ok(entered) => entered,
    }
}

#[cold]
#[inline(never)]
fn far() -> Result<(), ExecError> {
    enter_if_covered(&mut [0; 4096]).unwrap_or(Ok(()))
}

/// An error says that a folder is gone, or has no path from here: then it is not mounted
/// over.
fn enter_if_covered(buffer: &mut [u8]) -> Result<Result<(), ExecError>, Errno> {
    let folder = syscall::working_folder(buffer)?;
    let is_covered = |covered: &&[u8]| is_in(folder.to_bytes(), covered);
    Ok(if COVERED.iter().any(is_covered) {
        enter(folder)
    } else {
        Ok(())
    })
}

/// The working folder's path, if it has one.
pub fn path() -> Option<CString> {
    let mut buffer = [0; 4096];
    let folder = syscall::working_folder(&mut buffer).ok()?;
    folder
        .to_bytes()
        .starts_with(b"/")
        .then(|| folder.to_owned())
}

/// Enters a folder.
pub fn enter(folder: &CStr) -> Result<(), ExecError> {
    chdir(folder).map_err(|why: Errno| {
        let folder = shown(folder);
        let wrong = format!(
            "cannot stay in the working directory {folder}: {}",
            reason(why)
        );
        ExecError::kernel(
            wrong,
            "expected a directory that exists there as well; run cd / first",
        )
    })
}
