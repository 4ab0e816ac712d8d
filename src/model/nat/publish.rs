//! A forwarded port of the host, as in `netns_publish` and the journal. No I/O.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use ipnet::IpNet;

use super::IpVersion;

/// A forwarded port of the host, or a range of them. The text form is that of `netns_publish`:
/// `udp/53`, `tcp/192.0.2.7:8080:80` or `tcp/80 from 192.0.2.0/24`. It does not include the
/// destination addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Publish {
    /// The protocol.
    pub proto: Proto,
    /// The address of the host. `None` means all of its addresses.
    pub host: Option<IpAddr>,
    /// The port of the host, or the first of a range.
    pub port: u16,
    /// The last port of the range. Equal to `port` for a single port.
    pub last: u16,
    /// The port inside. In a range, each port leads to the same port inside.
    pub inside: u16,
    /// The network from which packets are accepted. `None` means any.
    pub from: Option<IpNet>,
    /// The destination addresses inside, at most one for each family. Empty if only the text was
    /// parsed.
    pub to: Vec<IpAddr>,
}

/// A protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proto {
    /// tcp(7).
    Tcp,
    /// udp(7).
    Udp,
}

impl Publish {
    /// The range of its ports on the host.
    pub fn ports(&self) -> RangeInclusive<u16> {
        self.port..=self.last
    }

    /// The family of its addresses, if it has any.
    pub fn family(&self) -> Option<IpVersion> {
        let said = self.host.or(self.from.map(|from| from.addr()));
        said.map(IpVersion::of)
    }

    /// Whether both accept the same packets: their sources, addresses and ports overlap.
    pub fn meets(&self, other: &Publish) -> bool {
        let address = match (self.host, other.host) {
            (Some(one), Some(other)) => one == other,
            (Some(one), None) => other.has_family(one),
            (None, Some(one)) => self.has_family(one),
            (None, None) => true,
        };
        let ports = self.port <= other.last && other.port <= self.last;
        let from = match (self.from, other.from) {
            (Some(one), Some(other)) => one.contains(&other) || other.contains(&one),
            _ => true,
        };
        self.proto == other.proto && ports && from && address
    }

    /// Whether TCP packets are forwarded to this port inside.
    pub fn leads_to(&self, inside: u16) -> bool {
        let leads = match self.port == self.last {
            true => self.inside == inside,
            false => self.ports().contains(&inside),
        };
        self.proto == Proto::Tcp && leads
    }

    /// Whether packets to this address of the host are forwarded if the setting has no address.
    /// Loopback and link-local IPv6 addresses are excluded.
    pub fn is_reached_at(&self, address: IpAddr) -> bool {
        let is_near = match address {
            IpAddr::V4(ip) => ip.is_loopback(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
        };
        !is_near && self.has_family(address)
    }

    /// Whether it has a destination of this address's family, or no known destination yet.
    fn has_family(&self, of: IpAddr) -> bool {
        self.to.is_empty() || self.to.iter().any(|to| to.is_ipv4() == of.is_ipv4())
    }

    /// The sockets to listen on, to find out whether a program already uses this port of the host.
    pub fn sockets(&self, port: u16) -> Vec<SocketAddr> {
        let any = |to: &IpAddr| match to {
            IpAddr::V4(_) => IpAddr::from([0; 4]),
            IpAddr::V6(_) => IpAddr::from([0; 16]),
        };
        let all = self
            .to
            .iter()
            .map(|to| self.host.unwrap_or_else(|| any(to)));
        all.map(|ip| SocketAddr::new(ip, port)).collect()
    }
}

impl FromStr for Publish {
    /// The problem, to be printed after the setting's text.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (text, from) = match text.split_once(" from ") {
            Some((text, from)) => (text, Some(source(from)?)),
            None => (text, None),
        };
        let (proto, rest) = text
            .split_once('/')
            .ok_or("does not begin with tcp/ or udp/")?;
        let proto = match proto {
            "tcp" => Proto::Tcp,
            "udp" => Proto::Udp,
            _ => return Err("does not begin with tcp/ or udp/".into()),
        };
        let (host, ports) = address(rest)?;
        let (ports, inside) = match ports.split_once(':') {
            Some((ports, inside)) => (ports, Some(inside)),
            None => (ports, None),
        };
        let (first, last) = row(ports)?;
        let inside = match inside {
            None => first,
            Some(_) if last > first => {
                return Err(format!(
                    "has a port inside after a range: each port is forwarded to the same port; remove :{}",
                    inside.unwrap_or_default()
                ));
            }
            Some(inside) if inside.contains(':') => return Err("has more than two ports".into()),
            Some(inside) => port(inside)?,
        };
        Ok(Publish {
            proto,
            host,
            port: first,
            last,
            inside,
            from,
            to: Vec::new(),
        })
    }
}

/// Parse one port, or the first and last of a range.
fn row(text: &str) -> Result<(u16, u16), String> {
    let Some((first, last)) = text.split_once('-') else {
        return port(text).map(|port| (port, port));
    };
    match (port(first)?, port(last)?) {
        (first, last) if last > first => Ok((first, last)),
        _ => Err("has ports that end where they begin, or before".into()),
    }
}

/// Parse the network, or single address, after `from`.
fn source(text: &str) -> Result<IpNet, String> {
    let one = || text.parse::<IpAddr>().map(IpNet::from);
    let net = text.parse::<IpNet>().or_else(|_| one());
    let net = net.map_err(|_| match text {
        "" => "has nothing after from".to_string(),
        _ => format!("has {text:?} after from, which is not a network"),
    })?;
    match net.trunc() == net {
        true => Ok(net),
        false => Err(format!(
            "has {text} after from, whose network is {}",
            net.trunc()
        )),
    }
}

/// The address before the ports, if there is one, and the ports.
fn address(text: &str) -> Result<(Option<IpAddr>, &str), String> {
    let no_port = || "has no port after the address".to_string();
    if let Some(rest) = text.strip_prefix('[') {
        let (address, ports) = rest.split_once(']').ok_or("has no ] after the address")?;
        let address: std::net::Ipv6Addr = address
            .parse()
            .map_err(|_| "has no IPv6 address between [ and ]")?;
        let ports = ports.strip_prefix(':').ok_or_else(no_port)?;
        return Ok((Some(address.into()), ports));
    }
    let (first, rest) = text.split_once(':').unwrap_or((text, ""));
    match first.parse::<std::net::Ipv4Addr>() {
        Ok(_) if rest.is_empty() => Err(no_port()),
        Ok(address) => Ok((Some(address.into()), rest)),
        Err(_) if text.matches(':').count() > 1 => {
            Err("has an IPv6 address without [ ] around it, or more than two ports".into())
        }
        Err(_) => Ok((None, text)),
    }
}

fn port(text: &str) -> Result<u16, String> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|n| digits && *n != 0);
    number.ok_or_else(|| format!("has {text:?} instead of a port, a number from 1 to 65535"))
}

impl fmt::Display for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.proto)?;
        match self.host {
            Some(IpAddr::V4(host)) => write!(f, "{host}:")?,
            Some(IpAddr::V6(host)) => write!(f, "[{host}]:")?,
            None => {}
        }
        write!(f, "{}", self.port)?;
        if self.last > self.port {
            write!(f, "-{}", self.last)?;
        } else if self.inside != self.port {
            write!(f, ":{}", self.inside)?;
        }
        match self.from {
            Some(from) => write!(f, " from {from}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Proto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Proto::Tcp => "tcp",
            Proto::Udp => "udp",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_as_the_same() {
        for text in [
            "tcp/8080:80",
            "udp/53",
            "tcp/[2001:db8::1]:443",
            "tcp/[2001:db8::1]:443:8443",
            "tcp/192.0.2.7:80:8080",
            "udp/192.0.2.7:53",
            "tcp/8000-8010",
            "udp/[2001:db8::1]:1-65535",
            "tcp/80 from 192.0.2.0/24",
            "tcp/192.0.2.7:8000-8010 from 198.51.100.0/24",
            "tcp/8080:80 from 2001:db8::/32",
        ] {
            assert_eq!(text.parse::<Publish>().unwrap().to_string(), text);
        }
        let same: Publish = "tcp/80:80".parse().unwrap();
        assert_eq!(same.to_string(), "tcp/80");
        let same: Publish = "tcp/80 from 192.0.2.9".parse().unwrap();
        assert_eq!(same.to_string(), "tcp/80 from 192.0.2.9/32");
        for bad in [
            "",
            "80",
            "tcp",
            "tcp/",
            "sctp/80",
            "tcp/0",
            "tcp/65536",
            "tcp/+80",
            "tcp/80:",
            "tcp/80:80:80",
            "tcp/192.0.2.7",
            "tcp/192.0.2.7:",
            "tcp/2001:db8::1:80",
            "tcp/[::1",
            "tcp/[2001:db8::1]",
            "tcp/[192.0.2.7]:80",
            "tcp/host:80",
            "tcp/8010-8000",
            "tcp/80-80",
            "tcp/80-",
            "tcp/8000-8010:80",
            "tcp/8000-8010:9000-9010",
            "tcp/80:8000-8010",
            "tcp/80 from",
            "tcp/80 from ",
            "tcp/80 from lan",
            "tcp/80 from 192.0.2.7/24",
            "tcp/80 from 192.0.2.0/33",
        ] {
            assert!(bad.parse::<Publish>().is_err(), "{bad}");
        }
    }

    #[test]
    fn two_that_take_the_same_packets_meet() {
        let publish = |text: &str| text.parse::<Publish>().unwrap();
        for (one, other, meet) in [
            ("tcp/80", "tcp/80:8080", true),
            ("tcp/80", "udp/80", false),
            ("tcp/80", "tcp/192.0.2.7:80", true),
            ("tcp/192.0.2.7:80", "tcp/192.0.2.8:80", false),
            ("tcp/192.0.2.7:80", "tcp/[2001:db8::1]:80", false),
            ("tcp/80", "tcp/81:80", false),
            ("tcp/80", "tcp/70-80", true),
            ("tcp/81", "tcp/70-80", false),
            ("tcp/60-70", "tcp/70-80", true),
            ("tcp/1-65535", "tcp/70-80", true),
            ("tcp/80", "tcp/80 from 192.0.2.0/24", true),
            ("tcp/80 from 192.0.2.0/25", "tcp/80 from 192.0.2.0/24", true),
            (
                "tcp/80 from 198.51.100.0/24",
                "tcp/80 from 192.0.2.0/24",
                false,
            ),
            (
                "tcp/80 from 2001:db8::/32",
                "tcp/80 from 192.0.2.0/24",
                false,
            ),
        ] {
            let (one, other) = (publish(one), publish(other));
            assert_eq!((one.meets(&other), other.meets(&one)), (meet, meet));
        }
    }
}
