//! The definitions of all settings, types of link and options of links, with the kernel's
//! attributes. The settings parser, the wanted state, the plan, its commands, the netlink messages
//! and the journal all use these rows, and tests/docs.rs compares the man pages with them. There is
//! only data here.

pub mod findings;
pub mod links;
pub mod option;
pub mod settings;
