//! Paths that are built on the stack as NUL-terminated strings. The common path uses little stack,
//! because the first access to each of its pages costs a page fault, as much as two system calls.

use std::ffi::CStr;

use nix::errno::Errno;

/// A path of at most 511 bytes. That is enough for the fixed directories and one or two names of at
/// most 255 bytes.
pub struct StackPath {
    bytes: [u8; 512],
}

impl StackPath {
    /// The concatenated parts. Returns `ENAMETOOLONG`, as the kernel would, if the path is too long
    /// or contains a NUL.
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

    /// The path.
    pub fn as_c(&self) -> &CStr {
        up_to_nul(&self.bytes).unwrap_or(c"")
    }
}

/// The bytes before the first NUL, if there is one. It is one function, not inlined, near the other
/// code that runs, because distant code also costs a page fault.
#[inline(never)]
pub fn up_to_nul(bytes: &[u8]) -> Option<&CStr> {
    CStr::from_bytes_until_nul(bytes).ok()
}

/// Whether the path is the directory or below it.
pub fn is_in(path: &[u8], folder: &[u8]) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
}
