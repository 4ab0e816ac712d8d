//! Watches directories for entries that appear, disappear or are replaced (inotify(7)): takes
//! directories, and returns the paths that have changed.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll, ready};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use tokio::net::unix::pipe::Receiver;

/// The directories that are watched.
pub struct Entries {
    inotify: Inotify,
    /// A copy of the descriptor for tokio to wait for. tokio has no type for inotify, but its
    /// receiver of a pipe accepts anything that can be read.
    readable: Receiver,
    folders: Vec<(WatchDescriptor, PathBuf)>,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// This entry has been created, removed, renamed, or written and closed.
    Entry(PathBuf),
    /// Anything may have changed, because events were lost.
    Anything,
}

impl Entries {
    /// Start without watching any directory. Must be called within a tokio runtime.
    pub fn new() -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let readable = inotify.as_fd().try_clone_to_owned()?;
        Ok(Entries {
            readable: Receiver::from_owned_fd_unchecked(readable)?,
            inotify,
            folders: Vec::new(),
        })
    }

    /// Watch exactly these directories, as far as they exist. Returns whether one of them was not
    /// watched before. A directory that was recreated is a different one.
    pub fn watch(&mut self, folders: &[PathBuf]) -> bool {
        let mut now = Vec::new();
        for folder in folders {
            let added = self.inotify.add_watch(folder.as_path(), mask());
            now.extend(added.ok().map(|number| (number, folder.clone())));
        }
        let new = now.iter().any(|folder| !self.folders.contains(folder));
        for (number, folder) in &self.folders {
            if !now.iter().any(|(kept, _)| kept == number) {
                log::debug!("{} is not watched any more", folder.display());
                let _ = self.inotify.rm_watch(*number);
            }
        }
        self.folders = now;
        new
    }

    /// Ready when entries have changed. Must be polled until it is pending.
    pub fn poll_touched(&mut self, context: &mut Context) -> Poll<Vec<Touched>> {
        loop {
            if ready!(self.readable.poll_read_ready(context)).is_err() {
                return Poll::Pending;
            }
            let events = self.readable.try_io(|| Ok(self.inotify.read_events()?));
            match events {
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return Poll::Ready(vec![Touched::Anything]),
                Ok(events) => {
                    let touched = events.into_iter().filter_map(|event| self.touched(event));
                    return Poll::Ready(touched.collect());
                }
            }
        }
    }

    fn touched(&self, event: InotifyEvent) -> Option<Touched> {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            return Some(Touched::Anything);
        }
        let folder = self.folder(event.wd)?;
        Some(Touched::Entry(folder.join(event.name?)))
    }

    fn folder(&self, number: WatchDescriptor) -> Option<&Path> {
        let found = self.folders.iter().find(|(known, _)| *known == number);
        found.map(|(_, folder)| folder.as_path())
    }
}

fn mask() -> AddWatchFlags {
    AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_MOVED_FROM
        | AddWatchFlags::IN_MOVED_TO
        | AddWatchFlags::IN_CLOSE_WRITE
        | AddWatchFlags::IN_ONLYDIR
}
