//! An address of a link, as ip-address(8) writes it. Its text form is the one of the
//! settings, of the commands and of the journal: `text.parse()` and `to_string()` are
//! each other's inverse. No I/O.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// An address with the length of its network's prefix, and what was given with it.
/// Comparing looks at the address, its prefix and its peer alone: the kernel keeps no
/// second one that differs in the rest.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    /// The bits behind the prefix stand: `192.0.2.10/24` is not `192.0.2.0/24`.
    pub net: IpNet,
    /// The address at the other end, whose network the prefix then is.
    pub peer: Option<IpAddr>,
    /// Where packets for all go to; none unless asked for, as in ip-address(8).
    pub broadcast: Option<Ipv4Addr>,
    /// The kernel makes no route to its network.
    pub noprefixroute: bool,
    /// The network is not asked whether another host has it (IPv6).
    pub nodad: bool,
}

impl Address {
    /// The address without its prefix.
    pub fn ip(&self) -> IpAddr {
        self.net.addr()
    }

    /// The kernel makes it again when its link is back: a loopback or a link-local
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
            noprefixroute: false,
            nodad: false,
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
    /// What is wrong with it, to stand after the setting's text.
    type Err = String;

    // "192.0.2.10/24", "192.0.2.10 peer 192.0.2.1/32", "192.0.2.10/24 brd 192.0.2.255"
    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split(' ');
        let first = words.next().unwrap_or_default();
        let mut rest = words.clone();
        let mut address = match (rest.next(), rest.next()) {
            (Some("peer"), Some(peer)) => {
                words = rest;
                let ip: IpAddr = first.parse().map_err(|_| "is not an address")?;
                let peer = net(peer)?;
                let local = IpNet::new(ip, peer.prefix_len()).map_err(|e| e.to_string())?;
                Address {
                    peer: Some(peer.addr()),
                    ..local.into()
                }
            }
            _ => net(first)?.into(),
        };
        while let Some(word) = words.next() {
            match word {
                "brd" => {
                    let broadcast = words.next().unwrap_or_default();
                    let broadcast = broadcast.parse().map_err(|_| "has no address after brd")?;
                    address.broadcast = Some(broadcast);
                }
                "noprefixroute" => address.noprefixroute = true,
                "nodad" => address.nodad = true,
                word => return Err(format!("has {word:?} in it")),
            }
        }
        Ok(address)
    }
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
        if self.noprefixroute {
            f.write_str(" noprefixroute")?;
        }
        if self.nodad {
            f.write_str(" nodad")?;
        }
        Ok(())
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
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        for bad in [
            "",
            "192.0.2.10",
            "192.0.2.10/33",
            "192.0.2.10/24 brd",
            "192.0.2.10/24 up",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
