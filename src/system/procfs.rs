//! Files of `/proc`, whose length is unknown. std would begin to read with 32 bytes, and for some
//! files the kernel generates the complete text again for each piece.

use std::fs::File;
use std::io::{self, Read};

/// The size of the first piece in bytes. Most files are shorter.
const PIECE: usize = 4096;

/// The content of the file.
pub fn bytes(path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(PIECE);
    // std would ask a plain file for its length first: three calls
    let mut file = File::open(path)?.take(u64::MAX);
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// As [`bytes`], for a text. The error is `InvalidData` if it is not UTF-8.
pub fn text(path: &str) -> io::Result<String> {
    String::from_utf8(bytes(path)?).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}
