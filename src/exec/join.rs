//! Finding a namespace by its name: a name in, an open namespace or a [`Refusal`] out.

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{self, OFlag};
use nix::sys::stat::Mode;
use nix::unistd::{AccessFlags, access};

use super::refusal::{Refusal, reason, shown};
use super::text::Text;
use crate::state;

/// Opens the namespace's file. That it is one, setns(2) says later.
pub fn open_named(name: &CStr) -> Result<OwnedFd, Errno> {
    let path = text(&[state::NAMESPACES.as_bytes(), b"/", name.to_bytes()])?;
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    fcntl::open(path.as_c(), flags, Mode::empty())
}

/// As [`open_named`], with the reason for people.
pub fn open(name: &CStr) -> Result<OwnedFd, Refusal> {
    open_named(name).map_err(|why| refused(name, why))
}

/// Refuses a namespace that netns-setup has in its hands and that is not whole. It must
/// be asked when the namespace is open already, lest a new one takes its place between.
pub fn check_ready(name: &CStr) -> Result<(), Refusal> {
    let name_bytes = name.to_bytes();
    let folder = [state::STATE.as_bytes(), b"/", name_bytes, b"/"];
    let is_there = |file: &[u8]| {
        let parts = [folder[0], folder[1], folder[2], folder[3], file];
        text(&parts).and_then(|path| access(path.as_c(), AccessFlags::F_OK))
    };
    match is_there(state::READY.as_bytes()) {
        Ok(()) => return Ok(()),
        Err(Errno::ENOENT) => (),
        Err(why) => return Err(state_hidden(name, why)),
    }
    match is_there(b".") {
        Err(Errno::ENOENT) => Ok(()),
        Err(why) => Err(state_hidden(name, why)),
        Ok(()) => Err(Refusal::kernel(
            format!("{} is not ready: it is not set up whole", shown(name)),
            format!("see what is missing: netns-setup status {}", shown(name)),
        )),
    }
}

/// Why the namespace cannot be joined.
pub fn refused(name: &CStr, why: Errno) -> Refusal {
    let (name, folder) = (shown(name), state::NAMESPACES);
    match why {
        Errno::ENOENT => Refusal::kernel(
            format!("no network namespace called {name} in {folder}"),
            format!(
                "start it first: rc-service netns.{name} start, or on runit: sv up netns-{name}"
            ),
        ),
        Errno::ELOOP => Refusal::kernel(
            format!("{folder}/{name} is a symlink, which could lead anywhere"),
            "expected the namespace itself; make it anew, or bind it there with ip netns attach",
        ),
        Errno::EINVAL => Refusal::kernel(
            format!("{folder}/{name} is not a network namespace"),
            format!("remove it if it is a leftover, and start it: rc-service netns.{name} start"),
        ),
        Errno::EPERM | Errno::EACCES => Refusal::kernel(
            format!("cannot join {name}: {}", reason(why)),
            "run it as root",
        ),
        why => Refusal::kernel(
            format!("cannot join {name}: {}", reason(why)),
            format!("look at {folder}/{name}"),
        ),
    }
}

fn state_hidden(name: &CStr, why: Errno) -> Refusal {
    Refusal::kernel(
        format!(
            "cannot tell whether {} is ready: {}",
            shown(name),
            reason(why)
        ),
        format!("look at {}", state::STATE),
    )
}

fn text(parts: &[&[u8]]) -> Result<Text, Errno> {
    Text::of(parts).ok_or(Errno::ENAMETOOLONG)
}
