//! Sends lines to the system log, if there is one.

use std::os::unix::net::UnixDatagram;
use std::{io, process};

/// The socket of the log, whichever program provides it.
const SOCKET: &str = "/dev/log";

/// The priority of a line as in syslog(3), with the facility daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Something has failed.
    Error = 3 << 3 | 3,
    /// Something has been done.
    Info = 3 << 3 | 6,
}

/// Send lines. This does not block if the log does not read.
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
