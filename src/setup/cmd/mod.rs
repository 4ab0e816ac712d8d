//! The verbs: a file or directory for each.

pub mod check;
pub mod doctor;
pub mod down;
pub mod graph;
pub mod list;
pub mod metrics;
pub mod plan;
pub mod reload;
pub mod status;
pub mod trial;
pub mod up;
pub mod watch;
