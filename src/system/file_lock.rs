//! Locks of files and folders (flock(2)) that are waited for, but not for ever.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// How often it is asked whether a lock is to be had by now.
const ASK: Duration = Duration::from_millis(5);

/// Lock it: `TimedOut` if another has it until then, `Interrupted` if the caller is to stop.
pub fn lock_until(
    mut file: File,
    until: Instant,
    must_stop: impl Fn() -> bool,
) -> io::Result<Flock<File>> {
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((file, Errno::EWOULDBLOCK)) => file,
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
