//! The one file that netns-setup writes for a namespace: `/etc/netns/NAME/resolv.conf`. It is ours
//! as long as its first line says so. Otherwise it belongs to someone else, and is never written.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::conf::files::read_regular;
use crate::model::build::RESOLV_CONF_MARK;
use crate::name::NetnsName;
use crate::state_dir;

/// The name of the file while it is being written.
const NEW: &str = ".resolv.conf.new";

/// The first line of what the hook of a DHCP client writes. The hook contains the same line.
pub const DHCP_MARK: &str = "# written by the DHCP client that netns-setup runs";

/// What exists at the path of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolvConf {
    /// Nothing.
    Nothing,
    /// A file of ours, with this text.
    Ours(String),
    /// A file that belongs to someone else.
    Theirs,
}

/// The path of the `resolv.conf` of a namespace.
pub fn path(netns: &NetnsName) -> PathBuf {
    PathBuf::from(state_dir::ETC)
        .join(netns.as_str())
        .join("resolv.conf")
}

/// What exists at the path of the file.
///
/// A symlink counts as a file that belongs to someone else. An empty file counts as nothing: the
/// machine crashed while the file was being written.
pub fn look(netns: &NetnsName) -> io::Result<ResolvConf> {
    if path(netns).is_symlink() {
        return Ok(ResolvConf::Theirs);
    }
    match read_regular(&path(netns)) {
        // Not a regular file, so it is not ours, and reading it might never end
        Err(e) if e.kind() == ErrorKind::InvalidData => Ok(ResolvConf::Theirs),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(ResolvConf::Nothing)
        }
        Err(e) => Err(e),
        Ok(text) if text.is_empty() => Ok(ResolvConf::Nothing),
        Ok(text) => match String::from_utf8(text) {
            Ok(text) if text.starts_with(RESOLV_CONF_MARK) => Ok(ResolvConf::Ours(text)),
            // The content that the DHCP client has set may be replaced
            Ok(text) if text.starts_with(DHCP_MARK) => Ok(ResolvConf::Nothing),
            _ => Ok(ResolvConf::Theirs),
        },
    }
}

/// Write the file. An existing file is written in place, because a new file with the old name would
/// not be visible where the old one is bound over `/etc/resolv.conf`. The first line is in place at
/// any time, so that the file can be recognized if this process is killed. If the machine crashes,
/// the file contains the old text or the new one. Nothing is written through a symlink: the error
/// is `AlreadyExists`.
pub fn write(netns: &NetnsName, text: &str) -> io::Result<()> {
    let path = path(netns);
    if path.is_symlink() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(folder)?;
    }
    let written = match OpenOptions::new().write(true).open(&path) {
        Ok(mut file) => file
            .write_all(text.as_bytes())
            .and_then(|()| file.set_len(text.len() as u64))
            .and_then(|()| file.sync_data()),
        Err(e) if e.kind() == ErrorKind::NotFound => write_new(&path, text),
        Err(e) => Err(e),
    };
    written.inspect_err(|_| remove_empty(&path))
}

/// The file gets its name only when its text is on the disk.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_file_name(NEW);
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    fs::rename(new, path)
}

/// If there is no file and `may` is true, create one that the hook of a DHCP client may write. It
/// has to exist when a service starts, because it is bound then. As long as it contains no name
/// server, no name is resolved.
pub fn make_for_dhcp(netns: &NetnsName, may: bool) -> io::Result<()> {
    let there = path(netns).symlink_metadata().is_ok();
    if may && !there {
        write(netns, &format!("{DHCP_MARK}\n"))
    } else {
        Ok(())
    }
}

/// Remove the file if the hook of a DHCP client has written it.
pub fn remove_of_dhcp(netns: &NetnsName) -> io::Result<()> {
    let path = path(netns);
    let is_ours = || -> io::Result<bool> {
        match read_regular(&path) {
            Err(e) if e.kind() == ErrorKind::InvalidData => Ok(false),
            read => Ok(read?.starts_with(DHCP_MARK.as_bytes())),
        }
    };
    if !path.is_symlink() && is_ours()? {
        remove(netns)
    } else {
        Ok(())
    }
}

/// Forget what clients have set with resolvconf(8) in a namespace that no longer exists.
pub fn forget_clients(netns: &NetnsName) -> io::Result<()> {
    let folder = Path::new(state_dir::STATE).join(netns.as_str());
    let gone = [
        fs::remove_file(folder.join(state_dir::SERVERS)),
        fs::remove_dir_all(folder.join(state_dir::RECORDS)),
    ];
    let failed = gone.into_iter().filter_map(Result::err);
    let mut failed = failed.filter(|e| e.kind() != ErrorKind::NotFound);
    failed.next().map_or(Ok(()), Err)
}

/// Remove the file, and its directory if that is empty then.
pub fn remove(netns: &NetnsName) -> io::Result<()> {
    let path = path(netns);
    fs::remove_file(&path)?;
    remove_empty(&path);
    Ok(())
}

/// Remove what an unfinished attempt to write the file has left.
pub fn clear(netns: &NetnsName) {
    remove_empty(&path(netns));
}

/// Remove the unfinished file, and the directory if it is empty.
fn remove_empty(path: &Path) {
    let _ = fs::remove_file(path.with_file_name(NEW));
    if let Some(folder) = path.parent() {
        let _ = fs::remove_dir(folder);
    }
}
