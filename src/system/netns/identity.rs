//! Identifies a network namespace among those that exist now.

/// The device and the inode of a namespace, which are its own as long as it exists.
pub type NetnsInode = (u64, u64);
