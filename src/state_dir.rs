//! Where the state of a namespace is stored: the names of files and directories that both programs
//! use, and the identity that distinguishes a namespace from others of the same name. `netns-setup`
//! writes them, `netns-exec` reads them. No I/O.

use std::fmt;

/// The directory of the namespaces, with an nsfs file for each, as iproute2 has it.
pub const NAMESPACES: &str = "/run/netns";

/// The directory of the files that a namespace sees in `/etc`: a subdirectory for each namespace.
pub const ETC: &str = "/etc/netns";

/// The directory of what netns-setup stores: a state directory for each namespace that it made or
/// changed. A namespace without one belongs to somebody else.
pub const STATE: &str = "/run/netns-services";

/// In a namespace's state directory. It exists only while the namespace is ready, and holds the
/// namespace's [`NetnsId`] and a newline.
pub const READY: &str = "ready";

/// In a namespace's state directory: what was made or moved, and how to restore it.
pub const JOURNAL: &str = "journal";

/// In a namespace's state directory: a journal that could not be read, unchanged. It is there for a
/// person; no program reads it.
pub const UNREADABLE: &str = "journal.unreadable";

/// In a namespace's state directory: locked by the process that changes the namespace.
pub const LOCK: &str = "lock";

/// In [`STATE`]: locked while links between namespaces are made or deleted. The name starts with a
/// dot because no name of a namespace has one.
pub const TIES: &str = ".ties";

/// In [`STATE`]: created when the first journal records a link between two namespaces, and never
/// removed. While it is absent, no journal of another namespace has to be read.
pub const TIED: &str = ".tied";

/// In a namespace's state directory: a command for sh that `down` runs first. Its first line is a
/// comment that names the setting.
pub const PRE_DOWN: &str = "pre_down";

/// As [`PRE_DOWN`], but run last. `post_down-IF` is run when the NIC of the link IF is back on the
/// host.
pub const POST_DOWN: &str = "post_down";

/// In a namespace's state directory: it exists while `netns_post_up` is pending. `due-IF` exists
/// while the hook of the link IF is pending.
pub const DUE: &str = "due";

/// In a namespace's state directory, during a trial: the process that runs it, and when it ends.
/// Removing the file confirms the trial.
pub const TRIAL: &str = "trial";

/// In [`STATE`]: a directory with a file for each namespace whose last trial was rolled back. The
/// file has the name of the namespace and the content of [`TRIAL`]. While the rollback is running,
/// further lines list the services that it starts on the host whatever their settings are.
pub const UNDONE: &str = ".undone";

/// In [`STATE`], as `NAME.failed`: why the last start or reload of the namespace NAME failed, until
/// one succeeds. The first line says which of the two it was.
pub const FAILED: &str = "failed";

/// In [`STATE`], as `NAME.log`: the changes made by a start that did not print them, when no log
/// daemon was running.
pub const LOG: &str = "log";

/// In a namespace's state directory: replaced each time the namespace has been made to match its
/// settings, and any trial has been confirmed. `watch` then reads the settings again.
pub const MET: &str = "met";

/// In a namespace's state directory: replaced each time `watch` has repaired something, for
/// `metrics`.
pub const REPAIRED: &str = "repaired";

/// In a namespace's state directory: how `/etc/netns/NAME` is placed over `/etc`. It holds
/// [`ETC_BIND`] or [`ETC_OVERLAY`], optionally [`ETC_DNS`], and a newline. Written before
/// [`READY`].
pub const ETC_MODE: &str = "etc";

/// Each entry is bound over the file of the same name. This is the default.
pub const ETC_BIND: &str = "bind";

/// The complete directory is an overlay over `/etc`.
pub const ETC_OVERLAY: &str = "overlay";

/// Appended to [`ETC_BIND`] or [`ETC_OVERLAY`] if the settings ask for name servers: nothing is run
/// without resolv.conf then.
pub const ETC_DNS: &str = " dns";

/// In a namespace's state directory: what processes inside see as `/etc/resolv.conf` while a client
/// inside has set name servers by resolvconf(8). libexec/resolvconf writes it.
pub const SERVERS: &str = "resolv.conf";

/// In a namespace's state directory: a directory with a file for each client inside that has set
/// name servers by resolvconf(8).
/// set.
pub const RECORDS: &str = "resolvconf";

/// The content of [`ETC_MODE`].
pub fn etc_mode(overlay: bool, dns: bool) -> String {
    let word = if overlay { ETC_OVERLAY } else { ETC_BIND };
    format!("{word}{}\n", if dns { ETC_DNS } else { "" })
}

/// The identity of a namespace: the device and inode of its file, and the time at which the inode
/// was created. The kernel soon reuses the inode number of a namespace that is gone. The time never
/// changes, because the file is immutable (fs/nsfs.c, since Linux 3.19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetnsId {
    /// The device number.
    pub dev: u64,
    /// The inode number.
    pub ino: u64,
    /// The creation time, in seconds and nanoseconds.
    pub time: (i64, i64),
}

/// Prints as `stat -c %d:%i:%.9Y` does.
impl fmt::Display for NetnsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanoseconds) = self.time;
        write!(f, "{}:{}:{seconds}.{nanoseconds:09}", self.dev, self.ino)
    }
}
