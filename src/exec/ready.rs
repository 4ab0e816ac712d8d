//! Whether a namespace is ready, according to netns-setup's state directory, and the errors if it
//! is not.

use std::ffi::CStr;
use std::io::Write;
use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag};
use nix::sys::stat::fstat;
use nix::unistd::{AccessFlags, access, read};

use super::error::{ExecError, reason, shown};
use super::path_buf::StackPath;
use super::syscall;
use crate::state_dir::{self, NetnsId};

/// The state of a namespace according to netns-setup.
pub enum Readiness {
    /// It is ready.
    Whole,
    /// It is not ready: it is not complete yet, or no longer.
    Broken,
    /// Another namespace of this name was ready.
    Another,
    /// netns-setup does not manage it.
    Foreign,
}

/// Read the state of the namespace of this name. `namespace` is the open namespace, if it exists.
pub fn readiness(name: &CStr, namespace: Option<BorrowedFd>) -> Result<Readiness, ExecError> {
    let path = |file: &[u8]| {
        let folder = state_dir::STATE.as_bytes();
        StackPath::of(&[folder, b"/", name.to_bytes(), b"/", file])
    };
    let open = path(state_dir::READY.as_bytes())
        .and_then(|path| syscall::open_file(AT_FDCWD, path.as_c(), OFlag::O_RDONLY.bits()));
    match open {
        Ok(ready) => {
            let same = namespace.map_or(Ok(false), |namespace| speaks_of(&ready, namespace));
            return if same.map_err(|why| hidden(name, why))? {
                Ok(Readiness::Whole)
            } else {
                Ok(Readiness::Another)
            };
        }
        Err(Errno::ENOENT) => (),
        Err(why) => return Err(hidden(name, why)),
    }
    match path(b".").and_then(|path| access(path.as_c(), AccessFlags::F_OK)) {
        Ok(()) => Ok(Readiness::Broken),
        Err(Errno::ENOENT) => Ok(Readiness::Foreign),
        Err(why) => Err(hidden(name, why)),
    }
}

/// Whether the file `ready` was written for this namespace.
fn speaks_of(ready: &OwnedFd, namespace: BorrowedFd) -> Result<bool, Errno> {
    let found = fstat(namespace)?;
    let birth = NetnsId {
        dev: found.st_dev as _,
        ino: found.st_ino as _,
        time: (found.st_mtime as _, found.st_mtime_nsec as _),
    };
    let (mut said, mut expected) = ([0; 96], [0; 96]);
    let length = read(ready, &mut said)?;
    let mut room = expected.as_mut_slice();
    let fits = writeln!(room, "{birth}").is_ok();
    let left = room.len();
    Ok(fits && said[..length] == expected[..expected.len() - left])
}

#[cold]
#[inline(never)]
pub fn not_ready(name: &CStr) -> ExecError {
    let name = shown(name);
    ExecError::kernel(
        format!("{name} is not ready: setup is incomplete"),
        format!(
            "to see what is missing, run netns-setup status {name}; to wait for it, add --wait 10"
        ),
    )
}

#[cold]
#[inline(never)]
pub fn another(name: &CStr) -> ExecError {
    let name = shown(name);
    ExecError::kernel(
        format!("{name} was replaced by another namespace of the same name"),
        format!("to set this one up, run netns-setup up {name}"),
    )
}

pub fn hidden(name: &CStr, why: Errno) -> ExecError {
    ExecError::kernel(
        format!(
            "cannot tell whether {} is ready: {}",
            shown(name),
            reason(why)
        ),
        format!("look at {}", state_dir::STATE),
    )
}
