//! A settings file's path in, its bytes out, if none but root could have written them.
//! It opens and reads, and knows nothing of what is in a file.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::statfs::{FsType, PROC_SUPER_MAGIC, SYSFS_MAGIC, TRACEFS_MAGIC, fstatfs};

use crate::source::{Position, Problem};

const MIB: u64 = 1024 * 1024;

/// How much of a file that decides nothing about trust is read.
const PLAIN_MIB: u64 = 16;

/// The file systems whose regular files are made by the kernel as they are read: some wait
/// for what comes next, and never end.
const OF_THE_KERNEL: [FsType; 4] = [
    PROC_SUPER_MAGIC,
    SYSFS_MAGIC,
    TRACEFS_MAGIC,
    // DEBUGFS_MAGIC of linux/magic.h
    FsType(0x6462_6720),
];

/// Who may own and write the files that are read as settings.
#[derive(Clone, Copy, Debug)]
pub struct Trust {
    owner: u32,
}

impl Trust {
    /// Root alone: what the programs trust, whatever they are told.
    pub const ROOT: Trust = Trust { owner: 0 };

    /// This user in the place of root, so that tests need not run as root. Nothing in the
    /// programs calls it (tests/source.rs).
    pub const fn for_tests(owner: u32) -> Trust {
        Trust { owner }
    }
}

/// Reads a settings file that is trusted: it, as opened, and the folder it is in belong to
/// the trusted user, and none but that user may write to them. `None` if there is no such
/// file. More than one MiB is no settings file, whatever it is.
pub fn read_trusted(path: &Path, trust: Trust) -> Result<Option<Vec<u8>>, Problem> {
    read_up_to(path, 1, trust)
}

/// How many MiB of rules there may be: the longest lists of addresses to be blocked have a
/// few.
pub const RULES_MIB: usize = 16;

/// As [`read_trusted`], of a file of rules.
pub fn read_rules(path: &Path, trust: Trust) -> Result<Option<Vec<u8>>, Problem> {
    read_up_to(path, RULES_MIB as u64, trust)
}

fn read_up_to(path: &Path, mib: u64, trust: Trust) -> Result<Option<Vec<u8>>, Problem> {
    let named_folder = path.parent().unwrap_or(Path::new("."));
    match fs::metadata(named_folder) {
        Ok(folder) => check_owner(named_folder, &folder, trust)?,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unreadable(named_folder, &e)),
    }
    // Looked at before it is opened, since opening a pipe would wait for its writer.
    // From here on only root could put another file in its place.
    let (is_link, looked_at) = match fs::symlink_metadata(path) {
        Ok(link) if link.is_symlink() => (true, fs::metadata(path)),
        looked_at => (false, looked_at),
    };
    match looked_at {
        Ok(file) => only_regular(path, &file)?,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unreadable(path, &e)),
    }
    let mut file = open(path).map_err(|e| unreadable(path, &e))?;
    let opened = file.metadata().map_err(|e| unreadable(path, &e))?;
    only_regular(path, &opened)?;
    check_owner(path, &opened, trust)?;
    if is_link {
        check_its_folder(path, trust)?;
    }
    if is_of_the_kernel(&file) {
        return Err(problem(
            path,
            "is made by the kernel while it is read, and may not end",
            "expected a file on a disk; copy its content into one".into(),
        ));
    }
    let largest = mib * MIB;
    let length = usize::try_from(opened.len().min(largest)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(length + 1);
    file.by_ref()
        .take(largest + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| unreadable(path, &e))?;
    if bytes.len() as u64 > largest {
        return Err(problem(
            path,
            &format!("is larger than {mib} MiB"),
            "expected less; see what it is and move it away".into(),
        ));
    }
    Ok(Some(bytes))
}

/// A link may lead to a file in another folder, which must be trusted as well.
fn check_its_folder(link: &Path, trust: Trust) -> Result<(), Problem> {
    let real = fs::canonicalize(link).map_err(|e| unreadable(link, &e))?;
    let Some(folder) = real.parent() else {
        return Ok(());
    };
    let there = fs::metadata(folder).map_err(|e| unreadable(folder, &e))?;
    check_owner(folder, &there, trust)
}

/// What is wrong with a file of secrets that others than root may read.
pub fn others_may_read(path: &Path) -> Option<Problem> {
    // Only root could have put another file in its place
    let mode = fs::metadata(path).map_or(0, |file| file.mode() & 0o7777);
    let wrong = format!("others may read this file (mode {mode:04o}), and it has keys in it");
    let remedy = format!(
        "expected only root; run chmod 600 {}, and make new keys if others could log in here",
        path.display()
    );
    (mode & 0o007 != 0).then(|| problem(path, &wrong, remedy))
}

/// The names of the files in a folder that is trusted. A missing folder has none.
pub fn list_trusted(folder: &Path, trust: Trust) -> Result<Vec<String>, Problem> {
    match fs::metadata(folder) {
        Ok(there) => check_owner(folder, &there, trust)?,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(unreadable(folder, &e)),
    }
    let entries = fs::read_dir(folder).map_err(|e| unreadable(folder, &e))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| unreadable(folder, &e))?;
        names.extend(entry.file_name().into_string());
    }
    Ok(names)
}

/// True if there is a file of this name, or if the kernel does not say: reading it then fails,
/// and says why.
pub fn may_be_there(path: &Path) -> bool {
    let there = path.try_exists();
    there.unwrap_or_else(|e| e.kind() != ErrorKind::NotADirectory)
}

/// The text of a file that anybody may read and that decides nothing about trust, such
/// as the kernel's or iproute2's tables of names; empty if there is none.
pub fn read_plain(path: &Path) -> String {
    let bytes = read_regular(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The bytes of a regular file, 16 MiB at most. What is none, or is made by the kernel, is an
/// error at once: reading a pipe, or a file that does not end, would wait for others.
pub fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    if !file.metadata()?.is_file() || is_of_the_kernel(&file) {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            "is not a regular file",
        ));
    }
    let mut bytes = Vec::new();
    file.take(PLAIN_MIB * MIB).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Open it without waiting for the other end of a pipe or for a device.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    File::options()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)
}

fn is_of_the_kernel(file: &File) -> bool {
    fstatfs(file).is_ok_and(|there| OF_THE_KERNEL.contains(&there.filesystem_type()))
}

/// The files of a folder whose names end with `end`, sorted; none if there is no folder.
pub fn list_plain(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.to_string_lossy().ends_with(end))
        .collect();
    paths.sort();
    paths
}

fn check_owner(path: &Path, looked_at: &Metadata, trust: Trust) -> Result<(), Problem> {
    let (uid, mode) = (looked_at.uid(), looked_at.mode() & 0o7777);
    let (what, right) = match looked_at.is_dir() {
        true => ("folder", "755"),
        false => ("file", "644"),
    };
    let why = "expected only root, because root acts on it at boot; run ";
    let path_text = path.display();
    if uid != trust.owner {
        let wrong = format!("belongs to user {uid}, not to root");
        return Err(problem(
            path,
            &wrong,
            format!("{why}chown root {path_text}"),
        ));
    }
    let who = match (mode & 0o020 != 0, mode & 0o002 != 0) {
        (true, true) => "group and others",
        (true, false) => "its group",
        (false, true) => "others",
        (false, false) => return Ok(()),
    };
    let wrong = format!("{who} may write to this {what} (mode {mode:04o})");
    let remedy = format!("{why}chmod {right} {path_text}");
    Err(problem(path, &wrong, remedy))
}

fn only_regular(path: &Path, looked_at: &Metadata) -> Result<(), Problem> {
    match looked_at.is_file() {
        true => Ok(()),
        false => Err(problem(
            path,
            "is not a regular file",
            "expected a regular file with settings".into(),
        )),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let wrong = format!("cannot be read: {}", plain(error));
    problem(path, &wrong, "expected a file that root can read".into())
}

/// The system's own words, without Rust's "(os error 13)".
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].into()
}

/// A problem with a file as a whole has line 0, and prints as the file alone.
fn problem(path: &Path, wrong: &str, remedy: String) -> Problem {
    Problem {
        place: None::<Position>,
        wrong: format!("{}: {wrong}", path.display()),
        remedy,
    }
}
