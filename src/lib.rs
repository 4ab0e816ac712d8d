//! Run services inside named network namespaces.
//!
//! This page is the map: the stages in the order data passes them. Text becomes
//! settings, settings become the state that is wanted, the difference to the state
//! that is there becomes changes, changes are made, and what came of it is reported.
//!
//! ARCHITECTURE.md has the picture. Who may use what, as tests/source.rs holds it:
//!
//! - nothing of the system: `name`, `state_dir`, `exit`, `printable`, `ini`, `os_error`, `allocator`, `source`, `definitions`, `model`, `plan`
//! - netlink: `kernel`
//! - files: `conf`, `kernel`, `system`, `exec`, `setup`
//! - an async runtime: `kernel`, `system`, `setup`
//! - the environment: `exec`, `fuzz`
//!
//! `system` is all of the machine that is not asked by netlink: processes, namespaces as
//! files, the init system, the programs of others. Only `exec` joins a namespace to become
//! a command, and it knows no settings.

// A name, checked once.
pub mod name;

// Where the state of a namespace is kept.
pub mod state_dir;

// How a program ends.
pub mod exit;

// What a terminal may be shown.
pub mod printable;

// The memory allocator of netns-setup.
#[cfg(feature = "allocator")]
pub mod allocator;

// The text of an ini file in, its sections out.
#[cfg(feature = "setup")]
pub mod ini;

// Which line of which file a value comes from, and what is wrong with it.
#[cfg(feature = "setup")]
pub mod source;

// An error of the kernel or of a program.
#[cfg(feature = "setup")]
pub mod os_error;

// Each setting, type of link and option of one.
#[cfg(feature = "setup")]
pub mod definitions;

// conf.d text in, settings out.
#[cfg(feature = "setup")]
pub mod conf;

// Settings in, the state that is wanted out.
#[cfg(feature = "setup")]
pub mod model;

// What is wanted and what is there in, changes out.
#[cfg(feature = "setup")]
pub mod plan;

// The machine without netlink: processes, files, init systems, programs.
#[cfg(feature = "setup")]
pub mod system;

// The kernel by netlink and sysctl: what is there, and making a change.
#[cfg(feature = "setup")]
pub mod kernel;

// The verbs of netns-setup: the stages above in their order, and what came of them.
#[cfg(feature = "setup")]
pub mod setup;

// Becoming a command inside a namespace.
pub mod exec;

// Texts and messages of others, changed at random.
#[cfg(all(test, feature = "setup"))]
mod fuzz;
