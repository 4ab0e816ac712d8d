//! The origin of an object: netns-setup, the kernel or others.

use serde::Serialize;

/// What made an object, or moved it here.
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
