//! Writing and removing a file of a state folder: whole or not at all, with its own mode.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::folder;
use crate::name::NetnsName;
use crate::state_dir;

/// A file that is being written, before it has its name.
pub const NEW: &str = "new";

/// Files that services of users may read.
const PUBLIC: [&str; 3] = [state_dir::READY, state_dir::ETC_MODE, state_dir::MET];

/// Write a file of the state folder, in one piece. All but [`PUBLIC`] are for root alone:
/// they have copies of settings and rules, which may be secret.
pub fn replace(name: &NetnsName, file: impl AsRef<Path>, text: impl AsRef<[u8]>) -> io::Result<()> {
    let file = folder(name).join(file);
    let is_public = PUBLIC.iter().any(|public| file.ends_with(public));
    let new = folder(name).join(NEW);
    // One that is there has the mode of whoever was stopped while writing it
    remove(&new)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let mode = if is_public { 0o644 } else { 0o600 };
    options.mode(mode).open(&new)?.write_all(text.as_ref())?;
    fs::rename(new, file)
}

/// As [`replace`], of a file that may say so already: then nothing is written, and no room is
/// needed for it.
pub fn keep(name: &NetnsName, file: impl AsRef<Path>, text: &str) -> io::Result<()> {
    if says(name, &file, text) {
        Ok(())
    } else {
        replace(name, file, text)
    }
}

/// As [`keep`], where another file tells what came of the text: that of the one before goes
/// first, or who is killed in between leaves two that do not belong together.
pub fn keep_new(name: &NetnsName, file: &Path, text: &str, came_of_it: &Path) -> io::Result<()> {
    if !says(name, file, text) {
        remove(came_of_it)?;
    }
    keep(name, file, text)
}

fn says(name: &NetnsName, file: impl AsRef<Path>, text: &str) -> bool {
    fs::read_to_string(folder(name).join(file)).is_ok_and(|there| there == text)
}

/// Remove what says of hooks that they are due, and the hooks of cards.
pub fn remove_hooks(folder: &Path) -> io::Result<()> {
    let of_links = [state_dir::DUE, state_dir::POST_DOWN].map(|file| format!("{file}-"));
    for file in fs::read_dir(folder)? {
        let file = file?;
        let name = file.file_name();
        let name = name.to_string_lossy();
        if name == state_dir::DUE || of_links.iter().any(|of| name.starts_with(of)) {
            remove(&file.path())?;
        }
    }
    Ok(())
}

/// Gone already is removed.
pub fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// A journal that was set aside may be anything, a directory, too.
pub fn discard(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        _ => remove(path),
    }
}
