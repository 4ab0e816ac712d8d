//! Who made what there is.

use serde::Serialize;

/// Who made it, or moved it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum By {
    Us,
    Kernel,
    Others,
}

impl By {
    pub(super) fn of(ours: bool, kernels: bool) -> Self {
        match (ours, kernels) {
            (true, _) => By::Us,
            (_, true) => By::Kernel,
            _ => By::Others,
        }
    }
}
