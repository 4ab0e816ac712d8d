//! The attributes of netlink messages as bytes (netlink(7)). This is for messages that the library
//! does not know, and for messages of which only a few attributes are read.

use rtnetlink::packet_core::{DefaultNla, Emitable, NlaBuffer, NlasIterator};

/// The attributes, encoded for sending.
pub fn bytes(attributes: &[DefaultNla]) -> Vec<u8> {
    let mut bytes = vec![0; attributes.buffer_len()];
    attributes.emit(&mut bytes);
    bytes
}

/// All attributes up to the first malformed one.
pub(crate) fn each(bytes: &[u8]) -> impl Iterator<Item = NlaBuffer<&[u8]>> {
    NlasIterator::new(bytes).map_while(Result::ok)
}

/// The value of the first attribute of a kind. The attributes follow a fixed part of `fixed` bytes.
pub(crate) fn find(body: &[u8], fixed: usize, kind: u16) -> Option<&[u8]> {
    let found = each(body.get(fixed..)?).find(|one| one.kind() == kind)?;
    let end = usize::from(found.length());
    found.into_inner().get(4..end)
}
