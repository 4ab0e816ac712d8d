//! The exit codes, the same for both programs, and what a supervisor may make of them.

/// Done, or already so.
pub const DONE: u8 = 0;

/// `status` found a difference.
pub const DIFFERS: u8 = 1;

/// Wrong call or wrong settings: trying again will not help.
pub const WRONG: u8 = 100;

/// The kernel refused, or the namespace is missing: trying again may help.
pub const REFUSED: u8 = 111;

/// `netns-exec` could not run the command.
pub const CANNOT_RUN: u8 = 126;

/// `netns-exec` could not find the command.
pub const NOT_FOUND: u8 = 127;
