//! Files of `/proc`, which do not say how long they are. std would begin with 32 bytes, and
//! the kernel makes the whole text of some of them anew for each piece.

use std::fs::File;
use std::io::{self, Read};

/// More than most of them have.
const PIECE: usize = 4096;

/// All that is in it.
pub fn bytes(path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(PIECE);
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// As [`bytes`], of a text.
pub fn text(path: &str) -> io::Result<String> {
    String::from_utf8(bytes(path)?).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}
