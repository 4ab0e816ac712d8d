//! The namespace's own view of /etc: each entry of `/etc/netns/NAME`, read-only over its
//! twin in /etc. Nothing is ever created on the host.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};

use super::refusal::{Refusal, reason, shown};
use super::sys;
use super::text::Text;
use crate::state;

/// Entries that netns-setup reads, which are for no program inside.
const NOT_FOR_ETC: [&[u8]; 3] = [b"ipset.conf", b"iptables", b"nftables.nft"];

/// Entries without which names would be looked up as the host does it.
const NAMES: [&[u8]; 3] = [b"resolv.conf", b"hosts", b"nsswitch.conf"];

/// Mounts all entries.
pub fn mount(name: &CStr) -> Result<(), Refusal> {
    let Some(folder) = open_folder(name)? else {
        return Ok(());
    };
    let mut buffer = [0; 4096];
    loop {
        let filled = sys::entries(folder.as_fd(), &mut buffer)
            .map_err(|why| refused(name, "the folder", why))?;
        if filled == 0 {
            return Ok(());
        }
        for entry in names(&buffer[..filled]) {
            if !NOT_FOR_ETC.contains(&entry.to_bytes()) {
                bind(name, &folder, entry)?;
            }
        }
    }
}

/// Opens `/etc/netns/NAME`, if it is there and none but root may write to it.
fn open_folder(name: &CStr) -> Result<Option<OwnedFd>, Refusal> {
    let Some(path) = Text::of(&[state::ETC.as_bytes(), b"/", name.to_bytes()]) else {
        return Err(refused(name, "the folder", Errno::ENAMETOOLONG));
    };
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
    let folder = match open(path.as_c(), flags, Mode::empty()) {
        Ok(folder) => folder,
        Err(Errno::ENOENT) => return Ok(None),
        Err(why) => return Err(refused(name, "the folder", why)),
    };
    let above = fstatat(folder.as_fd(), c"..", AtFlags::empty());
    trust(above, || state::ETC.into())?;
    trust(fstat(folder.as_fd()), || {
        format!("{}/{}", state::ETC, shown(name))
    })?;
    Ok(Some(folder))
}

fn bind(name: &CStr, folder: &OwnedFd, entry: &CStr) -> Result<(), Refusal> {
    let refused = |why| refused(name, &shown(entry), why);
    let mount = sys::clone_mount(folder.as_fd(), entry, true).map_err(refused)?;
    let file = fstat(mount.as_fd());
    let is_folder = file.is_ok_and(|file| kind(&file) == SFlag::S_IFDIR);
    trust(file, || {
        format!("{}/{}/{}", state::ETC, shown(name), shown(entry))
    })?;
    sys::set_read_only(mount.as_fd()).map_err(refused)?;
    let Some(twin) = Text::of(&[b"/etc/", entry.to_bytes()]) else {
        return Err(refused(Errno::ENAMETOOLONG));
    };
    // A file goes over a symlink itself: what that leads to may be replaced at will.
    let over = match sys::attach(mount.as_fd(), twin.as_c(), false) {
        Err(Errno::ENOTDIR) if is_folder => sys::attach(mount.as_fd(), twin.as_c(), true),
        over => over,
    };
    match over {
        Err(Errno::ENOENT) if !NAMES.contains(&entry.to_bytes()) => Ok(()),
        over => over.map_err(refused),
    }
}

/// Refuses what others than root may write to, for whoever can write there chooses what
/// programs inside believe.
fn trust(file: Result<FileStat, Errno>, path: impl Fn() -> String) -> Result<(), Refusal> {
    let file = file.map_err(|why| {
        Refusal::kernel(
            format!("{}: cannot look at it: {}", path(), reason(why)),
            "expected it to be readable",
        )
    })?;
    if file.st_uid != 0 {
        return Err(Refusal::kernel(
            format!("{} belongs to user {}", path(), file.st_uid),
            format!("expected root alone; run chown root {}", path()),
        ));
    }
    if file.st_mode & 0o022 != 0 && kind(&file) != SFlag::S_IFLNK {
        return Err(Refusal::kernel(
            format!(
                "{} may be written by group or others (mode {:04o})",
                path(),
                file.st_mode & 0o7777
            ),
            format!("expected root alone; run chmod go-w {}", path()),
        ));
    }
    Ok(())
}

fn kind(file: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(file.st_mode) & SFlag::S_IFMT
}

/// The names in what getdents64(2) gave, without `.` and `..`.
fn names(mut entries: &[u8]) -> impl Iterator<Item = &CStr> {
    // struct linux_dirent64: inode 8, offset 8, length 2, type 1, then the name.
    std::iter::from_fn(move || {
        loop {
            let length = u16::from_ne_bytes(entries.get(16..18)?.try_into().ok()?);
            let (entry, rest) = entries.split_at_checked(length.into())?;
            entries = rest;
            let name = CStr::from_bytes_until_nul(entry.get(19..)?).ok()?;
            if name != c"." && name != c".." {
                return Some(name);
            }
        }
    })
}

fn refused(name: &CStr, entry: &str, why: Errno) -> Refusal {
    let name = shown(name);
    match why {
        Errno::ENOENT => Refusal::kernel(
            format!("{name}: cannot bind {entry}: there is no /etc/{entry} to bind it over"),
            format!("make /etc/{entry} on the host, or move /etc/netns/{name}/{entry} away"),
        ),
        why => Refusal::kernel(
            format!(
                "{name}: cannot bind {entry} of /etc/netns/{name}: {}",
                reason(why)
            ),
            "expected Linux 5.12 or newer, and a twin of the same kind in /etc",
        ),
    }
}
