//! The answers to who came in by a published port: they leave by the veth that the question
//! came in by, whatever routes the namespace has. nftables marks them, by what connection
//! tracking knows alone, and a policy rule gives what is marked a table of routes of its
//! own. Nothing that the namespace begins itself is ever marked, whatever it is bound to.

use super::link_set::set;
use crate::name::LinkName;

/// The table of nftables in the namespace.
pub const TABLE: &str = "inet netns_replies";

/// The bit of a packet's and of a connection's mark: the others are the owner's.
pub const MARK: u32 = 0x4000_0000;

/// The table of their routes, "ns" in ASCII.
pub const ROUTES: u32 = 0x6e73;

/// The priority of the policy rule: before those that programs make (wg-quick, Tailscale),
/// and before the kernel's own for vrfs.
pub const PRIORITY: u32 = 900;

/// What nft(8) is given: one transaction, whatever was there before.
///
/// What comes in is marked too, as far as it is for the namespace itself: a strict
/// `rp_filter` looks its way back up by that (`src_valid_mark`), and a socket of TCP's takes
/// its mark from it (`tcp_fwmark_accept`), so that it answers where there is no other route.
/// The chain of what comes in stands behind the translation of addresses, which may lead it on.
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
