//! The attributes of netlink's messages as bytes (netlink(7)), for the messages that the
//! library does not know, or of which hardly anything is read.

use rtnetlink::packet_core::{DefaultNla, Emitable, NlaBuffer, NlasIterator};

/// As they are sent.
pub fn bytes(attributes: &[DefaultNla]) -> Vec<u8> {
    let mut bytes = vec![0; attributes.buffer_len()];
    attributes.emit(&mut bytes);
    bytes
}

/// All there are, up to one that is none.
pub(crate) fn each(bytes: &[u8]) -> impl Iterator<Item = NlaBuffer<&[u8]>> {
    NlasIterator::new(bytes).map_while(Result::ok)
}

/// The first of a kind, behind the fixed part of this length.
pub(crate) fn find(body: &[u8], fixed: usize, kind: u16) -> Option<&[u8]> {
    let found = each(body.get(fixed..)?).find(|one| one.kind() == kind)?;
    let end = usize::from(found.length());
    found.into_inner().get(4..end)
}
