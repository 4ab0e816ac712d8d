//! Threads that do something in a namespace. Nothing ever joins a namespace and joins back:
//! a thread joins, opens its socket or its file there, and ends; a socket stays in the
//! namespace where it was opened (netlink(7)).

use std::fs::File;
use std::{io, thread};

use nix::sched::{CloneFlags, CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity, setns};
use nix::unistd::Pid;

/// Do something in a namespace, on a thread that lives no longer than that.
pub(crate) fn in_netns<T: Send>(
    netns: &File,
    act: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    on_a_thread(|| {
        setns(netns, CloneFlags::CLONE_NEWNET)?;
        act()
    })
}

/// Do something short by a thread that is waited for, on the processor that this one is on:
/// to wake another takes longer than all that it would do. What is begun there stays
/// there, and so it is for nothing that begins a process.
pub(crate) fn at_once<T>(act: impl FnOnce() -> T) -> T {
    let this = Pid::from_raw(0);
    let (Ok(before), Ok(processor)) = (sched_getaffinity(this), sched_getcpu()) else {
        return act();
    };
    let mut only = CpuSet::new();
    let _ = only
        .set(processor)
        .and_then(|()| sched_setaffinity(this, &only));
    let done = act();
    let _ = sched_setaffinity(this, &before);
    done
}

/// Do something on a thread of its own, which may go where the process must not.
pub(crate) fn on_a_thread<T: Send>(act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, act)?;
        let ended = |_| io::Error::other("the thread in the namespace panicked");
        thread.join().map_err(ended)?
    })
}
