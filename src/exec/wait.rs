//! Waiting until netns-setup has set a namespace up whole: a name and a limit in, when it
//! is, out. The kernel wakes us; nothing is asked in between.

use std::ffi::CStr;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::os::fd::AsFd;

use super::join::{Readiness, readiness};
use super::refusal::{Refusal, reason, shown};
use super::text::Text;
use crate::state;

/// Returns when the namespace is ready.
#[cold]
#[inline(never)]
pub fn until_ready(name: &CStr, limit: Duration) -> Result<(), Refusal> {
    let end = Instant::now() + limit;
    let refused = |why| {
        let wrong = format!("cannot wait for {}: {}", shown(name), reason(why));
        Refusal::kernel(wrong, "see /proc/sys/fs/inotify, or do without --wait")
    };
    let events = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(refused)?;
    loop {
        // Look after each watch is set: what came before it makes no event.
        watch(&events, name).map_err(refused)?;
        let now = readiness(name)?;
        if let Readiness::Whole = now {
            return Ok(());
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(too_late(name, limit, &now));
        }
        // Rounded up, so as not to spin in the last millisecond.
        let left =
            PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(events.as_fd(), PollFlags::POLLIN)], left) {
            Ok(_) | Err(Errno::EINTR) => (),
            Err(why) => return Err(refused(why)),
        }
        while events.read_events().is_ok_and(|events| !events.is_empty()) {}
    }
}

/// Watches the namespace's state folder and those above it, those first: what is missing
/// when it is to be watched appears in one that is watched already.
fn watch(events: &Inotify, name: &CStr) -> Result<(), Errno> {
    let of_name = Text::of(&[state::STATE.as_bytes(), b"/", name.to_bytes()])?;
    let mask = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_ONLYDIR;
    let of_all = Text::of(&[state::STATE.as_bytes()])?;
    for folder in [c"/run", of_all.as_c(), of_name.as_c()] {
        match events.add_watch(folder, mask) {
            Ok(_) | Err(Errno::ENOENT | Errno::ENOTDIR) => (),
            Err(why) => return Err(why),
        }
    }
    Ok(())
}

fn too_late(name: &CStr, limit: Duration, now: &Readiness) -> Refusal {
    let name = shown(name);
    let remedy = match now {
        Readiness::Foreign => {
            format!(
                "netns-setup has not begun with it: rc-service netns.{name} start, or on runit: sv up netns-{name}"
            )
        }
        _ => format!("see what is missing: netns-setup status {name}"),
    };
    Refusal::kernel(
        format!("{name} is not ready after {} s", limit.as_secs_f64()),
        remedy,
    )
}
