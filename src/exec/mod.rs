//! Becoming a command inside a namespace: what the program was called with goes in; what
//! comes out, if anything, is an exit code, for on success the process is the command.
//!
//! No settings, no netlink, no threads, and on the common path no heap. Everything here
//! fails closed: whatever cannot be done ends the call before the command starts.

mod call;
mod etc;
mod join;
mod mountinfo;
mod refusal;
pub mod sys;
mod sysfs;
mod text;

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use call::{Asked, Call};
use refusal::Refusal;
use sys::Words;

/// Does what the program was asked for. It returns the exit code if the process has not
/// become the command: 0 for help, else 100, 111, 126 or 127.
pub fn run(words: Words) -> i32 {
    let asked = match call::read(words) {
        Ok(asked) => asked,
        Err(refusal) => return refusal.print(),
    };
    match asked {
        Asked::Nothing => 0,
        Asked::Command(call) => become_command(&call).print(),
    }
}

/// Returns only what is in the way.
fn become_command(call: &Call) -> Refusal {
    match enter(call) {
        Ok(()) => refusal::not_run(call.command, sys::execvp(call.command)),
        Err(refusal) => refusal,
    }
}

fn enter(call: &Call) -> Result<(), Refusal> {
    let namespace = join::open(call.name)?;
    join::check_ready(call.name)?;
    setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET)
        .map_err(|why| join::refused(call.name, why))?;
    unshare(CloneFlags::CLONE_NEWNS).map_err(|why| no_mounts("unshare", why))?;
    // A slave sees what the host mounts later, and nothing of ours gets out.
    let slave = MsFlags::MS_SLAVE | MsFlags::MS_REC;
    mount(None::<&str>, c"/", None::<&str>, slave, None::<&str>)
        .map_err(|why| no_mounts("make / a slave mount", why))?;
    sysfs::mount(call.name)?;
    etc::mount(call.name)
}

fn no_mounts(what: &str, why: Errno) -> Refusal {
    Refusal::kernel(
        format!(
            "cannot make a mount namespace: {what}: {}",
            refusal::reason(why)
        ),
        "run it as root; in a container, the container needs CAP_SYS_ADMIN",
    )
}
