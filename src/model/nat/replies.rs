//! The answers to requests through a forwarded port. They leave through the veth through which the
//! request came in, whatever routes the namespace has. nftables marks them based on connection
//! tracking alone, and a policy rule selects a separate routing table for marked packets.
//! Connections that the namespace itself begins are never marked, whatever their sockets are bound
//! to.

use super::link_set::set;
use crate::name::LinkName;

/// The table of nftables in the namespace.
pub const TABLE: &str = "inet netns_replies";

/// The bit of the packet mark and the connection mark. The other bits are left to the
/// administrator.
pub const MARK: u32 = 0x4000_0000;

/// The routing table for the answers, "ns" in ASCII.
pub const ROUTES: u32 = 0x6e73;

/// The priority of the policy rule: before those of other programs (wg-quick, Tailscale), and
/// before the kernel's own for VRFs.
pub const PRIORITY: u32 = 900;

/// The text for nft(8): one transaction that works whether or not the table exists.
///
/// Incoming packets for the namespace itself are marked as well. A strict `rp_filter` uses the mark
/// to look up the return path (`src_valid_mark`), and a TCP socket takes over the mark
/// (`tcp_fwmark_accept`), so that it can answer if there is no other route. The chain for incoming
/// packets comes after destination NAT, which may forward a packet elsewhere.
pub fn ruleset(links: &[&LinkName]) -> String {
    let links = set(links.iter().copied());
    let mark = format!("{MARK:#x}");
    let asked = format!("iifname {links} ct direction original");
    let set = format!("meta mark set meta mark or {mark}");
    let answers = format!("ct direction reply ct mark and {mark} == {mark} {set};");
    format!(
        "table {TABLE}; delete table {TABLE};\n\
         table {TABLE} {{\n\
         \tchain prerouting {{\n\
         \t\ttype filter hook prerouting priority 0;\n\
         \t\t{asked} ct mark set ct mark or {mark};\n\
         \t\t{asked} fib daddr type local {set};\n\
         \t\t{answers}\n\
         \t}};\n\
         \tchain output {{\n\
         \t\ttype route hook output priority -150;\n\
         \t\t{answers}\n\
         \t}};\n\
         }}\n"
    )
}
