//! The private mount namespace of a command: what it sees of /etc, /sys and /run.

pub mod etc;
pub mod etc_mode;
pub mod heal;
pub mod mark;
pub mod marked_processes;
pub mod mountinfo;
pub mod name_caches;
pub mod overlay;
pub mod resolvconf;
pub mod sysfs;
