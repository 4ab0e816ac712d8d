//! The state folder of a namespace, `/run/netns-services/NAME`: its lock, its journal,
//! and `ready`. Whoever holds a [`Store`] is the only one to change the namespace.

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

pub use files::{keep, replace};
pub use others::{all, each_other, others, unreadable};

/// The state folder, locked.
pub struct Store {
    name: NetnsName,
    folder: PathBuf,
    /// The journal as it was last written.
    written: Mutex<String>,
    /// What it has given back to the host since it was locked.
    pub returned: Arc<ReturnedLinks>,
    _lock: Flock<File>,
}

/// A namespace's state folder.
pub fn folder(name: &NetnsName) -> PathBuf {
    PathBuf::from(state_dir::STATE).join(name.as_str())
}

/// The text of rules as they were loaded: to be put back when those after them fail.
fn rules_file(name: &NetnsName, tool: Tool) -> PathBuf {
    folder(name).join(format!("rules-{tool}"))
}

/// Of the table on the host: what nft was given, and what it listed then.
fn table_files(name: &NetnsName) -> [PathBuf; 2] {
    ["table", "table-listed"].map(|file| folder(name).join(file))
}

/// The namespace is whole, and no other one of its name.
pub fn is_ready(name: &NetnsName) -> bool {
    let whole = fs::read_to_string(folder(name).join(state_dir::READY)).ok();
    whole.is_some() && whole == ready(name).ok()
}

/// It was whole once, and `down` has not begun with it since; nor need it be there any more.
pub fn was_ready(name: &NetnsName) -> bool {
    folder(name).join(state_dir::READY).exists()
}

/// Which namespace has this name now, if one has.
pub fn birth(name: &NetnsName) -> Option<String> {
    ready(name).ok()
}

/// What `ready` says of a namespace that is whole.
fn ready(name: &NetnsName) -> io::Result<String> {
    let birth = netns::birth(name.as_str())?.ok_or(ErrorKind::NotFound)?;
    Ok(format!("{birth}\n"))
}

/// The journal, without what belongs to a namespace that is gone. To change the
/// namespace by it takes the lock.
pub fn journal(name: &NetnsName) -> io::Result<Journal> {
    match fs::read_to_string(folder(name).join(state_dir::JOURNAL)) {
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

/// A text that stands beside the journal. Who was stopped while the folder goes has taken
/// it away already, and what it says with it.
fn text_of(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(String::new()),
        text => text,
    }
}

/// Which file of a state folder there is: another one, if somebody has replaced it since.
/// `None` if there is none.
pub fn stamp(name: &NetnsName, file: &str) -> Option<(u64, i64, i64)> {
    let found = fs::metadata(folder(name).join(file)).ok()?;
    Some((found.ino(), found.mtime(), found.mtime_nsec()))
}

/// Some journal tells, or has told, of a link between two namespaces; or nobody knows.
pub fn any_linked() -> bool {
    (Path::new(state_dir::STATE)
        .join(state_dir::TIED)
        .try_exists())
    .unwrap_or(true)
}

impl Store {
    /// Lock the folder of a namespace that has one: `NotFound` if it has none, `WouldBlock`
    /// if another has it.
    pub fn open_if_there(name: &NetnsName) -> io::Result<Self> {
        let path = folder(name).join(state_dir::LOCK);
        let file = OpenOptions::new().write(true).open(&path)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) if is_at(&lock, &path) => Ok(Store::with_lock(name, lock)),
            Ok(_) => Err(ErrorKind::WouldBlock.into()),
            Err((_, errno)) => Err(errno.into()),
        }
    }

    /// Make the folder, and lock it: `TimedOut` if another has it for longer than `limit`,
    /// `Interrupted` if the caller is told to end.
    pub fn open(name: &NetnsName, limit: Duration) -> io::Result<Self> {
        let folder = folder(name);
        let until = Instant::now() + limit;
        loop {
            DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(&folder)?;
            let path = folder.join(state_dir::LOCK);
            let mut options = OpenOptions::new();
            options.create(true).truncate(false).write(true).mode(0o600);
            let file = match options.open(&path) {
                // The one before us has just removed the folder
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                // A folder alone would say that a namespace of somebody else's is ours
                file => file.inspect_err(|_| drop(fs::remove_dir(&folder)))?,
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
            folder: folder(name),
            written: Mutex::default(),
            returned: Arc::default(),
            _lock: lock,
        }
    }

    /// Whose it is.
    pub fn name(&self) -> &NetnsName {
        &self.name
    }

    /// Write the journal down, before what it says is done.
    pub fn write(&self, journal: &Journal) -> io::Result<()> {
        self.write_of(journal, netns::birth(self.name.as_str())?)
    }

    /// As [`Store::write`], of a namespace that has no name yet.
    pub fn write_of(&self, journal: &Journal, netns: Option<NetnsId>) -> io::Result<()> {
        for rules in &journal.ours.firewall {
            self.keep(rules_file(&self.name, rules.value.tool), &rules.value.text)?;
        }
        if !journal.ours.neighbours().is_empty() {
            fs::write(Path::new(state_dir::STATE).join(state_dir::TIED), "")?;
        }
        if let Some(table) = &journal.ours.table {
            let [text, listed] = table_files(&self.name);
            files::keep_new(&self.name, &text, &table.value.text, &listed)?;
            match &table.value.listed {
                Some(table) => self.keep(listed, table)?,
                None => remove(&listed)?,
            }
        }
        let text = text::write(journal, netns);
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if *written != text {
            self.keep(state_dir::JOURNAL, &text)?;
            *written = text;
        }
        Ok(())
    }

    /// Say how the namespace's files are laid over `/etc`, and which of them must be there.
    pub fn set_etc_mode(&self, overlay: bool, dns: bool) -> io::Result<()> {
        self.keep(state_dir::ETC_MODE, &state_dir::etc_mode(overlay, dns))
    }

    /// Say that the namespace is whole. Its mode of `/etc` is written before.
    pub fn set_ready(&self) -> io::Result<()> {
        self.replace(state_dir::READY, &ready(&self.name)?)
    }

    /// Say that the settings as they are now have been met. Who watches and cannot be told
    /// goes on by those before.
    pub fn set_met(&self) {
        let _ = self.replace(state_dir::MET, "");
    }

    /// Say that it is not.
    pub fn set_unready(&self) -> io::Result<()> {
        remove(&self.folder.join(state_dir::READY))
    }

    /// Begin with a journal in which nothing is ours; the one before is kept beside it.
    pub fn set_journal_aside(&self) -> io::Result<()> {
        self.set_unready()?;
        let [journal, aside] =
            [state_dir::JOURNAL, state_dir::UNREADABLE].map(|file| self.folder.join(file));
        discard(&aside)?;
        fs::rename(journal, aside)?;
        self.write(&Journal::default())
    }

    /// Nothing of ours is left: the folder goes, its lock last.
    pub fn remove(self) -> io::Result<()> {
        let rules = Tool::ALL.map(|tool| rules_file(&self.name, tool));
        discard(&self.folder.join(state_dir::UNREADABLE))?;
        forget_clients(&self.name)?;
        let files = [
            state_dir::READY,
            state_dir::ETC_MODE,
            state_dir::PRE_DOWN,
            state_dir::POST_DOWN,
            state_dir::TRIAL,
            state_dir::MET,
            NEW,
            state_dir::JOURNAL,
            state_dir::LOCK,
        ];
        let files = files.map(|file| self.folder.join(file));
        for file in rules.iter().chain(&table_files(&self.name)).chain(&files) {
            remove(file)?;
        }
        remove_hooks(&self.folder)?;
        match fs::remove_dir(&self.folder) {
            // Since the lock is gone, it can be another's
            Err(e) if e.kind() == ErrorKind::DirectoryNotEmpty => Ok(()),
            removed => removed,
        }
    }

    fn replace(&self, file: impl AsRef<Path>, text: &str) -> io::Result<()> {
        replace(&self.name, file, text)
    }

    fn keep(&self, file: impl AsRef<Path>, text: &str) -> io::Result<()> {
        keep(&self.name, file, text)
    }
}

/// The file that is locked still is the one that others will find.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(found)) => identity(held) == identity(found),
        _ => false,
    }
}
