//! The keys of a section and their values in, what they say out.

use std::collections::BTreeSet;
use std::str::FromStr;

use ipnet::IpNet;

use super::super::{Endpoint, Peer, PublicKey, Secret, Wireguard};
use super::{Reader, Section};

const A_KEY: &str = "expected 44 characters of base64, as wg genkey and wg pubkey print them";

impl Reader {
    /// What the link itself is told.
    pub(super) fn link(&mut self, wireguard: &mut Wireguard, section: Option<&Section>) {
        let Some(section) = section else {
            return self.problem(
                1,
                "there is no [Interface] in it",
                "write [Interface], and below it the link's PrivateKey",
            );
        };
        let secret: Option<Secret> = self.value(section, "PrivateKey", A_KEY);
        wireguard.private_key = secret.map(Secret::clamped);
        if !section.said.contains_key("PrivateKey") {
            let line = section.line;
            self.problem(
                line,
                "[Interface] has no PrivateKey",
                "make one with wg genkey",
            );
        }
        let port = "expected a port from 0 to 65535; 0: one of the kernel's choice";
        let port: Option<u16> = self.value(section, "ListenPort", port);
        wireguard.listen_port = port.filter(|port| *port != 0);
        let mark = "expected off, or a number such as 51820 or 0xca6c";
        let mark = self.value_of(section, "FwMark", mark, |text| number(text, "off"));
        wireguard.fwmark = mark.unwrap_or(0);
    }

    /// A peer; `None` without a key.
    pub(super) fn peer(&mut self, section: &Section) -> Option<Peer> {
        let key: Option<PublicKey> = self.value(section, "PublicKey", A_KEY);
        if !section.said.contains_key("PublicKey") {
            let line = section.line;
            self.problem(
                line,
                "this [Peer] has no PublicKey",
                "write the one of the peer",
            );
        }
        let endpoint = "expected such as 192.0.2.1:51820, [2001:db8::1]:51820 or \
                        vpn.example.org:51820";
        let keepalive = "expected off, or a number of seconds up to 65535";
        let preshared_key = self.value(section, "PresharedKey", A_KEY);
        let endpoint: Option<Endpoint> = self.value(section, "Endpoint", endpoint);
        let keepalive = self.value_of(section, "PersistentKeepalive", keepalive, |text| {
            number(text, "off").and_then(|number| u16::try_from(number).ok())
        });
        let mut allowed_ips = BTreeSet::new();
        for (line, text) in section.said.get("AllowedIPs").into_iter().flatten() {
            for word in text.split(',').filter(|_| !text.is_empty()) {
                let net = word.parse::<IpNet>().ok();
                let net = net.or_else(|| Some(IpNet::from(word.parse::<std::net::IpAddr>().ok()?)));
                match net {
                    Some(net) => drop(allowed_ips.insert(net.trunc())),
                    None => self.problem(
                        *line,
                        "AllowedIPs has what is no network",
                        "expected networks with commas between them, such as 10.0.0.0/24, ::/0",
                    ),
                }
            }
        }
        Some(Peer {
            preshared_key,
            endpoint,
            keepalive: keepalive.unwrap_or(0),
            allowed_ips,
            ..Peer::new(key?)
        })
    }

    /// The kernel knows a peer by its key, and a network by one peer.
    pub(super) fn apart(&mut self, peers: &[(Option<Peer>, &Section)]) {
        let mut before: Vec<(&Peer, u32)> = Vec::new();
        for (peer, section) in peers {
            let Some(peer) = peer else { continue };
            let (line, allowed) = (section.line, &peer.allowed_ips);
            for (other, first) in &before {
                if other.public_key == peer.public_key {
                    let wrong = format!("this [Peer] is the one of line {first} again");
                    self.problem(line, wrong, "keep one of the two");
                } else if let Some(net) = allowed.iter().find(|n| other.allowed_ips.contains(*n)) {
                    let wrong = format!("{net} goes to the [Peer] of line {first} already");
                    let remedy = "take it away from AllowedIPs of one of the two";
                    self.problem(line, wrong, remedy);
                }
            }
            before.push((peer, line));
        }
    }

    fn value<T: FromStr>(&mut self, section: &Section, key: &str, expected: &str) -> Option<T> {
        self.value_of(section, key, expected, |text| text.parse().ok())
    }

    fn value_of<T>(
        &mut self,
        section: &Section,
        key: &str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let (line, text) = section.said.get(key)?.first()?;
        let value = read(text);
        if value.is_none() {
            self.problem(*line, format!("{key} cannot have this value"), expected);
        }
        value
    }
}

/// A number, in hexadecimal behind 0x, or the word that stands for 0.
fn number(text: &str, zero: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        _ if text.eq_ignore_ascii_case(zero) => Some(0),
        Some(digits) if digits.bytes().all(|b| b.is_ascii_hexdigit()) => {
            u32::from_str_radix(digits, 16).ok()
        }
        Some(_) => None,
        None if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        None => None,
    }
}
