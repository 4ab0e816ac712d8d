//! Resolving devices: settings give a NIC its name inside, and optionally a MAC or bus address to
//! find it by. The result is the NIC's name on this host.

use super::failure::{Why, broken};
use crate::kernel::Kernel;
use crate::model::State;
use crate::plan::{Journal, Obstacle, name_devices, needs_devices};

/// Find the devices of the wanted state. Returns the reasons why some are missing. Another device
/// is never used instead.
pub fn resolve_devices(
    want: &mut State,
    journal: &Journal,
    kernel: &mut Kernel,
) -> Result<Vec<Obstacle>, Why> {
    if !needs_devices(want, journal) {
        return Ok(Vec::new());
    }
    let there = kernel.cards();
    let there = there.map_err(|e| broken("cannot read the links of the host", e))?;
    Ok(name_devices(want, &there, journal))
}

/// As [`resolve_devices`], but fails if a device is missing.
pub fn resolve_all_devices(
    want: &mut State,
    journal: &Journal,
    kernel: &mut Kernel,
) -> Result<(), Why> {
    match resolve_devices(want, journal, kernel)? {
        missing if missing.is_empty() => Ok(()),
        missing => Err(Why::Obstacles(missing)),
    }
}

/// Combine the obstacles. Where a missing device is known to be the cause, only that is reported.
pub fn obstacles(mut missing: Vec<Obstacle>, others: Vec<Obstacle>) -> Vec<Obstacle> {
    let known = |other: &Obstacle| missing.iter().any(|one| one.origin == other.origin);
    let others: Vec<_> = others.into_iter().filter(|other| !known(other)).collect();
    missing.extend(others);
    missing
}
