//! Tables of the options of links: of every link, of each type that can be created, and of a bridge
//! port. A new option is a new row here.

use std::fmt;

use super::option::Encoding::{Be16, GreKey, Ip, U8, U16, U32};
use super::option::Mutability::{ExceptWord, Recreated, SameFamily};
use super::option::ValueKind::{
    Group, Mac, Number, Station, Station4, Switch, Table, User, UserGroup, Words,
};
use super::option::{Encoding, Opt, ValueKind, opt};

/// A type of link.
pub struct Type {
    /// The word for it in `type_IF` and ip-link(8).
    pub word: &'static str,
    /// What a link of this type is created on.
    pub below: Lower,
    /// Its hardware address can be set.
    pub has_mac: bool,
    /// For a tunnel, the netlink attribute of the link through which it sends.
    pub sent_by: Option<u16>,
    /// The kernel deletes it together with its parent link.
    pub goes_with_parent: bool,
    /// It is created by opening a file (ip-tuntap(8)) and not by a netlink request. Its size and
    /// hardware address cannot be set in the same step, and its options cannot be changed later.
    pub is_opened: bool,
    /// The kernel resets every option that a change does not repeat (ip_tunnel(4)). A change must
    /// therefore send all options.
    pub is_said_whole: bool,
    /// The attributes of one byte that ip-link(8) sends as 0 if they are not set.
    pub zeros: &'static [u16],
    /// The values of a new link of this type for options of `ATTRIBUTES`, by key, where they differ
    /// from the row's default. Empty: the kernel computes the value.
    pub made_with: &'static [(&'static str, &'static str)],
    /// Its options, in the order of a command.
    pub options: &'static [Opt],
}

/// Prints only the word, as for options.
impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word)
    }
}

/// What a link is created on. It may be in another namespace than the link itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lower {
    /// Nothing.
    Nothing,
    /// A parent link.
    Link,
    /// A namespace whose network carries the packets of the link, and optionally one link of that
    /// namespace.
    UnderlayNetns,
}

/// The options of every link of any type: attributes of the link itself, IFLA_… of linux/if_link.h.
/// For a link that is created, they are in the same request. The defaults are the values of a new
/// link. A link that is moved in keeps its own values.
#[rustfmt::skip]
pub const ATTRIBUTES: &[Opt] = &[
    // The largest is that of a VRF (IP6_MAX_MTU); the kernel knows the largest of each device
    opt("mtu", "mtu", Number(68, 65575), (4, U32), "its MTU in bytes").default("1500"),
    opt("mac", "address", Mac, (1, Encoding::Mac), "its hardware address"),
    opt("txqueuelen", "txqueuelen", Number(0, u32::MAX), (13, U32), "the length of its transmit queue, in packets").default("1000"),
];

#[rustfmt::skip]
impl Type {
    /// The type with this word.
    pub fn named(word: &str) -> Option<&'static Type> {
        TYPES.iter().find(|known| known.word == word)
    }

    const fn with_mac(self) -> Self { Type { has_mac: true, ..self } }
    const fn opened(self) -> Self { Type { is_opened: true, ..self } }
    const fn sent_by(self, attribute: u16) -> Self { Type { sent_by: Some(attribute), ..self } }
    const fn goes_with_parent(self) -> Self { Type { goes_with_parent: true, ..self } }
    const fn said_whole(self, zeros: &'static [u16]) -> Self { Type { is_said_whole: true, zeros, ..self } }
    const fn made_with(self, made_with: &'static [(&'static str, &'static str)]) -> Self { Type { made_with, ..self } }
}

const fn of(word: &'static str, below: Lower, options: &'static [Opt]) -> Type {
    Type {
        word,
        below,
        has_mac: false,
        sent_by: None,
        goes_with_parent: matches!(below, Lower::Link),
        is_opened: false,
        is_said_whole: false,
        zeros: &[],
        made_with: &[],
        options,
    }
}

/// The kernel's names of the types that it deletes together with their parent, and that settings
/// cannot request.
pub const OTHERS_THAT_GO_WITH_PARENT: [&str; 3] = ["macvtap", "ipvtap", "macsec"];

/// The words of `type_IF`. The first three have no row in `TYPES`, because no single request
/// creates such a link alone.
pub fn words() -> impl Iterator<Item = &'static str> {
    let made = TYPES.iter().map(|of| of.word);
    ["physical", "wireless", "veth"].into_iter().chain(made)
}

const MACVLAN_MODES: ValueKind =
    Words(&[("private", 1), ("vepa", 2), ("bridge", 4), ("passthru", 8)]);

const IPVLAN_MODES: ValueKind = Words(&[("l2", 0), ("l3", 1), ("l3s", 2)]);

const BOND_MODES: ValueKind = Words(&[
    ("balance-rr", 0),
    ("active-backup", 1),
    ("balance-xor", 2),
    ("broadcast", 3),
    ("802.3ad", 4),
    ("balance-tlb", 5),
    ("balance-alb", 6),
]);

const VLAN_PROTOCOLS: ValueKind = Words(&[("802.1Q", 0x8100), ("802.1ad", 0x88a8)]);

const fn local(attribute: u16) -> Opt {
    let (at, doc) = ((attribute, Ip(attribute)), "this end's address of a tunnel");
    opt("local", "local", Station4, at, doc)
}

const fn remote(attribute: u16) -> Opt {
    let (at, doc) = (
        (attribute, Ip(attribute)),
        "the other end's address of a tunnel",
    );
    opt("remote", "remote", Station4, at, doc)
}

const fn ttl(attribute: u16) -> Opt {
    let doc = "the TTL of a tunnel's packets; not set: that of the packets inside";
    opt("ttl", "ttl", Number(1, 255), (attribute, U8), doc)
}

/// IFLA_IPTUN_…, linux/if_tunnel.h.
const IPTUN: &[Opt] = &[local(2), remote(3), ttl(4)];

/// IFLA_IPTUN_PROTO, where 0 is any inner protocol, and IFLA_IPTUN_TTL, where 0 is the TTL of the
/// inner packet.
const IPTUN_ZEROS: &[u16] = &[9, 4];

/// The users that may open a link, IFLA_TUN_… of linux/if_link.h. Other options (vnet_hdr, pi) are
/// left to the program that opens it.
#[rustfmt::skip]
const OPENERS: &[Opt] = &[
    opt("owner", "user", User, (1, U32), "who may open the link").keeps(Recreated),
    opt("group", "group", UserGroup, (2, U32), "the group that may open the link").keeps(Recreated),
    opt("multi_queue", "multi_queue", Switch, (7, U8), "whether the link may be opened several times at once, a queue each")
        .default("off").keeps(Recreated),
];

/// The MTU of the link through which it sends, minus the overhead of the tunnel. The kernel
/// computes it.
const MTU_OF_TUNNEL: &[(&str, &str)] = &[("mtu", "")];

/// 1500 minus the largest overhead that the tunnel adds to a packet (wireguard(4)).
const MTU_OF_WIREGUARD: &[(&str, &str)] = &[("mtu", "1420")];

/// All types of link that one request creates alone. The attributes are IFLA_TYPE_NAME of
/// linux/if_link.h, unless another header is named.
#[rustfmt::skip]
pub const TYPES: &[Type] = &[
    of("bridge", Lower::Nothing, &[ // IFLA_BR_…
        opt("stp", "stp_state", Switch, (5, U32), "whether a bridge uses the spanning tree protocol").default("off"),
        opt("forward_delay", "forward_delay", Number(0, 3000), (1, U32), "a bridge's forward delay, in hundredths of a second")
            .default("1500"),
        opt("ageing_time", "ageing_time", Number(0, 100_000_000), (4, U32), "how long a bridge remembers the port of a MAC address, in hundredths of a second")
            .default("30000"),
        opt("vlan_filtering", "vlan_filtering", Switch, (7, U8), "whether a bridge filters packets by VLAN").default("off"),
    ]).with_mac(),
    of("dummy", Lower::Nothing, &[]).with_mac(),
    of("vlan", Lower::Link, &[
        opt("vlan_protocol", "protocol", VLAN_PROTOCOLS, (5, Be16), "the VLAN's protocol").default("802.1Q").keeps(Recreated),
        opt("vlan_id", "id", Number(1, 4094), (1, U16), "the number of the VLAN").needed().keeps(Recreated),
    ]).with_mac(),
    of("macvlan", Lower::Link, &[
        opt("mode", "mode", MACVLAN_MODES, (1, U32), "the mode of a macvlan")
            .default("bridge").keeps(ExceptWord("passthru")),
    ]).with_mac(),
    of("ipvlan", Lower::Link, &[
        opt("mode", "mode", IPVLAN_MODES, (1, U16), "the mode of an ipvlan").default("l3"),
    ]),
    of("vxlan", Lower::UnderlayNetns, &[
        opt("vxlan_id", "id", Number(1, 0x00ff_ffff), (1, U32), "the VXLAN network identifier (VNI)").needed().keeps(Recreated),
        // IFLA_VXLAN_LOCAL and _LOCAL6, _GROUP and _GROUP6
        opt("vxlan_local", "local", Station, (4, Ip(17)), "this end's address").keeps(SameFamily),
        opt("vxlan_remote", "remote", Station, (2, Ip(16)), "the other end's address").keeps(SameFamily),
        opt("vxlan_group", "group", Group, (2, Ip(16)), "the multicast group").keeps(SameFamily),
        opt("vxlan_port", "dstport", Number(1, 65535), (15, Be16), "the VXLAN's UDP port").default("4789").keeps(Recreated),
    ]).with_mac().sent_by(3).goes_with_parent().made_with(MTU_OF_TUNNEL),
    of("bond", Lower::Nothing, &[
        opt("mode", "mode", BOND_MODES, (1, U8), "the mode of a bond").default("balance-rr").keeps(Recreated),
        opt("miimon", "miimon", Number(0, 0x7fff_ffff), (3, U32), "how often a bond looks at its links, in milliseconds; 0: never")
            .default("0"),
    ]).with_mac(),
    of("vrf", Lower::Nothing, &[
        opt("table", "table", Table, (1, U32), "the routing table of a VRF").needed().keeps(Recreated),
    ]).with_mac(),
    of("gre", Lower::UnderlayNetns, &[ // linux/if_tunnel.h
        local(6), remote(7), ttl(8),
        // From IFLA_GRE_IFLAGS to IFLA_GRE_OKEY
        opt("key", "key", Number(0, u32::MAX), (2, GreKey), "the key of a GRE tunnel, a number"),
    ]).sent_by(1).said_whole(&[]).made_with(MTU_OF_TUNNEL),
    of("ipip", Lower::UnderlayNetns, IPTUN).sent_by(1).said_whole(IPTUN_ZEROS).made_with(MTU_OF_TUNNEL),
    of("sit", Lower::UnderlayNetns, IPTUN).sent_by(1).said_whole(IPTUN_ZEROS).made_with(MTU_OF_TUNNEL),
    // Its configuration is in `wireguard`
    of("wireguard", Lower::UnderlayNetns, &[]).made_with(MTU_OF_WIREGUARD),
    of("tap", Lower::Nothing, OPENERS).opened().with_mac(),
    of("tun", Lower::Nothing, OPENERS).opened().made_with(&[("txqueuelen", "500")]),
];

/// The options of a bridge port, `bridge_slave` of ip-link(8), with IFLA_BRPORT_… of
/// linux/if_link.h. They are not a row of `TYPES`, because no link is created as a port.
#[rustfmt::skip]
pub const PORT: &[Opt] = &[
    port("isolated", ON_OFF, (33, U8)).default("off"),
    port("hairpin", ON_OFF, (4, U8)).default("off"),
    // The kernel's default depends on the speed of the link
    port("cost", Number(1, 65535), (3, U32)),
    port("priority", Number(0, 63), (2, U16)).default("32"),
    port("guard", ON_OFF, (5, U8)).default("off"),
    port("root_block", ON_OFF, (6, U8)).default("off"),
    port("fastleave", ON_OFF, (7, U8)).default("off"),
    port("learning", ON_OFF, (8, U8)).default("on"),
    port("flood", ON_OFF, (9, U8)).default("on"),
    port("mcast_flood", ON_OFF, (27, U8)).default("on"),
    port("bcast_flood", ON_OFF, (30, U8)).default("on"),
    port("mcast_to_unicast", ON_OFF, (28, U8)).default("off"),
    port("neigh_suppress", ON_OFF, (32, U8)).default("off"),
    port("proxy_arp", ON_OFF, (10, U8)).default("off"),
];

const fn port(word: &'static str, form: ValueKind, attribute: (u16, Encoding)) -> Opt {
    opt(word, word, form, attribute, "as ip-link(8) has it")
}

/// ip-link(8) accepts no other words for these options.
const ON_OFF: ValueKind = Words(&[("off", 0), ("on", 1)]);
