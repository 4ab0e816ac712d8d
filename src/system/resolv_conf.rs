//! The one file that netns-setup writes for a namespace: `/etc/netns/NAME/resolv.conf`.
//! It is ours while its first line says so; else it is its owner's and never written.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::conf::files::read_regular;
use crate::model::build::RESOLV_CONF_MARK;
use crate::name::NetnsName;
use crate::state_dir;

/// The file while it is written, before it has its name.
const NEW: &str = ".resolv.conf.new";

/// The first line of what the hook of a DHCP client writes; the hook knows it too.
const DHCP_MARK: &str = "# written by the DHCP client that netns-setup runs";

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolvConf {
    /// Nothing.
    Nothing,
    /// A file of ours, with this text.
    Ours(String),
    /// A file of somebody else's.
    Theirs,
}

/// Where a namespace's file is.
pub fn path(netns: &NetnsName) -> PathBuf {
    PathBuf::from(state_dir::ETC)
        .join(netns.as_str())
        .join("resolv.conf")
}

/// What is there.
///
/// What a symlink leads to is its owner's, and an empty file is nobody's: the machine went
/// down while it was written.
pub fn look(netns: &NetnsName) -> io::Result<ResolvConf> {
    if path(netns).is_symlink() {
        return Ok(ResolvConf::Theirs);
    }
    match read_regular(&path(netns)) {
        // Neither a file of ours, nor one that could be read to its end
        Err(e) if e.kind() == ErrorKind::InvalidData => Ok(ResolvConf::Theirs),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(ResolvConf::Nothing)
        }
        Err(e) => Err(e),
        Ok(text) if text.is_empty() => Ok(ResolvConf::Nothing),
        Ok(text) => match String::from_utf8(text) {
            Ok(text) if text.starts_with(RESOLV_CONF_MARK) => Ok(ResolvConf::Ours(text)),
            // Whoever has something better to write may
            Ok(text) if text.starts_with(DHCP_MARK) => Ok(ResolvConf::Nothing),
            _ => Ok(ResolvConf::Theirs),
        },
    }
}

/// Write the file. One that is there is written in place: a new file under the old name
/// would not be seen where the old one is bound over `/etc/resolv.conf`. At no time it is
/// without its first line, for who is killed half way must know it again; and a machine that
/// goes down finds the old text or the new one. Nothing is written through a symlink.
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

/// It has its name only when its text is on the disk.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_file_name(NEW);
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    fs::rename(new, path)
}

/// Make a file that a DHCP client's hook may write, if there is none: what is bound when a
/// service starts has to be there. Without a name server, no name is found.
pub fn make_for_dhcp(netns: &NetnsName, may: bool) -> io::Result<()> {
    let there = path(netns).symlink_metadata().is_ok();
    if may && !there {
        write(netns, &format!("{DHCP_MARK}\n"))
    } else {
        Ok(())
    }
}

/// Remove what that hook has written.
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

/// Forget what clients inside have set by resolvconf(8), in a namespace that is gone.
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

/// Remove the file, and its folder if it is empty then.
pub fn remove(netns: &NetnsName) -> io::Result<()> {
    let path = path(netns);
    fs::remove_file(&path)?;
    remove_empty(&path);
    Ok(())
}

/// Remove what is left of writing the file, if that came to nothing.
pub fn clear(netns: &NetnsName) {
    remove_empty(&path(netns));
}

/// The folder that a file is no longer in, if nothing else is.
fn remove_empty(path: &Path) {
    let _ = fs::remove_file(path.with_file_name(NEW));
    if let Some(folder) = path.parent() {
        let _ = fs::remove_dir(folder);
    }
}
