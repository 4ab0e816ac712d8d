//! The state directory of a namespace, `/run/netns-services/NAME`, with its lock, its journal and
//! `ready`. Only the process that holds a [`Store`] changes the namespace.

mod files;
mod others;
pub mod returned_links;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};

use self::returned_links::ReturnedLinks;
use super::{journal_format as text, signals};
use crate::model::Tool;
use crate::name::NetnsName;
use crate::plan::Journal;
use crate::state_dir::{self, NetnsId};
use crate::system::file_lock::lock_until;
use crate::system::netns;
use crate::system::resolv_conf::forget_clients;
use files::{NEW, discard, remove, remove_hooks};

pub use files::{replace, update};
pub use others::{all, each_other, others, unreadable};

/// The state directory, locked.
pub struct Store {
    name: NetnsName,
    dir: PathBuf,
    /// The journal as it was last written.
    written: Mutex<String>,
    /// The NICs that have gone back to the host while the lock is held.
    pub returned: Arc<ReturnedLinks>,
    _lock: Flock<File>,
}

/// The path of a namespace's state directory.
pub fn dir(name: &NetnsName) -> PathBuf {
    PathBuf::from(state_dir::STATE).join(name.as_str())
}

/// The file with the text of loaded rules. They are loaded again if later rules fail.
fn rules_file(name: &NetnsName, tool: Tool) -> PathBuf {
    dir(name).join(format!("rules-{tool}"))
}

/// The files of the table on the host: the input of nft, and what it listed afterwards.
fn table_files(name: &NetnsName) -> [PathBuf; 2] {
    ["table", "table-listed"].map(|file| dir(name).join(file))
}

/// Returns true if the namespace is ready, and is the same one that was marked as ready.
pub fn is_ready(name: &NetnsName) -> bool {
    read_ready(name).unwrap_or(false)
}

/// Returns false only if the namespace is known not to be ready.
pub fn may_be_ready(name: &NetnsName) -> bool {
    read_ready(name).unwrap_or(true)
}

fn read_ready(name: &NetnsName) -> io::Result<bool> {
    match fs::read_to_string(dir(name).join(state_dir::READY)) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
        Ok(text) => Ok(netns::birth(name.as_str())?.is_some_and(|birth| text == marked(&birth))),
    }
}

/// When the namespace was marked as ready, in seconds since 1970.
pub fn ready_since(name: &NetnsName) -> Option<u64> {
    written_at(name, state_dir::READY)
}

/// When `watch` last repaired the namespace, in seconds since 1970.
pub fn repaired_at(name: &NetnsName) -> Option<u64> {
    written_at(name, state_dir::REPAIRED)
}

/// Record that `watch` has repaired the namespace. An error is ignored: nothing depends on it.
pub fn set_repaired(name: &NetnsName) {
    let _ = replace(name, state_dir::REPAIRED, "");
}

fn written_at(name: &NetnsName, file: &str) -> Option<u64> {
    let found = fs::metadata(dir(name).join(file)).ok()?;
    u64::try_from(found.mtime()).ok()
}

/// Returns true if a namespace of this name was marked as ready, and `down` has not started since.
/// The namespace itself may be gone.
pub fn was_ready(name: &NetnsName) -> bool {
    dir(name).join(state_dir::READY).exists()
}

/// The identity of the namespace that has this name now.
pub fn birth(name: &NetnsName) -> Option<String> {
    ready(name).ok()
}

/// The content of `ready` for the namespace that has this name now.
fn ready(name: &NetnsName) -> io::Result<String> {
    let birth = netns::birth(name.as_str())?.ok_or(ErrorKind::NotFound)?;
    Ok(marked(&birth))
}

/// The content of `ready` for a namespace.
fn marked(birth: &NetnsId) -> String {
    format!("{birth}\n")
}

/// Read the journal, without what belongs to a namespace that is gone. Changing the namespace
/// requires the lock.
pub fn journal(name: &NetnsName) -> io::Result<Journal> {
    match fs::read_to_string(dir(name).join(state_dir::JOURNAL)) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Journal::default()),
        Err(e) => Err(e),
        Ok(text) => {
            let (mut journal, recorded) = text::read(&text).map_err(io::Error::other)?;
            for rules in &mut journal.ours.firewall {
                rules.value.text = text_of(&rules_file(name, rules.value.tool))?;
            }
            if let Some(table) = &mut journal.ours.table {
                let [text, listed] = table_files(name);
                table.value.text = text_of(&text)?;
                table.value.listed = fs::read_to_string(listed).ok();
            }
            let there = netns::birth(name.as_str())?;
            if there.map(|birth| birth.to_string()) != recorded {
                journal.forget_netns();
            }
            Ok(journal)
        }
    }
}

/// Read a text beside the journal. It is empty if a run that removed the state directory was
/// interrupted.
fn text_of(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(String::new()),
        text => text,
    }
}

/// Identifies a file of the state directory: the stamp changes when the file is replaced. `None` if
/// it does not exist.
pub fn stamp(name: &NetnsName, file: &str) -> Option<(u64, i64, i64)> {
    let found = fs::metadata(dir(name).join(file)).ok()?;
    Some((found.ino(), found.mtime(), found.mtime_nsec()))
}

/// Returns true if a journal lists, or has listed, a link between two namespaces, or if a journal
/// cannot be read.
pub fn any_linked() -> bool {
    (Path::new(state_dir::STATE)
        .join(state_dir::TIED)
        .try_exists())
    .unwrap_or(true)
}

impl Store {
    /// Lock the state directory if it exists. `NotFound` if it does not, `WouldBlock` if another
    /// process has the lock.
    pub fn open_if_there(name: &NetnsName) -> io::Result<Self> {
        let path = dir(name).join(state_dir::LOCK);
        let file = OpenOptions::new().write(true).open(&path)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) if is_at(&lock, &path) => Ok(Store::with_lock(name, lock)),
            Ok(_) => Err(ErrorKind::WouldBlock.into()),
            Err((_, errno)) => Err(errno.into()),
        }
    }

    /// Create the state directory, and lock it. `TimedOut` if another process has the lock for
    /// longer than `limit`, `Interrupted` on TERM or INT.
    pub fn open(name: &NetnsName, limit: Duration) -> io::Result<Self> {
        let dir = dir(name);
        let until = Instant::now() + limit;
        let mut builder = DirBuilder::new();
        builder.mode(0o755);
        loop {
            // Not with `recursive`, which fails if another process removes what it has found
            match builder.recursive(false).create(&dir) {
                Err(e) if e.kind() == ErrorKind::NotFound => {
                    builder.recursive(true).create(state_dir::STATE)?;
                    continue;
                }
                Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(e),
                _ => {}
            }
            let path = dir.join(state_dir::LOCK);
            let mut options = OpenOptions::new();
            options.create(true).truncate(false).write(true).mode(0o600);
            let file = match options.open(&path) {
                // The process that had the lock has just removed the directory
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                // A directory without a journal would mark another program's namespace as ours
                file => file.inspect_err(|_| drop(fs::remove_dir(&dir)))?,
            };
            let lock = lock_until(file, until, signals::end_has_come)?;
            if is_at(&lock, &path) {
                return Ok(Store::with_lock(name, lock));
            }
        }
    }

    fn with_lock(name: &NetnsName, lock: Flock<File>) -> Self {
        Store {
            name: name.clone(),
            dir: dir(name),
            written: Mutex::default(),
            returned: Arc::default(),
            _lock: lock,
        }
    }

    /// The name of the namespace.
    pub fn name(&self) -> &NetnsName {
        &self.name
    }

    /// Write the journal, before a change is made.
    pub fn write(&self, journal: &Journal) -> io::Result<()> {
        self.write_of(journal, netns::birth(self.name.as_str())?)
    }

    /// As [`Store::write`], with the identity of a namespace that has no name yet.
    pub fn write_of(&self, journal: &Journal, netns: Option<NetnsId>) -> io::Result<()> {
        for rules in &journal.ours.firewall {
            self.update(rules_file(&self.name, rules.value.tool), &rules.value.text)?;
        }
        if !journal.ours.neighbours().is_empty() {
            fs::write(Path::new(state_dir::STATE).join(state_dir::TIED), "")?;
        }
        if let Some(table) = &journal.ours.table {
            let [text, listed] = table_files(&self.name);
            files::update_source(&self.name, &text, &table.value.text, &listed)?;
            match &table.value.listed {
                Some(table) => self.update(listed, table)?,
                None => remove(&listed)?,
            }
        }
        let text = text::write(journal, netns);
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if *written != text {
            self.update(state_dir::JOURNAL, &text)?;
            *written = text;
        }
        Ok(())
    }

    /// Record how files are placed over `/etc`, and which of them must exist.
    pub fn set_etc_mode(&self, overlay: bool, dns: bool) -> io::Result<()> {
        self.update(state_dir::ETC_MODE, &state_dir::etc_mode(overlay, dns))
    }

    /// Mark the namespace as ready. The caller has stored `netns_etc` before
    /// ([`Store::set_etc_mode`]).
    pub fn set_ready(&self) -> io::Result<()> {
        self.replace(state_dir::READY, &ready(&self.name)?)
    }

    /// Record that the settings have been met, for `watch`. An error is ignored: `watch` then
    /// continues with the earlier settings.
    pub fn set_met(&self) {
        let _ = self.replace(state_dir::MET, "");
    }

    /// Mark the namespace as not ready.
    pub fn set_unready(&self) -> io::Result<()> {
        remove(&self.dir.join(state_dir::READY))
    }

    /// Start with an empty journal, and keep the earlier one beside it.
    pub fn set_journal_aside(&self) -> io::Result<()> {
        self.set_unready()?;
        let [journal, aside] =
            [state_dir::JOURNAL, state_dir::UNREADABLE].map(|file| self.dir.join(file));
        discard(&aside)?;
        fs::rename(journal, aside)?;
        self.write(&Journal::default())
    }

    /// Remove the state directory, the lock last. The caller has removed everything of ours from
    /// the namespace.
    pub fn remove(self) -> io::Result<()> {
        let rules = Tool::ALL.map(|tool| rules_file(&self.name, tool));
        discard(&self.dir.join(state_dir::UNREADABLE))?;
        forget_clients(&self.name)?;
        remove_hooks(&self.dir)?;
        let files = [
            state_dir::READY,
            state_dir::ETC_MODE,
            state_dir::PRE_DOWN,
            state_dir::POST_DOWN,
            state_dir::TRIAL,
            state_dir::MET,
            state_dir::REPAIRED,
            NEW,
            state_dir::JOURNAL,
            state_dir::LOCK,
        ];
        let files = files.map(|file| self.dir.join(file));
        for file in rules.iter().chain(&table_files(&self.name)).chain(&files) {
            remove(file)?;
        }
        // Without its lock the directory can be another process's already, or removed by it
        match fs::remove_dir(&self.dir) {
            Err(e) if matches!(e.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::NotFound) => {
                Ok(())
            }
            removed => removed,
        }
    }

    fn replace(&self, file: impl AsRef<Path>, text: &str) -> io::Result<()> {
        replace(&self.name, file, text)
    }

    fn update(&self, file: impl AsRef<Path>, text: &str) -> io::Result<()> {
        update(&self.name, file, text)
    }
}

/// Returns true if the locked file is still the one that other processes find at this path.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(found)) => identity(held) == identity(found),
        _ => false,
    }
}
