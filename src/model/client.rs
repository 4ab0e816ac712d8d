//! A DHCP client that runs for a link, as dhcpcd(8) or busybox's udhcpc. What it gives the
//! link is the network's to say, and no part of the state. No I/O.

use std::fmt;

use crate::name::LinkName;

/// A client. Comparing looks at the link alone: whichever client keeps it is kept.
#[derive(Clone, Debug)]
pub struct Client {
    /// The link, of the namespace itself.
    pub link: LinkName,
    /// The program.
    pub program: Program,
    /// It may write `/etc/netns/NAME/resolv.conf`.
    pub resolv_conf: bool,
    /// The metric of its routes: of several links, the first one's are the best.
    pub metric: u32,
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

impl PartialEq for Client {
    fn eq(&self, other: &Self) -> bool {
        self.link == other.link
    }
}

impl Eq for Client {}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.program.word(), self.link)
    }
}
