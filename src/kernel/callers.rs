//! Who called us, read from `/proc`: the processes above this one, whether somebody is
//! logged in above it, and the connections that they hold. OpenRC and runit empty the
//! environment, so that of the processes above counts too. Below runit's supervisor, which
//! does not tell who asked, who is logged in at all can be found. Nothing is decided here.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{OwnedFd, RawFd};
use std::time::Duration;

use log::debug;
use nix::errno::Errno;
use socket2::{Socket, Type};

use super::{pidfd, proc, processes};

/// The programs through which one logs in, as ps(1) shows them.
const LOGINS: [&str; 12] = [
    "sshd",
    "sshd-session",
    "sshd-auth",
    "dropbear",
    "dropbearmulti",
    "login",
    "telnetd",
    "in.telnetd",
    "mosh-server",
    "tmux: server",
    "screen",
    "sulogin",
];

/// More processes than this are not above one another.
const DEEPEST: usize = 1000;

/// A TCP connection, as this machine sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The address of this machine.
    pub local: IpAddr,
    /// The other end's address,
    pub peer: IpAddr,
    /// and its port.
    pub port: u16,
}

/// What is above this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Callers {
    /// Somebody is logged in.
    pub logged_in: bool,
    /// Each once, none of them within this machine.
    pub connections: Vec<Connection>,
    /// A runsv(8) that a runsvdir(8) looks after. At a shutdown none does any more.
    pub runsv: bool,
    /// They are whoever is logged in, and not who calls.
    pub anybody: bool,
}

/// Look at the processes above this one, up to the first one of this pid namespace, which
/// is nobody's.
pub fn callers() -> Callers {
    let mut callers = Callers::default();
    callers.environment("self");
    let mut process = parent("self");
    for _ in 0..DEEPEST {
        let Some(pid) = process.filter(|pid| *pid > 1) else {
            break;
        };
        let pid = pid.to_string();
        callers.environment(&pid);
        callers.sockets(&pid);
        callers.logged_in |= is_login(&pid);
        process = parent(&pid);
        let above = process.map(|above| name(&above.to_string()));
        callers.runsv |= name(&pid) == "runsv" && above.is_some_and(|name| name == "runsvdir");
    }
    callers.logged_in |= !callers.connections.is_empty();
    debug!("above this process there is {callers:?}");
    callers
}

/// All who are logged in on this machine, wherever from: who has something running below
/// a program through which one logs in, so not who is just knocking.
pub fn everybody() -> Callers {
    let mut everybody = Callers {
        anybody: true,
        ..Callers::default()
    };
    let pids = processes::all().unwrap_or_default();
    let above = |pid: i32| Some((pid, parent(&pid.to_string())?));
    let above: HashMap<i32, i32> = pids.into_iter().filter_map(above).collect();
    let is_login = |pid: &i32| LOGINS.contains(&name(&pid.to_string()).as_str());
    let logins: HashSet<i32> = above.keys().copied().filter(is_login).collect();
    let mut below: Vec<i32> = above.keys().copied().collect();
    below.retain(|pid| !logins.contains(pid));
    // One that started another holds the same connection
    let mut left = logins;
    while let Some(pid) = below.pop() {
        if let Some(login) = above.get(&pid).and_then(|login| left.take(login)) {
            everybody.sockets(&login.to_string());
            below.push(login);
        }
    }
    everybody.logged_in = !everybody.connections.is_empty();
    debug!("on this machine there is {everybody:?}");
    everybody
}

/// How long the machine has been up; none if that cannot be read.
pub fn uptime() -> Option<Duration> {
    let text = proc::text("/proc/uptime").ok()?;
    let seconds = text.split('.').next()?;
    Some(Duration::from_secs(seconds.parse().ok()?))
}

impl Callers {
    fn environment(&mut self, pid: &str) {
        let environment = proc::bytes(&format!("/proc/{pid}/environ")).unwrap_or_default();
        for variable in environment.split(|byte| *byte == 0) {
            let Some(text) = variable.strip_prefix(b"SSH_CONNECTION=") else {
                continue;
            };
            self.logged_in = true;
            let said = std::str::from_utf8(text).ok().and_then(ssh_connection);
            self.connections_are(said);
        }
    }

    /// A session that was accepted in a namespace and is out of it has a socket that no
    /// table of its own namespace shows: each socket is asked itself. Where the kernel does
    /// not let us (a container without CAP_SYS_PTRACE), the table has to do.
    fn sockets(&mut self, pid: &str) {
        let held = held_sockets(pid);
        if held.is_empty() {
            return;
        }
        match ends(pid, &held) {
            Ok(found) => self.connections_are(found),
            Err(why) => {
                debug!("the sockets of process {pid} are looked up, not asked: {why}");
                self.in_tables(pid, &held);
            }
        }
    }

    fn in_tables(&mut self, pid: &str, held: &[Held]) {
        let held: HashSet<u64> = held.iter().map(|socket| socket.inode).collect();
        for table in ["tcp", "tcp6"] {
            let text = match proc::text(&format!("/proc/{pid}/net/{table}")) {
                Err(e) if e.kind() != ErrorKind::InvalidData => continue,
                text => text.unwrap_or_default(),
            };
            let all = text.lines().skip(1).filter_map(established);
            let all = all.filter(|(inode, _)| held.contains(inode));
            self.connections_are(all.map(|(_, connection)| connection));
        }
    }

    fn connections_are(&mut self, found: impl IntoIterator<Item = Connection>) {
        for connection in found {
            if !connection.peer.is_loopback() && !self.connections.contains(&connection) {
                self.connections.push(connection);
            }
        }
    }
}

/// A program of that name, or a shell that was started by one: `-sh` (login(1)).
fn is_login(pid: &str) -> bool {
    let words = proc::bytes(&format!("/proc/{pid}/cmdline")).unwrap_or_default();
    LOGINS.contains(&name(pid).as_str()) || words.starts_with(b"-")
}

fn name(pid: &str) -> String {
    let name = proc::text(&format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim_end().into()
}

/// The fourth field of `/proc/PID/stat`; the second may hold blanks and brackets.
fn parent(pid: &str) -> Option<i32> {
    let stat = proc::text(&format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(1)?.parse().ok()
}

/// A socket that a process holds.
struct Held {
    descriptor: RawFd,
    inode: u64,
}

fn held_sockets(pid: &str) -> Vec<Held> {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    let socket = |entry: fs::DirEntry| {
        let path = fs::read_link(entry.path()).ok()?;
        let inode = path.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
        Some(Held {
            descriptor: entry.file_name().to_str()?.parse().ok()?,
            inode: inode.parse().ok()?,
        })
    };
    descriptors.flatten().filter_map(socket).collect()
}

/// The connections among sockets, as they tell themselves.
fn ends(pid: &str, held: &[Held]) -> io::Result<Vec<Connection>> {
    let process = pidfd::open(pid.parse().map_err(io::Error::other)?)?;
    let mut found = Vec::new();
    for socket in held {
        match pidfd::copy(&process, socket.descriptor) {
            Ok(copy) => found.extend(connection(copy)),
            // closed meanwhile
            Err(e) if e.raw_os_error() == Some(Errno::EBADF as i32) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(found)
}

fn connection(socket: OwnedFd) -> Option<Connection> {
    let socket = Socket::from(socket);
    if socket.r#type().ok()? != Type::STREAM {
        return None;
    }
    let local = socket.local_addr().ok()?.as_socket()?;
    let peer = socket.peer_addr().ok()?.as_socket()?;
    Some(Connection {
        local: local.ip().to_canonical(),
        peer: peer.ip().to_canonical(),
        port: peer.port(),
    })
}

/// `PEER PORT LOCAL PORT`, as ssh(1) says it.
fn ssh_connection(text: &str) -> Option<Connection> {
    let mut words = text.split(' ');
    let mut word = || words.next();
    let (peer, port, local) = (word()?, word()?, word()?);
    Some(Connection {
        local: ip(local)?,
        peer: ip(peer)?,
        port: port.parse().ok()?,
    })
}

/// An address, of one link (`fe80::1%eth0`) too.
fn ip(text: &str) -> Option<IpAddr> {
    let text = text.split_once('%').map_or(text, |(address, _)| address);
    text.parse().ok().map(|ip: IpAddr| ip.to_canonical())
}

/// A line of `/proc/net/tcp` or `tcp6` (proc_pid_net(5)): the socket's inode and the
/// connection, if it stands.
fn established(line: &str) -> Option<(u64, Connection)> {
    const ESTABLISHED: &str = "01";
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, local, peer, ESTABLISHED, _, _, _, _, _, inode, ..] = words.as_slice() else {
        return None;
    };
    let (local, _) = end(local)?;
    let (peer, port) = end(peer)?;
    Some((inode.parse().ok()?, Connection { local, peer, port }))
}

/// `ADDRESS:PORT` in hexadecimal, the address as words of this machine's byte order.
fn end(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let mut bytes = Vec::new();
    for at in (0..address.len()).step_by(8) {
        let word = u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let port = u16::from_str_radix(port, 16).ok()?;
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::from(four),
        Err(_) => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?)),
    };
    Some((ip.to_canonical(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_connection_is_read_from_the_kernels_table() {
        let line = "   2: 070200C0:0016 010200C0:D431 01 00000000:00000000 02:0009C5A4 00000000     0        0 7311 4 0 20 4 30 10 -1";
        let connection = Connection {
            local: "192.0.2.7".parse().unwrap(),
            peer: "192.0.2.1".parse().unwrap(),
            port: 54321,
        };
        assert_eq!(established(line), Some((7311, connection)));
        assert_eq!(established(&line.replace(" 01 0", " 0A 0")), None);
        let six = line
            .replace("070200C0", "B80D0120000010000000000007000000")
            .replace("010200C0", "0000000000000000FFFF0000010200C0");
        let (_, six) = established(&six).unwrap();
        assert_eq!(six.local, "2001:db8:10::7".parse::<IpAddr>().unwrap());
        assert_eq!(six.peer, connection.peer);
    }

    #[test]
    fn a_connection_is_read_from_the_environment() {
        let said = ssh_connection("fe80::1%eth0 50022 fe80::2%eth0 22").unwrap();
        assert_eq!(said.peer, "fe80::1".parse::<IpAddr>().unwrap());
        assert_eq!(said.port, 50022);
        assert_eq!(ssh_connection("UNKNOWN 65535 UNKNOWN 65535"), None);
    }
}
