//! A sysctl of a namespace: a key below `/proc/sys/net` and its value, in the syntax of sysctl(8).
//! `text.parse()` and `to_string()` of a key are inverse to each other. No I/O.

mod promote_secondaries;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::{Netns, TextError};

/// A key of a namespace, and its value.
///
/// Comparisons ignore `optional`.
#[derive(Clone, Debug)]
pub struct Sysctl {
    /// The namespace that it is in.
    pub netns: Netns,
    /// The key.
    pub key: SysctlKey,
    /// The value. Its parts are separated by one blank, although the kernel prints tabs.
    pub value: String,
    /// A missing key is no error (`-KEY=VALUE`).
    pub optional: bool,
}

/// A key below `/proc/sys/net`. `net.ipv4.conf.all.forwarding` is another name of
/// `net.ipv4.ip_forward`, and is read as that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SysctlKey(Cow<'static, str>);

/// The sysctls that are set to 0 in a namespace that this program creates, whatever they are on the
/// host. A new namespace inherits IPv4's `all` and `default` from the first namespace
/// (devconf_inherit_init_net), so every namespace on a router would forward. These are the kernel's
/// own defaults. Where the host is stricter than the kernel (rp_filter, accept_redirects, …), the
/// namespace stays as strict.
const CLOSED: [&str; 23] = [
    Sysctl::FORWARD,
    "net/ipv6/conf/all/forwarding",
    "net/ipv4/conf/all/accept_local",
    "net/ipv4/conf/all/accept_source_route",
    "net/ipv4/conf/all/arp_accept",
    "net/ipv4/conf/all/bc_forwarding",
    "net/ipv4/conf/all/bootp_relay",
    "net/ipv4/conf/all/proxy_arp",
    "net/ipv4/conf/all/proxy_arp_pvlan",
    "net/ipv4/conf/all/route_localnet",
    "net/ipv4/conf/default/accept_local",
    "net/ipv4/conf/default/arp_accept",
    "net/ipv4/conf/default/bc_forwarding",
    "net/ipv4/conf/default/bootp_relay",
    "net/ipv4/conf/default/forwarding",
    "net/ipv4/conf/default/proxy_arp",
    "net/ipv4/conf/default/proxy_arp_pvlan",
    "net/ipv4/conf/default/route_localnet",
    "net/ipv6/conf/all/accept_source_route",
    "net/ipv6/conf/all/proxy_ndp",
    "net/ipv6/conf/default/accept_source_route",
    "net/ipv6/conf/default/forwarding",
    "net/ipv6/conf/default/proxy_ndp",
];

impl Sysctl {
    /// The path of IPv4's ip_forward.
    pub const FORWARD: &str = "net/ipv4/ip_forward";

    /// A sysctl that must exist.
    pub fn new(at: Netns, key: SysctlKey, value: &str) -> Self {
        let mut words = value.split_ascii_whitespace();
        let mut value = String::from(words.next().unwrap_or_default());
        for word in words {
            value.push(' ');
            value.push_str(word);
        }
        Sysctl {
            netns: at,
            key,
            value,
            optional: false,
        }
    }

    /// `accept_redirects` of all links. The kernel enables it when ip_forward is disabled, even if
    /// a strict host has disabled it.
    pub fn accept_redirects() -> SysctlKey {
        SysctlKey("net/ipv4/conf/all/accept_redirects".into())
    }

    /// The keys to query in a new namespace.
    pub fn of_a_new_one() -> impl Iterator<Item = SysctlKey> {
        CLOSED
            .iter()
            .map(|path| SysctlKey(Cow::Borrowed(path)))
            .chain([Sysctl::accept_redirects()])
    }

    /// The initial sysctls of a namespace that this program creates. They are in an order in which
    /// no later one changes an earlier one.
    pub fn closed() -> impl Iterator<Item = Sysctl> {
        CLOSED
            .iter()
            .map(|path| Sysctl::new(Netns::This, SysctlKey(Cow::Borrowed(path)), "0"))
    }
}

impl PartialEq for Sysctl {
    fn eq(&self, other: &Self) -> bool {
        (&self.netns, &self.key, &self.value) == (&other.netns, &other.key, &other.value)
    }
}

impl Eq for Sysctl {}

impl SysctlKey {
    /// The path below `/proc/sys/`.
    pub fn path(&self) -> &str {
        &self.0
    }

    /// Whether it is a key of IPv6.
    pub fn is_ipv6(&self) -> bool {
        self.0.starts_with("net/ipv6/")
    }

    /// The directory below `/proc/sys/` with all keys of the same family or kind, and the rest of
    /// the path.
    pub fn family(&self) -> (&str, &str) {
        let mut ends = self.0.match_indices('/').map(|(at, _)| at);
        // `net/KEY` has no such directory
        let first = ends.next().unwrap_or_default();
        let at = ends.next().unwrap_or(first);
        (&self.0[..at], &self.0[(at + 1).min(self.0.len())..])
    }

    /// The key that must not be 0 for this key to matter in a new namespace. The first two keys of
    /// `all` only affect a link if the link's own key is set as well, and that starts with the
    /// value returned here. The last key only changes if ip_forward has to be disabled.
    pub fn matters_with(&self) -> Option<&'static str> {
        match self.path() {
            "net/ipv4/conf/all/bootp_relay" => Some("net/ipv4/conf/default/bootp_relay"),
            "net/ipv6/conf/all/accept_source_route" => {
                Some("net/ipv6/conf/default/accept_source_route")
            }
            path if path == Sysctl::accept_redirects().path() => Some(Sysctl::FORWARD),
            _ => None,
        }
    }

    /// The link of the key. `None` for `all` and `default`.
    pub fn link(&self) -> Option<&str> {
        let link = self.of_link()?.1;
        Some(link).filter(|link| !matches!(*link, "all" | "default"))
    }

    /// For a key of a link, the key with the initial value of new links.
    pub fn of_new_links(&self) -> Option<SysctlKey> {
        let (before, _, last) = self.of_link()?;
        self.link()?;
        Some(SysctlKey(format!("{before}/default/{last}").into()))
    }

    /// For a key that enables forwarding on a link, the key that enables it on all links of the
    /// host.
    pub fn of_all(&self) -> Option<SysctlKey> {
        let (before, _, last) = self.of_link()?;
        self.link()?;
        match (before, last) {
            ("net/ipv4/conf", "forwarding") => Some(SysctlKey(Sysctl::FORWARD.into())),
            (_, "forwarding" | "force_forwarding") => {
                Some(SysctlKey(format!("{before}/all/{last}").into()))
            }
            _ => None,
        }
    }

    /// Whether the kernel also changes the other key when this key is written (inet_forward_change
    /// and addrconf_fixup_forwarding in the kernel's net/).
    pub fn sets(&self, other: &SysctlKey) -> bool {
        let family = match self.path() {
            Sysctl::FORWARD => "net/ipv4/conf/",
            "net/ipv6/conf/all/forwarding" | "net/ipv6/conf/all/disable_ipv6" => "net/ipv6/conf/",
            _ => return false,
        };
        let last = |path: &str| path.rsplit('/').next().map(str::to_string);
        let same = match self.path() {
            Sysctl::FORWARD => Some("forwarding".into()),
            path => last(path),
        };
        let redirects =
            self.path() == Sysctl::FORWARD && other.path() == "net/ipv4/conf/all/accept_redirects";
        redirects || self != other && other.path().starts_with(family) && last(other.path()) == same
    }

    /// The order of writing, as the kernel requires it: first the keys that change others, then
    /// those that all links share, then those of new links, and last those of a link.
    pub fn rank(&self) -> u8 {
        match (self.path(), self.of_link()) {
            (Sysctl::FORWARD, _) => 0,
            ("net/ipv6/conf/all/forwarding" | "net/ipv6/conf/all/disable_ipv6", _) => 0,
            (_, None) => 1,
            (_, Some((_, "all", _))) => 2,
            (_, Some((_, "default", _))) => 3,
            _ => 4,
        }
    }

    /// `net/ipv4/conf`, the link, and the rest of the path.
    fn of_link(&self) -> Option<(&str, &str, &str)> {
        let parts: Vec<&str> = self.0.splitn(4, '/').collect();
        let ["net", "ipv4" | "ipv6", "conf" | "neigh", rest] = parts[..] else {
            return None;
        };
        let (link, last) = rest.split_once('/')?;
        let before = &self.0[..self.0.len() - rest.len() - 1];
        Some((before, link, last))
    }
}

impl SysctlKey {
    /// Whether all namespaces see the key, but only the host can set it
    /// (nf_conntrack_standalone.c).
    pub fn is_of_the_host(&self) -> bool {
        let names = [
            "nf_conntrack_max",
            "nf_conntrack_buckets",
            "nf_conntrack_expect_max",
        ];
        let name = self.path().strip_prefix("net/netfilter/");
        name.is_some_and(|name| names.contains(&name))
    }

    /// Whether the key belongs to connection tracking. The kernel loads that module when a firewall
    /// first needs it.
    pub fn is_of_conntrack(&self) -> bool {
        self.path().starts_with("net/netfilter/nf_conntrack_")
    }
}

impl FromStr for SysctlKey {
    type Err = TextError;

    // The first of . and / is the separator. The other one stands for it within a part.
    fn from_str(text: &str) -> Result<Self, TextError> {
        let dotted = text
            .find(['.', '/'])
            .is_some_and(|at| text[at..].starts_with('.'));
        let turn = |c: char| match c {
            '.' if dotted => '/',
            '/' if dotted => '.',
            c => c,
        };
        let path: String = text.chars().map(turn).collect();
        let parts: Vec<&str> = path.split('/').collect();
        let part = |part: &&str| {
            let strange = |c: char| c.is_control() || c.is_whitespace() || "*?[]{}\\".contains(c);
            !matches!(*part, "" | "." | "..") && !part.contains(strange)
        };
        if parts.len() < 2 || !parts.iter().all(part) {
            return Err(TextError {
                wrong: "is not the key of a sysctl".into(),
                remedy: "expected KEY=VALUE, such as net.ipv4.ip_forward=1, one a line".into(),
            });
        }
        if parts[0] != "net" {
            return Err(TextError {
                wrong: "is not a sysctl of a namespace: only those under net. are, all others \
                        are the host's own"
                    .into(),
                remedy: "write it into /etc/sysctl.conf, for the host and all namespaces".into(),
            });
        }
        let of_links = matches!(parts[1..], ["ipv4" | "ipv6", "conf" | "neigh", ..]);
        if of_links && parts.len() != 5 {
            let link = parts.get(3..parts.len() - 1).unwrap_or_default().join(".");
            let link = if link.is_empty() { "all".into() } else { link };
            let (before, last) = (parts[..3].join("/"), parts[parts.len() - 1]);
            return Err(TextError {
                wrong: "is not the key of a link's sysctl".into(),
                remedy: format!(
                    "where a link's name has a dot in it, write the key with slashes: \
                     {before}/{link}/{last}"
                ),
            });
        }
        Ok(SysctlKey(match path.as_str() {
            "net/ipv4/conf/all/forwarding" => Sysctl::FORWARD.into(),
            _ => path.into(),
        }))
    }
}

/// As in sysctl(8): with dots, unless a part contains one.
impl fmt::Display for SysctlKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.contains('.') {
            true => f.write_str(&self.0),
            false => f.write_str(&self.0.replace('/', ".")),
        }
    }
}

/// The argument of `sysctl -w`.
impl fmt::Display for Sysctl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> SysctlKey {
        text.parse().unwrap()
    }

    #[test]
    fn its_text_is_sysctls_and_comes_back() {
        for (text, path) in [
            ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
            (
                "net/ipv4/conf/eth0.5/forwarding",
                "net/ipv4/conf/eth0.5/forwarding",
            ),
            (
                "net.ipv4.conf.eth0/5.forwarding",
                "net/ipv4/conf/eth0.5/forwarding",
            ),
            ("net/ipv4/conf/all/forwarding", "net/ipv4/ip_forward"),
            (
                "net.ipv6.conf.all.forwarding",
                "net/ipv6/conf/all/forwarding",
            ),
        ] {
            assert_eq!(key(text).path(), path);
            assert_eq!(key(&key(text).to_string()), key(text));
        }
        for bad in [
            "",
            "net",
            "net.",
            "kernel.hostname",
            "/net/ipv4/ip_forward",
            "net/../kernel/panic",
            "net.ipv4.conf.*.rp_filter",
            "net.ipv4.conf.eth0.5.forwarding",
            "net.ipv4.conf.all",
        ] {
            assert!(bad.parse::<SysctlKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_sets_others_comes_before_them() {
        let all: Vec<SysctlKey> = Sysctl::closed().map(|sysctl| sysctl.key).collect();
        for (n, one) in all.iter().enumerate() {
            assert!(!all[..n].iter().any(|before| one.sets(before)), "{one}");
        }
        assert!(key("net.ipv4.ip_forward").sets(&key("net.ipv4.conf.eth1.forwarding")));
        assert!(key("net.ipv4.ip_forward").sets(&key("net.ipv4.conf.all.accept_redirects")));
        assert!(!key("net.ipv4.ip_forward").sets(&key("net.ipv6.conf.eth1.forwarding")));
        assert_eq!(key("net.somaxconn").family(), ("net", "somaxconn"));
        assert_eq!(
            key("net.ipv6.conf.all.mtu").family(),
            ("net/ipv6", "conf/all/mtu")
        );
        assert_eq!(key("net/ipv6/conf/e.1/mtu").link(), Some("e.1"));
        assert_eq!(key("net.ipv6.conf.all.mtu").link(), None);
    }
}
