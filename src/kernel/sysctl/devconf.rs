//! The initial values of a new namespace's keys below `net/ipv4/conf` and `net/ipv6/conf`, as far
//! as netlink reports them. Three answers replace one file per key, which the kernel would have to
//! create first: an `up` of a veth and a bridge takes 3.4 ms and 347 system calls this way, and 3.8
//! ms and 399 system calls with the files.
//!
//! In a new namespace, the values of `lo` are those of `default`, and netlink reports all values of
//! `lo`. It reports only some values of `all` (RTM_GETNETCONF, netlink(7)). `sysctl` reads the
//! files of the keys that are not reported.

use nix::libc;
use rtnetlink::packet_core::DefaultNla;

use crate::kernel::netlink::attr::{bytes, find};
use crate::kernel::netlink::message::Raw;
use crate::kernel::netlink::socket::Requests;
use crate::model::Sysctl;

/// linux/netconf.h
const NETCONFA_IFINDEX: u16 = 1;
const ALL: i32 = -1;
/// The interface index of `lo` in each namespace.
const LO: u32 = 1;

const INET: u8 = libc::AF_INET as u8;
const INET6: u8 = libc::AF_INET6 as u8;

/// The keys of `default`: the address family, the attribute in it, the position in the attribute
/// (linux/ip.h counts from 1, linux/ipv6.h from 0), and the key.
const OF_LO: [(u8, u16, usize, &str); 11] = [
    (INET, 1, 0, "net/ipv4/conf/default/forwarding"),
    (INET, 1, 2, "net/ipv4/conf/default/proxy_arp"),
    (INET, 1, 9, "net/ipv4/conf/default/bootp_relay"),
    (INET, 1, 20, "net/ipv4/conf/default/arp_accept"),
    (INET, 1, 22, "net/ipv4/conf/default/accept_local"),
    (INET, 1, 24, "net/ipv4/conf/default/proxy_arp_pvlan"),
    (INET, 1, 25, "net/ipv4/conf/default/route_localnet"),
    (INET, 1, 31, "net/ipv4/conf/default/bc_forwarding"),
    (INET6, 2, 0, "net/ipv6/conf/default/forwarding"),
    (INET6, 2, 22, "net/ipv6/conf/default/proxy_ndp"),
    (INET6, 2, 24, "net/ipv6/conf/default/accept_source_route"),
];

/// The keys of `all`: the address family, the attribute, and the key.
const OF_ALL: [(u8, u16, &str); 5] = [
    (INET, 2, Sysctl::FORWARD),
    (INET, 5, "net/ipv4/conf/all/proxy_arp"),
    (INET, 8, "net/ipv4/conf/all/bc_forwarding"),
    (INET6, 2, "net/ipv6/conf/all/forwarding"),
    (INET6, 5, "net/ipv6/conf/all/proxy_ndp"),
];

/// The reported keys, as paths below `/proc/sys`, with their values. Nothing may have been changed
/// yet in the namespace of the socket, because the values of `lo` are used for `default`.
pub(crate) fn of_a_new_one(requests: &mut Requests) -> Vec<(&'static str, i32)> {
    let mut told = Vec::new();
    for family in [INET, INET6] {
        let all = DefaultNla::new(NETCONFA_IFINDEX, ALL.to_ne_bytes().to_vec());
        let body = [&[family, 0, 0, 0][..], &bytes(&[all])].concat();
        let answer = ask(requests, libc::RTM_GETNETCONF, body).unwrap_or_default();
        let told_here = OF_ALL.iter().filter(|(of, ..)| *of == family);
        told.extend(told_here.filter_map(|(_, kind, key)| {
            let value = find(&answer, 4, *kind)?;
            Some((*key, number(value, 0)?))
        }));
    }
    let lo = [[0; 4], LO.to_ne_bytes(), [0; 4], [0; 4]].concat();
    let answer = ask(requests, libc::RTM_GETLINK, lo).unwrap_or_default();
    let families = find(&answer, 16, libc::IFLA_AF_SPEC);
    told.extend(OF_LO.iter().filter_map(|(family, kind, place, key)| {
        let values = find(find(families?, 0, u16::from(*family))?, 0, *kind)?;
        Some((*key, number(values, *place)?))
    }));
    told
}

fn ask(requests: &mut Requests, kind: u16, body: Vec<u8>) -> Option<Vec<u8>> {
    let answer = requests.get(Raw { kind, body });
    Some(answer.ok()??.body)
}

fn number(values: &[u8], place: usize) -> Option<i32> {
    let value = values.get(place * 4..)?.first_chunk()?;
    Some(i32::from_ne_bytes(*value))
}
