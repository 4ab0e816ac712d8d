//! Peers of WireGuard that are given by a name and have moved: nobody tells, and so they are
//! asked about now and then. Where there is no such peer, there is no such moment.

use super::watched::WatchedNetns;
use crate::kernel::Kernel;
use crate::setup::store::Store;
use crate::setup::{Call, wireguard};

impl WatchedNetns {
    /// Look up again the names of peers that have not been heard of. What fails, or finds
    /// somebody else at work, is tried the next time.
    pub(super) fn look_names_up(&self, call: &Call) {
        let name = &self.want.name;
        let (Ok(store), mut kernel) = (Store::open_if_there(name), Kernel::new(name.clone()))
        else {
            return;
        };
        let told = wireguard::reresolve(&store, &mut kernel, &self.want.state);
        for change in told.unwrap_or_default() {
            call.events.changed(name, &change);
        }
    }
}
