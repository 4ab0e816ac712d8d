//! Locks of files and directories (flock(2)) with a time limit.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// The interval between two attempts to get a lock.
const ASK: Duration = Duration::from_millis(5);

/// Lock a file exclusively. The error is `TimedOut` if another process still has the lock at
/// `until`, and `Interrupted` if `must_stop` returns true.
pub fn lock_until(
    mut file: File,
    until: Instant,
    must_stop: impl Fn() -> bool,
) -> io::Result<Flock<File>> {
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            // A signal that ends nothing may interrupt it
            Err((file, Errno::EWOULDBLOCK | Errno::EINTR)) => file,
            Err((_, errno)) => return Err(errno.into()),
        };
        if must_stop() {
            return Err(ErrorKind::Interrupted.into());
        }
        if Instant::now() >= until {
            return Err(ErrorKind::TimedOut.into());
        }
        sleep(ASK);
    }
}
