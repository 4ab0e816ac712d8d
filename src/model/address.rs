//! An address of a link, as ip-address(8) writes it. Its text form is the one of the
//! settings, of the commands and of the journal. No I/O.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// An address with the length of its network's prefix. The bits behind the prefix
/// stand: `192.0.2.10/24` is not `192.0.2.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub IpNet);

impl Address {
    /// The kernel makes it again when its link is back: a loopback or a link-local
    /// address.
    pub fn is_kernels(&self) -> bool {
        match self.ip() {
            IpAddr::V4(ip) => ip.is_loopback(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
        }
    }

    /// The address without its prefix.
    pub fn ip(&self) -> IpAddr {
        self.0.addr()
    }
}

impl FromStr for Address {
    /// What is wrong with it, to stand after the setting's text.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<IpNet>() {
            Ok(net) => Ok(Address(net)),
            Err(_) if text.parse::<IpAddr>().is_ok() => Err("has no prefix length".into()),
            Err(_) => Err("is not an address".into()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
