//! The table of settings: every name that conf.d/netns.NAME may set, as the design
//! gives them. The man page, conf.d/netns and the reader are held against this table.
//! What a setting's value means is none of its business.

/// A setting: of the whole namespace, or a key of each link.
#[derive(Debug)]
pub struct Var {
    /// `netns_dns`; of a link's setting the key alone: `config` of `config_eth1`.
    pub name: &'static str,
    /// Whose it is.
    pub of: Scope,
    /// The types of link that take it, in `type_IF`'s words; empty: all of them.
    pub types: &'static [&'static str],
    /// What holds when it is not set, as one would write it; empty: nothing.
    pub default: &'static str,
    /// What it says, in one line.
    pub doc: &'static str,
}

/// What a setting belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The namespace as a whole.
    Namespace,
    /// One link; the setting's name is the key, `_`, and the link's suffix.
    Link,
}

/// The words of `type_IF`.
pub const TYPES: [&str; 17] = [
    "physical",
    "wireless",
    "veth",
    "bridge",
    "dummy",
    "vlan",
    "macvlan",
    "ipvlan",
    "vxlan",
    "bond",
    "vrf",
    "gre",
    "ipip",
    "sit",
    "wireguard",
    "tap",
    "tun",
];

impl Var {
    /// The setting's name as documents write it: `netns_dns`, `config_IF`.
    pub fn pattern(&self) -> String {
        match self.of {
            Scope::Namespace => self.name.into(),
            Scope::Link => format!("{}_IF", self.name),
        }
    }
}

/// The setting `name` of the namespace.
pub fn of_namespace(name: &str) -> Option<&'static Var> {
    let mut all = ALL.iter().filter(|var| var.of == Scope::Namespace);
    all.find(|var| var.name == name)
}

/// The setting of links with this key.
pub fn of_link(key: &str) -> Option<&'static Var> {
    let mut all = ALL.iter().filter(|var| var.of == Scope::Link);
    all.find(|var| var.name == key)
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
        types: &[],
        default,
        doc,
    }
}

impl Var {
    /// Of links of these types alone.
    const fn on(mut self, types: &'static [&'static str]) -> Self {
        self.types = types;
        self
    }
}

/// Every setting, in the order of the manual.
#[rustfmt::skip]
pub const ALL: &[Var] = &[
    netns("netns_links", "", "the links of the namespace, in the order they are made; lo is always there"),
    netns("netns_dns", "", "name servers, written to /etc/netns/NAME/resolv.conf"),
    netns("netns_dns_search", "", "domains in which short names are looked up"),
    netns("netns_etc", "bind", "how /etc/netns/NAME reaches /etc: bind (file by file) or overlay (as a whole)"),
    netns("netns_rules", "", "policy rules, one a line, as ip-rule(8) takes them"),
    netns("netns_sysctl", "", "kernel settings, key=value, one a line, set inside"),
    netns("netns_masquerade", "no", "reach the world through the host: yes, or the links of the host to do so over"),
    netns("netns_publish", "", "ports of the host that lead inside, such as tcp/8080:80"),
    netns("netns_attach", "", "name a namespace that exists, such as pid:812, instead of making one"),
    netns("netns_ipset", "/etc/netns/NAME/ipset.conf", "sets to load before the first link comes up"),
    netns("netns_iptables", "/etc/netns/NAME/iptables/rules.v4", "IPv4 rules to load before the first link comes up"),
    netns("netns_ip6tables", "/etc/netns/NAME/iptables/rules.v6", "IPv6 rules to load before the first link comes up"),
    netns("netns_nftables", "/etc/netns/NAME/nftables.nft", "nftables rules to load before the first link comes up"),
    netns("netns_ready", "", "what must hold before the namespace counts as ready, such as carrier eth1, ping 192.0.2.1"),
    netns("netns_timeout", "30", "how long that is waited for, in seconds"),
    netns("netns_watch", "no", "keep it so, by OpenRC's service: yes or no"),
    netns("netns_wait", "no", "hold services until what is missing appears: yes, stop (also when it goes) or no"),
    netns("netns_restart_services", "no", "restart services when the namespace had to be made anew: yes or no"),
    netns("netns_move_my_connection", "no", "allow moving the link that carries your own connection"),
    netns("netns_give_back", "whole", "how cards go back to the host: whole (as they were taken) or bare (without addresses and routes)"),
    netns("netns_pre_up", "", "a command run on the host before anything is done"),
    netns("netns_post_up", "", "a command run on the host when the namespace is ready"),
    netns("netns_pre_down", "", "a command run on the host before anything is taken down"),
    netns("netns_post_down", "", "a command run on the host when all is taken down"),

    link("type", "physical", "what the link is; physical: moved in from the host"),
    link("altname", "", "its other names"),
    link("config", "", "its addresses, such as 192.0.2.10/24 2001:db8::10/64; null: none; auto: a router's"),
    link("metric", "", "the metric of its routes that say none, and of those that DHCP gives it; the lower, the better"),
    link("dhcp", "", "what is not taken of a lease: nogateway, nodns"),
    link("dhcp_hostname", "", "the name that a DHCP server is told"),
    link("dhcp_client_id", "", "what a DHCP server knows the client by: bytes such as 01:52:54:00:12:34:56, or a word"),
    link("routes", "", "its routes, one a line or between ;, as ip-route(8) takes them"),
    link("mtu", "", "its MTU in bytes; a veth's other end gets the same"),
    link("mac", "", "its hardware address; stable: one derived from machine, namespace and link").on(&["physical", "wireless", "veth", "bridge", "dummy", "vlan", "macvlan", "vxlan", "bond", "vrf", "tap"]),
    link("master", "", "the bridge, bond or vrf of this namespace that it belongs to"),
    link("port", "", "what it is as a port of its bridge: options of ip-link(8)'s bridge_slave"),
    link("vlans", "", "the VLANs that a port of a bridge, or the bridge itself, is in"),
    link("post_up", "", "a command run on the host whenever the link was made or moved in"),
    link("post_down", "", "a command run on the host whenever the card has gone back to it").on(&["physical", "wireless"]),
    link("peer", "NAME-IF", "the name of a veth's other end; a made-up one where NAME-IF is too long").on(&["veth"]),
    link("peer_netns", "", "the namespace of the other end; not set: the host").on(&["veth"]),
    link("peer_config", "", "the addresses of the other end").on(&["veth"]),
    link("peer_master", "", "the bridge that the other end belongs to, in its namespace").on(&["veth"]),
    link("bridge", "", "the ports of a bridge, links of this namespace").on(&["bridge"]),
    link("link", "", "the link it lies on; of a tunnel, the one it sends by").on(&["vlan", "macvlan", "ipvlan", "vxlan", "gre", "ipip", "sit"]),
    link("link_netns", "", "the namespace of that link, where a tunnel's own packets go; not set: the host, or this one if it lists that card").on(&["vlan", "macvlan", "ipvlan", "vxlan", "gre", "ipip", "sit", "wireguard"]),
    link("home", "", "host: it is the host's, and made from this namespace; not set: it is inside").on(&["vlan", "macvlan", "ipvlan", "vxlan", "gre", "ipip", "sit", "wireguard"]),
    link("mode", "bridge", "the mode of a macvlan (private, vepa, bridge, passthru), an ipvlan (l2, l3, l3s) or a bond").on(&["macvlan", "ipvlan", "bond"]),
    link("match", "", "how to find a card, whatever it is called: mac ADDRESS or its bus path").on(&["physical", "wireless"]),
    link("rules", "", "policy rules, one a line, as ip-rule(8) takes them"),
    link("vlan_id", "", "the VLAN's number").on(&["vlan"]),
    link("vlan_protocol", "802.1Q", "the VLAN's protocol").on(&["vlan"]),
    link("vxlan_id", "", "the VXLAN's number").on(&["vxlan"]),
    link("vxlan_port", "4789", "the VXLAN's UDP port").on(&["vxlan"]),
    link("vxlan_remote", "", "the other end's address").on(&["vxlan"]),
    link("vxlan_local", "", "this end's address").on(&["vxlan"]),
    link("vxlan_group", "", "the multicast group").on(&["vxlan"]),
    link("slaves", "", "the slaves of a bond, links of this namespace").on(&["bond"]),
    link("miimon", "", "how often a bond looks at its links, in milliseconds").on(&["bond"]),
    link("table", "", "the routing table of a VRF").on(&["vrf"]),
    link("local", "", "this end's address of a tunnel").on(&["gre", "ipip", "sit"]),
    link("remote", "", "the other end's address of a tunnel").on(&["gre", "ipip", "sit"]),
    link("ttl", "", "the TTL of a tunnel's packets; that of what they carry where none is said").on(&["gre", "ipip", "sit"]),
    link("key", "", "the key of a GRE tunnel, a number").on(&["gre"]),
    link("stp", "off", "whether a bridge speaks the spanning tree protocol").on(&["bridge"]),
    link("forward_delay", "", "a bridge's forward delay, in hundredths of a second").on(&["bridge"]),
    link("vlan_filtering", "off", "whether a bridge heeds VLAN tags").on(&["bridge"]),
    link("owner", "", "the user who may open the link, by name or number").on(&["tap", "tun"]),
    link("group", "", "the group that may open the link, by name or number").on(&["tap", "tun"]),
    link("multi_queue", "off", "whether the link may be opened several times at once, a queue each").on(&["tap", "tun"]),
    link("wireguard", "", "a file as wg(8) writes it, with [Interface] and [Peer]").on(&["wireguard"]),
];
