//! The exit codes of both programs, and what a supervisor may conclude from them.

/// Done, or nothing had to be done.
pub const DONE: u8 = 0;

/// `status` or `doctor` found a difference.
pub const DIFFERS: u8 = 1;

/// The call or the settings are wrong: trying again does not help.
pub const WRONG: u8 = 100;

/// The kernel reported an error, or the namespace is missing: trying again may help.
pub const REFUSED: u8 = 111;

/// `netns-exec` could not run the command.
pub const CANNOT_RUN: u8 = 126;

/// `netns-exec` could not find the command.
pub const NOT_FOUND: u8 = 127;
