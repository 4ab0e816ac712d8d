//! How the namespace's files are mounted over /etc, according to the file that netns-setup writes.

use std::ffi::CStr;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::stat;
use nix::unistd::read;

use crate::exec::error::{ExecError, reason, shown};
use crate::exec::path_buf::StackPath;
use crate::exec::syscall;
use crate::state_dir;

/// What the settings say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mode {
    /// All of the directory is mounted over /etc, as an overlay.
    pub overlay: bool,
    /// The settings list name servers, so there must be a resolv.conf.
    pub dns: bool,
}

impl Mode {
    /// Read the mode. A missing file, as for a namespace that netns-setup does not manage, means
    /// bind.
    pub fn read(name: &CStr) -> Result<Mode, ExecError> {
        let path = StackPath::of(&[
            state_dir::STATE.as_bytes(),
            b"/",
            name.to_bytes(),
            b"/",
            state_dir::ETC_MODE.as_bytes(),
        ]);
        // For the modes without an overlay, the length of the file is enough, so the file is not
        // opened
        let length = path
            .as_ref()
            .map_err(|why| *why)
            .and_then(|path| stat(path.as_c()));
        const BIND: usize = state_dir::ETC_BIND.len() + 1;
        const BIND_DNS: usize = BIND + state_dir::ETC_DNS.len();
        let bind = |dns| Mode {
            overlay: false,
            dns,
        };
        match length.map(|file| file.st_size as usize) {
            Ok(BIND) | Err(Errno::ENOENT) => return Ok(bind(false)),
            Ok(BIND_DNS) => return Ok(bind(true)),
            _ => (),
        }
        let mut buffer = [0; 16];
        let said = path.and_then(|path| syscall::open_file(AT_FDCWD, path.as_c(), 0));
        let said = said.and_then(|file| read(file.as_fd(), &mut buffer));
        let length = said.map_err(|why| unread(name, reason(why)))?;
        let text = buffer[..length].trim_ascii();
        let word = text.strip_suffix(state_dir::ETC_DNS.as_bytes());
        let dns = word.is_some();
        match word.unwrap_or(text) {
            word if word == state_dir::ETC_BIND.as_bytes() => Ok(bind(dns)),
            word if word == state_dir::ETC_OVERLAY.as_bytes() => Ok(Mode { overlay: true, dns }),
            _ => Err(unread(name, "it says neither bind nor overlay".into())),
        }
    }
}

#[cold]
#[inline(never)]
fn unread(name: &CStr, why: String) -> ExecError {
    let name = shown(name);
    ExecError::kernel(
        format!("{}/{name}/{}: {why}", state_dir::STATE, state_dir::ETC_MODE),
        format!("to write it again, run netns-setup up {name}"),
    )
}
