//! Paths put together on the stack: parts in, a NUL-ended text out.

use std::ffi::CStr;

/// A text of at most 511 bytes; longer ones are cut off as nothing by [`Text::of`].
pub struct Text {
    bytes: [u8; 512],
}

impl Text {
    /// The parts one after the other; nothing, if that is too long or one of them has a
    /// NUL in it.
    pub fn of(parts: &[&[u8]]) -> Option<Text> {
        let mut bytes = [0; 512];
        let mut end = 0;
        for part in parts {
            let room = bytes[..511].get_mut(end..end + part.len())?;
            room.copy_from_slice(part);
            end += part.len();
        }
        let text = Text { bytes };
        (text.as_c().to_bytes().len() == end).then_some(text)
    }

    /// The text.
    pub fn as_c(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or(c"")
    }
}
