//! Opens the namespace that the call names, or says why it cannot be joined. The process then joins
//! it with a single setns(2), which also checks that the file is a network namespace.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{self, AT_FDCWD, OFlag};
use nix::sys::stat::{SFlag, fstat, lstat, stat};
use nix::unistd::geteuid;

use super::args::To;
use super::error::{ExecError, reason, shown};
use super::path_buf::StackPath;
use super::ready::{Readiness, another, not_ready, readiness};
use super::syscall;
use crate::state_dir;

/// Open the namespace. Returns an error if netns-setup manages it and it is not ready.
pub fn open(to: To) -> Result<OwnedFd, ExecError> {
    let refused = |why| refused(to, why);
    let namespace = match to {
        To::Name(name) => named(name).map_err(refused)?,
        To::Pid(pid) => {
            let path = StackPath::of(&[b"/proc/", pid.to_bytes(), b"/ns/net"]).map_err(refused)?;
            open_file(path.as_c(), OFlag::empty()).map_err(refused)?
        }
        To::Path(path) => open_file(path, OFlag::empty()).map_err(refused)?,
        To::Host => open_file(c"/proc/1/ns/net", OFlag::empty()).map_err(refused)?,
    };
    // Checked after the file is open: before that, a new namespace could replace the old one.
    if let To::Name(name) = to {
        match readiness(name, Some(namespace.as_fd()))? {
            Readiness::Whole => (),
            Readiness::Foreign => is_apart(name, &namespace)?,
            Readiness::Broken => return Err(not_ready(name)),
            Readiness::Another => return Err(another(name)),
        }
    }
    Ok(namespace)
}

/// Return an error if the name refers to the host's own namespace. It is called for a namespace
/// that netns-setup does not manage.
fn is_apart(name: &CStr, namespace: &OwnedFd) -> Result<(), ExecError> {
    let hosts = stat(c"/proc/1/ns/net").and_then(|hosts| Ok((hosts, fstat(namespace)?)));
    match hosts {
        Ok((hosts, named)) if (hosts.st_dev, hosts.st_ino) != (named.st_dev, named.st_ino) => {
            Ok(())
        }
        Ok(_) => Err(the_hosts(name)),
        // An ordinary user may not read the host's namespace, or not see its process (proc(5),
        // hidepid), but may not join the named one either (setns(2))
        Err(Errno::EACCES) => Ok(()),
        Err(Errno::EPERM | Errno::ENOENT) if !geteuid().is_root() => Ok(()),
        Err(why) => Err(refused(To::Host, why)),
    }
}

/// Open the namespace's file in /run/netns. A symlink is followed only to another entry of that
/// directory.
pub fn named(name: &CStr) -> Result<OwnedFd, Errno> {
    let path = |name: &[u8]| StackPath::of(&[state_dir::NAMESPACES.as_bytes(), b"/", name]);
    let path_of_name = path(name.to_bytes())?;
    match open_file(path_of_name.as_c(), OFlag::O_NOFOLLOW) {
        Err(Errno::ELOOP) => {
            let leads_to = fcntl::readlink(path_of_name.as_c())?;
            let leads_to = leads_to.as_encoded_bytes();
            let folder = state_dir::NAMESPACES.as_bytes();
            let entry = match leads_to.strip_prefix(folder) {
                Some([b'/', entry @ ..]) => entry,
                _ => leads_to,
            };
            if entry.contains(&b'/') {
                return Err(Errno::ELOOP);
            }
            open_file(path(entry)?.as_c(), OFlag::O_NOFOLLOW)
        }
        opened => opened,
    }
}

fn open_file(path: &CStr, more: OFlag) -> Result<OwnedFd, Errno> {
    // If the file is a FIFO, open(2) must not block
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | more;
    syscall::open_file(AT_FDCWD, path, flags.bits())
}

/// The error if the namespace cannot be joined.
#[cold]
#[inline(never)]
pub fn refused(to: To, why: Errno) -> ExecError {
    match (to, why) {
        (To::Name(name), why) => refused_name(&shown(name), name, why),
        (To::Pid(pid), Errno::ENOENT | Errno::ESRCH) => ExecError::kernel(
            format!("there is no process {}", shown(pid)),
            "expected the pid of a running process; ps lists them",
        ),
        (To::Path(path), Errno::EINVAL) => ExecError::kernel(
            format!("{} is not a network namespace", shown(path)),
            "expected the file of one, such as /run/netns/mgmt or /proc/812/ns/net",
        ),
        (to, why) => ExecError::kernel(
            format!("cannot join {to}: {}", reason(why)),
            remedy(why).unwrap_or("expected an existing network namespace"),
        ),
    }
}

fn refused_name(name: &str, raw: &CStr, why: Errno) -> ExecError {
    let folder = state_dir::NAMESPACES;
    let start =
        format!("start it first: rc-service netns.{name} start, or on runit: sv up netns-{name}");
    match why {
        Errno::ENOENT => ExecError::kernel(
            format!("no network namespace called {name} in {folder}"),
            start,
        ),
        Errno::ELOOP => ExecError::kernel(
            format!("{folder}/{name} is a symlink that leads out of {folder}"),
            format!(
                "expected the namespace itself; join it with --path {folder}/{name}, or bind it there"
            ),
        ),
        Errno::EINVAL => ExecError::kernel(
            format!(
                "{folder}/{name} is not a network namespace{}",
                leftover(raw)
            ),
            start,
        ),
        why => ExecError::kernel(
            format!("cannot join {name}: {}", reason(why)),
            remedy(why).map_or_else(|| format!("look at {folder}/{name}"), String::from),
        ),
    }
}

/// A note for the message if the file is empty. ip(8) leaves an empty file if it is killed while it
/// creates the namespace.
fn leftover(name: &CStr) -> &'static str {
    let path = StackPath::of(&[state_dir::NAMESPACES.as_bytes(), b"/", name.to_bytes()]);
    let file = path.and_then(|path| lstat(path.as_c()));
    let is_leftover = |mode| SFlag::from_bits_truncate(mode) & SFlag::S_IFMT == SFlag::S_IFREG;
    match file {
        Ok(file) if is_leftover(file.st_mode) && file.st_size == 0 => ", but an empty file",
        _ => "",
    }
}

fn remedy(why: Errno) -> Option<&'static str> {
    match why {
        Errno::EPERM | Errno::EACCES => {
            Some("run it as root; in a container, the container needs CAP_SYS_ADMIN")
        }
        _ => None,
    }
}

#[cold]
#[inline(never)]
fn the_hosts(name: &CStr) -> ExecError {
    let name = shown(name);
    ExecError::kernel(
        format!("{name} refers to the host's own namespace"),
        format!(
            "remove the name: umount /run/netns/{name}; rm /run/netns/{name}; or, if you mean the host: netns-exec --host"
        ),
    )
}

/// As the namespace appears in messages.
impl std::fmt::Display for To {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            To::Name(name) => f.write_str(&shown(name)),
            To::Pid(pid) => write!(f, "the namespace of process {}", shown(pid)),
            To::Path(path) => f.write_str(&shown(path)),
            To::Host => f.write_str("the host's namespace"),
        }
    }
}
