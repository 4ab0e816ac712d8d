//! Paths put together on the stack: parts in, a NUL-ended text out. The stack is kept
//! small on the common path: each page of it that is touched first costs a page fault,
//! as much as two system calls.

use std::ffi::CStr;

use nix::errno::Errno;

/// A text of at most 511 bytes: names, each of 255 at most, and a fixed folder or two.
pub struct StackPath {
    bytes: [u8; 512],
}

impl StackPath {
    /// The parts one after the other. Longer than possible, or with a NUL in it, is
    /// `ENAMETOOLONG`, as the kernel would say.
    pub fn of(parts: &[&[u8]]) -> Result<StackPath, Errno> {
        let mut bytes = [0; 512];
        let mut end = 0;
        for part in parts {
            let room = bytes[..511].get_mut(end..end + part.len());
            room.ok_or(Errno::ENAMETOOLONG)?.copy_from_slice(part);
            end += part.len();
        }
        let text = StackPath { bytes };
        match text.as_c().to_bytes().len() {
            length if length == end => Ok(text),
            _ => Err(Errno::ENAMETOOLONG),
        }
    }

    /// The text.
    pub fn as_c(&self) -> &CStr {
        up_to_nul(&self.bytes).unwrap_or(c"")
    }
}

/// The bytes before the first NUL, if there is one. One function for all, beside the rest
/// of what runs, for code far away costs a page fault too.
#[inline(never)]
pub fn up_to_nul(bytes: &[u8]) -> Option<&CStr> {
    CStr::from_bytes_until_nul(bytes).ok()
}

/// Whether `path` is `folder` or lies below it.
pub fn is_in(path: &[u8], folder: &[u8]) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
}
