//! Who made what there is.

use serde::Serialize;

/// Who made it, or moved it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Owner {
    Us,
    Kernel,
    HeldSysctls,
}

impl Owner {
    pub(super) fn of(ours: bool, kernels: bool) -> Self {
        match (ours, kernels) {
            (true, _) => Owner::Us,
            (_, true) => Owner::Kernel,
            _ => Owner::HeldSysctls,
        }
    }
}
