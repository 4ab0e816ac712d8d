//! The settings: every name that conf.d/netns.NAME may set. A setting that is one option of a link
//! is a row of `links`. All others are here.

use super::links::{ATTRIBUTES, Lower, TYPES, Type};
use super::option::{Opt, ValueKind};

/// A setting of the namespace, or a key of each link.
#[derive(Clone, Copy, Debug)]
pub struct Var {
    /// The name, such as `netns_dns`. For a setting of a link only the key: `config` of
    /// `config_eth1`.
    pub name: &'static str,
    /// Whether it belongs to the namespace or to a link.
    pub of: Scope,
    /// The types of link that accept it.
    types: Types,
    /// The value if it is not set, as a setting would write it. Empty: none. If it depends on the
    /// type of link, the value for the first such type.
    pub default: &'static str,
    /// A description in one line.
    pub doc: &'static str,
}

/// What a setting belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The namespace.
    Namespace,
    /// One link. The name of the setting is the key, `_`, and the suffix of the link.
    Link,
}

/// Types of link.
#[derive(Clone, Copy, Debug)]
enum Types {
    All,
    Only(&'static [&'static str]),
    /// The types whose hardware address can be set.
    WithMac,
    /// The types with a parent link, and tunnels that can be bound to a link.
    OnLink,
    /// The types whose parent link or underlay network may be in another namespace.
    MadeFromNetns,
    /// The types with an option of this key.
    WithOption,
}

impl Var {
    /// The name of the setting in documentation: `netns_dns`, `config_IF`.
    pub fn pattern(&self) -> String {
        match self.of {
            Scope::Namespace => self.name.into(),
            Scope::Link => format!("{}_IF", self.name),
        }
    }

    /// The types of link that accept it, as words of `type_IF`. Empty: all types.
    pub fn types(&self) -> Vec<&'static str> {
        let takes = |of: &&Type| match self.types {
            Types::All | Types::Only(_) => false,
            Types::WithMac => of.has_mac,
            Types::OnLink => of.below == Lower::Link || of.sent_by.is_some(),
            Types::MadeFromNetns => of.below != Lower::Nothing,
            Types::WithOption => of.options.iter().any(|o| o.key == self.name),
        };
        let without_row: &[&str] = match self.types {
            Types::Only(words) => words,
            Types::WithMac => &["physical", "wireless", "veth"],
            _ => &[],
        };
        let with_row = TYPES.iter().filter(takes).map(|of| of.word);
        without_row.iter().copied().chain(with_row).collect()
    }

    const fn on(self, types: Types) -> Self {
        Var { types, ..self }
    }

    const fn of_option(option: &Opt, types: Types) -> Self {
        link(option.key, option.default, option.doc).on(types)
    }
}

/// All settings. If several types have a key, that of the first type.
pub fn all() -> impl Iterator<Item = Var> {
    NAMESPACE.iter().copied().chain(of_links())
}

/// The setting of the namespace with this name.
pub fn of_namespace(name: &str) -> Option<Var> {
    NAMESPACE.iter().copied().find(|var| var.name == name)
}

/// The setting of links with this key.
pub fn of_link(key: &str) -> Option<Var> {
    of_links().find(|var| var.name == key)
}

fn of_links() -> impl Iterator<Item = Var> {
    let options = TYPES.iter().enumerate().flat_map(|(n, of)| {
        let is_known = move |option: &&Opt| {
            let mut before = TYPES[..n].iter().flat_map(|of| of.options);
            before.any(|other| other.key == option.key)
        };
        of.options.iter().filter(move |option| !is_known(option))
    });
    let options = options.map(|option| Var::of_option(option, Types::WithOption));
    let attributes = ATTRIBUTES.iter().map(|option| {
        let types = match option.form {
            ValueKind::Mac => Types::WithMac,
            _ => Types::All,
        };
        // A link keeps its value if this is not set
        let default = "";
        Var {
            default,
            ..Var::of_option(option, types)
        }
    });
    LINK.iter().copied().chain(attributes).chain(options)
}

const fn netns(name: &'static str, default: &'static str, doc: &'static str) -> Var {
    var(Scope::Namespace, name, default, doc)
}

const fn link(name: &'static str, default: &'static str, doc: &'static str) -> Var {
    var(Scope::Link, name, default, doc)
}

const fn var(of: Scope, name: &'static str, default: &'static str, doc: &'static str) -> Var {
    Var {
        name,
        of,
        types: Types::All,
        default,
        doc,
    }
}

/// The settings of the namespace, in the order of the man page.
#[rustfmt::skip]
pub const NAMESPACE: &[Var] = &[
    netns("netns_links", "", "the links of the namespace, in the order they are made; lo is always there"),
    netns("netns_dns", "", "name servers, written to /etc/netns/NAME/resolv.conf"),
    netns("netns_dns_search", "", "domains in which short names are looked up"),
    netns("netns_dns_options", "", "how name servers are queried: options of resolv.conf(5), such as timeout:2 rotate"),
    netns("netns_etc", "bind", "how /etc/netns/NAME reaches /etc: bind (file by file) or overlay (as a whole)"),
    netns("netns_rules", "", "policy rules, one a line, as ip-rule(8) takes them"),
    netns("netns_sysctl", "", "kernel settings, key=value, one a line, set inside"),
    netns("netns_masquerade", "no", "reach the world through the host: yes, or the links of the host to use"),
    netns("netns_publish", "", "ports of the host that are forwarded inside, such as tcp/8080:80"),
    netns("netns_attach", "", "name a namespace that exists, such as pid:812, instead of making one"),
    netns("netns_ipset", "/etc/netns/NAME/ipset.conf", "sets to load before the first link comes up"),
    netns("netns_iptables", "/etc/netns/NAME/iptables/rules.v4", "IPv4 rules to load before the first link comes up"),
    netns("netns_ip6tables", "/etc/netns/NAME/iptables/rules.v6", "IPv6 rules to load before the first link comes up"),
    netns("netns_nftables", "/etc/netns/NAME/nftables.nft", "nftables rules to load before the first link comes up"),
    netns("netns_ready", "", "what must hold before the namespace counts as ready, such as carrier eth1, ping 192.0.2.1"),
    netns("netns_timeout", "30", "how long to wait for netns_ready, in seconds"),
    netns("netns_watch", "no", "let the OpenRC service repair what other programs change: yes or no"),
    netns("netns_wait", "no", "hold services until a missing link appears: yes, stop (also stop them when it disappears) or no"),
    netns("netns_restart_services", "no", "restart services when the namespace had to be recreated: yes or no"),
    netns("netns_move_my_connection", "no", "allow moving the link that carries your own connection"),
    netns("netns_give_back", "whole", "how NICs go back to the host: whole (as they were taken) or bare (without addresses and routes)"),
    netns("netns_doctor_accept", "", "findings of netns-setup doctor that are intended and not printed, such as forwarding"),
    netns("netns_pre_up", "", "a command run on the host before anything is done"),
    netns("netns_post_up", "", "a command run on the host when the namespace is ready"),
    netns("netns_pre_down", "", "a command run on the host before anything is taken down"),
    netns("netns_post_down", "", "a command run on the host when all is taken down"),
];

/// The settings of links that are not a row of `links`.
#[rustfmt::skip]
const LINK: &[Var] = &[
    link("type", "physical", "what the link is; physical: moved in from the host"),
    link("altname", "", "its other names"),
    link("config", "", "its addresses, such as 192.0.2.10/24 2001:db8::10/64; null: none; auto: those that a router announces"),
    link("metric", "", "the metric of its routes that have none, and of those from DHCP; the lowest is preferred"),
    link("dhcp", "", "what not to take from a lease: nogateway, nodns"),
    link("dhcp_hostname", "", "the host name to send to the DHCP server"),
    link("dhcp_client_id", "", "the client identifier to send to the DHCP server: bytes such as 01:52:54:00:12:34:56, or a word"),
    link("routes", "", "its routes, one a line or between ;, as ip-route(8) takes them"),
    link("master", "", "the bridge, bond or vrf of this namespace that it belongs to"),
    link("port", "", "its options as a port of a bridge: those of ip-link(8)'s bridge_slave"),
    link("vlans", "", "the VLANs that a port of a bridge, or the bridge itself, is in"),
    link("post_up", "", "a command run on the host whenever the link was made or moved in"),
    link("post_down", "", "a command run on the host whenever the NIC has been given back").on(Types::Only(&["physical", "wireless"])),
    link("peer", "NAME-IF", "the name of a veth's other end; derived from NAME-IF if that is too long").on(Types::Only(&["veth"])),
    link("peer_netns", "", "the namespace of the other end; not set: the host").on(Types::Only(&["veth"])),
    link("peer_config", "", "the addresses of the other end").on(Types::Only(&["veth"])),
    link("peer_master", "", "the bridge that the other end belongs to, in its namespace").on(Types::Only(&["veth"])),
    link("bridge", "", "the ports of a bridge, links of this namespace").on(Types::Only(&["bridge"])),
    link("link", "", "its parent link; for a tunnel, the link through which it sends").on(Types::OnLink),
    link("link_netns", "", "the namespace of that link, which carries a tunnel's own packets; not set: the host, or this one if it lists that NIC").on(Types::MadeFromNetns),
    link("home", "", "host: it is on the host, and created from this namespace; not set: it is inside").on(Types::MadeFromNetns),
    link("match", "", "how to find a NIC, whatever its name is: mac ADDRESS or bus PATH").on(Types::Only(&["physical", "wireless"])),
    link("rules", "", "policy rules, one a line, as ip-rule(8) takes them"),
    link("slaves", "", "the slaves of a bond, links of this namespace").on(Types::Only(&["bond"])),
    link("wireguard", "", "a file of wg(8) or wg-quick(8), with [Interface] and [Peer]").on(Types::Only(&["wireguard"])),
];
