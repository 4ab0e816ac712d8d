//! Run services inside named network namespaces.
//!
//! This page is the map: the stages in the order data passes them. Text becomes
//! settings, settings become the state that is wanted, the difference to the state
//! that is there becomes changes, changes are made, and what came of it is reported.
//!
//! ARCHITECTURE.md has the picture of them. Who may use what, as tests/source.rs holds it:
//!
//! - nothing of the system: `name`, `state`, `exit`, `memory`, `place`, `model`, `plan`
//! - netlink: `kernel`
//! - files: `conf`, `kernel`, `setup`, `exec`
//! - an async runtime: `kernel`, `setup`
//! - the environment: `exec`, `fuzz`
//!
//! Only `exec` joins a namespace to run a command, and it knows no settings.

// A name, checked once.
pub mod name;

// Where the state of a namespace is kept.
pub mod state;

// How a program ends.
pub mod exit;

// Where it has its memory from.
#[cfg(feature = "setup")]
pub mod memory;

// Where a value was said, and what is wrong with it.
#[cfg(feature = "setup")]
pub mod place;

// conf.d text in, settings out.
#[cfg(feature = "setup")]
pub mod conf;

// Settings in, the state that is wanted out.
#[cfg(feature = "setup")]
pub mod model;

// What is wanted and what is there in, changes out.
#[cfg(feature = "setup")]
pub mod plan;

// The kernel: what is there, and making a change.
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
