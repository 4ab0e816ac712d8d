//! Threads that do something in a namespace. No thread joins a namespace and then goes back: a
//! thread joins the namespace, opens a socket or a file there, and ends. A socket stays in the
//! namespace in which it was opened (netlink(7)).

use std::fs::File;
use std::{io, thread};

use nix::sched::{CloneFlags, CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity, setns};
use nix::unistd::Pid;

/// Run `act` in a namespace, on a new thread that ends after that.
pub(crate) fn in_netns<T: Send>(
    netns: &File,
    act: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    on_a_thread(|| {
        setns(netns, CloneFlags::CLONE_NEWNET)?;
        act()
    })
}

/// Run `act`, which waits for a thread that does something short, on the current processor only.
/// Waking another processor would take longer than all that the thread does. A process that is
/// started in `act` would keep this restriction, so `act` must not start any.
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

/// Run `act` on a new thread, which may join namespaces that the process must not be in.
pub(crate) fn on_a_thread<T: Send>(act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, act)?;
        let ended = |_| io::Error::other("the thread in the namespace panicked");
        thread.join().map_err(ended)?
    })
}
