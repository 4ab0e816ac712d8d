//! Where the state of a namespace is kept, for both programs: names of files and folders,
//! and how a namespace is told from another of its name. Who writes them is `netns-setup`;
//! `netns-exec` reads. No I/O.

use std::fmt;

/// The folder of the namespaces: a file of nsfs for each, as iproute2 has it.
pub const NAMESPACES: &str = "/run/netns";

/// The folder of the files that a namespace sees in `/etc`: a folder for each namespace.
pub const ETC: &str = "/etc/netns";

/// The folder of what netns-setup keeps: a folder for each namespace it made or changed.
/// A namespace without one is somebody else's.
pub const STATE: &str = "/run/netns-services";

/// In a namespace's state folder: there only while the namespace is whole. In it the
/// namespace's [`NetnsId`] and a newline.
pub const READY: &str = "ready";

/// In a namespace's state folder: what was made or moved, and how to put it back.
pub const JOURNAL: &str = "journal";

/// In a namespace's state folder: a journal that could not be read, as it was. Nobody but a
/// person reads it.
pub const UNREADABLE: &str = "journal.unreadable";

/// In a namespace's state folder: held by who changes the namespace.
pub const LOCK: &str = "lock";

/// In the folder of all: held while links between namespaces come and go. No name of a
/// namespace has a dot.
pub const TIES: &str = ".ties";

/// In the folder of all: there once a journal has told of such a link, and from then on.
/// Until then no namespace's journal has to be read for another's sake.
pub const TIED: &str = ".tied";

/// In a namespace's state folder: a command that `down` runs first, for sh. Its first line
/// is a comment and says who asked for it.
pub const PRE_DOWN: &str = "pre_down";

/// As [`PRE_DOWN`], run last. `post_down-IF`, when the card that is the link IF has gone back
/// to the host.
pub const POST_DOWN: &str = "post_down";

/// In a namespace's state folder: there while `netns_post_up` is to be run. `due-IF`, while
/// the hook of the link IF is.
pub const DUE: &str = "due";

/// In a namespace's state folder, while settings are tried: by whom, and until when. Who
/// takes it away has confirmed them.
pub const TRIAL: &str = "trial";

/// In the folder of all: a file for each namespace whose last trial was undone, by the name of
/// the namespace. In it what [`TRIAL`] said, and below it, while that process still undoes it,
/// the services that it starts on the host whatever their settings say, a line each.
pub const UNDONE: &str = ".undone";

/// In the folder of all, as `NAME.failed`: why the last start or reload of the
/// namespace NAME failed, until one works. The first line says which of them.
pub const FAILED: &str = "failed";

/// In the folder of all, as `NAME.log`: what a start has changed that did not print it, while
/// there was no other log.
pub const LOG: &str = "log";

/// In a namespace's state folder: made anew each time the settings have been met, and what is
/// tried has been confirmed. Who watches reads them again then.
pub const MET: &str = "met";

/// In a namespace's state folder: how `/etc/netns/NAME` is laid over `/etc`, one word,
/// [`ETC_BIND`] or [`ETC_OVERLAY`], perhaps [`ETC_DNS`], and a newline. Written before [`READY`].
pub const ETC_MODE: &str = "etc";

/// Each entry bound over its twin, which is what is done where nothing is said.
pub const ETC_BIND: &str = "bind";

/// The whole folder laid over `/etc`.
pub const ETC_OVERLAY: &str = "overlay";

/// Behind either: settings ask for name servers, and without their file nothing is run.
pub const ETC_DNS: &str = " dns";

/// In a namespace's state folder: what is seen inside as `/etc/resolv.conf` while a client
/// inside has set name servers by resolvconf(8). libexec/resolvconf writes it.
pub const SERVERS: &str = "resolv.conf";

/// In a namespace's state folder: what each such client has set, a file each.
pub const RECORDS: &str = "resolvconf";

/// The text of [`ETC_MODE`].
pub fn etc_mode(overlay: bool, dns: bool) -> String {
    let word = if overlay { ETC_OVERLAY } else { ETC_BIND };
    format!("{word}{}\n", if dns { ETC_DNS } else { "" })
}

/// Which namespace it is: the device and the inode of its file, and the time at which that
/// inode was made, in seconds and nanoseconds. The kernel soon gives the number of a dead
/// namespace to another; that time it never changes, for the file is immutable
/// (fs/nsfs.c, from Linux 3.19 on).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetnsId {
    /// The device.
    pub dev: u64,
    /// The inode.
    pub ino: u64,
    /// When it was made.
    pub time: (i64, i64),
}

/// As `stat -c %d:%i:%.9Y` prints it.
impl fmt::Display for NetnsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanoseconds) = self.time;
        write!(f, "{}:{}:{seconds}.{nanoseconds:09}", self.dev, self.ino)
    }
}
