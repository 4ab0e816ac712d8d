//! The system's log: lines in, sent to it where there is one.

use std::os::unix::net::UnixDatagram;
use std::{io, process};

/// Where a log listens, of whatever make.
const SOCKET: &str = "/dev/log";

/// How urgent a line is, as syslog(3) has it, of the facility daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Something came to nothing.
    Error = 3 << 3 | 3,
    /// What was done.
    Info = 3 << 3 | 6,
}

/// Send lines. A log that does not read must not hold anything up.
pub fn send(urgency: Urgency, lines: &[String]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(SOCKET)?;
    let (urgency, pid) = (urgency as u8, process::id());
    for line in lines {
        socket.send(format!("<{urgency}>netns-setup[{pid}]: {line}").as_bytes())?;
    }
    Ok(())
}
