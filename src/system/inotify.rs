//! Being told of entries of folders that come, go and are replaced (inotify(7)): folders
//! in, the paths of what was touched out.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll, ready};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use tokio::net::unix::pipe::Receiver;

/// The folders that are watched.
pub struct Entries {
    inotify: Inotify,
    /// The same descriptor once more, for tokio to wait for: it knows no inotify, but takes
    /// whatever can be read.
    readable: Receiver,
    folders: Vec<(WatchDescriptor, PathBuf)>,
}

/// What was touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// An entry: made, removed, renamed, or written and closed.
    Entry(PathBuf),
    /// There was no room to say what.
    Anything,
}

impl Entries {
    /// Of no folder yet. Within a tokio runtime.
    pub fn new() -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let readable = inotify.as_fd().try_clone_to_owned()?;
        Ok(Entries {
            readable: Receiver::from_owned_fd_unchecked(readable)?,
            inotify,
            folders: Vec::new(),
        })
    }

    /// Watch exactly these folders, as far as they are there. One that was made anew under
    /// its name is another one. Whether one was not watched before.
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

    /// Ready when entries were touched: to be asked until it is not.
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
