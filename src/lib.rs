//! Run services inside named network namespaces.
//!
//! This page is the map: the stages, in the order in which data passes them. Text becomes settings.
//! Settings become the wanted state. The difference between the wanted and the present state
//! becomes changes. The changes are made, and the outcome is reported.
//!
//! ARCHITECTURE.md has the picture. tests/source.rs checks which part may use what:
//!
//! - nothing of the system: `name`, `state_dir`, `exit`, `printable`, `ini`, `os_error`, `allocator`, `source`, `definitions`, `model`, `plan`
//! - netlink: `kernel`
//! - files: `conf`, `kernel`, `system`, `exec`, `setup`
//! - an async runtime: `kernel`, `system`, `setup`
//! - the environment: `exec`, `fuzz`
//!
//! `system` is what netlink does not cover: processes, namespaces as files, the init system, other
//! programs. Only `exec` joins a namespace to become a command, and it knows no settings.

// The name of a namespace, checked once.
pub mod name;

// Where the state of a namespace is stored.
pub mod state_dir;

// The exit codes.
pub mod exit;

// Replaces characters that must not reach a terminal.
pub mod printable;

// The memory allocator of netns-setup.
#[cfg(feature = "allocator")]
pub mod allocator;

// Parses the text of an ini file into sections.
#[cfg(feature = "setup")]
pub mod ini;

// Which line of which file a value comes from, and what is wrong with it.
#[cfg(feature = "setup")]
pub mod source;

// An error of the kernel or of another program.
#[cfg(feature = "setup")]
pub mod os_error;

// Each setting, type of link and option of one.
#[cfg(feature = "setup")]
pub mod definitions;

// Parses the text of conf.d files into settings.
#[cfg(feature = "setup")]
pub mod conf;

// Turns settings into the wanted state.
#[cfg(feature = "setup")]
pub mod model;

// Turns the wanted and the present state into changes.
#[cfg(feature = "setup")]
pub mod plan;

// The machine without netlink: processes, files, init systems, programs.
#[cfg(feature = "setup")]
pub mod system;

// The kernel by netlink and sysctl: reading the present state, making a change.
#[cfg(feature = "setup")]
pub mod kernel;

// The verbs of netns-setup: they run the stages above and report the outcome.
#[cfg(feature = "setup")]
pub mod setup;

// Becoming a command inside a namespace.
pub mod exec;

// Random changes to texts and messages that other programs write, for the tests.
#[cfg(all(test, feature = "setup"))]
mod fuzz;
