//! Parses proc_pid_mountinfo(5) without allocation. Reading it takes 50 to 100 microseconds, which
//! is too slow for the common path.

use std::ffi::CStr;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::read;

/// The mounts of the calling thread.
pub static OWN: &CStr = c"/proc/thread-self/mountinfo";

/// One mount. The fields are as the kernel writes them, see [`unescaped`].
pub struct Mount<'a> {
    /// The root of the mount in its file system.
    pub root: &'a [u8],
    /// The mount point.
    pub point: &'a [u8],
    /// The file system type.
    pub kind: &'a [u8],
    /// The mount source.
    pub source: &'a [u8],
}

/// Call `see` for each mount. A mount comes after the one that it is mounted on.
#[cold]
#[inline(never)]
pub fn each<E: From<Errno>>(
    file: &CStr,
    mut see: impl FnMut(Mount) -> Result<(), E>,
) -> Result<(), E> {
    let file = open(file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
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
    let mut words = words.skip_while(|&word| word != b"-");
    let kind = words.nth(1)?;
    let source = words.next()?;
    Some(Mount {
        root,
        point,
        kind,
        source,
    })
}

/// The text without escapes. The kernel writes a blank, tab, newline, backslash or # as a backslash
/// and three octal digits.
pub fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let (byte, left) = match rest {
            [
                b'\\',
                a @ b'0'..=b'3',
                b @ b'0'..=b'7',
                c @ b'0'..=b'7',
                left @ ..,
            ] => ((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), left),
            _ => (*first, after),
        };
        plain.push(byte);
        rest = left;
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_optional_fields_is_read() {
        let line = b"36 35 98:0 /mnt1 /mnt2 rw,noatime shared:1 master:2 - ext3 /dev/root rw";
        let mount = parse(line).unwrap();
        assert_eq!(mount.root, b"/mnt1");
        assert_eq!(mount.point, b"/mnt2");
        assert_eq!(mount.kind, b"ext3");
        assert_eq!(mount.source, b"/dev/root");
    }

    #[test]
    fn what_the_kernel_escapes_is_read_back() {
        assert_eq!(unescaped(b"a\\040b\\134c\\"), b"a b\\c\\");
    }
}
