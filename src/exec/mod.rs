//! Becoming a command inside a namespace: what the program was called with goes in; what
//! comes out, if anything, is an exit code, for on success the process is the command.
//!
//! No settings, no threads, and on the common path no heap. Everything here fails closed:
//! whatever cannot be done ends the call before the command starts.

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
pub use mounts::bind_etc::is_passed_over;
pub use mounts::etc_netns::NOT_FOR_ETC;
pub use mounts::heal::{Healed, heal};
pub use mounts::marked_processes::{Marked, marked};
pub use mounts::name_caches::is_musl;
pub use mounts::resolvconf::installed;
pub use syscall::hand_down_nothing;

/// Does what the program was asked for. It returns the exit code if the process has not
/// become the command.
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

/// Returns only what is in the way.
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

/// Joins the namespace, and sees what belongs to it.
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
    // A slave sees what the host mounts later, and nothing of ours gets out.
    let slave = MsFlags::MS_SLAVE | MsFlags::MS_REC;
    mount(None::<&str>, c"/", None::<&str>, slave, None::<&str>)
        .map_err(|why| no_mounts("make / a slave", why))?;
    let covered = match before {
        Before::Other(others) => {
            mark::take_off(&others).map_err(|why| no_mounts("take off another's", why))?;
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

/// Takes this process, which has no other thread, back to the host: to its network, and, where
/// netns-exec has made the mounts, to its mounts and the folder `/`. An error after the first
/// of the two leaves it between them.
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

/// Whether this process is where netns-exec let it in by a namespace's name: it sees the
/// mounts, and the network is the one that they were made for.
pub fn joined_by_name() -> bool {
    matches!(mark::marked_for(), Ok(Some(mark)) if !mark.to_bytes().contains(&b'/'))
        && sysfs::is_of_this_network()
}

/// Back to the network and the mounts of the first process: what moving in changes.
#[cold]
fn go_back(namespace: &OwnedFd) -> Result<(), ExecError> {
    let stood_in = cwd::path();
    leave(namespace)?;
    match stood_in {
        Some(stood_in) => cwd::enter(&stood_in),
        None => Ok(()),
    }
}

/// As [`go_back`], and to the folder `/`.
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
