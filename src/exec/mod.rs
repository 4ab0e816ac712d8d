//! netns-exec: joins a namespace and becomes a command. On success the process is the command, so
//! an exit code is returned only on failure, or for an option such as `--help` or `--heal`.
//!
//! To become a command, it reads no settings, starts no threads, and on the common path uses no
//! heap. It fails closed: an error at any step ends the call before the command starts.

mod args;
pub mod argv;
mod bpf;
mod command;
mod cwd;
mod error;
mod join;
mod mounts;
mod path_buf;
mod ready;
mod syscall;
mod vrf;
mod wait;

use std::ffi::CStr;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use args::{ExecCall, Request, To};
use argv::Words;
use mounts::mark::{self, Before};
use mounts::{bind_etc, heal, name_caches, resolvconf, sysfs};

pub use error::ExecError;
pub use mounts::bind_etc::{could_mount, is_passed_over};
pub use mounts::etc_netns::NOT_FOR_ETC;
pub use mounts::heal::{Healed, heal};
pub use mounts::marked_processes::{Marked, marked};
pub use mounts::name_caches::is_musl;
pub use mounts::resolvconf::installed;
pub use syscall::hand_down_nothing;

/// Do what the arguments ask for. Returns the exit code if the process has not become the command.
pub fn run(words: Words<'static>) -> i32 {
    match args::read(words) {
        Ok(Request::Command(call)) => become_command(&call).print(),
        Ok(Request::Heal(name)) => heal::run(name),
        Ok(Request::Text(text)) => std::io::stdout()
            .write_all(text.as_bytes())
            .map_or(1, |()| 0),
        Err(refusal) => refusal.print(),
    }
}

/// Become the command. Returns only on failure, with the error.
fn become_command(call: &ExecCall) -> ExecError {
    match enter(call) {
        Ok(()) => match call.command {
            Some(command) => error::not_run(
                command.get(0).unwrap_or(c""),
                command::become_command(command),
            ),
            None => command::become_shell(),
        },
        Err(refusal) => refusal,
    }
}

fn enter(call: &ExecCall) -> Result<(), ExecError> {
    if let (To::Name(name), Some(limit)) = (call.to, call.wait) {
        wait::until_ready(name, limit)?;
    }
    let namespace = join::open(call.to)?;
    vrf::leave()?;
    match call.to {
        to if call.net_only => join(to, &namespace)?,
        To::Host => go_back(&namespace)?,
        to => move_in(to, &namespace)?,
    }
    syscall::leave_open(namespace);
    if let Some(vrf) = call.vrf {
        vrf::enter(call.to, vrf)?;
    }
    match call.to {
        To::Name(name) if call.env => tell(name),
        _ => Ok(()),
    }
}

fn join(to: To, namespace: &OwnedFd) -> Result<(), ExecError> {
    setns(namespace, CloneFlags::CLONE_NEWNET).map_err(|why| join::refused(to, why))
}

/// Join the namespace, and mount its view of /sys and /etc.
fn move_in(to: To, namespace: &OwnedFd) -> Result<(), ExecError> {
    let refused = |why| no_mounts("look at what is mounted", why);
    let mark = mark::mark(to).map_err(refused)?;
    let mark = mark.as_c();
    let before = mark::look(mark, namespace.as_fd()).map_err(refused)?;
    if let Before::Inside = before {
        return Ok(());
    }
    join(to, namespace)?;
    unshare(CloneFlags::CLONE_NEWNS).map_err(|why| no_mounts("unshare", why))?;
    // A slave receives what the host mounts later, and propagates none of our mounts to the host
    let slave = MsFlags::MS_SLAVE | MsFlags::MS_REC;
    mount(None::<&str>, c"/", None::<&str>, slave, None::<&str>)
        .map_err(|why| no_mounts("make / a slave", why))?;
    let covered = match before {
        Before::Other(others) => {
            mark::take_off(&others)
                .map_err(|why| no_mounts("remove the mounts of another namespace", why))?;
            true
        }
        Before::Host { covered } => covered,
        Before::Inside => false,
    };
    sysfs::lay_over(to, mark, covered)?;
    if let To::Name(name) = to {
        bind_etc::mount(name, mark)?;
        resolvconf::mount(name)?;
    }
    name_caches::hide(mark)?;
    cwd::enter_again()
}

/// Take this process, which has only one thread, back to the host's network namespace. If
/// netns-exec made its mounts, also to the host's mount namespace and the directory `/`. An error
/// between the two leaves the process in the host's network with its old mounts.
pub fn go_to_host() -> Result<(), ExecError> {
    let refused = |why| join::refused(To::Host, why);
    let marked = mark::marked_for().map_err(refused)?;
    let namespace = join::open(To::Host)?;
    vrf::leave()?;
    match marked {
        Some(_) => leave(&namespace),
        None => join(To::Host, &namespace),
    }
}

/// Whether netns-exec has put this process into a namespace by its name: its mounts carry the mark
/// of a name, and its network namespace is the one that they were made for.
pub fn joined_by_name() -> bool {
    matches!(mark::marked_for(), Ok(Some(mark)) if !mark.to_bytes().contains(&b'/'))
        && sysfs::is_of_this_network()
}

/// Go back to the network and mount namespaces of process 1, and keep the working directory.
#[cold]
fn go_back(namespace: &OwnedFd) -> Result<(), ExecError> {
    let stood_in = cwd::path();
    leave(namespace)?;
    match stood_in {
        Some(stood_in) => cwd::enter(&stood_in),
        None => Ok(()),
    }
}

/// As [`go_back`], but to the directory `/`.
#[cold]
fn leave(namespace: &OwnedFd) -> Result<(), ExecError> {
    let refused = |why| join::refused(To::Host, why);
    let mounts = nix::fcntl::open(
        c"/proc/1/ns/mnt",
        nix::fcntl::OFlag::O_RDONLY | nix::fcntl::OFlag::O_CLOEXEC,
        nix::sys::stat::Mode::empty(),
    );
    let mounts = mounts.map_err(refused)?;
    join(To::Host, namespace)?;
    setns(mounts, CloneFlags::CLONE_NEWNS).map_err(refused)
}

fn tell(name: &CStr) -> Result<(), ExecError> {
    argv::set_variable(c"NETNS_NAME", name).map_err(|why| no_mounts("set NETNS_NAME", why))
}

fn no_mounts(what: &str, why: Errno) -> ExecError {
    ExecError::kernel(
        format!("cannot {what}: {}", error::reason(why)),
        "run it as root; in a container, the container needs CAP_SYS_ADMIN",
    )
}
