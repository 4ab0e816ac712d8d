//! Keeps the working directory by its path. If a mount covers the working directory, a process that
//! does not enter it again stays in the old directory, and sees the host's files there.

use std::ffi::{CStr, CString};

use nix::errno::Errno;
use nix::unistd::chdir;

use super::error::{ExecError, reason, shown};
use super::path_buf::is_in;
use super::syscall;

/// Directories that may be covered by a mount.
const COVERED: [&[u8]; 4] = [b"/sys", b"/etc", b"/run", b"/var/run"];

/// Enter the working directory again, if a mount may cover it.
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

/// Enter the working directory again if it is one of the covered directories or below one. An error
/// of getcwd(2) means that the directory was removed or has no path from here. No mount covers it
/// then.
fn enter_if_covered(buffer: &mut [u8]) -> Result<Result<(), ExecError>, Errno> {
    let folder = syscall::working_folder(buffer)?;
    let is_covered = |covered: &&[u8]| is_in(folder.to_bytes(), covered);
    Ok(if COVERED.iter().any(is_covered) {
        enter(folder)
    } else {
        Ok(())
    })
}

/// The path of the working directory, if it has one.
pub fn path() -> Option<CString> {
    let mut buffer = [0; 4096];
    let folder = syscall::working_folder(&mut buffer).ok()?;
    folder
        .to_bytes()
        .starts_with(b"/")
        .then(|| folder.to_owned())
}

/// Enter a directory.
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
