//! A DHCP client that runs for a link, as dhcpcd(8) or busybox's udhcpc. What it gives the
//! link is the network's to say, and no part of the state. No I/O.

mod options;

use std::fmt;
use std::str::FromStr;

use crate::name::LinkName;

pub use options::Wishes;

/// A client. Comparing looks at the link and at what is said of it alone: whichever client
/// keeps it is kept.
#[derive(Clone, Debug)]
pub struct DhcpClient {
    /// The link, of the namespace itself.
    pub link: LinkName,
    /// How it runs.
    pub run: Run,
}

/// How a client runs. Its text is that of the journal.
#[derive(Clone, Debug)]
pub struct Run {
    /// The program.
    pub program: Program,
    /// The metric of its routes: of several links, the first one's are the best.
    pub metric: u32,
    /// It may write `/etc/netns/NAME/resolv.conf`.
    pub resolv_conf: bool,
    /// What the settings say of it.
    pub wishes: Wishes,
}

/// The programs that can be it, the preferred first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Roy Marples' dhcpcd, of Gentoo, Void and Debian.
    Dhcpcd,
    /// That of busybox, of Alpine.
    Udhcpc,
}

impl Program {
    /// All of them.
    pub const ALL: [Program; 2] = [Program::Dhcpcd, Program::Udhcpc];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Program::Dhcpcd => "dhcpcd",
            Program::Udhcpc => "udhcpc",
        }
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

/// `udhcpc 500 yes nogateway hostname web`
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
        // As it was written before there was more to say
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
