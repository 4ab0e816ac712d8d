//! The directory `/etc/netns/NAME`, with the files of a namespace for /etc. Its entries are opened
//! as detached mounts, if only root could have written them.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::sys::stat::{FileStat, SFlag, fstat, fstatat, lstat, stat};

use crate::exec::error::{ExecError, reason, shown};
use crate::exec::path_buf::{StackPath, up_to_nul};
use crate::exec::syscall;
use crate::state_dir;

/// Entries that netns-setup reads, and that no program inside needs.
pub const NOT_FOR_ETC: [&[u8]; 3] = [b"ipset.conf", b"iptables", b"nftables.nft"];

/// Entries that netns-setup reads, and that programs inside may also read under these names.
pub const ALSO_READ: [&[u8]; 2] = [b"ipset.d", b"nftables.conf"];

/// Entries that control name lookup. Without them, names would be looked up as on the host.
pub const NAMES: [&[u8]; 3] = [b"resolv.conf", b"hosts", b"nsswitch.conf"];

/// The open directory `/etc/netns/NAME`, which only root may write to.
pub struct Folder<'a> {
    name: &'a CStr,
    folder: OwnedFd,
}

impl<'a> Folder<'a> {
    /// Open `/etc/netns/NAME`. Returns `None` if it does not exist.
    pub fn open(name: &'a CStr) -> Result<Option<Folder<'a>>, ExecError> {
        let refused = |why| {
            let path = path(name.to_bytes());
            let wrong = format!("cannot open {path}: {}", reason(why));
            ExecError::kernel(
                wrong,
                format!("expected a directory, not a symlink; look at {path}"),
            )
        };
        let path_of_name =
            StackPath::of(&[state_dir::ETC.as_bytes(), b"/", name.to_bytes()]).map_err(refused)?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
        let folder = match syscall::open_file(AT_FDCWD, path_of_name.as_c(), flags.bits()) {
            Ok(folder) => folder,
            Err(Errno::ENOENT) => return Ok(None),
            Err(why) => return Err(refused(why)),
        };
        trust(fstatat(folder.as_fd(), c"..", AtFlags::empty()), || {
            state_dir::ETC.into()
        })?;
        trust(fstat(folder.as_fd()), || path(name.to_bytes()))?;
        Ok(Some(Folder { name, folder }))
    }

    /// Whether the namespace has its own resolv.conf. An empty file does not count, because it
    /// lists no name server.
    pub fn has_resolv_conf(&self) -> bool {
        let file = fstatat(self.folder.as_fd(), c"resolv.conf", AtFlags::empty());
        file.is_ok_and(|file| file.st_size > 0)
    }

    /// Call `see` for each entry that is for /etc.
    pub fn each(
        &self,
        mut see: impl FnMut(&CStr) -> Result<(), ExecError>,
    ) -> Result<(), ExecError> {
        let mut buffer = [0; 1024];
        loop {
            let filled = syscall::entries(self.folder.as_fd(), &mut buffer);
            let filled = filled.map_err(|why| self.refused(c"", why))?;
            if filled == 0 {
                return Ok(());
            }
            for entry in names(&buffer[..filled]) {
                if !NOT_FOR_ETC.contains(&entry.to_bytes()) {
                    see(entry)?;
                }
            }
        }
    }

    /// A detached, read-only copy of the entry's mount, and whether the entry is a directory.
    pub fn source(&self, entry: &CStr) -> Result<(OwnedFd, bool), ExecError> {
        let refused = |why| self.refused(entry, why);
        let mut mount = syscall::clone_read_only(self.folder.as_fd(), entry).map_err(refused)?;
        let mut file = fstat(mount.as_fd());
        if file.as_ref().is_ok_and(|file| kind(file) == SFlag::S_IFLNK) {
            let target = self.follow(entry)?;
            mount = syscall::clone_read_only(target.as_fd(), c"").map_err(refused)?;
            file = fstat(mount.as_fd());
        }
        let is_folder = file.as_ref().is_ok_and(is_dir);
        trust(file, || self.path(entry))?;
        Ok((mount, is_folder))
    }

    /// Open the target of a symlink. Only root may have write permission for the directory of the
    /// target.
    #[cold]
    #[inline(never)]
    pub fn follow(&self, entry: &CStr) -> Result<OwnedFd, ExecError> {
        let target = syscall::open_file(self.folder.as_fd(), entry, OFlag::O_PATH.bits());
        let target = target.map_err(|why| self.refused(entry, why))?;
        let path = std::fs::read_link(format!("/proc/self/fd/{}", target.as_raw_fd()));
        let above = path.ok().and_then(|path| path.parent().map(PathBuf::from));
        let above = above.ok_or_else(|| self.refused(entry, Errno::ENOENT))?;
        trust(stat(&above), || above.display().to_string())?;
        Ok(target)
    }

    /// The name of the namespace.
    pub fn name(&self) -> &'a CStr {
        self.name
    }

    /// The entry's path, for messages.
    pub fn path(&self, entry: &CStr) -> String {
        format!("{}/{}", path(self.name.to_bytes()), shown(entry))
    }

    pub fn refused(&self, entry: &CStr, why: Errno) -> ExecError {
        let wrong = format!(
            "cannot bind {} over the same name in /etc: {}",
            self.path(entry),
            reason(why)
        );
        let remedy = match why {
            Errno::ENOSYS => "expected Linux 5.12 or newer",
            Errno::ENOENT => "expected it to exist; a symlink must have a target",
            _ => "expected a file over a file and a directory over a directory",
        };
        ExecError::kernel(wrong, remedy)
    }
}

/// Whether the entry is the same file as the one with the same name in /etc.
pub fn same_file(name: &[u8], entry: &[u8]) -> bool {
    let entry_path = StackPath::of(&[state_dir::ETC.as_bytes(), b"/", name, b"/", entry]);
    let twin = StackPath::of(&[b"/etc/", entry]);
    let entry = entry_path.and_then(|path| stat(path.as_c()));
    let twin = twin.and_then(|path| lstat(path.as_c()));
    match (entry, twin) {
        (Ok(entry), Ok(twin)) => (entry.st_dev, entry.st_ino) == (twin.st_dev, twin.st_ino),
        _ => false,
    }
}

/// Return an error if users other than root may write to the file. They could choose what programs
/// inside read.
pub fn trust(file: Result<FileStat, Errno>, path: impl Fn() -> String) -> Result<(), ExecError> {
    let file = file.map_err(|why| {
        let wrong = format!("cannot look at {}: {}", path(), reason(why));
        ExecError::kernel(wrong, "expected it to exist")
    })?;
    if file.st_uid != 0 {
        return Err(ExecError::kernel(
            format!("{} belongs to user {}", path(), file.st_uid),
            format!("expected only root; run chown root {}", path()),
        ));
    }
    if file.st_mode & 0o022 != 0 {
        return Err(ExecError::kernel(
            format!(
                "group or others may write {} (mode {:04o})",
                path(),
                file.st_mode & 0o7777
            ),
            format!("expected only root; run chmod go-w {}", path()),
        ));
    }
    Ok(())
}

/// Whether the file is a directory.
pub fn is_dir(file: &FileStat) -> bool {
    kind(file) == SFlag::S_IFDIR
}

fn kind(file: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(file.st_mode) & SFlag::S_IFMT
}

/// `/etc/netns/NAME`, for messages.
pub fn path(name: &[u8]) -> String {
    format!("{}/{}", state_dir::ETC, String::from_utf8_lossy(name))
}

/// The names in the result of getdents64(2), without `.` and `..`.
fn names(mut entries: &[u8]) -> impl Iterator<Item = &CStr> {
    // struct linux_dirent64: inode 8, offset 8, length 2, type 1, then the name
    std::iter::from_fn(move || {
        loop {
            let length = u16::from_ne_bytes(entries.get(16..18)?.try_into().ok()?);
            let (entry, rest) = entries.split_at_checked(length.into())?;
            entries = rest;
            let name = up_to_nul(entry.get(19..)?)?;
            if name != c"." && name != c".." {
                return Some(name);
            }
        }
    })
}
