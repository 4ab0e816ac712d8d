//! Reads a settings file, if only root could have written it. Nothing here interprets the content
//! of a file.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::statfs::{FsType, PROC_SUPER_MAGIC, SYSFS_MAGIC, TRACEFS_MAGIC, fstatfs};

use crate::source::{Position, Problem, Sourced};

const MIB: u64 = 1024 * 1024;

/// How many MiB of a file that needs no trust are read at most.
const PLAIN_MIB: u64 = 16;

/// The file systems whose regular files the kernel generates while they are read. Some of these
/// files wait for new data and never end.
const OF_THE_KERNEL: [FsType; 4] = [
    PROC_SUPER_MAGIC,
    SYSFS_MAGIC,
    TRACEFS_MAGIC,
    // DEBUGFS_MAGIC of linux/magic.h
    FsType(0x6462_6720),
];

/// The user that must own the settings files, and that alone may write to them.
#[derive(Clone, Copy, Debug)]
pub struct Trust {
    /// `None`: any user, and anybody may write to them.
    owner: Option<u32>,
    skips: Skips,
}

/// Which of the files that settings name are skipped, and not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skips {
    Nothing,
    /// Files that the caller may not read.
    Unreadable,
    /// These and missing files.
    Missing,
}

impl Trust {
    /// Root only. Every verb that changes something uses this, and no option changes that.
    pub const ROOT: Trust = Trust {
        owner: Some(0),
        skips: Skips::Nothing,
    };

    /// Root only, for a caller who may not read the keys of a tunnel. Only for `check` and `graph`.
    pub const ROOT_SEEN_BY_USER: Trust = Trust {
        skips: Skips::Unreadable,
        ..Trust::ROOT
    };

    /// Anybody: the settings of another machine, such as a copy in a repository. The files that
    /// they name may be on that machine alone. Only for `check` and `graph`.
    pub const ANYBODY: Trust = Trust {
        owner: None,
        skips: Skips::Missing,
    };

    /// This user in the place of root, so that tests need not run as root. The programs never call
    /// it (checked in tests/source.rs).
    pub const fn for_tests(owner: u32) -> Trust {
        Trust {
            owner: Some(owner),
            ..Trust::ROOT
        }
    }

    /// Files of any user are read.
    pub fn is_of_anybody(self) -> bool {
        self.owner.is_none()
    }

    /// Why a file that a setting names is skipped. `None` if it is to be read.
    pub fn skips(self, path: &Path) -> Option<&'static str> {
        if self.skips == Skips::Nothing {
            return None;
        }
        match open(path).err()?.kind() {
            ErrorKind::PermissionDenied => Some("only root can read it"),
            ErrorKind::NotFound if self.skips == Skips::Missing => Some("it is not here"),
            _ => None,
        }
    }
}

/// Why a file would not be trusted, if it exists and another user than root can change it.
pub fn untrusted(path: &Path) -> Option<Problem> {
    let folder = path.parent().unwrap_or(Path::new("."));
    [folder, path].into_iter().find_map(|path| {
        let found = fs::metadata(path).ok()?;
        check_owner(path, &found, Trust::ROOT).err()
    })
}

/// Read a settings file that is trusted: the trusted user owns the opened file and its directory,
/// and only that user may write to them. `None` if there is no such file. A file of more than one
/// MiB is an error.
pub fn read_trusted(path: &Path, trust: Trust) -> Result<Option<Vec<u8>>, Problem> {
    read_up_to(path, 1, trust)
}

/// The size limit for a rules file, in MiB. The longest blocklists have a few MiB.
pub const RULES_MIB: usize = 16;

/// As [`read_trusted`], for a rules file: up to `RULES_MIB`.
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
    // Check the type before opening the file, because opening a pipe waits for its writer. From
    // here on, only root could replace the file.
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
            "is generated by the kernel when it is read, and may have no end",
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
            "expected a smaller file; check what it contains, and move it away".into(),
        ));
    }
    Ok(Some(bytes))
}

/// Check the directory of a symbolic link's target. It may be another directory and must be trusted
/// as well.
fn check_its_folder(link: &Path, trust: Trust) -> Result<(), Problem> {
    let real = fs::canonicalize(link).map_err(|e| unreadable(link, &e))?;
    let Some(folder) = real.parent() else {
        return Ok(());
    };
    let there = fs::metadata(folder).map_err(|e| unreadable(folder, &e))?;
    check_owner(folder, &there, trust)
}

/// The problem with a file of secrets that users other than root may read.
pub fn others_may_read(path: &Path) -> Option<Problem> {
    // Only root could have replaced the file
    let mode = fs::metadata(path).map_or(0, |file| file.mode() & 0o7777);
    let wrong = format!("others may read this file (mode {mode:04o}), and it has keys in it");
    let remedy = format!(
        "expected only root; run chmod 600 {}, and make new keys if others could log in here",
        path.display()
    );
    (mode & 0o007 != 0).then(|| problem(path, &wrong, remedy))
}

/// The names of the files in a directory that is trusted. Empty if the directory does not exist.
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

/// The warning that a file is not read, which a setting may name.
pub fn not_read(path: &Sourced<String>, why: &str) -> Problem {
    let origin = path.origin.as_ref();
    let setting = origin.map(|origin| format!("{}: ", origin.setting));
    Problem {
        place: origin.map(|origin| origin.place.clone()),
        wrong: format!(
            "{}{path} was not checked: {why}",
            setting.unwrap_or_default()
        ),
        remedy: "type netns-setup check as root, on the machine that has it".into(),
    }
}

/// Whether there may be a file at this path. Also true if that cannot be determined: reading the
/// file then fails and reports why.
pub fn may_be_there(path: &Path) -> bool {
    let there = path.try_exists();
    there.unwrap_or_else(|e| e.kind() != ErrorKind::NotADirectory)
}

/// The text of a file that anybody may read and that needs no trust, such as a table of names of
/// the kernel or iproute2. Empty if the file does not exist.
pub fn read_plain(path: &Path) -> String {
    let bytes = read_regular(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The bytes of a regular file, 16 MiB at most. Other files, and files that the kernel generates,
/// are an error: reading a pipe or an endless file would block.
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

/// Open the file without waiting for the other end of a pipe or for a device.
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

/// The files of a directory whose names end with `end`, sorted. Empty if the directory does not
/// exist.
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
    let Some(owner) = trust.owner else {
        return Ok(());
    };
    let (uid, mode) = (looked_at.uid(), looked_at.mode() & 0o7777);
    let (what, right) = match looked_at.is_dir() {
        true => ("folder", "755"),
        false => ("file", "644"),
    };
    let why = "expected only root, because root acts on it at boot; run ";
    let path_text = path.display();
    if uid != owner {
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

/// The error message of the system, without Rust's "(os error 13)".
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].into()
}

/// A problem with the file itself. It has no line and begins with the path.
fn problem(path: &Path, wrong: &str, remedy: String) -> Problem {
    Problem {
        place: None::<Position>,
        wrong: format!("{}: {wrong}", path.display()),
        remedy,
    }
}
