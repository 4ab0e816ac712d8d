//! Looking up the address of a name as a namespace sees it: by its network, and by the
//! files of `/etc/netns/NAME`. getent(1) is asked, for it knows all of the system's ways,
//! which a program that is linked statically does not, and it can be stopped.

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

/// How long the lookups of one run may take in all: at boot, the way out may come late.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The files that say how names are looked up.
const FILES: [&str; 3] = ["resolv.conf", "hosts", "nsswitch.conf"];

const NO_PATH: Option<&Path> = None;

/// The first address of a name in the namespace `inside`, in the order that the system
/// prefers, with the files of `/etc/netns/NAME` where it has a name. What the lookup takes is
/// taken off `patience`.
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
        // musl's ahosts leaves out the families that lo has no address of
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

/// On a thread that ends soon: nobody else sees it.
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
