//! An address of a link, in the syntax of ip-address(8). Settings, commands and the journal use the
//! same text form: `text.parse()` and `to_string()` are inverse to each other. No I/O.

mod attributes;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use ipnet::IpNet;

pub use attributes::{Label, Lifetime};

/// RT_SCOPE_HOST, linux/rtnetlink.h.
const HOST: u8 = 254;
const SCOPES: [(&str, u8); 4] = [("global", 0), ("site", 200), ("link", 253), ("host", HOST)];

/// An address with its prefix length and attributes. Comparisons only consider the address, the
/// prefix and the peer, because the kernel accepts no second address that differs only in the rest.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    /// The address and prefix length. The host bits are kept: `192.0.2.10/24` is not
    /// `192.0.2.0/24`.
    pub net: IpNet,
    /// The peer address. If there is one, the prefix belongs to it.
    pub peer: Option<IpAddr>,
    /// The broadcast address. None unless it is set, as in ip-address(8).
    pub broadcast: Option<Ipv4Addr>,
    /// The scope, RT_SCOPE_* (IPv4). `None` means `global`, or `host` for 127.0.0.0/8.
    pub scope: Option<u8>,
    /// The kernel creates no route to the network of the address.
    pub noprefixroute: bool,
    /// No duplicate address detection (IPv6).
    pub nodad: bool,
    /// The label of the address (IPv4), such as `eth1:0`. This field and the following ones are
    /// only set for addresses read from the kernel or the journal.
    pub label: Option<Label>,
    /// The metric of the route to its network. `None` means 0 for IPv4 and 256 for IPv6.
    pub metric: Option<u32>,
    /// The lifetime. `None` means forever.
    pub lifetime: Option<Lifetime>,
    /// The origin of the address, IFAPROT_*. `None` if it is not known.
    pub proto: Option<u8>,
    /// It is the home address of a mobile node (IPv6).
    pub home: bool,
    /// The kernel derives temporary addresses from it (IPv6).
    pub mngtmpaddr: bool,
}

impl Address {
    /// The address without its prefix length.
    pub fn ip(&self) -> IpAddr {
        self.net.addr()
    }

    /// The network of the address, or of its peer if it has one.
    pub fn network(&self) -> IpNet {
        let peer = self
            .peer
            .and_then(|peer| IpNet::new(peer, self.net.prefix_len()).ok());
        peer.unwrap_or(self.net).trunc()
    }

    /// The scope, or the kernel's default if it is not set.
    pub fn scope(&self) -> u8 {
        self.scope.unwrap_or(self.unsaid_scope())
    }

    /// The scope that the kernel uses for this address if none is set.
    pub fn unsaid_scope(&self) -> u8 {
        match self.ip() {
            IpAddr::V4(ip) if ip.is_loopback() => HOST,
            _ => 0,
        }
    }

    /// Whether an existing address (`there`) has to be recreated to match this one. If this one
    /// lacks an attribute, the attribute only matters if netns-setup itself has set it, as in
    /// `made`.
    pub fn differs(&self, there: &Address, made: Option<&Address>) -> bool {
        let made = made.copied().unwrap_or(*self);
        fn one<T: PartialEq>(want: Option<T>, there: Option<T>, made: Option<T>) -> bool {
            want != there && (want.is_some() || made.is_some() && made == there)
        }
        let yes = |is: bool| is.then_some(());
        one(self.broadcast, there.broadcast, made.broadcast)
            || one(self.scope, there.scope, made.scope)
            || one(
                yes(self.noprefixroute),
                yes(there.noprefixroute),
                yes(made.noprefixroute),
            )
    }

    /// Whether the kernel recreates the address when its link is back: a loopback or link-local
    /// address.
    pub fn is_kernels(&self) -> bool {
        match self.ip() {
            IpAddr::V4(ip) => ip.is_loopback(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
        }
    }
}

impl From<IpNet> for Address {
    fn from(net: IpNet) -> Self {
        Address {
            net,
            peer: None,
            broadcast: None,
            scope: None,
            noprefixroute: false,
            nodad: false,
            label: None,
            metric: None,
            lifetime: None,
            proto: None,
            home: false,
            mngtmpaddr: false,
        }
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        (self.net, self.peer) == (other.net, other.peer)
    }
}

impl Eq for Address {}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.net, self.peer).cmp(&(other.net, other.peer))
    }
}

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.net, self.peer).hash(state);
    }
}

impl FromStr for Address {
    /// The problem, to be printed after the setting's text.
    type Err = String;

    // "192.0.2.10/24", "192.0.2.10 peer 192.0.2.1/32", "192.0.2.10/24 brd 192.0.2.255"
    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split(' ');
        let first = words.next().unwrap_or_default();
        let (mut peer, mut brd, mut scope) = (None, None, None);
        let (mut noprefixroute, mut nodad) = (false, false);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("has nothing after {word}"));
            let twice = match word {
                "peer" => peer.replace(value()?).is_some(),
                "brd" | "broadcast" => brd.replace(value()?).is_some(),
                "scope" => scope.replace(value()?).is_some(),
                "noprefixroute" => std::mem::replace(&mut noprefixroute, true),
                "nodad" => std::mem::replace(&mut nodad, true),
                word => return Err(format!("has {word:?} in it")),
            };
            if twice {
                return Err(format!("has {word} twice"));
            }
        }
        let mut address = with_peer(first, peer)?;
        address.broadcast = brd.map(|brd| broadcast(brd, &address)).transpose()?;
        let scope = scope.map(scope_of).transpose()?;
        address.scope = scope.filter(|scope| *scope != address.unsaid_scope());
        (address.noprefixroute, address.nodad) = (noprefixroute, nodad);
        Ok(address)
    }
}

/// Parse an address and its peer. The prefix length is written after the peer. After the address it
/// may be repeated.
fn with_peer(text: &str, peer: Option<&str>) -> Result<Address, String> {
    let Some(peer) = peer else {
        return Ok(net(text)?.into());
    };
    let whole = |ip: IpAddr| IpNet::from(ip);
    let peer = peer.parse().map(whole).or_else(|_| net(peer))?;
    let local = text.parse().map(whole).or_else(|_| net(text))?;
    let (length, full) = (local.prefix_len(), local.max_prefix_len());
    if length != full && length != peer.prefix_len() {
        return Err("has a prefix, which is that of its peer".into());
    }
    if local.addr().is_ipv4() != peer.addr().is_ipv4() {
        return Err("has a peer of the other family".into());
    }
    let local = IpNet::new(local.addr(), peer.prefix_len()).map_err(|e| e.to_string())?;
    Ok(Address {
        peer: Some(peer.addr()).filter(|peer| *peer != local.addr()),
        ..local.into()
    })
}

/// A broadcast address, or `+` for the last address of the network.
fn broadcast(text: &str, address: &Address) -> Result<Ipv4Addr, String> {
    match (text, address.network()) {
        ("+", IpNet::V4(net)) if net.prefix_len() < 31 => Ok(net.broadcast()),
        ("+", _) => Err("is in a network without broadcast address".into()),
        _ => text.parse().map_err(|_| "has no address after brd".into()),
    }
}

fn scope_of(text: &str) -> Result<u8, String> {
    let named = SCOPES.iter().find(|(name, _)| *name == text);
    let number = || {
        text.parse()
            .ok()
            .filter(|_| text == "0" || !text.starts_with('0'))
    };
    let scope = named.map(|(_, scope)| *scope).or_else(number);
    scope.ok_or_else(|| format!("has scope {text}, which is none of host, link, site and global"))
}

fn net(text: &str) -> Result<IpNet, String> {
    match text.parse::<IpNet>() {
        Ok(net) => Ok(net),
        Err(_) if text.parse::<IpAddr>().is_ok() => Err("has no prefix length".into()),
        Err(_) => Err("is not an address".into()),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            Some(peer) => {
                write!(f, "{} peer {peer}/{}", self.ip(), self.net.prefix_len())?;
            }
            None => write!(f, "{}", self.net)?,
        }
        if let Some(broadcast) = self.broadcast {
            write!(f, " brd {broadcast}")?;
        }
        if let Some(scope) = self.scope {
            match SCOPES.iter().find(|(_, number)| *number == scope) {
                Some((name, _)) => write!(f, " scope {name}")?,
                None => write!(f, " scope {scope}")?,
            }
        }
        if self.noprefixroute {
            f.write_str(" noprefixroute")?;
        }
        if self.nodad {
            f.write_str(" nodad")?;
        }
        self.write_attributes(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_text_is_ips_and_comes_back() {
        for text in [
            "192.0.2.10/24",
            "2001:db8::1/64 noprefixroute nodad",
            "192.0.2.10 peer 192.0.2.1/32",
            "192.0.2.10/24 brd 192.0.2.255 noprefixroute",
            "192.0.2.10/32 scope link",
            "192.0.2.10 peer 192.0.2.1/30 brd 192.0.2.3 scope 7",
            "127.0.0.1/8 scope global",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        let same = |one: &str, two: &str| {
            let [one, two] = [one, two].map(|text| text.parse::<Address>().unwrap());
            assert_eq!(one.to_string(), two.to_string());
        };
        same("192.0.2.10/24 brd +", "192.0.2.10/24 brd 192.0.2.255");
        same(
            "192.0.2.10 scope host peer 192.0.2.1",
            "192.0.2.10/32 peer 192.0.2.1/32 scope host",
        );
        same(
            "192.0.2.10/32 brd 192.0.2.9 scope global",
            "192.0.2.10/32 brd 192.0.2.9",
        );
        for bad in [
            "",
            "192.0.2.10/31 brd +",
            "2001:db8::1/64 brd +",
            "192.0.2.10/24 peer 192.0.2.1/32",
            "192.0.2.10 peer 2001:db8::1/64",
            "192.0.2.10/24 scope far",
            "192.0.2.10/24 brd + brd +",
            "192.0.2.10/24 peer",
            "192.0.2.10",
            "192.0.2.10/33",
            "192.0.2.10/24 brd",
            "192.0.2.10/24 up",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
