//! Who made what there is.

use serde::Serialize;

/// Who made it, or moved it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum MadeBy {
    Us,
    Kernel,
    Others,
}

impl MadeBy {
    pub(super) fn of(ours: bool, kernels: bool) -> Self {
        match (ours, kernels) {
            (true, _) => MadeBy::Us,
            (_, true) => MadeBy::Kernel,
            _ => MadeBy::Others,
        }
    }
}
