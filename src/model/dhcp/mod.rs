//! A DHCP client that runs for a link: dhcpcd(8) or busybox's udhcpc. The addresses and routes of
//! its lease are not part of the state. No I/O.

mod options;

use std::fmt;
use std::str::FromStr;

use crate::name::{LinkName, NetnsName};
use crate::state_dir;

pub use options::Wishes;

/// A DHCP client. Comparisons only consider the link and its settings: a running client is kept,
/// whichever program it is.
#[derive(Clone, Debug)]
pub struct DhcpClient {
    /// The link. It is in the namespace itself.
    pub link: LinkName,
    /// How the client runs.
    pub run: Run,
}

/// How a DHCP client runs. Its text form is that of the journal.
#[derive(Clone, Debug)]
pub struct Run {
    /// The program.
    pub program: Program,
    /// The metric of its routes. It increases with each link, so that the first link is preferred.
    pub metric: u32,
    /// It may write `/etc/netns/NAME/resolv.conf`.
    pub resolv_conf: bool,
    /// The options of the settings.
    pub wishes: Wishes,
}

/// The programs that can be the DHCP client, in order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Roy Marples' dhcpcd, in Gentoo, Void and Debian.
    Dhcpcd,
    /// busybox's udhcpc, in Alpine.
    Udhcpc,
}

impl Program {
    /// All programs.
    pub const ALL: [Program; 2] = [Program::Dhcpcd, Program::Udhcpc];

    /// The name of the program.
    pub fn word(self) -> &'static str {
        match self {
            Program::Dhcpcd => "dhcpcd",
            Program::Udhcpc => "udhcpc",
        }
    }

    /// The signal that ends it, as kill(1) spells it. dhcpcd keeps its lease after SIGTERM.
    pub fn ends_by(self) -> &'static str {
        match self {
            Program::Dhcpcd => "ALRM",
            Program::Udhcpc => "TERM",
        }
    }
}

impl DhcpClient {
    /// The path of its pid file. dhcpcd chooses the name, in a directory of the namespace's own.
    pub fn pid_file(&self, netns: &NetnsName) -> String {
        let link = &self.link;
        let file = match self.run.program {
            Program::Udhcpc => format!("dhcp-{link}.pid"),
            Program::Dhcpcd => format!("dhcpcd/{link}-4.pid"),
        };
        format!("{}/{netns}/{file}", state_dir::STATE)
    }
}

impl PartialEq for DhcpClient {
    fn eq(&self, other: &Self) -> bool {
        (&self.link, &self.run.wishes) == (&other.link, &other.run.wishes)
    }
}

impl Eq for DhcpClient {}

impl fmt::Display for DhcpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.run.program.word(), self.link)
    }
}

/// The program, the metric, whether it may write resolv.conf, and the options, as in `udhcpc 500
/// yes nogateway hostname web`.
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let may = if self.resolv_conf { "yes" } else { "no" };
        write!(f, "{} {} {may}", self.program.word(), self.metric)?;
        write!(f, "{}", self.wishes)
    }
}

impl FromStr for Run {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split(' ');
        let word = words.next().unwrap_or_default();
        let program = Program::ALL.into_iter().find(|p| p.word() == word);
        let program = program.ok_or_else(|| format!("a DHCP client {word:?}"))?;
        let metric = words.next().map(str::parse).unwrap_or(Ok(0));
        Ok(Run {
            program,
            metric: metric.map_err(|_| format!("a DHCP client with {text:?}"))?,
            resolv_conf: words.next() == Some("yes"),
            wishes: Wishes::of(words)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_text_comes_back() {
        for text in [
            "udhcpc 500 yes",
            "dhcpcd 501 no metric 7 nogateway nodns hostname web-1.example.org client_id 01:52:54:00:00:00:07",
            "udhcpc 500 no nodns",
        ] {
            let run: Run = text.parse().unwrap();
            assert_eq!(run.to_string(), text);
        }
        // The form of an older version, without the other words
        assert_eq!("udhcpc".parse::<Run>().unwrap().to_string(), "udhcpc 0 no");
        for bad in [
            "",
            "dhclient",
            "udhcpc x",
            "udhcpc 1 no metric",
            "udhcpc 1 no loud",
        ] {
            assert!(bad.parse::<Run>().is_err(), "{bad}");
        }
    }
}
