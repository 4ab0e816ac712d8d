//! Parses the keys and values of a section.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::{Parser, Section};
use crate::model::wireguard::{Endpoint, Peer, PublicKey, Secret, Wireguard};

const A_KEY: &str = "expected 44 characters of base64, as wg genkey and wg pubkey print them";

impl Parser {
    /// Parse the properties of the link itself.
    pub(super) fn link(&mut self, wireguard: &mut Wireguard, section: Option<&Section>) {
        let Some(section) = section else {
            if self.lines_are_missing {
                return;
            }
            return self.problem(
                1,
                "it has no [Interface]",
                "write [Interface], and below it the link's PrivateKey",
            );
        };
        let secret: Option<Secret> = self.value(section, "PrivateKey", A_KEY);
        wireguard.private_key = secret.map(Secret::clamped);
        if !section.said.contains_key("PrivateKey") && !self.lines_are_missing {
            let line = section.line;
            self.problem(
                line,
                "[Interface] has no PrivateKey",
                "make one with wg genkey",
            );
        }
        let port = "expected a port from 0 to 65535; with 0 the kernel chooses one";
        let port: Option<u16> = self.value(section, "ListenPort", port);
        wireguard.listen_port = port.filter(|port| *port != 0);
        self.quick.listen_port = section.line_of("ListenPort");
        let mark = "expected off, or a number such as 51820 or 0xca6c";
        let mark = self.value_of(section, "FwMark", mark, |text| number(text, "off"));
        wireguard.fwmark = mark.unwrap_or(0);
        wireguard.is_quick = self.quick(section);
    }

    /// Parse the keys of the link that only wg-quick(8) reads. Returns whether there are any.
    fn quick(&mut self, section: &Section) -> bool {
        let address = "expected addresses with commas between them, such as 10.2.0.2/32";
        self.quick.addresses = self.list(section, "Address", address, address_with_prefix);
        let server = "expected addresses of name servers, and domains in which short names are \
                      looked up, with commas between them";
        let all = self.list(section, "DNS", server, name_server_or_domain);
        let is_server = |(_, word): &(u32, String)| word.parse::<IpAddr>().is_ok();
        (self.quick.servers, self.quick.domains) = all.into_iter().partition(is_server);
        if let ([], Some((line, _))) = (&self.quick.servers[..], self.quick.domains.first()) {
            let wrong = "DNS has a search domain but no name server";
            self.problem(*line, wrong, "write the address of a name server before it");
        }
        let mtu = "expected a number of bytes, such as 1420";
        let read = |text: &str| text.parse().ok().filter(|mtu| (68..=65535).contains(mtu));
        let mtu: Option<u32> = self.value_of(section, "MTU", mtu, read);
        self.quick.mtu = section.line_of("MTU").zip(mtu);
        let table = "expected off, auto, or the number or name of a routing table";
        let read = |text: &str| is_word(text).then(|| text.to_owned());
        let table = self.value_of(section, "Table", table, read);
        self.quick.table = section.line_of("Table").zip(table);
        let save = "expected true or false";
        let read = |text: &str| text.parse().ok();
        let saves: Option<bool> = self.value_of(section, "SaveConfig", save, read);
        self.quick.saves = section
            .line_of("SaveConfig")
            .filter(|_| saves == Some(true));
        let lines = |key: &'static str| section.lines(key).map(move |line| (line, key));
        self.quick.commands = super::COMMANDS.into_iter().flat_map(lines).collect();
        self.quick.commands.sort_unstable();
        section.said.keys().any(|key| super::QUICK.contains(key))
    }

    /// The values of a list in the order of the file, each with its line.
    fn list<T>(
        &mut self,
        section: &Section,
        key: &'static str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Vec<(u32, T)> {
        let mut values = Vec::new();
        for (line, text) in section.said.get(key).into_iter().flatten() {
            for word in text.split(',') {
                match read(word) {
                    Some(value) => values.push((*line, value)),
                    None => self.problem(*line, format!("{key} cannot have this value"), expected),
                }
            }
        }
        values
    }

    /// Parse a peer. `None` without a public key.
    pub(super) fn peer(&mut self, section: &Section) -> Option<Peer> {
        let key: Option<PublicKey> = self.value(section, "PublicKey", A_KEY);
        if !section.said.contains_key("PublicKey") && !self.lines_are_missing {
            let line = section.line;
            self.problem(
                line,
                "this [Peer] has no PublicKey",
                "write the public key of the peer",
            );
        }
        let endpoint = "expected ADDRESS:PORT or NAME:PORT, such as 192.0.2.1:51820, [2001:db8::1]:51820 or vpn.example.org:51820";
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
                let net = net.or_else(|| Some(IpNet::from(word.parse::<IpAddr>().ok()?)));
                match net {
                    Some(net) => {
                        allowed_ips.insert(net.trunc());
                        self.quick.allowed_ips.push((*line, net.trunc()));
                    }
                    None => self.problem(
                        *line,
                        "AllowedIPs has a value that is not a network",
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

    /// Report peers with the same key or the same network. To the kernel, a key identifies a peer,
    /// and a network belongs to one peer.
    pub(super) fn apart(&mut self, peers: &[(Option<Peer>, &Section)]) {
        let mut before: Vec<(&Peer, u32)> = Vec::new();
        for (peer, section) in peers {
            let Some(peer) = peer else { continue };
            let (line, allowed) = (section.line, &peer.allowed_ips);
            for (other, first) in &before {
                if other.public_key == peer.public_key {
                    let wrong = format!("this [Peer] is the same as that of line {first}");
                    self.problem(line, wrong, "keep one of the two");
                } else if let Some(net) = allowed.iter().find(|n| other.allowed_ips.contains(*n)) {
                    let wrong = format!("{net} already goes to the [Peer] of line {first}");
                    let remedy = "remove it from AllowedIPs of one of the two";
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

/// An address with its prefix length. Without one it is that of a single host, as in ip(8).
fn address_with_prefix(text: &str) -> Option<IpNet> {
    let alone = || Some(IpNet::from(text.parse::<IpAddr>().ok()?));
    text.parse().ok().or_else(alone)
}

fn name_server_or_domain(text: &str) -> Option<String> {
    let is_domain = text.contains('.') && is_word(text);
    (text.parse::<IpAddr>().is_ok() || is_domain).then(|| text.to_owned())
}

/// Whether the text may be a name. A WireGuard key is none, because it ends with `=`.
fn is_word(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (1..=253).contains(&text.len()) && text.chars().all(letter)
}

/// A number, which is hexadecimal after 0x, or the word for 0.
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
