//! Listens for changes that the kernel reports, and waits for conditions.

pub mod dad;
pub mod end;
pub mod events;
pub mod ping;
pub mod readiness;
