//! The verbs, a file or folder each.

pub mod doctor;
pub mod down;
pub mod status;
pub mod trial;
pub mod up;
pub mod watch;
