//! Sockets of this machine: finds the established TCP connections of a process, or of all network
//! namespaces, and checks whether a port of the host is free.

use std::collections::{BTreeSet, HashSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::RawFd;
use std::{fmt, fs, io};

use log::debug;
use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::{netns, pidfd, process, procfs};
use crate::model::nat::{Proto, Publish};
use crate::system::thread::in_netns;

/// A TCP connection, as seen from this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The address on this machine.
    pub local: IpAddr,
    /// The port on this machine.
    pub local_port: u16,
    /// The address of the other end.
    pub peer: IpAddr,
    /// The port of the other end.
    pub port: u16,
}

impl fmt::Display for Connection {
    /// `from 192.0.2.1 port 50022 to 192.0.2.7`, without the port of this machine.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {} port {} to {}", self.peer, self.port, self.local)
    }
}

/// The connections of a process.
///
/// Each socket is queried itself. A session that was accepted in one namespace and is in another
/// has a socket that the tables of its own namespace do not contain. Where the kernel does not
/// permit the query (a container without CAP_SYS_PTRACE), the tables are used.
pub(crate) fn of(pid: &str) -> Vec<Connection> {
    let held = sockets_held_by(pid);
    if held.is_empty() {
        return Vec::new();
    }
    let copies = copies(pid, &held);
    copies.map_or_else(
        |why| {
            debug!("the sockets of process {pid} are read from /proc/PID/net, not queried: {why}");
            in_tables(pid, &held)
        },
        |copies| copies.iter().filter_map(connection).collect(),
    )
}

/// The local addresses and ports of a process's UDP sockets.
pub(crate) fn udp_of(pid: &str) -> Vec<SocketAddr> {
    let copies = copies(pid, &sockets_held_by(pid)).unwrap_or_default();
    let udp = |socket: &&Socket| socket.r#type().is_ok_and(|is| is == Type::DGRAM);
    let end = |socket: &Socket| socket.local_addr().ok()?.as_socket();
    copies.iter().filter(udp).filter_map(end).collect()
}

/// What a connection has sent without an acknowledgement of the other end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unacknowledged {
    /// In bytes.
    pub bytes: u32,
    /// How often the time for an acknowledgement was over, in a row: the kernel has sent it again, or
    /// has sent a probe if it cannot even send it (a filter of the output).
    pub timeouts: u32,
}

/// Whether a connection is established, in any network namespace of this machine that has a process
/// or a name.
pub(crate) fn stands(connection: &Connection) -> bool {
    unacknowledged(connection).is_some()
}

/// What the connection has sent and the other end has not acknowledged. `None` if it is not
/// established, in any network namespace of this machine that has a process or a name.
pub(crate) fn unacknowledged(connection: &Connection) -> Option<Unacknowledged> {
    let mut seen = BTreeSet::new();
    let mut unseen = |pid: i32| process::netns_of(pid).is_some_and(|of| seen.insert(of));
    let pids = process::all().unwrap_or_default();
    let mut pids = pids.into_iter().filter(|pid| unseen(*pid));
    let found = pids.find_map(|pid| listed(&pid.to_string(), connection));
    found.or_else(|| {
        let mut named = netns::names().filter_map(|name| netns::open(&name).ok());
        named.find_map(|netns| listed_in(&netns, connection))
    })
}

/// Whether a connection is established in this network namespace.
pub(crate) fn stands_in(netns: &fs::File, connection: &Connection) -> bool {
    listed_in(netns, connection).is_some()
}

fn listed_in(netns: &fs::File, connection: &Connection) -> Option<Unacknowledged> {
    in_netns(netns, || Ok(listed("thread-self", connection))).unwrap_or(None)
}

fn listed(pid: &str, connection: &Connection) -> Option<Unacknowledged> {
    tables(pid).find_map(|text| {
        let mut all = text.lines().skip(1).filter_map(established);
        let found = all.find(|entry| entry.connection == *connection);
        found.map(|entry| entry.unacknowledged)
    })
}

/// The tables of all TCP sockets in the network namespace of a process, as text.
fn tables(pid: &str) -> impl Iterator<Item = String> {
    let tables = ["tcp", "tcp6"].map(|table| procfs::text(&format!("/proc/{pid}/net/{table}")));
    tables.into_iter().flatten()
}

fn in_tables(pid: &str, held: &[HeldSocket]) -> Vec<Connection> {
    let held: HashSet<u64> = held.iter().map(|socket| socket.inode).collect();
    let ours = |text: String| -> Vec<Connection> {
        let all = text.lines().skip(1).filter_map(established);
        let all = all.filter(|entry| held.contains(&entry.inode));
        all.map(|entry| entry.connection).collect()
    };
    tables(pid).flat_map(ours).collect()
}

/// A socket that a process has open.
struct HeldSocket {
    descriptor: RawFd,
    inode: u64,
}

fn sockets_held_by(pid: &str) -> Vec<HeldSocket> {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    let socket = |entry: fs::DirEntry| {
        let path = fs::read_link(entry.path()).ok()?;
        let inode = path.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
        Some(HeldSocket {
            descriptor: entry.file_name().to_str()?.parse().ok()?,
            inode: inode.parse().ok()?,
        })
    };
    descriptors.flatten().filter_map(socket).collect()
}

/// Copies of these sockets, in this process. A socket that has been closed is left out.
fn copies(pid: &str, held: &[HeldSocket]) -> io::Result<Vec<Socket>> {
    let process = pidfd::open(pid.parse().map_err(io::Error::other)?)?;
    let mut found = Vec::new();
    for socket in held {
        match pidfd::copy(&process, socket.descriptor) {
            Ok(copy) => found.push(Socket::from(copy)),
            // It has been closed in the meantime
            Err(e) if e.raw_os_error() == Some(Errno::EBADF as i32) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(found)
}

fn connection(socket: &Socket) -> Option<Connection> {
    if socket.r#type().ok()? != Type::STREAM {
        return None;
    }
    let local = socket.local_addr().ok()?.as_socket()?;
    let peer = socket.peer_addr().ok()?.as_socket()?;
    Some(Connection {
        local: local.ip().to_canonical(),
        local_port: local.port(),
        peer: peer.ip().to_canonical(),
        port: peer.port(),
    })
}

/// A line of `/proc/net/tcp` or `tcp6` (proc_pid_net(5)).
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    inode: u64,
    connection: Connection,
    unacknowledged: Unacknowledged,
}

/// Parse a line, if its connection is established.
fn established(line: &str) -> Option<Entry> {
    const ESTABLISHED: &str = "01";
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [
        _,
        local,
        peer,
        ESTABLISHED,
        queues,
        _,
        resent,
        _,
        probes,
        inode,
        ..,
    ] = words.as_slice()
    else {
        return None;
    };
    let (local, local_port) = end(local)?;
    let (peer, port) = end(peer)?;
    let (sent, _) = queues.split_once(':')?;
    Some(Entry {
        inode: inode.parse().ok()?,
        connection: Connection {
            local,
            local_port,
            peer,
            port,
        },
        unacknowledged: Unacknowledged {
            bytes: u32::from_str_radix(sent, 16).ok()?,
            timeouts: u32::from_str_radix(resent, 16)
                .ok()?
                .saturating_add(probes.parse().ok()?),
        },
    })
}

/// Parse `ADDRESS:PORT` in hexadecimal. The address consists of words in this machine's byte order.
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

/// The first of these ports that another process uses on the host. The only way to know is to bind
/// the port. Nothing remains of that.
pub fn taken_port(publish: &Publish, mut ports: impl Iterator<Item = u16>) -> Option<u16> {
    let taken = |address: &SocketAddr| {
        let bound = bind(*address, publish.proto);
        bound.is_err_and(|e| e.kind() == io::ErrorKind::AddrInUse)
    };
    ports.find(|port| publish.sockets(*port).iter().any(taken))
}

fn bind(address: SocketAddr, proto: Proto) -> io::Result<()> {
    let (kind, protocol) = match proto {
        Proto::Tcp => (Type::STREAM, Protocol::TCP),
        Proto::Udp => (Type::DGRAM, Protocol::UDP),
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // The remains of connections that have ended do not matter
    socket.set_reuse_address(proto == Proto::Tcp)?;
    socket.bind(&address.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_connection_is_read_from_the_kernels_table() {
        let line = "   2: 070200C0:0016 010200C0:D431 01 00000024:00000000 01:0009C5A4 00000002     0        1 7311 4 0 20 4 30 10 -1";
        let connection = Connection {
            local: "192.0.2.7".parse().unwrap(),
            local_port: 22,
            peer: "192.0.2.1".parse().unwrap(),
            port: 54321,
        };
        let unacknowledged = Unacknowledged {
            bytes: 36,
            timeouts: 3,
        };
        let entry = Entry {
            inode: 7311,
            connection,
            unacknowledged,
        };
        assert_eq!(established(line), Some(entry));
        assert_eq!(established(&line.replace(" 01 0", " 0A 0")), None);
        let six = line
            .replace("070200C0", "B80D0120000010000000000007000000")
            .replace("010200C0", "0000000000000000FFFF0000010200C0");
        let six = established(&six).unwrap().connection;
        assert_eq!(six.local, "2001:db8:10::7".parse::<IpAddr>().unwrap());
        assert_eq!(six.peer, connection.peer);
    }
}
