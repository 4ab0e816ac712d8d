//! What is made up where the settings leave it to us, the same at every boot: the name of
//! a veth's other end, and stable hardware addresses.

use crate::model::Mac;
use crate::name::{LinkName, NetnsName};

/// `mgmt-eth0`, or, where that is too long for the kernel or could be read in two ways
/// (`a-b-c`), `mgmt-` (six bytes of the name at most) and eight digits of a hash.
pub(super) fn default_peer(netns: &NetnsName, link: &LinkName) -> Option<LinkName> {
    let (netns, link) = (netns.as_str(), link.as_str());
    let plain = format!("{netns}-{link}");
    if plain.len() <= 15 && !netns.contains('-') {
        return plain.parse().ok();
    }
    let hash = fnv1a(&["peer", netns, link]);
    let start = &netns[..netns.len().min(6)];
    format!("{start}-{:08x}", hash as u32 ^ (hash >> 32) as u32)
        .parse()
        .ok()
}

/// Locally administered, of one station, and the same at every boot.
pub(super) fn stable_mac(seed: &str, netns: &NetnsName, link: &LinkName) -> Mac {
    let hash = fnv1a(&["mac", seed.trim_ascii(), netns.as_str(), link.as_str()]);
    let [a, b, c, d, e, f, g, h] = hash.to_be_bytes();
    // The bytes of FNV-1a are not equally well mixed: none is dropped.
    Mac([(a ^ g) & 0xfc | 0x02, b ^ h, c, d, e, f])
}

/// FNV-1a with 64 bits, over the texts with a zero byte behind each.
fn fnv1a(texts: &[&str]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for text in texts {
        for byte in text.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}
