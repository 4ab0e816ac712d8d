//! Entering the host's namespace. netns-setup works only from there: inside a namespace, "the host"
//! would be that namespace. A person who is logged in inside may call it nevertheless. If that
//! namespace is ours, this process leaves it first, together with the mounts that netns-exec made.
//! This happens before any thread exists, because other threads would stay inside.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{fs, io};

use nix::unistd::{chdir, getcwd, geteuid, getpid};

use super::error::{Error, Result};
use super::{report, store};
use crate::exec;
use crate::system::netns;
use crate::system::netns::identity::NetnsInode;
use crate::system::process::netns_of;

/// Where the call came from.
#[derive(Debug)]
pub enum CalledFrom {
    /// The host's namespace, or a namespace of ours that the process has left.
    Host,
    /// A namespace that the process cannot leave, with two lines that say why.
    Inside(Vec<String>),
}

/// Enter the host's namespace, if the caller is in a namespace that we have set up. The working
/// directory stays the same if the host has it. If `conf_dir` was given, it must be the same
/// directory on the host; otherwise this is an error.
pub fn go(conf_dir: Option<&Path>) -> Result<CalledFrom> {
    if !is_inside() {
        return Ok(CalledFrom::Host);
    }
    if !geteuid().is_root() {
        return Ok(stays("only root can leave it"));
    }
    if !has_hosts_root() {
        return Ok(stays(
            "this process has a root directory of its own (chroot)",
        ));
    }
    if !is_ours() {
        return Ok(stays("netns-setup did not set up that namespace"));
    }
    let dir = getcwd().ok();
    let named = conf_dir.and_then(|conf_dir| identity(conf_dir).ok());
    if let Err(error) = exec::go_to_host() {
        let lines = report::lines(&error);
        return if is_inside() {
            Ok(stays(&lines[0]))
        } else {
            Err(Error::refused(lines))
        };
    }
    // Ignore an error: only the directory of the settings depends on it, and that is checked
    let _ = dir.is_some_and(|dir| chdir(&dir).is_ok());
    match conf_dir {
        Some(conf_dir) if identity(conf_dir).ok() != named => {
            let wrong = format!(
                "--conf-dir {}: the host has another directory of this name, or none",
                report::printable(&conf_dir.to_string_lossy())
            );
            let remedy = format!("give one that is on the host; {}", typed_on_host());
            Err(Error::wrong([wrong, remedy]))
        }
        _ => Ok(CalledFrom::Host),
    }
}

/// Returns true if the process is in another network namespace than process 1, and false if that
/// cannot be read.
fn is_inside() -> bool {
    // The text of the link has the inode number, which is unique among existing namespaces
    // (namespaces(7))
    let identity = |pid| fs::read_link(format!("/proc/{pid}/ns/net"));
    matches!((identity("self"), identity("1")), (Ok(this), Ok(first)) if this != first)
}

fn has_hosts_root() -> bool {
    matches!((identity(Path::new("/")), identity(Path::new("/proc/1/root"))), (Ok(own), Ok(first)) if own == first)
}

/// Returns true if the namespace has a name and a state directory of ours, or if netns-exec joined
/// it by a name that it has lost since.
fn is_ours() -> bool {
    let Some(own) = netns_of(getpid().as_raw()) else {
        return false;
    };
    let has = |name: &str| netns::identity(name).ok().flatten() == Some(own);
    let ours = store::all().unwrap_or_default();
    if ours.iter().any(|name| has(name.as_str())) {
        return true;
    }
    exec::joined_by_name() && !netns::names().any(|name| has(&name))
}

fn identity(path: &Path) -> io::Result<NetnsInode> {
    let found = fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}

fn stays(why: &str) -> CalledFrom {
    CalledFrom::Inside(vec![
        format!("must be run from the host, not inside a namespace: {why}"),
        format!("log in on the host, or type {}", typed_on_host()),
    ])
}

/// The same command line, run in the host's namespace by netns-exec.
fn typed_on_host() -> String {
    let words = fs::read("/proc/self/cmdline").unwrap_or_default();
    let words = String::from_utf8_lossy(&words);
    let words = words.trim_end_matches('\0').split('\0').skip(1);
    let plain = |word: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
        !word.is_empty() && word.chars().all(is_plain)
    };
    let quoted = |word: &str| {
        if plain(word) {
            word.to_string()
        } else {
            format!("'{}'", report::printable(word).replace('\'', "'\\''"))
        }
    };
    let words: Vec<String> = words.map(quoted).collect();
    format!("netns-exec --host -- netns-setup {}", words.join(" "))
}
