//! Values that the settings leave to this program: the name of a veth's other end and stable
//! hardware addresses, the same at every boot, and the MTU of a link on top of another one.

use crate::definitions::links::Lower;
use crate::model::link::options::Said;
use crate::model::{Link, Mac};
use crate::name::{LinkName, NetnsName};

/// The default name of a veth's other end, such as `mgmt-eth0`. If that is too long for the kernel
/// or could be read in two ways (`a-b-c`): up to six bytes of the namespace's name, `-`, and eight
/// digits of a hash.
pub(crate) fn default_peer(netns: &NetnsName, link: &LinkName) -> Option<LinkName> {
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

/// A hardware address that is locally administered, unicast, and the same at every boot.
pub(crate) fn stable_mac(seed: &str, netns: &NetnsName, link: &LinkName) -> Mac {
    let hash = fnv1a(&["mac", seed.trim_ascii(), netns.as_str(), link.as_str()]);
    let [a, b, c, d, e, f, g, h] = hash.to_be_bytes();
    // The bytes of FNV-1a are not equally well mixed. Therefore all of them are used.
    Mac([(a ^ g) & 0xfc | 0x02, b ^ h, c, d, e, f])
}

/// Give a link on top of another one of the settings the MTU of that one, unless it has its own. The
/// kernel does so when it creates the link; later it only makes the MTU smaller with the parent's.
/// The links are in order: parents first.
pub(crate) fn mtu_of_parents(links: &mut [Link]) {
    for n in 0..links.len() {
        let (before, rest) = links.split_at_mut(n);
        let link = &mut rest[0];
        let spec = link.kind.spec().filter(|spec| spec.of.below == Lower::Link);
        let Some(below) = spec.and_then(|spec| spec.below()) else {
            continue;
        };
        let parent = before.iter().find(|parent| parent.link_at() == below);
        let is_mtu = |(option, _): &&Said| option.word == "mtu";
        let mtu = parent.and_then(|parent| parent.attributes.iter().find(is_mtu));
        let mtu = mtu.filter(|_| link.attributes.get("mtu").is_none());
        link.attributes.extend(mtu);
    }
}

/// The 64-bit FNV-1a hash of the texts, with a zero byte after each.
fn fnv1a(texts: &[&str]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for text in texts {
        for byte in text.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(netns: &str, link: &str) -> String {
        let peer = default_peer(&netns.parse().unwrap(), &link.parse().unwrap());
        peer.unwrap().to_string()
    }

    #[test]
    fn the_other_ends_name_is_plain_where_it_can_be_and_never_anothers() {
        assert_eq!(peer("mgmt", "eth0"), "mgmt-eth0");
        assert_eq!(peer("mgmt", "fifteen-bytes"), peer("mgmt", "fifteen-bytes"));
        assert!(peer("management", "eth0.42").starts_with("manage-"));
        assert_eq!(peer("management", "eth0.42").len(), 15);
        assert_ne!(peer("a-b", "c"), peer("a", "b-c"));
        assert_ne!(peer("management1", "eth0"), peer("management2", "eth0"));
    }

    #[test]
    fn a_stable_address_is_of_one_station_and_differs_by_all_it_is_made_of() {
        let mac = |seed: &str, netns: &str, link: &str| {
            stable_mac(seed, &netns.parse().unwrap(), &link.parse().unwrap())
        };
        let one = mac("host", "mgmt", "eth0");
        assert_eq!(one.0[0] & 3, 2, "{one}");
        assert_eq!(one, mac("host\n", "mgmt", "eth0"));
        let others = [
            mac("tsoh", "mgmt", "eth0"),
            mac("host", "lan", "eth0"),
            mac("host", "mgmt", "eth1"),
            mac("host", "mgmte", "th0"),
        ];
        assert!(!others.contains(&one));
        let many: std::collections::BTreeSet<_> = (0..20_000)
            .map(|n| mac(&n.to_string(), "mgmt", "eth0"))
            .collect();
        assert_eq!(many.len(), 20_000);
    }
}
