//! Finds out who has called netns-setup, from `/proc`: the ancestors of this process, whether
//! somebody is logged in through them, and the connections that they have. OpenRC and runit empty
//! the environment, so the environments of the ancestors count too, as far as the connections in
//! them still exist. A process that runit supervises has no caller among its ancestors, so there is
//! also a function that finds everybody who is logged in. Nothing is decided here.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use log::debug;

use super::sockets::{self, Connection};
use super::{process, procfs};

/// The programs through which a user logs in, as ps(1) shows them.
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

/// The programs to which a user can return. The user's current connection does not belong to an
/// ancestor of what runs in them.
const KEPT: [&str; 2] = ["tmux: server", "screen"];

/// The program that continues over UDP when the connection by which it was started has ended.
const MOSH: &str = "mosh-server";

/// The maximum number of ancestors that are checked.
const DEEPEST: usize = 1000;

/// What the ancestors of this process show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Callers {
    /// Whether somebody is logged in.
    pub logged_in: bool,
    /// The connections, each once, without those within this machine.
    pub connections: Vec<Connection>,
    /// Whether there is a runsv(8) that a runsvdir(8) supervises. At a shutdown there is none.
    pub runsv: bool,
    /// Whether this is everybody who is logged in, instead of the caller.
    pub anybody: bool,
}

/// Check the ancestors of this process, up to but not including the first process of this pid
/// namespace, which belongs to no user.
pub fn callers() -> Callers {
    let mut callers = Callers::default();
    // The connections that the environments of the processes name; these may have ended long ago
    let mut said = ssh_connections("self");
    let (mut kept_of, mut roaming) = (BTreeSet::new(), Vec::new());
    let mut process = parent("self");
    for _ in 0..DEEPEST {
        let Some(pid) = process.filter(|pid| *pid > 1) else {
            break;
        };
        let pid = pid.to_string();
        said.extend(ssh_connections(&pid));
        callers.connections_are(sockets::of(&pid));
        if is_login(&pid) {
            callers.logged_in = true;
            let name = name(&pid);
            kept_of.extend(owner(&pid).filter(|_| KEPT.contains(&name.as_str())));
            if name == MOSH {
                roaming.extend(sockets::udp_of(&pid));
            }
        }
        process = parent(&pid);
        let above = process.map(|above| name(&above.to_string()));
        callers.runsv |= name(&pid) == "runsv" && above.is_some_and(|name| name == "runsvdir");
    }
    said.retain(|one| {
        !roaming.is_empty() || callers.connections.contains(one) || sockets::stands(one)
    });
    callers.connections_are(said);
    callers.roams(&roaming);
    if !kept_of.is_empty() {
        let logins = logins(|owner| kept_of.contains(&owner));
        callers.connections_are(
            logins
                .iter()
                .flat_map(|login| sockets::of(&login.to_string())),
        );
    }
    callers.logged_in |= !callers.connections.is_empty();
    debug!("above this process there is {callers:?}");
    callers
}

/// Everybody who is logged in on this machine, from anywhere: a login program counts if something
/// runs below it, so a client that has only connected does not count.
pub fn everybody() -> Callers {
    let mut everybody = Callers {
        anybody: true,
        ..Callers::default()
    };
    for login in logins(|_| true) {
        everybody.connections_are(sockets::of(&login.to_string()));
    }
    everybody.logged_in = !everybody.connections.is_empty();
    debug!("on this machine there is {everybody:?}");
    everybody
}

/// The login programs that have a descendant whose owner `counts`. Every user can name a program
/// `sshd`. So a login program counts only if it runs as root, or if a process of root started it for
/// the user of the session.
fn logins(counts: impl Fn(u32) -> bool) -> Vec<i32> {
    let pids = process::all().unwrap_or_default();
    let above = |pid: i32| Some((pid, parent(&pid.to_string())?));
    let above: HashMap<i32, i32> = pids.into_iter().filter_map(above).collect();
    let is_roots = |pid: i32| pid > 1 && owner(&pid.to_string()) == Some(0);
    let is_login = |pid: &i32| {
        let text = pid.to_string();
        let is_named = LOGINS.contains(&name(&text).as_str()) && !is_script(&text);
        is_named && (is_roots(*pid) || above.get(pid).is_some_and(|above| is_roots(*above)))
    };
    let mut left: HashSet<i32> = above.keys().copied().filter(is_login).collect();
    let mut below: Vec<i32> = above.keys().copied().collect();
    below.retain(|pid| !left.contains(pid) && owner(&pid.to_string()).is_some_and(&counts));
    let mut found = Vec::new();
    // A login program that has started another one holds the same connection, and is found too
    while let Some(pid) = below.pop() {
        if let Some(login) = above.get(&pid).and_then(|login| left.take(login)) {
            found.push(login);
            below.push(login);
        }
    }
    found
}

/// How long the machine has been up, in full seconds. `None` if that cannot be read.
pub fn uptime() -> Option<Duration> {
    let text = procfs::text("/proc/uptime").ok()?;
    let seconds = text.split('.').next()?;
    Some(Duration::from_secs(seconds.parse().ok()?))
}

impl Callers {
    /// Add the connections of mosh. Its other end may have moved anywhere, so the address of its
    /// own socket is used for both ends.
    fn roams(&mut self, sockets: &[SocketAddr]) {
        for socket in sockets {
            let local = socket.ip().to_canonical();
            let known = self
                .connections
                .iter()
                .any(|connection| connection.local == local);
            if !local.is_unspecified() && !known {
                self.connections_are([Connection {
                    local,
                    local_port: socket.port(),
                    peer: local,
                    port: socket.port(),
                }]);
            }
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

/// Whether the process is a login program, or a shell that one has started: `-sh` (login(1)).
fn is_login(pid: &str) -> bool {
    let is_named = LOGINS.contains(&name(pid).as_str()) && !is_script(pid);
    is_named || words(pid).starts_with(b"-")
}

/// Whether the process is a script. A script has its own name and not that of its interpreter: the
/// OpenRC script of the service sshd is named sshd, too. The interpreter is called with the path of
/// the script after its own.
fn is_script(pid: &str) -> bool {
    let words = words(pid);
    let mut words = words.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let named = name(pid);
    let file = |word: &str| {
        Path::new(word)
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    // The kernel keeps 15 bytes of the name
    let is_named =
        |word: &str| file(word).is_some_and(|file| file.bytes().take(15).eq(named.bytes()));
    let first = words.next().unwrap_or_default();
    first.contains('/')
        && !is_named(&first)
        && words
            .take(2)
            .any(|word| word.contains('/') && is_named(&word))
}

fn words(pid: &str) -> Vec<u8> {
    procfs::bytes(&format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

/// The id of the user that a process runs as.
fn owner(pid: &str) -> Option<u32> {
    Some(fs::metadata(format!("/proc/{pid}")).ok()?.uid())
}

/// The connections in the environment of a process.
fn ssh_connections(pid: &str) -> Vec<Connection> {
    let environment = procfs::bytes(&format!("/proc/{pid}/environ")).unwrap_or_default();
    let variables = environment.split(|byte| *byte == 0);
    let said = variables.filter_map(|variable| variable.strip_prefix(b"SSH_CONNECTION="));
    said.filter_map(|text| ssh_connection(std::str::from_utf8(text).ok()?))
        .collect()
}

fn name(pid: &str) -> String {
    let name = procfs::text(&format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim_end().into()
}

/// The parent process id, the fourth field of `/proc/PID/stat`. The second field can contain blanks
/// and parentheses.
fn parent(pid: &str) -> Option<i32> {
    let stat = procfs::text(&format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(1)?.parse().ok()
}

/// Parse `PEER PORT LOCAL PORT`, the value of SSH_CONNECTION in ssh(1).
fn ssh_connection(text: &str) -> Option<Connection> {
    let mut words = text.split(' ');
    let mut word = || words.next();
    let (peer, port, local, local_port) = (word()?, word()?, word()?, word()?);
    Some(Connection {
        local: ip(local)?,
        local_port: local_port.parse().ok()?,
        peer: ip(peer)?,
        port: port.parse().ok()?,
    })
}

/// Parse an address. The link of a link-local address (`fe80::1%eth0`) is ignored.
fn ip(text: &str) -> Option<IpAddr> {
    let text = text.split_once('%').map_or(text, |(address, _)| address);
    text.parse().ok().map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_read_from_the_environment() {
        let said = ssh_connection("fe80::1%eth0 50022 fe80::2%eth0 22").unwrap();
        assert_eq!(said.peer, "fe80::1".parse::<IpAddr>().unwrap());
        assert_eq!(said.port, 50022);
        assert_eq!(ssh_connection("UNKNOWN 65535 UNKNOWN 65535"), None);
    }
}
