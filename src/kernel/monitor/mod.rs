//! Being told by the kernel of what happens, and waiting until something holds.

pub mod dad;
pub mod events;
pub mod ping;
pub mod readiness;
