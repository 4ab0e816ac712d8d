//! Prepares a message of the kernel for sending it back later: removes what the kernel does not
//! accept in a request, and stores links by name.

use nix::libc::RTA_MULTIPATH;

use super::ONLINK;
use crate::kernel::decode::LinkNames;
use crate::kernel::netlink::attr::each;
use crate::model::{Verbatim, VerbatimKind};
use crate::name::LinkName;

/// The body of a message that is being prepared.
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    fixed: usize,
    /// The positions of the interface indexes.
    pub(super) places: Vec<usize>,
}

impl Body {
    /// The body with only those attributes that `takes` accepts. They follow a fixed part of
    /// `fixed` bytes.
    pub(super) fn of(body: &[u8], fixed: usize, takes: impl Fn(u16) -> bool) -> Option<Body> {
        let mut bytes = body.get(..fixed)?.to_vec();
        for attribute in each(&body[fixed..]) {
            if takes(attribute.kind()) {
                let length = usize::from(attribute.length());
                bytes.extend(attribute.into_inner().get(..length)?);
                bytes.resize(bytes.len().next_multiple_of(4), 0);
            }
        }
        Some(Body {
            bytes,
            fixed,
            places: Vec::new(),
        })
    }

    /// Clear the flags at this position that cannot be set in a request.
    pub(super) fn keep_flags(&mut self, at: usize) {
        if let Some(place) = self.bytes.get_mut(at..at + 4) {
            let mut flags = [0; 4];
            flags.copy_from_slice(place);
            place.copy_from_slice(&(u32::from_ne_bytes(flags) & ONLINK).to_ne_bytes());
        }
    }

    /// The position and the length of the value of an attribute.
    fn value(&self, kind: u16) -> Option<(usize, usize)> {
        let mut at = self.fixed;
        for attribute in each(&self.bytes[self.fixed..]) {
            let length = usize::from(attribute.length());
            if attribute.kind() == kind {
                return Some((at + 4, length - 4));
            }
            at += length.next_multiple_of(4);
        }
        None
    }

    pub(super) fn take_number(&mut self, kind: u16) {
        self.places.extend(self.value(kind).map(|(at, _)| at));
    }

    /// Take the interface index of each nexthop of a multipath route (struct rtnexthop).
    pub(super) fn take_ways(&mut self) {
        let Some((mut at, length)) = self.value(RTA_MULTIPATH) else {
            return;
        };
        let end = at + length;
        while let Some([a, b, flags, ..]) = self
            .bytes
            .get_mut(at..end)
            .and_then(|w| w.first_chunk_mut::<8>())
        {
            *flags &= ONLINK as u8;
            let length = usize::from(u16::from_ne_bytes([*a, *b])).max(8);
            self.places.push(at + 4);
            at += length.next_multiple_of(4);
        }
    }

    /// The prepared message. `None` if one of its links has no name that can be stored.
    pub(super) fn with(
        mut self,
        kind: VerbatimKind,
        link: &LinkName,
        names: &LinkNames,
    ) -> Option<Verbatim> {
        let mut links = Vec::new();
        for at in self.places {
            let place = self.bytes.get_mut(at..at + 4)?;
            let index = u32::from_ne_bytes(*place.first_chunk()?);
            links.push((at, names.get(&index)?.clone()));
            place.fill(0);
        }
        Some(Verbatim {
            kind,
            link: link.clone(),
            body: self.bytes,
            links,
            until: None,
            command: String::new(),
        })
    }
}
