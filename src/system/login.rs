//! Who called us, read from `/proc`: the processes above this one, whether somebody is
//! logged in above it, and the connections that they hold. OpenRC and runit empty the
//! environment, so that of the processes above counts too, as long as what it tells of
//! stands. Below runit's supervisor, which does not tell who asked, who is logged in at all
//! can be found. Nothing is decided here.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use log::debug;

use super::sockets::{self, Connection};
use super::{process, procfs};

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

/// Those to which one comes back: who is connected to them is not above what runs in them.
const KEPT: [&str; 2] = ["tmux: server", "screen"];

/// The one that goes on when the connection it was started by has ended, by UDP.
const MOSH: &str = "mosh-server";

/// More processes than this are not above one another.
const DEEPEST: usize = 1000;

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
    // What their environment says, which may have ended long ago
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

/// All who are logged in on this machine, wherever from: who has something running below
/// a program through which one logs in, so not who is just knocking.
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

/// The programs through which somebody is logged in, with something running below them whose
/// owner `counts`. Everybody can call a program of his own sshd: it is root's, or was
/// started by root's for the user of the session.
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
    // One that started another holds the same connection
    while let Some(pid) = below.pop() {
        if let Some(login) = above.get(&pid).and_then(|login| left.take(login)) {
            found.push(login);
            below.push(login);
        }
    }
    found
}

/// How long the machine has been up; none if that cannot be read.
pub fn uptime() -> Option<Duration> {
    let text = procfs::text("/proc/uptime").ok()?;
    let seconds = text.split('.').next()?;
    Some(Duration::from_secs(seconds.parse().ok()?))
}

impl Callers {
    /// The other end of mosh may be anywhere by now, its own is where its socket is.
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

/// A program of that name, or a shell that was started by one: `-sh` (login(1)).
fn is_login(pid: &str) -> bool {
    let is_named = LOGINS.contains(&name(pid).as_str()) && !is_script(pid);
    is_named || words(pid).starts_with(b"-")
}

/// A script has its own name, and not its interpreter's: OpenRC's is sshd where the service
/// is. The interpreter is called with the path of the script behind its own.
fn is_script(pid: &str) -> bool {
    let words = words(pid);
    let mut words = words.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let named = name(pid);
    let file = |word: &str| {
        Path::new(word)
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    // The kernel keeps 15 bytes of it
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

/// The user that a process runs as.
fn owner(pid: &str) -> Option<u32> {
    Some(fs::metadata(format!("/proc/{pid}")).ok()?.uid())
}

/// The connections that its environment tells of.
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

/// The fourth field of `/proc/PID/stat`; the second may hold blanks and brackets.
fn parent(pid: &str) -> Option<i32> {
    let stat = procfs::text(&format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(1)?.parse().ok()
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
