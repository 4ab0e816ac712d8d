//! proc_pid_mountinfo(5): text in, mounts out, nothing kept and nothing allocated.

use std::ffi::CStr;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::read;

/// One mount. Blanks, tabs, newlines and backslashes are written as the kernel does it:
/// a backslash and three octal digits.
pub struct Mount<'a> {
    #[allow(dead_code)] // read by healing, which comes next
    /// What of its file system is mounted.
    pub root: &'a [u8],
    /// Where.
    pub point: &'a [u8],
    #[allow(dead_code)]
    /// What it was mounted from.
    pub source: &'a [u8],
}

/// Shows `see` each mount, in the kernel's order (what is below comes after).
pub fn each<E: From<Errno>>(
    file: &CStr,
    mut see: impl FnMut(Mount) -> Result<(), E>,
) -> Result<(), E> {
    let file = open(file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    // The kernel gives no more than this at once, and no line is longer.
    let mut buffer = [0; 8192];
    let mut filled = 0;
    loop {
        let got = read(file.as_fd(), &mut buffer[filled..])?;
        if got == 0 {
            return Ok(());
        }
        filled += got;
        let mut begin = 0;
        while let Some(length) = buffer[begin..filled].iter().position(|&b| b == b'\n') {
            if let Some(mount) = parse(&buffer[begin..begin + length]) {
                see(mount)?;
            }
            begin += length + 1;
        }
        buffer.copy_within(begin..filled, 0);
        filled -= begin;
        if filled == buffer.len() {
            return Err(Errno::ENAMETOOLONG.into());
        }
    }
}

fn parse(line: &[u8]) -> Option<Mount<'_>> {
    let mut words = line.split(|&b| b == b' ');
    let root = words.nth(3)?;
    let point = words.next()?;
    let source = words.skip_while(|&word| word != b"-").nth(2)?;
    Some(Mount {
        root,
        point,
        source,
    })
}
