//! Parses a file of wg(8) or wg-quick(8), or finds all of its problems, each with its line. Blanks,
//! comments and the case of keys are read as these programs read them. No message quotes a value,
//! because it may be a secret or contain one by mistake.

mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Quick, Wireguard};
use crate::ini::{self, sections};
use crate::source::{Position, Problem};

/// The keys of a link that wg(8) reads.
const LINK: [&str; 3] = ["PrivateKey", "ListenPort", "FwMark"];
/// The keys of a link that only wg-quick(8) reads.
const QUICK: [&str; 9] = [
    "Address",
    "DNS",
    "MTU",
    "Table",
    "PreUp",
    "PostUp",
    "PreDown",
    "PostDown",
    "SaveConfig",
];
/// The keys of wg-quick(8) that contain a command. A command may contain any character.
const COMMANDS: [&str; 4] = ["PreUp", "PostUp", "PreDown", "PostDown"];
/// The keys that may have several lines.
const LISTS: [&str; 7] = [
    "AllowedIPs",
    "Address",
    "DNS",
    "PreUp",
    "PostUp",
    "PreDown",
    "PostDown",
];
const PEER: [&str; 5] = [
    "PublicKey",
    "PresharedKey",
    "AllowedIPs",
    "Endpoint",
    "PersistentKeepalive",
];

/// Parse the text of a file: the configuration for wg(8), and what only wg-quick(8) reads.
///
/// # Errors All problems, in the order of the lines.
pub fn read(file: &str, text: &str) -> Result<(Wireguard, Quick), Vec<Problem>> {
    let mut reader = Parser {
        file: file.into(),
        quick: Quick::new(file),
        problems: Vec::new(),
        lines_are_missing: false,
    };
    let wireguard = reader.wireguard(text);
    let mut problems = reader.problems;
    problems.sort_by_key(|problem| problem.place.as_ref().map(|place| place.line));
    match wireguard.filter(|_| problems.is_empty()) {
        Some(wireguard) => Ok((wireguard, reader.quick)),
        None => Err(problems),
    }
}

struct Parser {
    file: Arc<str>,
    quick: Quick,
    problems: Vec<Problem>,
    /// A line could not be read. Keys that seem to be missing may be in it.
    lines_are_missing: bool,
}

/// A section: its line, and its keys with their lines and values. The keys are spelled as in the
/// constants of this file.
struct Section {
    line: u32,
    said: BTreeMap<&'static str, Vec<(u32, String)>>,
}

impl Section {
    /// The lines that set a key.
    fn lines(&self, key: &str) -> impl Iterator<Item = u32> {
        let said = self.said.get(key).into_iter().flatten();
        said.map(|(line, _)| *line)
    }

    fn line_of(&self, key: &str) -> Option<u32> {
        self.lines(key).next()
    }
}

impl Parser {
    fn wireguard(&mut self, text: &str) -> Option<Wireguard> {
        let (cleaned, lines) = self.cleaned(text);
        // `cleaned` has only lines that this parser accepts
        let sections = sections(&cleaned).ok()?;
        let mut lines = lines.into_iter();
        let mut wireguard = Wireguard {
            file: self.file.to_string(),
            ..Wireguard::default()
        };
        let (mut of_the_link, mut of_peers) = (None, Vec::new());
        for ini::Section { name, properties } in &sections {
            // A [section] takes one line, and each of its keys takes one
            let line = name.as_ref().map_or(Some(1), |_| lines.next())?;
            let name = name.as_deref().unwrap_or_default();
            let section = format!("[{name}]");
            let is = |word: &str| section.eq_ignore_ascii_case(word);
            let keys = match () {
                () if is("[Interface]") => [&LINK[..], &QUICK[..]].concat(),
                () if is("[Peer]") => PEER.to_vec(),
                () => Vec::new(),
            };
            let mut section = Section {
                line,
                said: BTreeMap::new(),
            };
            if is("[Interface]") && of_the_link.is_some() {
                self.problem(
                    line,
                    "[Interface] is here a second time",
                    "expected it once",
                );
            }
            let properties: Vec<_> = properties.iter().zip(&mut lines).collect();
            if keys.is_empty() {
                self.no_section(name, line, properties.first().map(|(_, line)| *line));
                continue;
            }
            for ((key, value), line) in properties {
                self.say(&mut section, &keys, (key, value, line));
            }
            match is("[Peer]") {
                true => of_peers.push(section),
                false => drop(of_the_link.get_or_insert(section)),
            }
        }
        self.link(&mut wireguard, of_the_link.as_ref());
        let peers: Vec<_> = of_peers
            .iter()
            .map(|section| (self.peer(section), section))
            .collect();
        self.apart(&peers);
        wireguard.peers = peers.into_iter().filter_map(|(peer, _)| peer).collect();
        Some(wireguard)
    }

    /// The text without blanks and comments, because those of wg(8) differ from those of ini files,
    /// and the numbers of the remaining lines. No value of wg(8) contains a backslash.
    fn cleaned(&mut self, text: &str) -> (String, Vec<u32>) {
        let (mut cleaned, mut lines) = (String::new(), Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            let said = line.split('#').next().unwrap_or_default();
            let said: String = said.split_whitespace().collect();
            let section = said.starts_with('[') && said.find(']') == Some(said.len() - 1);
            let key = said.split_once('=').map_or("", |(key, _)| key);
            let letters = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric());
            let is_command = COMMANDS.iter().any(|word| word.eq_ignore_ascii_case(key));
            if is_command {
                cleaned += &format!("{key}=command\n");
                lines.push(number);
            } else if !said.is_empty() && (!(section || letters) || said.contains('\\')) {
                let expected = "expected [Interface], [Peer], or a line such as ListenPort = 51820";
                self.problem(number, "this is not a line of wg(8)", expected);
                self.lines_are_missing = true;
            } else if !said.is_empty() {
                cleaned += &(said + "\n");
                lines.push(number);
            }
        }
        (cleaned, lines)
    }

    fn no_section(&mut self, name: &str, line: u32, first: Option<u32>) {
        match name {
            "" if self.lines_are_missing => (),
            "" => self.problem(
                first.unwrap_or(line),
                "this line is before [Interface] and [Peer]",
                "write the line [Interface] or [Peer] above it",
            ),
            name => self.problem(
                line,
                format!("[{}] is not a section of wg(8)", shown(name)),
                "expected [Interface] or [Peer]",
            ),
        }
    }

    fn say(&mut self, section: &mut Section, keys: &[&'static str], said: (&str, &str, u32)) {
        let (key, value, line) = said;
        let is = |known: &&&str| known.eq_ignore_ascii_case(key);
        if let Some(known) = keys.iter().find(is) {
            let before = section.said.entry(known).or_default();
            if let Some((first, _)) = before.first().filter(|_| !LISTS.contains(known)) {
                let wrong = format!("{known} is given a second time; the first is in line {first}");
                return self.problem(line, wrong, "keep one of the two lines");
            }
            if value.is_empty() && *known != "AllowedIPs" {
                let wrong = format!("{known} has no value");
                return self.problem(line, wrong, "write one after the =, or remove the line");
            }
            return before.push((line, value.into()));
        }
        let elsewhere = LINK.iter().chain(&QUICK).chain(&PEER).find(is);
        match elsewhere {
            Some(known) if PEER.contains(known) => self.problem(
                line,
                format!("{known} belongs to a peer and is in [Interface]"),
                "write the line [Peer] above it",
            ),
            Some(known) => self.problem(
                line,
                format!("{known} does not belong to a peer and is in [Peer]"),
                "move the line to [Interface]",
            ),
            None => self.problem(
                line,
                format!("{} is not a key of wg(8)", shown(key)),
                format!("expected one of {}", keys.join(", ")),
            ),
        }
    }

    fn problem(&mut self, line: u32, wrong: impl Into<String>, remedy: impl Into<String>) {
        let place = Position {
            file: self.file.clone(),
            line,
            column: 1,
        };
        self.problems.push(Problem {
            place: Some(place),
            wrong: wrong.into(),
            remedy: remedy.into(),
        });
    }
}

/// The name, to be quoted in a message. A long one may be a secret in the wrong place.
fn shown(name: &str) -> &str {
    match name.len() <= 20 && name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        true => name,
        false => "…",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 2] = [
        "AAkSGyQtNj9IUVpjbHV+h5CZoqu0vcbP2OHq8/wFDhc=",
        "BAkSGyQtNj9IUVpjbHV+h5CZoqu0vcbP2OHq8/wFDhc=",
    ];

    #[test]
    fn what_wg_reads_is_read_as_wg_reads_it() {
        let text = format!(
            "# a comment ; with = and [Peer]\r\n\
             [Interface]\n\
             privatekey = {0} # mine\n\
             LISTENPORT=51820\n\
             \n\
             FwMark = 0xCA6C\n\
             [ Peer ] # first\n\
             PublicKey={0}\n\
             PresharedKey = {1}\n\
             AllowedIPs = 10.0.0.7/24, 2001:db8::/32,10.1.0.1\n\
             AllowedIPs =\n\
             AllowedIPs = 10.9.0.0/16\n\
             Endpoint = vpn.example.org:51820\n\
             \tPersistentKeepalive = 25\n\
             [Peer]\n\
             PublicKey = {1}\n\
             Endpoint = [2001:db8::1]:7\n\
             PersistentKeepalive = off",
            KEYS[0], KEYS[1]
        );
        let (read, _) = read("wg0.conf", &text).unwrap();
        assert_eq!(read.listen_port, Some(51820));
        assert_eq!(read.fwmark, 0xca6c);
        assert!(read.private_key.is_some());
        let [first, second] = read.peers.as_slice() else {
            panic!("{read:?}")
        };
        assert_eq!(first.public_key.to_string(), KEYS[0]);
        assert!(first.preshared_key.is_some() && second.preshared_key.is_none());
        let nets: Vec<_> = first.allowed_ips.iter().map(ToString::to_string).collect();
        let expected = ["10.0.0.0/24", "10.1.0.1/32", "10.9.0.0/16", "2001:db8::/32"];
        assert_eq!(nets, expected);
        assert_eq!((first.keepalive, second.keepalive), (25, 0));
        let endpoints = read
            .peers
            .iter()
            .map(|p| p.endpoint.as_ref().unwrap().to_string());
        let endpoints: Vec<_> = endpoints.collect();
        assert_eq!(endpoints, ["vpn.example.org:51820", "[2001:db8::1]:7"]);
        let shown = format!("{read:?}{read:#?}");
        assert!(!shown.contains("AAkSGyQtNj9IUVpjbHV+h5CZoqu0vcbP2OHq8/wFDhc=\")"));
        assert!(!shown.contains("18, 27, 36"), "{shown}");
    }
}
