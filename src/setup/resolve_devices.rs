//! Settings say of a card what it is called inside, and perhaps how it is found; what is
//! meant by that on this host, now, comes out.

use super::failure::{Why, broken};
use crate::kernel::Kernel;
use crate::model::State;
use crate::plan::{Journal, Obstacle, name_devices, needs_devices};

/// Finds the cards that are meant. Why some of them are not to be had is returned; nothing
/// else is taken for them then.
pub fn resolve_devices(
    want: &mut State,
    journal: &Journal,
    kernel: &mut Kernel,
) -> Result<Vec<Obstacle>, Why> {
    if !needs_devices(want, journal) {
        return Ok(Vec::new());
    }
    let there = kernel.cards();
    let there = there.map_err(|no| broken("cannot read the links of the host", no))?;
    Ok(name_devices(want, &there, journal))
}

/// As [`resolve_devices`], where nothing is done unless all of it can be.
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

/// All that stands in the way: of what is missing, why, and not only that it is.
pub fn obstacles(mut missing: Vec<Obstacle>, others: Vec<Obstacle>) -> Vec<Obstacle> {
    let known = |other: &Obstacle| missing.iter().any(|one| one.origin == other.origin);
    let others: Vec<_> = others.into_iter().filter(|other| !known(other)).collect();
    missing.extend(others);
    missing
}
