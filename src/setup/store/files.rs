//! Writing and removing files of a state directory, atomically and with the right mode.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::dir;
use crate::name::NetnsName;
use crate::state_dir;

/// The name of a file while it is written.
pub const NEW: &str = "new";

/// Files that the services of users can read.
const PUBLIC: [&str; 3] = [state_dir::READY, state_dir::ETC_MODE, state_dir::MET];

/// Write a file of the state directory atomically. All but [`PUBLIC`] are readable only by root:
/// they have copies of settings and rules, which may be secret.
pub fn replace(name: &NetnsName, file: impl AsRef<Path>, text: impl AsRef<[u8]>) -> io::Result<()> {
    let file = dir(name).join(file);
    let is_public = PUBLIC.iter().any(|public| file.ends_with(public));
    let new = dir(name).join(NEW);
    let mode = if is_public { 0o644 } else { 0o600 };
    let open = || {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(mode).open(&new)
    };
    let opened = match open() {
        // A file that an interrupted run has left may have another mode
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            remove(&new)?;
            open()
        }
        opened => opened,
    };
    opened?.write_all(text.as_ref())?;
    fs::rename(&new, file)
}

/// As [`replace`], but writes nothing if the file has this text already, and so needs no free
/// space.
pub fn update(name: &NetnsName, file: impl AsRef<Path>, text: &str) -> io::Result<()> {
    if has_text(name, &file, text) {
        Ok(())
    } else {
        replace(name, file, text)
    }
}

/// As [`update`], for a text whose result is in another file. That file is removed first, so that
/// an interrupted run does not leave two that do not match.
pub fn update_source(
    name: &NetnsName,
    file: &Path,
    text: &str,
    result_file: &Path,
) -> io::Result<()> {
    if !has_text(name, file, text) {
        remove(result_file)?;
    }
    update(name, file, text)
}

fn has_text(name: &NetnsName, file: impl AsRef<Path>, text: &str) -> bool {
    fs::read_to_string(dir(name).join(file)).is_ok_and(|there| there == text)
}

/// Remove the files of pending hooks, and the hooks of NICs.
pub fn remove_hooks(dir: &Path) -> io::Result<()> {
    let of_links = [state_dir::DUE, state_dir::POST_DOWN].map(|file| format!("{file}-"));
    for file in fs::read_dir(dir)? {
        let file = file?;
        let name = file.file_name();
        let name = name.to_string_lossy();
        if name == state_dir::DUE || of_links.iter().any(|of| name.starts_with(of)) {
            remove(&file.path())?;
        }
    }
    Ok(())
}

/// Remove a file. It is no error if it does not exist.
pub fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Remove a journal that was set aside. It may be anything, also a directory.
pub fn discard(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        _ => remove(path),
    }
}
