//! Observing, for `doctor`, which addresses and ports programs listen on, and whether the published
//! ports lead to one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::kernel::Kernel;
use crate::model::build::Want;
use crate::model::nat::{Proto, Publish};
use crate::model::{Netns, State};
use crate::system::procfs;

/// The state of a listening TCP socket, and of a UDP socket that is not connected
/// (proc_net_tcp(5)).
const LISTEN: [(Proto, &str); 2] = [(Proto::Tcp, "0A"), (Proto::Udp, "07")];

/// The published ports that lead to an address of the namespace on which nothing listens. A range is
/// silent if none of its ports is listened on. Ports that lead on, as to a virtual machine on a
/// bridge inside, are skipped.
pub fn silent_ports(want: &Want, kernel: &mut Kernel) -> Vec<String> {
    let Some(nat) = &want.nat else {
        return Vec::new();
    };
    let (tcp, udp) = (listening(kernel, Proto::Tcp), listening(kernel, Proto::Udp));
    let is_silent = |publish: &&Publish| {
        let listening = match publish.proto {
            Proto::Tcp => &tcp,
            Proto::Udp => &udp,
        };
        let last = publish.inside.saturating_add(publish.last - publish.port);
        let own = publish.to.iter().filter(|to| has_address(&want.state, to));
        let mut own = own.peekable();
        own.peek().is_some()
            && !own.any(|to| {
                let answers = |at: &SocketAddr| {
                    (publish.inside..=last).contains(&at.port()) && answers_for(at.ip(), *to)
                };
                listening.iter().any(answers)
            })
    };
    let published = nat.publish.iter().map(|publish| &publish.value);
    let silent = published.filter(is_silent);
    silent.map(ToString::to_string).collect()
}

fn has_address(want: &State, address: &IpAddr) -> bool {
    let inside = want.links.iter().filter(|link| link.netns == Netns::This);
    let mut addresses = inside.flat_map(|link| &link.addresses);
    addresses.any(|own| own.value.ip() == *address)
}

/// Whether a program that listens on `at` gets what is sent to `to`. With `::`, it also gets IPv4
/// (ipv6(7)).
pub(super) fn answers_for(at: IpAddr, to: IpAddr) -> bool {
    at == to || at.is_unspecified() && (at.is_ipv6() || to.is_ipv4())
}

/// The addresses and ports on which programs inside listen.
pub fn listening(kernel: &mut Kernel, proto: Proto) -> Vec<SocketAddr> {
    listeners(proto, |file| kernel.read_inside(file).unwrap_or_default())
}

/// The same on the host.
pub fn listening_on_host(proto: Proto) -> Vec<SocketAddr> {
    listeners(proto, |file| procfs::text(file).unwrap_or_default())
}

fn listeners(proto: Proto, mut read: impl FnMut(&str) -> String) -> Vec<SocketAddr> {
    let files = match proto {
        Proto::Tcp => ["tcp", "tcp6"],
        Proto::Udp => ["udp", "udp6"],
    };
    let texts = files.map(|file| read(&format!("/proc/thread-self/net/{file}")));
    let lines = texts.iter().flat_map(|text| text.lines());
    lines.filter_map(|line| listener(line, proto)).collect()
}

/// Parses a line of /proc/net/tcp or udp. proc_net_tcp(5) has addresses as hexadecimal words of 32
/// bits in host byte order, and ports as hexadecimal numbers. `None` if the socket does not listen.
fn listener(line: &str, proto: Proto) -> Option<SocketAddr> {
    let mut words = line.split_whitespace().skip(1);
    let (local, state) = (words.next()?, words.nth(1)?);
    let is_listening = LISTEN
        .iter()
        .any(|(of, word)| *of == proto && *word == state);
    let (hex, port) = local.split_once(':').filter(|_| is_listening)?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(hex.get(at * 8..at * 8 + 8)?, 16).ok();
    let address: IpAddr = match hex.len() {
        8 => Ipv4Addr::from(word(0)?.to_ne_bytes()).into(),
        32 => {
            let mut bytes = [0; 16];
            for (at, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?.to_ne_bytes());
            }
            Ipv6Addr::from(bytes).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn listeners_are_read() {
        let line = "  12: 3500007F:0035 00000000:0000 07 00000000:00000000";
        let little = cfg!(target_endian = "little");
        let address = if little {
            "127.0.0.53:53"
        } else {
            "53.0.0.127:53"
        };
        assert_eq!(listener(line, Proto::Udp).unwrap().to_string(), address);
        assert_eq!(listener(line, Proto::Tcp), None);
        let six = "1: 00000000000000000000000001000000:1F90 0:0 0A";
        let address = listener(six, Proto::Tcp).unwrap();
        assert_eq!((address.ip().is_loopback(), address.port()), (little, 8080));
    }

    #[test]
    fn a_listener_on_any_address_answers_for_its_family() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for (at, to, answers) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("0.0.0.0", "192.0.2.1", true),
            ("0.0.0.0", "2001:db8::1", false),
            ("::", "192.0.2.1", true),
            ("::", "2001:db8::1", true),
        ] {
            assert_eq!(answers_for(ip(at), ip(to)), answers, "{at} {to}");
        }
    }
}
