//! Resolving the endpoints of WireGuard peers again. No event reports that a name has a new
//! address, so names are resolved at intervals, but only if there are any.

use super::watched::WatchedNetns;
use crate::kernel::Kernel;
use crate::setup::store::Store;
use crate::setup::{Call, wireguard};

impl WatchedNetns {
    /// Resolve the names of peers without a recent handshake. After an error, or if another process
    /// has the lock, the next interval tries again.
    pub(super) fn resolve_endpoints(&self, call: &Call) {
        let name = &self.want.name;
        let (Ok(store), mut kernel) = (Store::open_if_there(name), Kernel::new(name.clone()))
        else {
            return;
        };
        let changes = wireguard::reresolve(&store, &mut kernel, &self.want.state);
        for change in changes.unwrap_or_default() {
            call.events.changed(name, &change);
        }
    }
}
