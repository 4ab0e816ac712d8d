//! Resolves a name in a namespace: through its network, and with the files of `/etc/netns/NAME`.
//! This runs getent(1), which can be stopped, and which knows all ways of the system to resolve a
//! name. A statically linked program does not know these.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::program::PATH;
use super::thread::in_netns;
use crate::os_error::OsError;
use crate::state_dir;

/// How long all lookups of one run may take together. At boot, the network may come up late.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The files that configure how names are resolved.
const FILES: [&str; 3] = ["resolv.conf", "hosts", "nsswitch.conf"];

const NO_PATH: Option<&Path> = None;

/// The first address of a name in the namespace `inside`, in the system's order of preference. If
/// that namespace has the name `netns`, the files of `/etc/netns/NAME` are used. The duration of
/// the lookup is subtracted from `patience`.
pub(crate) fn address_of(
    inside: &File,
    netns: Option<&str>,
    name: &str,
    patience: &mut Duration,
) -> Result<IpAddr, OsError> {
    let files = netns.map(files_of).unwrap_or_default();
    let begun = Instant::now();
    let until = begun + *patience;
    let found = in_netns(inside, || {
        if !files.is_empty() {
            lay_over(&files)?;
        }
        // ahosts of musl leaves out the address families that lo has no address of
        match getent("ahosts", name, until) {
            Err(e) if e.kind() == ErrorKind::AddrNotAvailable => getent("hosts", name, until),
            found => found,
        }
    });
    *patience = patience.saturating_sub(begun.elapsed());
    found.map_err(|errno| OsError {
        message: Some(match errno.kind() {
            ErrorKind::NotFound => "there is no program getent to resolve it".into(),
            ErrorKind::TimedOut => format!("no name server has answered for {name}"),
            ErrorKind::AddrNotAvailable => format!("{name} has no address"),
            _ => format!("cannot look up {name}: {errno}"),
        }),
        errno,
    })
}

fn files_of(netns: &str) -> Vec<(PathBuf, PathBuf)> {
    let folder = Path::new(state_dir::ETC).join(netns);
    let pairs = FILES.map(|file| (folder.join(file), Path::new("/etc").join(file)));
    pairs.into_iter().filter(|(own, _)| own.exists()).collect()
}

/// Bind each file over its counterpart in /etc, in a new mount namespace of the calling thread. No
/// other thread sees this.
fn lay_over(files: &[(PathBuf, PathBuf)]) -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let slave = MsFlags::MS_SLAVE | MsFlags::MS_REC;
    mount(NO_PATH, "/", NO_PATH, slave, NO_PATH)?;
    for (own, twin) in files {
        let bound = mount(Some(own), twin, NO_PATH, MsFlags::MS_BIND, NO_PATH);
        bound.map_err(|e| {
            let (own, twin) = (own.display(), twin.display());
            io::Error::other(format!("cannot bind {own} over {twin}: {}", e.desc()))
        })?;
    }
    Ok(())
}

fn getent(database: &str, name: &str, until: Instant) -> io::Result<IpAddr> {
    let mut child = Command::new("getent")
        .args([database, name])
        .env_clear()
        .env("PATH", PATH)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .current_dir("/")
        .spawn()?;
    while child.try_wait()?.is_none() {
        if Instant::now() >= until {
            child.kill()?;
            child.wait()?;
            return Err(ErrorKind::TimedOut.into());
        }
        sleep(Duration::from_millis(5));
    }
    let mut said = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut said)?;
    }
    let words = said
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let mut addresses = words.filter_map(|word| word.parse().ok());
    let none = || ErrorKind::AddrNotAvailable.into();
    addresses.next().ok_or_else(none)
}
