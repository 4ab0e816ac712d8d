//! Which network namespace it is, to tell it from others that live now.

/// Which namespace it is, as long as it lives (device and inode).
pub type NetnsInode = (u64, u64);
